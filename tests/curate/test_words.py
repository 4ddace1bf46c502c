from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.words import (
    capitalised,
    gerund,
    invented_verb,
    invented_word,
    misspelt,
    past,
    plural,
    plural_form,
    third_person,
    with_article,
)


@pytest.mark.parametrize(
    ("verb", "present", "going_on", "before"),
    [
        ("bark", "barks", "barking", "barked"),
        ("hum", "hums", "humming", "hummed"),
        ("cry", "cries", "crying", "cried"),
        ("screech", "screeches", "screeching", "screeched"),
        ("ring", "rings", "ringing", "rang"),
        ("die", "dies", "dying", "died"),
        ("chime", "chimes", "chiming", "chimed"),
        ("begin", "begins", "beginning", "began"),
        ("open", "opens", "opening", "opened"),
        ("creak", "creaks", "creaking", "creaked"),
        ("be struck", "is struck", "being struck", "was struck"),
        ("play a melody", "plays a melody", "playing a melody", "played a melody"),
    ],
)
def test_verbs_take_their_forms(verb, present, going_on, before):
    assert third_person(verb) == present
    assert gerund(verb) == going_on
    assert past(verb) == before


def test_plural_subjects():
    assert plural_form("be struck") == "are struck"
    assert plural_form("bark") == "bark"
    assert past("be struck", is_plural=True) == "were struck"


def test_nouns():
    assert [plural(noun) for noun in ("bell", "box", "lorry", "toy")] == [
        "bells", "boxes", "lorries", "toys",
    ]  # fmt: skip
    assert with_article("owl") == "an owl"
    assert with_article("ukulele") == "a ukulele"
    assert capitalised("a B") == "A B"


def test_invented_words_are_new_and_the_same_for_the_same_seed():
    words = [invented_word(Random(seed)) for seed in range(500)]
    assert words == [invented_word(Random(seed)) for seed in range(500)]
    assert len(set(words)) > 450
    assert all(word.isalpha() and len(word) < 20 for word in words)
    assert third_person(invented_verb(Random(1))).endswith("s")


def test_a_slip_changes_one_word_a_little():
    rng = Random(0)
    assert misspelt("cat", rng) == "cat"
    assert all(abs(len(misspelt("thunder", rng)) - 7) <= 1 for _ in range(50))
