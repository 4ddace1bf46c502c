from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiostory.data.blocks import HEAD, PADDING, StoryClips
from audiostory.data.cache import pack
from audiostory.data.stories import IGNORED, StoryFile, StoryTexts
from audiostory.data.understanding.continuation import Continuation
from audiostory.data.understanding.features import Heard
from audiostory.data.understanding.questions import Questions
from audiostory.data.understanding.rows import Exchange
from audiostory.data.understanding.sequences import (
    ContinuedClips,
    RecordingQuestions,
    StoryContinuations,
    answer_ids,
    collate_questions,
    opening_ids,
    packed_questions,
    question_ids,
)
from audiostory.errors import ConfigError
from audiostory.story.prompt import asked, heard_opening
from audiostory.story.tokens import SpecialTokens
from tests.data.test_stories import ROW
from tests.data.understanding.files import heard
from tests.tiny import tiny_config, tiny_tokenizer

EXCHANGES = (
    Exchange(question="What is it?", answer="A dog."),
    Exchange(question="Can you hear rain?", answer="no"),
)
PLACE = tiny_tokenizer().token_id(SpecialTokens.video_padding)
ROWS = (heard("A dog barking", "dog"), heard("Rain falling", "rain"), heard("A bell", "bell"))
SOUNDS = Heard([pack([torch.full((n, 10, 8), float(n)) for n in (1, 2, 1)])])


def source(**changes) -> RecordingQuestions:
    made = RecordingQuestions(
        Questions(ROWS), SOUNDS, num_tokens=5, tokenizer=tiny_tokenizer(), seed=0, batch_size=12
    )
    return replace(made, **changes)


def test_only_answers_and_the_token_that_ends_them_are_supervised():
    sequence = packed_questions(EXCHANGES, 3, tiny_tokenizer())
    supervised = [label for label in sequence.labels if label != IGNORED]
    assert tiny_tokenizer().decode(supervised) == "A dog.<|im_end|>no<|im_end|>"
    pairs = zip(sequence.ids, sequence.labels, strict=True)
    assert all(label in (IGNORED, token) for token, label in pairs)


def test_each_question_follows_the_sound_as_if_it_were_the_only_one():
    tokenizer = tiny_tokenizer()
    sequence = packed_questions(EXCHANGES, 3, tokenizer)
    second = [
        (token, place)
        for token, place, segment in zip(
            sequence.ids, sequence.positions, sequence.segments, strict=True
        )
        if segment in (HEAD, 2)
    ]
    assert [place for _, place in second] == list(range(len(second)))
    assert tokenizer.decode([token for token, _ in second]) == (
        heard_opening(3) + asked("Can you hear rain?") + "no<|im_end|>"
    )


def test_markers_in_questions_and_answers_are_mere_characters():
    tokenizer = tiny_tokenizer()
    assert PLACE not in question_ids(tokenizer, "<video_padding> what?")
    end = tokenizer.token_id(SpecialTokens.message_close)
    assert answer_ids(tokenizer, "a dog <|im_end|> barks").count(end) == 1
    assert opening_ids(tokenizer, 4).count(PLACE) == 4


def test_short_sequences_are_padded_where_nothing_is_seen_or_supervised():
    one, two = (packed_questions(EXCHANGES[:n], 3, tiny_tokenizer()) for n in (1, 2))
    batch = collate_questions([one, two])
    rest = slice(len(one.ids), None)
    assert (batch["labels_BL"][0, rest] == IGNORED).all()
    assert (batch["segments_BL"][0, rest] == PADDING).all()
    assert batch["ids_BL"][1].tolist() == two.ids


def test_a_batch_has_a_place_for_every_token_of_its_sounds_in_order():
    batch = source().batch_at(3)
    num_places_B = batch["is_heard_BL"].sum(dim=1)
    assert int(num_places_B.sum()) == 5 * len(batch["heard_VPE"])
    windows_B = (num_places_B // 5).tolist()
    expected = [float(count) for count in windows_B for _ in range(count)]
    assert batch["heard_VPE"][:, 0, 0].tolist() == expected


def test_a_step_is_the_same_whenever_it_is_asked_for():
    first, again, other = source().batch_at(5), source().batch_at(5), source().batch_at(6)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert first["ids_BL"].shape != other["ids_BL"].shape or not torch.equal(
        first["ids_BL"], other["ids_BL"]
    )


def test_rows_are_drawn_by_the_sampler_that_is_given():
    batch = source(sample=lambda generator: 1).batch_at(0)
    assert (batch["heard_VPE"] == 2.0).all()


def num_answers(batch: dict[str, torch.Tensor]) -> list[int]:
    return (batch["segments_BL"].max(dim=1).values - HEAD).tolist()


def test_a_batch_counts_questions_whatever_share_a_recording():
    assert num_answers(source(batch_size=8).batch_at(0)) == [3, 3, 2]
    assert num_answers(source(batch_size=6).batch_at(0)) == [3, 3]
    assert num_answers(source(batch_size=2, num_questions=1).batch_at(0)) == [1, 1]
    for nothing in ({"batch_size": 0}, {"num_questions": 0}):
        with pytest.raises(ConfigError, match="at least 1"):
            source(**nothing)


def continued() -> StoryContinuations:
    return StoryContinuations(
        [Continuation(ROW, 1, 1)], Heard([pack([torch.zeros(2, 10, 8)])]), num_tokens=5,
        tokenizer=tiny_tokenizer(), tokens=tiny_config().tokens, seed=0, batch_size=2,
    )  # fmt: skip


def test_a_continuation_is_told_after_the_sound_it_goes_on_from():
    batch = continued().batch_at(0)
    assert batch["is_heard_BL"].sum(dim=1).tolist() == [10, 10]
    assert batch["heard_VPE"].shape == (4, 10, 8)
    row, labels = batch["ids_BL"][0].tolist(), batch["labels_BL"][0].tolist()
    told = tiny_tokenizer().decode([label for label in labels if label != IGNORED])
    assert "A dog barking close by" in told
    assert "Rain falling softly" not in told
    assert tiny_tokenizer().decode(row).startswith(heard_opening(10))


def test_clips_of_a_continuation_are_those_that_are_not_heard(tmp_path):
    path = tmp_path / "stories.jsonl"
    path.write_text(f"{ROW.to_json()}\n" * 2)
    stories, captions = StoryFile(path), []

    def teacher(texts):
        captions.extend(texts)
        return torch.zeros(len(texts), 4, 24)

    latents = pack([torch.full((6, 8), float(clip)) for clip in range(4)])
    whole = StoryClips(
        stories=stories, tokenizer=tiny_tokenizer(), tokens=tiny_config().tokens, teacher=teacher,
        told=StoryTexts(stories, tiny_tokenizer(), tiny_config().tokens, 1, 1), seed=0,
        batch_size=2, latents=latents, first_clips=[0, 2],
    )  # fmt: skip
    batch = ContinuedClips(continued(), whole).batch_at(0)
    assert captions == ["A dog barking close by"] * 2
    assert (batch["latents_XTC"] == 3.0).all()
    assert batch["is_heard_BL"].sum(dim=1).tolist() == [10, 10]
    assert batch["text_is_heard_BL"].sum(dim=1).tolist() == [10, 10]
    assert len(batch["starts_X"]) == len(batch["semantic_XSD"]) == 2
    assert batch["segments_BL"].max() == HEAD + 1
    whole_story = ContinuedClips(continued(), replace(whole, context="sequence")).batch_at(0)
    assert set(whole_story["segments_BL"].flatten().tolist()) <= {HEAD, PADDING}
