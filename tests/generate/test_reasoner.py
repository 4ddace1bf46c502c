from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audiostory.errors import InstructionError
from audiostory.generate.conditions import encode, prompt_pieces
from audiostory.generate.reasoner import Reasoner, limits_for, stretched, words_of
from audiostory.models.token_memory import TokenMemory
from audiostory.story.clauses import clauses
from audiostory.story.types import Event, Storyline
from tests.generate.conftest import FEW_WORDS
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer


def passages_of(reasoner, total_s, text="Rain falls, a dog barks.", seed=0):
    return list(reasoner.passages(text, total_s, rng=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("total_s", [1.0, 10.0, 33.37, 40.0, 130.0])
def test_passages_fill_the_track_exactly_and_in_order(pipeline, total_s):
    passages = passages_of(pipeline.reasoner, total_s)
    events = [event for passage in passages for event in passage.events]
    clips = [clip for passage in passages for clip in passage.clips]
    assert events[0].start_s == 0
    assert events[-1].end_s == total_s
    for before, after in zip(events, events[1:], strict=False):
        assert after.start_s == pytest.approx(before.end_s)
    for event, clip in zip(events, clips, strict=True):
        assert clip.duration_s == pytest.approx(event.duration_s)


def test_a_story_no_longer_than_a_passage_is_written_in_one(pipeline):
    assert len(passages_of(pipeline.reasoner, 60.0)) == 1
    assert len(passages_of(pipeline.reasoner, 60.1)) > 1


def test_a_story_longer_than_the_model_was_trained_on_is_stretched(pipeline):
    (passage,) = passages_of(pipeline.reasoner, 57.3)
    assert len(passage.events) >= math.ceil(57.3 / FEW_WORDS.long_event_s)
    assert passage.end_s == 57.3


@pytest.mark.parametrize(
    ("text", "shortest_s"),
    [("a dog, a cat, a cow", 2.0), ("a dog, a cat at 19 s, a cow", 1.0)],
)
def test_no_event_is_squeezed_unless_somebody_has_said_when(pipeline, text, shortest_s):
    limits = replace(FEW_WORDS.limits, max_events=8)
    hot = replace(FEW_WORDS.sampling, temperature=50.0)
    reasoner = Reasoner(
        pipeline.model, pipeline.tokenizer, replace(FEW_WORDS, limits=limits, sampling=hot)
    )
    lengths_s = [
        event.duration_s
        for seed in range(12)
        for passage in passages_of(reasoner, 20.0, text=text, seed=seed)
        for event in passage.events
    ]
    assert shortest_s - 1e-6 <= min(lengths_s) < shortest_s + 0.7


@pytest.mark.parametrize(
    ("text", "duration_s", "least", "most"),
    [
        ("a dog barks", 5.0, 1, 4),
        ("a dog barks, a cat meows", 5.0, 2, 4),
        ("a dog barks", 30.0, 2, 4),
        ("a dog, a cat, a cow", 30.0, 3, 3),
        ("a dog, a cat, a cow", 60.0, 4, 4),
        ("a dog, a cat, a cow, a hen, a pig", 30.0, 4, 4),
        ("a dog, a cat, a cow, a hen", 7.0, 2, 2),
    ],
)
def test_a_story_has_as_many_events_as_it_names_if_they_fit(text, duration_s, least, most):
    num_named, fewest = len(clauses(text)), math.ceil(duration_s / 15)
    limits = limits_for(num_named, duration_s, FEW_WORDS.limits, fewest=fewest)
    assert (limits.min_events, limits.max_events) == (least, most)


def test_passages_of_a_long_story_carry_its_summary(pipeline):
    summaries = {passage.summary for passage in passages_of(pipeline.reasoner, 90.0)}
    assert len(summaries) == 1


def test_work_grows_with_the_length_and_the_context_does_not(pipeline, monkeypatch):
    fed, longest = [], []
    read = TokenMemory.read

    def counted(memory, ids, *rest):
        fed.append(len(ids[0]))
        longest.append(memory.lengths[0] + len(ids[0]))
        return read(memory, ids, *rest)

    monkeypatch.setattr(TokenMemory, "read", counted)
    costs, contexts = [], []
    for total_s in (100.0, 300.0):
        fed.clear()
        longest.clear()
        passages_of(pipeline.reasoner, total_s)
        costs.append(sum(fed) / total_s)
        contexts.append(max(longest))
    assert costs[1] < 1.5 * costs[0]
    assert contexts[1] < 1.5 * contexts[0]


def test_the_same_seed_samples_the_same_story(pipeline):
    hot = replace(FEW_WORDS, sampling=replace(FEW_WORDS.sampling, temperature=2.0))
    reasoner = Reasoner(pipeline.model, pipeline.tokenizer, hot)
    assert passages_of(reasoner, 9.0, seed=1) == passages_of(reasoner, 9.0, seed=1)
    assert passages_of(reasoner, 9.0, seed=1) != passages_of(reasoner, 9.0, seed=2)


def test_what_was_forced_is_noted_with_its_place(pipeline):
    reasoner = Reasoner(pipeline.model, pipeline.tokenizer, FEW_WORDS)
    reasoner.vocabulary.is_ender_V[:] = False  # a model that never comes to an end
    (passage,) = passages_of(reasoner, 10.0)
    assert "at 0 s, summary: cut after 4 tokens" in passage.notes


def test_a_prompt_is_refused_exactly_when_its_story_might_not_fit():
    config = tiny_config()
    model = tiny_model(config=replace(config, llm=replace(config.llm, max_positions=900)))
    reasoner = Reasoner(model, tiny_tokenizer(), FEW_WORDS)
    reasoner.vocabulary.is_ender_V[:] = False  # every text is as long as it can be
    num_words = 1
    while prompt_tokens("bark " * (num_words + 1)) <= reasoner.max_prompt_tokens:
        num_words += 1
    assert len(passages_of(reasoner, 40.0, text="bark " * num_words)) == 1
    with pytest.raises(InstructionError, match="tokens; this model reads at most .* shorten it"):
        passages_of(reasoner, 40.0, text="bark " * (num_words + 1))


def prompt_tokens(text):
    return len(encode(tiny_tokenizer(), prompt_pieces(text, 40.0)))


@given(
    st.lists(st.integers(5, 100), min_size=1, max_size=8),
    st.floats(60, 14_400, allow_nan=False),
    st.integers(0, 1000),
)
def test_stretching_fills_the_event_and_keeps_the_order(tenths, duration_s, start):
    ends = [sum(tenths[: index + 1]) / 10 for index in range(len(tenths))]
    events = tuple(
        Event(start_s=end_s - tenth / 10, end_s=end_s, detail="d", sounds="s")
        for end_s, tenth in zip(ends, tenths, strict=True)
    )
    span = Event(start_s=start / 10, end_s=start / 10 + duration_s, detail="d", sounds="s")
    result = stretched(Storyline(summary="", events=events), span).events
    assert (result[0].start_s, result[-1].end_s) == (span.start_s, span.end_s)
    for before, after in zip(result, result[1:], strict=False):
        assert before.end_s == after.start_s


def test_an_event_is_told_on_from_what_happens_and_what_is_heard():
    event = Event(start_s=0.0, end_s=1.0, detail="A car skids.", sounds="tyres")
    assert words_of(event) == "A car skids. tyres"
