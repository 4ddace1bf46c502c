"""What an instruction names, and what of it is still to be told."""

from __future__ import annotations

import pytest

from audiostory.story.coverage import NAMELESS, Coverage, num_named, stems

CHASE = "A suspenseful chase through a rainstorm: footsteps splash, thunder roars, a car skids"


def test_words_are_known_by_their_beginnings_and_nameless_ones_left_out() -> None:
    assert stems("Then the dog is barking 2 times, again") == ["dog", "bark", "time"]
    assert stems("Dogs BARK") == ["dogs", "bark"]
    assert not stems("and then, after that, the") + stems("12.5 !?")


def test_nameless_words_are_lower_case_and_longer_than_what_is_dropped_anyway() -> None:
    assert all(word == word.casefold() and len(word) > 1 for word in NAMELESS)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (CHASE, 3),
        ("Spell cast: runes hum, crystal charges", 2),
        ("Rain: ", 1),
        ("Rain", 1),
        ("", 0),
        ("- owl\n- twig snap\n- rifle shot", 3),
        ("a dog and a cat", 2),
    ],
)
def test_things_are_counted_by_the_clauses_that_name_them(text: str, count: int) -> None:
    assert num_named(text) == count


def test_what_is_told_is_no_news_any_more_until_all_is_told() -> None:
    coverage = Coverage("a dog barks, a door slams")
    assert coverage.is_news("A dog barking.")
    coverage.tell("A dog barking.")
    assert not coverage.is_news("The dog barks again.")
    coverage.tell("The door slams.")
    assert coverage.is_news("The dog barks again.")


def test_a_piece_of_a_word_hints_at_what_is_left() -> None:
    coverage = Coverage("thunder roars")
    assert coverage.is_hint(" thu")
    assert coverage.is_hint("Thunderstorm")
    assert not coverage.is_hint("th")
    coverage.tell("Thunder")
    assert not coverage.is_hint(" thu")
