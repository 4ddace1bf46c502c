from __future__ import annotations

import pytest

from audiostory.story.lead_phrases import LEAD_PHRASES, lead_phrase, released_instruction


def test_there_are_twenty_phrases_to_which_a_caption_can_be_added():
    assert len(set(LEAD_PHRASES)) == 20
    assert all(phrase.strip() + " " == phrase for phrase in LEAD_PHRASES)


def test_a_seed_draws_the_phrase_that_the_release_draws():
    # recorded: the standard library's choice after random.seed(0), random.seed(1), ...
    recorded = [12, 4, 1, 7, 7, 19, 18, 10, 7, 14, 18, 14]
    assert [LEAD_PHRASES.index(lead_phrase(seed)) for seed in range(12)] == recorded


@pytest.mark.parametrize(
    ("caption", "duration_s", "end"),
    [
        ("rain falls.", 35.1, "portrays rain falls. The total duration is 35.1 seconds."),
        ("  two men sing ", 50, "portrays   two men sing The total duration is 50.0 seconds."),
        ("", 50.0, "portrays The total duration is 50.0 seconds."),
    ],
)
def test_spaces_inside_stay_and_those_at_the_ends_go(caption, duration_s, end):
    assert released_instruction(caption, duration_s, 0).endswith(end)
