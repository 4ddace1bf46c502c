"""What an instruction names, and which event has to tell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.coverage import (
    DETERMINERS,
    LEADING,
    NAMELESS,
    Coverage,
    clauses,
    stems,
    unled,
)

CHASE = "A suspenseful chase through a rainstorm: footsteps splash, thunder roars, a car skids"


def words_of(text: str) -> list[str]:
    return [clause.words for clause in clauses(text)]


def test_words_are_known_by_their_stems_and_nameless_ones_left_out() -> None:
    assert stems("Then the dog is barking, again") == ["dog", "bark"]
    assert stems("Dogs BARKED") == ["dog", "bark"]
    assert stems("bell") != stems("bellows")
    assert not stems("and then, after that, the") + stems("12.5 !?")


def test_pictures_and_other_scripts_name_things_too() -> None:
    assert stems("🐺 鳥") == ["🐺", "鳥"]


def test_lists_of_words_are_lower_case() -> None:
    for words in (NAMELESS, LEADING, DETERMINERS):
        assert all(word == word.casefold() for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            CHASE,
            [
                "A suspenseful chase through a rainstorm, footsteps splash",
                "thunder roars",
                "a car skids",
            ],
        ),
        ("Spell cast: runes hum, crystal charges", ["Spell cast, runes hum", "crystal charges"]),
        ("Rain: ", ["Rain"]),
        ("Rain", ["Rain"]),
        ("", []),
        ("12.5 seconds, please", []),
        ("- owl\n- twig snap\n- rifle shot", ["owl", "twig snap", "rifle shot"]),
        ("a dog and a cat + a horse", ["a dog", "a cat", "a horse"]),
        ("Generate the sound of a bell ringing", ["a bell ringing"]),
        ("Can you make two dogs bark?", ["two dogs bark"]),
        ("at 0:08 a bell, at 12.5 s brakes", ["a bell", "brakes"]),
        ("0.0 to 6.5: wax dripping. 6.5 to 11: a seal", ["wax dripping", "a seal"]),
        ("First thunder, then rain and finally a door", ["thunder", "rain", "a door"]),
        ("A storm. The total duration is 12.5 seconds.", ["A storm"]),
        ("Give me twelve seconds of rain, six drips", ["rain", "six drips"]),
        ("1) a ding 2) a clunk", ["a ding", "a clunk"]),
    ],
)
def test_an_instruction_is_cut_into_what_it_tells(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_clauses_name_something_and_lose_no_name(text: str) -> None:
    found = clauses(text)
    assert all(clause.names for clause in found)
    assert set().union(*(clause.names for clause in found)) <= set(stems(text))


@given(st.text(max_size=40))
def test_what_is_left_of_a_clause_is_its_end(text: str) -> None:
    assert unled(text) in text


@given(st.integers(1, 12), st.integers(1, 8))
def test_clauses_are_shared_out_in_order_and_every_one_has_an_event(many: int, few: int) -> None:
    coverage = Coverage(", ".join("abcdefghijkl"[index] * 3 for index in range(many)))
    coverage.divide(few)
    spans = [coverage.span(index) for index in range(many)]
    assert all(0 <= first <= last < few for first, last in spans)
    assert spans == sorted(spans)
    assert {event for first, last in spans for event in range(first, last + 1)} == set(range(few))


def test_an_event_has_to_tell_its_clause_in_every_kind_of_text() -> None:
    coverage = Coverage("a dog barks, a door slams")
    coverage.divide(2)
    (missing,) = coverage.missing("sounds", 0, "A dog, loud")
    assert missing.words == "a dog barks"
    assert not coverage.missing("sounds", 0, "Barking dog")
    coverage.tell("sounds", 0, "Barking dog")
    assert coverage.missing("caption", 0, "A cat")
    assert [clause.words for clause in coverage.missing("sounds", 1, "A dog barking")] == [
        "a door slams"
    ]


def test_what_is_missing_comes_with_all_that_the_event_has_to_tell() -> None:
    coverage = Coverage("a dog barks, a cat meows, a door slams, a bell rings")
    coverage.divide(2)
    missing = coverage.missing("caption", 0, "A dog barking")
    assert [clause.words for clause in missing] == ["a dog barks", "a cat meows"]
    assert not coverage.missing("caption", 0, "A dog barking and a cat meowing")


def test_each_of_several_events_tells_something_and_the_last_the_rest() -> None:
    coverage = Coverage("a quiet castle")
    coverage.divide(2)
    assert coverage.missing("caption", 0, "A dog barking")
    assert not coverage.missing("caption", 0, "Torches crackling in a castle")
    coverage.tell("caption", 0, "Torches crackling in a castle")
    assert coverage.missing("caption", 1, "A trumpet in a castle")
    assert not coverage.missing("caption", 1, "A trumpet, quietly")


def test_words_of_the_instruction_are_known_in_every_form() -> None:
    coverage = Coverage("Then a dog barks")
    assert coverage.has_word("Barking")
    assert coverage.has_word("then")
    assert not coverage.has_word("cat")


def test_what_is_told_is_no_news_any_more_until_all_is_told() -> None:
    coverage = Coverage("a dog barks")
    assert coverage.is_news("detail", 0, "A dog barking.")
    assert not coverage.is_news("detail", 0, "A cat meowing.")
    coverage.tell("detail", 0, "A dog barking.")
    assert coverage.is_news("detail", 0, "A cat meowing.")
    assert coverage.left("caption", 0) == {"dog", "bark"}


def test_a_piece_of_a_word_hints_at_what_is_left() -> None:
    coverage = Coverage("thunder roars")
    assert coverage.is_hint("detail", 0, " thu")
    assert coverage.is_hint("detail", 0, "Thunderstorm")
    assert not coverage.is_hint("detail", 0, "th")
    coverage.tell("detail", 0, "Thunder")
    assert not coverage.is_hint("detail", 0, " thu")
