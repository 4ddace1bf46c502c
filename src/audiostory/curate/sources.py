"""Where the sounds of a story come from: synonyms, captions, class names, and sheer invention.

About a quarter of all sounds are of things nobody has heard of, so that reading what is asked is
the only way to answer it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from audiostory.curate.assets import phrase_list, table, word_list
from audiostory.curate.lexicon import (
    PARTICLES,
    Sound,
    caption_sounds,
    captions_by_group,
    families,
    groups,
    label_sounds,
    name_sounds,
    qualified,
)
from audiostory.curate.words import gerund, invented_verb, invented_word, plural, with_article

if TYPE_CHECKING:
    from audiostory.curate.scenes import Place

ADVERBS = {
    "soft": ("softly", "quietly", "faintly", "gently"),
    "loud": ("loudly", "violently", "furiously", "wildly", "deafeningly"),
    "": ("slowly", "quickly", "rhythmically", "nervously", "suddenly", "steadily", "sharply",
         "happily", "angrily", "sadly", "frantically", "lazily", "eerily", "cheerfully", "briefly",
         "continuously", "endlessly", "impatiently", "hesitantly", "solemnly", "merrily"),
}  # fmt: skip
"""Manners an instruction may name, by the intensity they imply."""
MUSIC_GROUPS = (
    "keyboard",
    "strings",
    "woodwind",
    "plucked",
    "percussion",
    "brass",
    "synth",
    "singing",
)
COUNTS = ("once", "twice", "three times", "four times", "five times", "again and again")
NUMBERS = ("two", "three", "four", "five", "several", "a dozen")
QUIET = (
    ("a light wind", "blow", "", False, "wind", "bed"),
    ("water", "lap", "", False, "water", "bed"),
    ("crickets", "chirp", "", True, "insects", "bed"),
    ("birds", "sing", "", True, "birds", "bed"),
    ("a clock", "tick", "", False, "clock", "bed"),
    ("light rain", "fall", "", False, "rain", "bed"),
    ("quiet room ambience", "", "", False, "ambience", "bed"),
    ("quiet outdoor ambience", "", "", False, "ambience", "bed"),
    ("distant traffic", "hum", "", False, "vehicle", "bed"),
)
"""What is heard while nothing that was asked for happens."""
BUSY_GROUPS = ("dog", "cat", "human", "speech", "vehicle", "doors", "machine", "train",
               "animals_wild", "animals_farm", "footsteps", "monster", "wind")  # fmt: skip
"""Groups whose subjects do several things in turn."""
STEADY_GROUPS = ("rain", "wind", "fire", "insects", "machine", "clock", "water")
"""Groups that can go on under a whole story."""


@dataclass(frozen=True)
class WordPalette:
    """Sounds in words only, known and unheard of."""

    strange_share: float
    """Share of sounds of things nobody has heard of."""

    @property
    def has_recordings(self) -> bool:
        """False: there is nothing to mix."""
        return False

    def any_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A sound for a slot; made up in a quarter of the cases."""
        return any_sound(rng, home, self.strange_share)

    def musical_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """Parts of music, instruments that play, now and then a noise."""
        return music_or_any(rng, home, self.strange_share)

    def expected_sounds(self, rng: Random, place: Place) -> list[Sound]:
        """Some of the place's own list."""
        return rng.sample(place.expected, min(len(place.expected), rng.choice((3, 3, 4, 5))))

    def background_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A steady sound, or a strange one."""
        if rng.random() < self.strange_share:
            return strange_sound(rng)
        at_home = [group for group in home if group in STEADY_GROUPS]
        return family_sound(rng, rng.choice(at_home or STEADY_GROUPS))

    def quiet_sound(self, rng: Random) -> Sound:
        """One of a few unobtrusive sounds."""
        return Sound(*rng.choice(QUIET))

    def in_turn(self, rng: Random, count: int) -> list[Sound]:
        """Things that one subject does: "a dog barks, growls and whimpers"."""
        return same_subject(rng, count, self.strange_share)


def any_sound(rng: Random, home: tuple[str, ...], strange_share: float) -> Sound:
    """A sound for a slot; one of the ``home`` groups more often than not."""
    if rng.random() < strange_share:
        return _modified(rng, strange_sound(rng), strange_share)
    chance = 0.24 + 0.76 * rng.random()
    if chance < 0.30:
        sound = rng.choice(label_sounds())
    elif chance < 0.38:
        sound = rng.choice(name_sounds())
    elif chance < 0.46:
        sound = handled_sound(rng, strange_share)
    elif chance < 0.50:
        sound = music_sound(rng)
    elif chance < 0.54:
        sound = noise_sound(rng)
    else:
        known = families()
        group = rng.choice(home) if home and rng.random() < 0.7 else rng.choice(groups())
        if group not in known or rng.random() < 0.25:
            by_group = captions_by_group()
            sound = rng.choice(by_group.get(group, caption_sounds()))
        else:
            sound = family_sound(rng, group)
    return _modified(rng, sound, strange_share)


def family_sound(rng: Random, group: str) -> Sound:
    """A sound of ``group`` put together from synonyms."""
    family = rng.choice(families()[group])
    noun = rng.choice(family.subjects)
    is_plural = noun.startswith(("*", "two ")) or noun in ("tires", "tyres")
    noun = noun.removeprefix("*")
    verb = rng.choice(family.verbs)
    tail = rng.choice(family.tails) if rng.random() < 0.3 and " " not in verb else ""
    if rng.random() < 0.05 and noun.startswith("a ") and " of " not in noun:
        noun, is_plural = f"{rng.choice(NUMBERS)} {plural(noun[2:])}", True
    return Sound(noun, verb, tail, is_plural, group, family.kind)


def strange_sound(rng: Random) -> Sound:
    """A sound of a rare or made-up thing: "the brass zorbel clanks"."""
    noun, is_plural = strange_noun(rng), False
    if rng.random() < 0.18:
        noun, is_plural = plural(noun), True
        subject = noun if rng.random() < 0.6 else f"{rng.choice(NUMBERS)} {noun}"
    else:
        subject = with_article(noun) if rng.random() < 0.75 else f"the {noun}"
    chance = rng.random()
    if chance < 0.12:
        verb = invented_verb(rng)
    elif chance < 0.32:
        verb = rng.choice(word_list("verbs_more.txt"))
    else:
        verb = rng.choice(word_list("verbs.txt"))
    tail = ""
    if rng.random() < 0.2:
        thing = rng.choice(word_list("everyday.txt")) if rng.random() < 0.7 else strange_noun(rng)
        where = rng.choice(
            ("near", "behind", "under", "beside", "inside", "on", "above", "against")
        )
        tail = f"{where} the {thing}"
    return Sound(subject, verb, tail, is_plural, "", rng.choice(("hit", "call", "run", "run")))


def strange_noun(rng: Random) -> str:
    """A thing with an uncommon or made-up name, sometimes with an adjective or in two words."""
    chance = rng.random()
    if chance < 0.3:
        noun = rng.choice(word_list("nouns.txt"))
    elif chance < 0.48:
        noun = rng.choice(word_list("everyday.txt"))
    else:
        noun = invented_word(rng)
    chance = rng.random()
    if chance < 0.1:
        noun = f"{noun} {rng.choice(word_list('everyday.txt'))}"
    elif chance < 0.18:
        noun = f"{rng.choice(word_list('nouns.txt'))} {noun}"
    elif chance < 0.45:
        noun = f"{rng.choice(word_list('adjectives.txt'))} {noun}"
    return noun


def handled_sound(rng: Random, strange_share: float) -> Sound:
    """Somebody doing something to a thing: "a plumber drops a wrench"."""
    is_strange = rng.random() < 0.5 * strange_share
    person = invented_word(rng) if is_strange else rng.choice(word_list("people.txt"))
    subject = f"the {person}" if rng.random() < 0.2 else with_article(person)
    thing = (
        strange_noun(rng) if rng.random() < strange_share else rng.choice(word_list("everyday.txt"))
    )
    some = "some " if thing.endswith(("s", "water", "snow", "sand", "gravel")) else ""
    thing = f"{some}{thing}" if some else with_article(thing)
    verb = f"{rng.choice(phrase_list('actions.txt'))} {thing}"
    return Sound(subject, verb, kind=rng.choice(("hit", "call")))


def music_sound(rng: Random) -> Sound:
    """A part of a piece of music: "mellow piano melody"."""
    words = table("music.json")
    group, part = rng.choice(words["parts"])
    name = f"{rng.choice(words['adjectives'])} {part}"
    if rng.random() < 0.2:
        name = f"{rng.choice(words['adjectives'])} {name}"
    is_plural = part.endswith("s")
    if not is_plural and rng.random() < 0.5:
        name = with_article(name)
    return Sound(name, "", "", is_plural, group, "music")


def noise_sound(rng: Random) -> Sound:
    """A noise without a source: "loud continuous rattling", "some knocking"."""
    noise = gerund(rng.choice(word_list("verbs.txt")))
    degree = rng.choice(phrase_list("degrees.txt"))
    return Sound(f"{degree} {noise}", kind=rng.choice(("call", "run")))


def music_or_any(rng: Random, home: tuple[str, ...], strange_share: float) -> Sound:
    """A sound for a piece of music: its parts, instruments that play, now and then a noise."""
    chance = rng.random()
    if chance < 0.5:
        return music_sound(rng)
    if chance < 0.8:
        return family_sound(rng, rng.choice(MUSIC_GROUPS))
    return any_sound(rng, home, strange_share)


def same_subject(rng: Random, count: int, strange_share: float) -> list[Sound]:
    """Several things that one subject does in turn: "a dog barks, growls and whimpers"."""
    if rng.random() < strange_share:
        first = strange_sound(rng)
        verbs = rng.sample(word_list("verbs.txt"), count)
    else:
        group = rng.choice(BUSY_GROUPS)
        first = family_sound(rng, group)
        members = families()[group]
        verbs_of = next(family for family in members if first.verb in family.verbs).verbs
        verbs = rng.sample(verbs_of, min(count, len(verbs_of)))
    return [replace(first, verb=verb, tail="") for verb in verbs]


def _modified(rng: Random, sound: Sound, strange_share: float) -> Sound:
    """``sound`` with an adjective, a manner, a count or a trait, now and then."""
    chance = rng.random()
    first = sound.subject.split(" ")[0]
    if chance < 0.12 and sound.subject and first in PARTICLES:
        adjective = rng.choice(word_list("adjectives.txt"))
        return replace(sound, subject=qualified(sound.subject, adjective))
    if chance < 0.22 and sound.verb and not sound.tail:
        return replace(sound, adverb=rng.choice(ADVERBS[rng.choice(("soft", "loud", "", ""))]))
    if chance < 0.26 and sound.verb and not sound.tail and sound.kind in ("hit", "call"):
        return replace(sound, tail=rng.choice(COUNTS))
    if chance < 0.26 + 0.12 * strange_share and sound.verb and first in ("a", "an", "the"):
        trait = rng.choice(word_list("everyday.txt"))
        joint = rng.choice(("with a", "with a broken", "in a", "from the", "near the", "without a"))
        return replace(sound, subject=f"{sound.subject} {joint} {trait}")
    if chance < 0.31 + 0.06 * strange_share and sound.verb and sound.group and first in PARTICLES:
        other = _other_noun(rng, strange_share)
        subject = f"{sound.subject} and {with_article(other)}"
        return replace(sound, subject=subject, is_plural=True)
    if chance < 0.37 and sound.verb and not sound.tail:
        return replace(
            sound, tail=rng.choice(("in the distance", "far away", "nearby", "close by"))
        )
    return sound


def _other_noun(rng: Random, strange_share: float) -> str:
    if rng.random() < strange_share:
        return strange_noun(rng)
    return rng.choice(word_list(rng.choice(("people.txt", "everyday.txt"))))
