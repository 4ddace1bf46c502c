"""A score in a few words: who plays what and how, said in several ways, all of them true of it.

Adjectives come from ``traits``; words of mood only where the notes bear them out, by the table
``MOODS``. No participle stands before a noun without "playing": ``lexicon.parsed`` takes what
follows a participle for its object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from audiostory.curate.orchestra.instruments import BRASS, SLIDE_WHISTLE, STRINGS
from audiostory.curate.orchestra.score import Score
from audiostory.curate.orchestra.traits import Traits, traits_of
from audiostory.curate.recordings import MAX_CAPTION_CHARS
from audiostory.curate.words import with_article

NUMBERS = {2: "two", 3: "three", 4: "four"}
TIMES = {1: "", 2: "twice", 3: "three times", 4: "four times"}
WITHOUT_SPEED = frozenset(
    ("trill", "slide", "sweep", "roll", "wah", "cuckoo", "stabs", "sting", "ending", "tension",
     "joke", "oompah")
)  # fmt: skip
"""Gestures whose number of notes a second is not what makes them quick or slow."""
WITHOUT_WAY = frozenset(
    ("tune", "fanfare", "cuckoo", "stabs", "sting", "ending", "chase", "wrong_note", "oompah")
)
"""Gestures that are more than going up or down, even where their first and last notes do."""
WITHOUT_ARTICULATION = frozenset(("trill", "slide", "wah", "cuckoo", "tension", "fanfare"))
SPEED_WORDS = {"quick": ("quick", "fast", "rapid"), "slow": ("slow", "unhurried")}
LOUDNESS_WORDS = {"loud": ("loud",), "soft": ("soft", "quiet")}
ARTICULATION_WORDS = {"staccato": ("staccato", "crisp"), "legato": ("smooth", "legato")}
WAYS = {"up": ("upward",), "down": ("downward",)}
WAYS_AFTER_PLAYING = {
    "up": ("rising", "upward", "ascending"),
    "down": ("falling", "downward", "descending"),
}
GROWING = {"louder": "growing louder", "softer": "dying away"}
GROWING_VERBALLY = {"louder": "louder and louder", "softer": "softer and softer"}
VERBS = {"slide": "sliding", "trill": "trilling", "roll": "rolling", "tiptoe": "tiptoeing"}
"""Gestures that can be said with a verb alone."""
IMPLIED = {"frantic": "speed", "hurried": "speed", "delicate": "loudness", "heavy": "register"}
"""What need not be said beside a word of mood."""
NEEDED_TAILS = frozenset(("wrong_note", "arpeggio", "sweep", "tumble"))
"""Gestures whose tail belongs to what they are."""


@dataclass(frozen=True, kw_only=True)
class Mood:
    """Words for a mood and when they are justified."""

    words: tuple[str, ...]
    gestures: frozenset[str]
    holds: Callable[[Traits], bool]


def _mood(words: str, gestures: str, holds: Callable[[Traits], bool] = lambda _: True) -> Mood:
    return Mood(words=tuple(words.split()), gestures=frozenset(gestures.split()), holds=holds)


MOODS = (
    _mood("sneaky stealthy", "tiptoe", lambda it: it.loudness != "loud"),
    _mood("merry cheerful", "tune oompah wrong_note", lambda it: it.mode == "major"),
    _mood("playful", "tune arpeggio run", lambda it: it.articulation == "staccato"),
    _mood("sad mournful", "tune march", lambda it: it.mode == "minor" and it.speed == "slow"),
    _mood("sad comical", "wah"),
    _mood("heavy ponderous", "march", lambda it: it.register == "low"),
    _mood("triumphant proud", "fanfare ending", lambda it: it.loudness == "loud"),
    _mood("frantic hurried", "chase", lambda it: it.speed == "quick"),
    _mood("tense ominous", "tension sting", lambda it: it.mode != "major"),
    _mood("dramatic", "stabs roll", lambda it: "loud" in (it.loudness, it.growth[:4])),
    _mood("comical", "slide tumble joke"),
    _mood("clumsy", "wrong_note tumble"),
    _mood("delicate", "twinkle sweep arpeggio", lambda it: it.loudness == "soft"),
    _mood("magical dreamy", "sweep twinkle", lambda it: it.mode in ("whole-tone", "pentatonic")),
)


def caption_of(rng: Random, score: Score) -> str:
    """A caption of at most ``MAX_CAPTION_CHARS`` characters; another state of ``rng``, others."""
    traits = traits_of(score)
    most = rng.choice((1, 2, 2, 3))
    while True:
        caption = _said(rng, score, traits, most)
        if len(caption) <= MAX_CAPTION_CHARS:
            return caption[0].upper() + caption[1:]
        most = max(0, most - 1)


def _said(rng: Random, score: Score, traits: Traits, most: int) -> str:
    """One wording, with at most so many adjectives."""
    who = score.players or score.lead.instrument.name
    forms = ["playing", "playing", "on"]
    if not score.players and score.lead.instrument is not SLIDE_WHISTLE:
        forms += ["named"]
    if score.gesture in VERBS:
        forms += ["verb", "verb"]
    form = rng.choice(forms)
    if form == "verb":
        tail = _tail(rng, score, traits, GROWING_VERBALLY)
        return _joined(who, VERBS[score.gesture], _manner(rng, score, traits), tail)
    tail = _tail(rng, score, traits, GROWING)
    ways = WAYS_AFTER_PLAYING if form == "playing" else WAYS
    words = _adjectives(rng, score, traits, ways, most)
    if form == "playing":
        return _joined(who, "playing", _counted(score, words), tail)
    if form == "on":
        is_many = bool(score.players) or score.lead.instrument in (BRASS, STRINGS)
        return _joined(_counted(score, words), "from" if is_many else "on", who, tail)
    return _joined(_counted(score, [*words, score.lead.instrument.adjective]), tail)


def _adjectives(
    rng: Random, score: Score, traits: Traits, ways: dict[str, tuple[str, ...]], most: int
) -> list[str]:
    """Some of the adjectives that are true, in the order that English has them."""
    moods = [
        word
        for mood in MOODS
        if score.gesture in mood.gestures and mood.holds(traits)
        for word in mood.words
    ]
    speed = SPEED_WORDS.get(traits.speed, ()) if score.gesture not in WITHOUT_SPEED else ()
    kinds: list[tuple[str, Sequence[str]]] = [
        ("mood", moods),
        ("loudness", LOUDNESS_WORDS.get(traits.loudness, ())),
        ("speed", speed),
        ("register", (traits.register,) if traits.register else ()),
        ("articulation", _articulation_words(score, traits)),
        ("way", () if score.gesture in WITHOUT_WAY else ways.get(traits.direction, ())),
    ]
    there = [kind for kind, words in kinds if words]
    chosen = set(rng.sample(there, min(most, len(there))))
    if "way" in there and most and "way" not in chosen and rng.random() < 0.6:
        chosen = {*sorted(chosen)[1:], "way"}
    said = {kind: rng.choice(words) for kind, words in kinds if kind in chosen}
    said.pop(IMPLIED.get(said.get("mood", ""), ""), None)
    return list(said.values())


def _articulation_words(score: Score, traits: Traits) -> tuple[str, ...]:
    if score.gesture in WITHOUT_ARTICULATION:
        return ()
    return ARTICULATION_WORDS.get(traits.articulation, ())


def _counted(score: Score, words: list[str]) -> str:
    """What is played, with its article or number: "a quick run", "three loud stabs"."""
    if score.count == 1:
        return with_article(_joined(*words, score.noun))
    return _joined(NUMBERS[score.count], *words, f"{score.noun}s")


def _manner(rng: Random, score: Score, traits: Traits) -> str:
    """How something is done: "upwards", "softly", "down three times"."""
    way = "" if score.gesture in ("tiptoe", "trill") else traits.direction
    loudness = {"loud": "loudly", "soft": "softly"}.get(traits.loudness, "")
    times = TIMES[score.count]
    return _joined(way, times, loudness if rng.random() < 0.7 else "")


def _tail(rng: Random, score: Score, traits: Traits, growing: dict[str, str]) -> str:
    """What comes last: how it grows, the score's own tail."""
    is_told = score.gesture in NEEDED_TAILS or rng.random() < 0.6
    own = score.tail if is_told else ""
    return _joined(growing.get(traits.growth, ""), own)


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
