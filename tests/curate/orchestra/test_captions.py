from __future__ import annotations

import re
from random import Random

import pytest

from audiostory.curate.lexicon import parsed
from audiostory.curate.orchestra.captions import MOODS, caption_of
from audiostory.curate.orchestra.phrases import GESTURES, phrase
from audiostory.curate.orchestra.score import Score, taken
from audiostory.curate.recordings import MAX_CAPTION_CHARS


@pytest.fixture(scope="module")
def told() -> list[tuple[Score, str]]:
    found = []
    for seed in range(1_500):
        rng = Random(seed)
        score = taken(phrase(rng), rng)
        found.append((score, caption_of(rng, score)))
    return found


def said(told: list[tuple[Score, str]], *words: str) -> list[Score]:
    chosen = [score for score, text in told if set(re.findall(r"[\w-]+", text)) & set(words)]
    assert chosen, words
    return chosen


def reached(score: Score) -> float:
    """Semitones from the first note to the last, bends counted."""
    starts = [note.start for note in score.lead.notes]
    first, last = (
        max(note.pitch for note in score.lead.notes if abs(note.start - at) < 0.05)
        for at in (min(starts), max(starts))
    )
    bent = max((bend.semitones for bend in score.lead.bends), key=abs, default=0.0)
    return last - first + bent


def per_s(score: Score) -> float:
    starts = sorted({round(note.start, 1) for note in score.lead.notes})
    return (len(starts) - 1) / ((starts[-1] - starts[0]) * score.seconds_per_beat)


def velocity(score: Score) -> float:
    velocities = [note.velocity for part in score.parts for note in part.notes]
    return sum(velocities) / len(velocities)


def test_captions_are_varied_short_and_begin_with_a_capital(told):
    texts = [text for _, text in told]
    assert len(set(texts)) > 0.7 * len(texts)
    assert all(len(text) <= MAX_CAPTION_CHARS for text in texts)
    assert all(text[0].isupper() and "  " not in text for text in texts)


def test_the_leading_instrument_is_named_or_the_orchestra(told):
    for score, text in told:
        instrument = score.lead.instrument
        names = (score.players or instrument.name, instrument.adjective)
        assert any(name.lower() in text.lower() for name in names), text


def test_what_is_said_to_rise_or_fall_does(told):
    assert all(reached(score) >= 3 for score in said(told, "rising", "upward", "ascending"))
    assert all(reached(score) <= -3 for score in said(told, "falling", "downward", "descending"))


def test_what_is_said_to_be_quick_or_slow_is(told):
    quick = said(told, "quick", "fast", "rapid", "frantic", "hurried")
    assert all(per_s(score) > 6 for score in quick)
    assert all(per_s(score) < 2.4 for score in said(told, "slow", "unhurried"))


def test_what_is_said_to_be_loud_or_soft_is(told):
    assert all(velocity(score) > 95 for score in said(told, "loud", "loudly", "triumphant"))
    assert all(velocity(score) < 59 for score in said(told, "soft", "softly", "quiet", "delicate"))


def test_cheer_is_major_and_stealth_is_minor(told):
    assert {score.mode for score in said(told, "merry", "cheerful")} == {"major"}
    assert {score.mode for score in said(told, "sneaky", "stealthy")} == {"minor"}


def test_the_number_of_things_is_the_number_said(told):
    for word, count in (("Two", 2), ("Three", 3), ("Four", 4)):
        scores = [score for score, text in told if text.startswith(f"{word} ")]
        assert scores
        assert {score.count for score in scores} == {count}


def test_a_wrong_note_is_never_kept_secret(told):
    wrong = [text for score, text in told if score.gesture == "wrong_note"]
    assert wrong
    assert all("wrong note" in text for text in wrong)


def test_the_composer_of_stories_can_take_a_caption_apart(told):
    for _, text in told:
        verb = parsed(text, "music").verb.partition(" ")[0]
        assert verb in ("", "play", "slide", "roll", "tiptoe", "trill"), text


def test_the_same_chance_gives_the_same_words():
    score = phrase(Random(5))
    assert caption_of(Random(1), score) == caption_of(Random(1), score)
    assert len({caption_of(Random(seed), score) for seed in range(20)}) > 5


def test_moods_are_of_gestures_that_there_are():
    assert {name for mood in MOODS for name in mood.gestures} <= set(GESTURES)
