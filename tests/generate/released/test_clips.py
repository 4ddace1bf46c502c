from __future__ import annotations

import pytest

from audiostory.errors import FormatError
from tests.generate.released.stories import BLOCK, story_of
from tests.tiny import tiny_tokenizer

RAIN = f"<|gen|>Rain falls. <timestamp>4.0</timestamp>{BLOCK}<|/gen|>"
DOG = f"<|gen|>A dog barks.<timestamp>2.5</timestamp>{BLOCK}<|/gen|>"


def test_a_whole_story_is_taken_apart():
    story = story_of(f"Two parts.<|/think|>{RAIN}{DOG}<|im_end|>")
    assert story.reasoning == "Two parts."
    assert [clip.caption for clip in story.clips] == ["Rain falls.", "A dog barks."]
    assert [clip.duration_s for clip in story.clips] == [4.0, 2.5]
    assert story.problems == ()
    assert not story.is_lost_by_release


def test_states_are_those_at_the_numbered_tokens_themselves():
    text = f"Two parts.<|/think|>{RAIN}{DOG}<|im_end|>"
    ids = tiny_tokenizer().encode(text)
    for clip, start in zip(story_of(text).clips, (0, len(ids) // 2), strict=True):
        first = ids.index(tiny_tokenizer().token_id("<t5_00000>"), start)
        assert clip.semantic_SD[:, 0].tolist() == [first + k for k in range(4)]
        assert clip.residual_RD[:, 0].tolist() == [first + 6 + k for k in range(2)]
    semantic_BSD, residual_BRD = story_of(text).hidden
    assert (semantic_BSD.shape, residual_BRD.shape) == ((2, 4, 1), (2, 2, 1))


@pytest.mark.parametrize(
    ("text", "num_kept", "is_lost", "problem"),
    [
        (f"P.<|/think|>{RAIN}<|gen|>A dog", 1, False, "clip 2 is incomplete"),
        (f"P.<|/think|>{RAIN}{DOG.partition('</aud>')[0]}", 1, True, "clip 2 is incomplete"),
        (f"P.<|/think|>{RAIN}{DOG.partition('<t5>')[0]}<t5>", 1, False, "clip 2 is incomplete"),
        ("P.<|/think|><|gen|>Rain", 0, True, "clip 1 is incomplete"),
        ("P.", 0, True, "the reasoning does not end"),
        (f"P.{RAIN}{DOG}", 2, True, "the reasoning does not end"),
        (f"P.<|/think|>{RAIN[7:]}{DOG}", 1, True, "clip 1: its parts are not in order"),
    ],
)
def test_complete_clips_are_kept_and_the_others_are_told(text, num_kept, is_lost, problem):
    story = story_of(text, is_cut=True)
    assert len(story.clips) == num_kept
    assert story.is_lost_by_release == is_lost
    assert any(said.startswith(problem) for said in story.problems)
    assert any(said.startswith("the text was cut after") for said in story.problems)


def test_the_reasoning_without_an_end_goes_up_to_the_first_clip():
    assert story_of(f"Two parts.{RAIN}").reasoning == "Two parts."


def test_a_stray_marker_shifts_the_captions_as_in_the_release_and_is_told():
    story = story_of(f"P.<|/think|><|gen|>{RAIN}{DOG}")
    assert story.clips[0].text.startswith("<|gen|>Rain falls.")
    assert story.clips[1].duration_s == 4.0
    assert sum("not in order" in problem for problem in story.problems) == 2


def test_without_any_clip_there_is_nothing_to_hear():
    with pytest.raises(FormatError, match="finished no clip .*--profile story"):
        _ = story_of("P.<|/think|>").hidden
