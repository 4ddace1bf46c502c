from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiostory.errors import ConfigError
from audiostory.generate.released.decoding import (
    LOOKAHEADS,
    DecodingRules,
    ForcedRun,
    block_ahead,
    decode,
    end_ids_of,
    forced_runs,
    nothing_ahead,
    penalized,
    recite,
)
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

RUN = ForcedRun((2, 3, 4))
PROMPT = tiny_tokenizer().encode("Rain falls, a door slams shut.<|think|>")


def rules(**changes) -> DecodingRules:
    made = DecodingRules(
        runs=forced_runs(tiny_tokenizer(), tiny_config().tokens),
        end_ids=end_ids_of(tiny_tokenizer()),
        repetition_penalty=1.05,
        max_new_tokens=40,
    )
    return replace(made, **changes)


class Scripted(torch.nn.Module):
    """A language model that wants to say a script, whatever it reads; it counts its forwards."""

    def __init__(self, script: list[int], *, level: float = 7.0) -> None:
        super().__init__()
        self.real = tiny_model().llm
        self.config = self.real.config
        self.script, self.level, self.num_forwards = script, level, 0

    def new_memory(self):
        memory = self.real.new_memory()
        read = memory.read

        def places(ids):
            start = memory.lengths[0]
            read(ids)
            self.num_forwards += 1
            return torch.arange(start, memory.lengths[0]).float()[None, :, None]

        memory.read = places
        return memory

    def logits(self, places_L1):
        logits_LV = torch.full((len(places_L1), self.config.vocab_size), self.level - 5.0)
        for row, place in zip(logits_LV, places_L1[:, 0].long().tolist(), strict=True):
            row[self.script[min(place + 1 - len(PROMPT), len(self.script) - 1)]] = self.level
        return logits_LV


def scripted(text: str, **kinds) -> Scripted:
    return Scripted(tiny_tokenizer().encode(text), **kinds)


CLIP = "<|gen|>Rain<t5>" + "<timestamp>" * 5 + "<aud>" + "<timestamp>" * 3 + "<|/gen|>"
"""A clip whose author forgets all bridge tokens but the opening markers."""


def test_inside_a_run_the_successor_stands_ten_above_the_best():
    scores = RUN.scores_after(torch.tensor([5.0, 1.0, 0.0, -3.0, 2.0]), 2)
    assert scores.tolist() == [5.0, 1.0, 0.0, 15.0, 2.0]


@pytest.mark.parametrize("last_id", [0, 4])
def test_outside_a_run_all_but_its_opening_get_a_score_of_zero(last_id):
    scores = RUN.scores_after(torch.tensor([-5.0, -1.0, -2.0, -3.0, 2.0]), last_id)
    assert scores.tolist() == [-5.0, -1.0, -2.0, 0.0, 0.0]


def test_known_ids_are_penalized_once_towards_less():
    known = torch.tensor([True, True, False, False])
    scores = penalized(torch.tensor([2.0, -2.0, 2.0, -2.0]), known, 2.0)
    assert scores.tolist() == [1.0, -4.0, 2.0, -2.0]


@pytest.mark.parametrize("ahead", LOOKAHEADS.values(), ids=LOOKAHEADS)
def test_a_block_is_written_whole_once_it_is_opened(ahead):
    decoded = decode(scripted(CLIP + "<|im_end|>"), PROMPT, rules(), ahead)
    block = tiny_config().tokens.bridge_block()
    assert tiny_tokenizer().decode(decoded.ids) == f"<|gen|>Rain{block}<|/gen|><|im_end|>"
    assert not decoded.is_cut


def test_a_whole_block_takes_one_forward():
    slow, quick = scripted(CLIP + "<|im_end|>"), scripted(CLIP + "<|im_end|>")
    num_ids = len(decode(slow, PROMPT, rules(), nothing_ahead).ids)
    decode(quick, PROMPT, rules(), block_ahead)
    assert slow.num_forwards == num_ids
    assert quick.num_forwards == num_ids - 9  # the nine from <t5_0> to </aud> come with <t5>


@pytest.mark.parametrize("max_new_tokens", range(1, 20))
def test_both_ways_stop_at_the_same_token(max_new_tokens):
    limited = rules(max_new_tokens=max_new_tokens)
    slow, quick = (
        decode(scripted(CLIP + "<|im_end|>"), PROMPT, limited, ahead)
        for ahead in (nothing_ahead, block_ahead)
    )
    assert slow.ids == quick.ids
    assert torch.equal(slow.hidden_LD, quick.hidden_LD)
    assert slow.is_cut == quick.is_cut


@pytest.mark.parametrize("level", [-8.0, -9.9, -12.0, -30.0])
def test_where_forcing_loses_both_ways_lose_alike(level):
    written = [
        decode(scripted(CLIP, level=level), PROMPT, rules(repetition_penalty=1.0), ahead).ids
        for ahead in (nothing_ahead, block_ahead)
    ]
    assert written[0] == written[1]


def test_a_forced_token_loses_to_a_suppressed_one_where_all_scores_are_far_below_zero():
    lost = decode(scripted("<t5>", level=-12.0), PROMPT, rules(max_new_tokens=3), block_ahead)
    first_residual = tiny_tokenizer().token_id("<aud_00000>")
    suppressed = {index for run in rules().runs for index in run.ids[1:]}
    assert set(lost.ids) <= suppressed
    assert first_residual in suppressed


@pytest.mark.parametrize("seed", range(3))
def test_a_real_model_writes_the_same_both_ways(seed):
    llm = tiny_model(seed).llm
    opened = [*PROMPT, tiny_tokenizer().token_id("<t5>")]
    slow, quick = (decode(llm, opened, rules(), ahead) for ahead in (nothing_ahead, block_ahead))
    assert slow.ids == quick.ids
    assert len(slow.hidden_LD) == len(slow.ids) - 1
    torch.testing.assert_close(slow.hidden_LD, quick.hidden_LD, atol=1e-5, rtol=1e-5)


def test_states_are_those_at_which_a_written_id_is_read():
    llm = tiny_model().llm
    decoded = decode(llm, PROMPT, rules(), block_ahead)
    with torch.no_grad():
        whole_1LD = llm.hidden_states(torch.tensor([[*PROMPT, *decoded.ids[:-1]]]))
    torch.testing.assert_close(decoded.hidden_LD, whole_1LD[0, len(PROMPT) :], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ahead", LOOKAHEADS.values(), ids=LOOKAHEADS)
def test_a_recited_text_is_read_as_if_it_had_been_written(ahead):
    llm = tiny_model().llm
    written = decode(llm, PROMPT, rules(), ahead)
    recited = recite(llm, PROMPT, written.ids, rules(), ahead)
    assert recited.ids == written.ids
    torch.testing.assert_close(recited.hidden_LD, written.hidden_LD, atol=1e-5, rtol=1e-5)


def test_a_story_ends_at_the_end_of_a_message_or_of_a_text():
    assert end_ids_of(tiny_tokenizer()) == {tiny_tokenizer().token_id("<|im_end|>")}


@pytest.mark.parametrize("wrong", [{"max_new_tokens": 0}, {"repetition_penalty": 0.0}])
def test_rules_under_which_nothing_can_be_written_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        rules(**wrong)
