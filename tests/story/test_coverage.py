"""Which event has to tell what, and what is told so far."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.coverage import Coverage


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


def test_the_first_of_several_events_tells_it_all_and_the_others_something() -> None:
    coverage = Coverage("a quiet castle")
    coverage.divide(2)
    assert coverage.missing("caption", 0, "Torches crackling in a castle")
    assert not coverage.missing("caption", 0, "Torches crackling quietly in a castle")
    assert coverage.missing("caption", 1, "A trumpet")
    assert not coverage.missing("caption", 1, "A trumpet in a castle")


def test_whole_words_and_their_beginnings_hint() -> None:
    coverage = Coverage("a baby cries")
    assert coverage.is_hint("detail", 0, " baby")
    assert coverage.is_hint("detail", 0, " cry")
    assert coverage.is_hint("detail", 0, " bab")
    assert not coverage.is_hint("detail", 0, " dog")


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
