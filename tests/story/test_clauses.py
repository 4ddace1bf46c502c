"""What an instruction names, clause by clause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.clauses import (
    AMBIGUOUS,
    CONNECTORS,
    DETERMINERS,
    LEADING,
    MOMENTS,
    NAMELESS,
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
    assert stems("🐺 鳥 ⏰") == ["🐺", "鳥", "⏰"]
    assert stems("कुत्ता") == ["कुत्ता"]


def test_words_that_may_name_something_do_so_after_a_determiner() -> None:
    assert stems("a can is crushed") == ["can", "crush"]
    assert stems("it can be heard") == []
    assert stems("the wheel can turn") == stems("a wheel turning") == ["wheel"]


def test_lists_of_words_are_lower_case() -> None:
    for words in (NAMELESS, LEADING, CONNECTORS, MOMENTS, DETERMINERS, AMBIGUOUS):
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
        ("burps, then a can is crushed", ["burps", "a can is crushed"]),
        (
            "a play button clicks, a second hand ticks",
            ["a play button clicks", "a second hand ticks"],
        ),
        ("at the end a dog", ["a dog"]),
        ("the scene where a bell rings", ["a bell rings"]),
        ("A dog barks. No speech. Don't add voices", ["A dog barks"]),
        ("rain, no thunder, a storm without wind", ["rain", "a storm"]),
        ("Without warning a glass shatters", ["a glass shatters"]),
        ("Not far away a dog barks", ["Not far away a dog barks"]),
        ("birds sing but no cars", ["birds sing"]),
        ("There should be no music, only rain", ["only rain"]),
        ("He walks without shoes on gravel", ["He walks on gravel"]),
        ("a gate opens and closes", ["a gate opens", "closes"]),
        ("Rain. Keep it natural. High quality please.", ["Rain"]),
        (
            "a swing creaks back and forth and rock and roll",
            ["a swing creaks back and forth", "rock and roll"],
        ),
        ("a train as loud as thunder", ["a train as loud as thunder"]),
        ("a TV, an ox, 3 knocks, a 747", ["a TV", "an ox", "3 knocks", "a 747"]),
        ("it doesn't stop", ["doesn't stop"]),
        ("雨が降る、雷が鳴る。犬", ["雨が降る", "雷が鳴る", "犬"]),
        ("SFX: dog barks", ["dog barks"]),
    ],
)
def test_an_instruction_is_cut_into_what_it_tells(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_clauses_name_what_their_words_name(text: str) -> None:
    found = clauses(text)
    assert all(clause.names == frozenset(stems(clause.words)) for clause in found)
    assert all(clause.names for clause in found)


@given(st.text(max_size=40))
def test_what_is_left_of_a_clause_is_its_end(text: str) -> None:
    assert unled(text) in text


@given(st.lists(st.sampled_from(["zorb", "quux", "🐺", "bark"]), min_size=1).map(" ".join))
def test_a_clause_without_a_lead_stays_whole(text: str) -> None:
    assert unled(text) == text
    assert unled(f"and then the sound of {text}") == text
