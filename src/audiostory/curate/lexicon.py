"""Sounds as words: who sounds, what it does, where; read from the tables beside this file.

A ``Sound`` knows its own grammatical forms, so that an instruction may say "a dog barks at the
gate" and the caption "A dog barking at the gate" with the same head words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from audiostory.curate.words import (
    gerund,
    invented_verb,
    invented_word,
    past,
    plural,
    plural_form,
    third_person,
    with_article,
)

PARTICLES = frozenset(
    "a an the some one two three four five several many his her their its my our this that".split()
)
GROUP_KINDS = {
    "rain": "bed", "wind": "bed", "water": "bed", "fire": "bed", "insects": "bed",
    "ambience": "bed", "crowd": "run", "machine": "run", "vehicle": "run", "train": "run",
    "aircraft": "run", "clock": "run", "footsteps": "run", "speech": "run", "birds": "run",
    "appliance": "run", "tool": "run", "singing": "music", "keyboard": "music",
    "woodwind": "music", "strings": "music", "plucked": "music", "percussion": "music",
    "synth": "music", "music": "music", "brass": "music", "music_box": "music",
    "thunder": "call", "dog": "call", "cat": "call", "bell": "call", "alarm": "call",
    "human": "call", "animals_wild": "call", "animals_farm": "call", "monster": "call",
}  # fmt: skip
"""How long a group's sounds go on; what is not named is a ``hit``."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that can be named in several grammatical forms."""

    subject: str
    """Noun phrase, with article where it needs one; empty for a bare action."""
    verb: str = ""
    """Lemma of what it does; empty where the name says it all ("a gunshot")."""
    tail: str = ""
    """Where or how: "on gravel"."""
    is_plural: bool = False
    group: str = ""
    """Group of the corpus, empty where unknown."""
    kind: str = "hit"
    """``hit``, ``call``, ``run``, ``bed`` or ``music``: how long it tends to go on."""

    def clause(self, tense: str = "present") -> str:
        """A finite clause: "a dog barks at the gate", "a gunshot is heard"."""
        subject, verb, is_plural = self.subject, self.verb, self.is_plural
        if not verb:
            verb = "be heard"
        if not subject:
            subject, is_plural = "someone", False
        if tense == "past":
            form = past(verb, is_plural=is_plural)
        else:
            form = plural_form(verb) if is_plural else third_person(verb)
        return _joined(subject, form, self.tail)

    def infinitive(self) -> str:
        """After "let" or "make": "a dog bark at the gate"."""
        verb = self.verb or "be heard"
        return _joined(self.subject or "someone", verb, self.tail)

    def participle(self, *, with_tail: bool = True) -> str:
        """A phrase without a finite verb: "a dog barking at the gate", "chopping wood"."""
        form = gerund(self.verb) if self.verb else ""
        return _joined(self.subject, form, self.tail if with_tail else "")

    def label(self) -> str:
        """The shortest name: "dog barking", "gunshot"."""
        words = self.subject.split()
        if len(words) > 1 and words[0] in ("a", "an", "the"):
            words = words[1:]
        return _joined(" ".join(words), gerund(self.verb) if self.verb else "")

    def act(self) -> str:
        """The name before its thing: "the barking of a dog"; labels where there is no verb."""
        if not self.verb or not self.subject or " " in self.verb:
            return self.participle()
        return _joined(f"the {gerund(self.verb)} of {self.subject}", self.tail)


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


@cache
def lines(name: str) -> tuple[str, ...]:
    """Lines of a table beside this file, without comments and blanks."""
    text = files("audiostory.curate").joinpath("tables", name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip() and line[0] != "#")


@cache
def table(name: str) -> dict[str, Any]:
    """A JSON table beside this file."""
    text = files("audiostory.curate").joinpath("tables", name).read_text(encoding="utf-8")
    return json.loads(text)


@cache
def word_list(name: str) -> tuple[str, ...]:
    """All words of a table, hyphens read as spaces."""
    return tuple(
        word.replace("-", " ") for line in lines(name) for word in line.split() if word
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """One line of ``sounds.txt``: any subject goes with any verb."""

    group: str
    kind: str
    subjects: tuple[str, ...]
    verbs: tuple[str, ...]
    tails: tuple[str, ...]


@cache
def families() -> dict[str, tuple[_Family, ...]]:
    """Lines of ``sounds.txt`` by group."""
    found: dict[str, list[_Family]] = {}
    for line in lines("sounds.txt"):
        group, kind, *lists = (part.strip() for part in line.split("|"))
        columns = [tuple(one.strip() for one in column.split(",")) for column in lists]
        found.setdefault(group, []).append(_Family(group, kind, *columns))
    return {group: tuple(members) for group, members in found.items()}


@cache
def groups() -> tuple[str, ...]:
    """Groups the tables know words for."""
    return tuple(families())


@cache
def _lemmas() -> dict[str, str]:
    verbs = set(word_list("verbs.txt"))
    for members in families().values():
        for family in members:
            verbs.update(verb for verb in family.verbs)
    simple = {verb.split(" ")[0] for verb in verbs} | set(EXTRA_VERBS)
    return {gerund(verb): verb for verb in simple if verb != "be"}


EXTRA_VERBS = (
    "call clang clap come crush cut dance drag drive drill drop eat empty fill fire fly forge go hit "
    "howl inflate ignite jump kick launch lift lash load march move mow open paddle pass peck pin "
    "pour pull pump push quack reel ricochet ride rip roll row rub run sail scratch shave shout ski "
    "slurp snarl speak spray squash stir strike strum swim swirl talk tap tear throw tumble turn type "
    "use vomit walk whirl wind wipe write yawn bite chew charge climb close clatter dig flow glug "
    "pant-hoot groan stretch sharpen lap wash work yodel"
).split()


@cache
def parsed(phrase: str, group: str) -> Sound:
    """The sound a participle phrase names: "A dog barking" becomes a dog that barks."""
    words = phrase.split()
    if words[0] in ("A", "An", "The") or words[0].istitle():
        words[0] = words[0].lower()
    kind = GROUP_KINDS.get(group, "hit")
    lemmas = _lemmas()
    for at, word in enumerate(words):
        tail = " ".join(words[at + 1 :])
        if word == "being" and at and tail:
            verb, _, rest = tail.partition(" ")
            subject = " ".join(words[:at])
            return Sound(subject, f"be {verb}", rest, _is_plural(subject), group, kind)
        if word in lemmas and (at == 0 or words[at - 1] not in PARTICLES):
            subject = " ".join(words[:at])
            is_plural = _is_plural(subject)
            return Sound(subject, lemmas[word], tail, is_plural, group, kind)
    return Sound(" ".join(words), group=group, kind=kind, is_plural=_is_plural(" ".join(words)))


def _is_plural(subject: str) -> bool:
    head = subject.split(" of ")[0].split(" ")
    if head[0] in ("a", "an"):
        return False
    word = head[-1]
    return word in ("people", "children") or (word.endswith("s") and not word.endswith("ss"))


@cache
def caption_sounds() -> tuple[Sound, ...]:
    """Sounds of the corpus captions (training split)."""
    found: list[Sound] = []
    for line in lines("captions.txt"):
        group, _, caption = line.partition(" | ")
        if len(caption) <= 70:
            found.append(parsed(caption, group))
    return tuple(found)


@cache
def captions_by_group() -> dict[str, tuple[Sound, ...]]:
    """``caption_sounds`` by group."""
    found: dict[str, list[Sound]] = {}
    for sound in caption_sounds():
        found.setdefault(sound.group, []).append(sound)
    return {group: tuple(members) for group, members in found.items()}


@cache
def label_sounds() -> tuple[Sound, ...]:
    """Sounds named by the classes of VGGSound and AudioSet."""
    return tuple(parsed(label, "") for label in lines("labels.txt"))


def family_sound(rng: Random, group: str) -> Sound:
    """A sound of ``group`` put together from synonyms."""
    family = rng.choice(families()[group])
    subject = rng.choice(family.subjects)
    is_plural = subject.startswith("*")
    tail = rng.choice(family.tails) if rng.random() < 0.3 else ""
    verb = rng.choice(family.verbs)
    if " " in verb and not verb.startswith("be "):
        tail = "" if rng.random() < 0.6 else tail
    noun = subject.removeprefix("*")
    if not is_plural:
        is_plural = noun.startswith("two ") or noun in ("tires", "tyres")
    if rng.random() < 0.18:
        noun = qualified(noun, rng.choice(word_list("adjectives.txt")))
    return Sound(noun, verb, tail, is_plural, group, family.kind)


def qualified(noun: str, adjective: str) -> str:
    """``noun`` with an adjective after its article: "a rusty gate"."""
    first, _, rest = noun.partition(" ")
    if first in ("a", "an") and rest:
        return with_article(f"{adjective} {rest}")
    if first in PARTICLES and rest:
        return f"{first} {adjective} {rest}"
    return f"{adjective} {noun}"


def strange_sound(rng: Random) -> Sound:
    """A sound of a rare or made-up thing: "the brass zorbel clanks"."""
    is_rare = rng.random() < 0.5
    noun = rng.choice(word_list("nouns.txt")) if is_rare else invented_word(rng)
    if not is_rare and rng.random() < 0.25:
        noun = f"{noun} {rng.choice(word_list('nouns.txt'))}"
    elif rng.random() < 0.1:
        noun = f"{rng.choice(word_list('nouns.txt'))} {noun}"
    if rng.random() < 0.35:
        noun = f"{rng.choice(word_list('adjectives.txt'))} {noun}"
    is_plural = rng.random() < 0.18
    if is_plural:
        noun = plural(noun)
        subject = noun if rng.random() < 0.6 else f"{rng.choice(('two', 'three', 'several'))} {noun}"
    else:
        subject = with_article(noun) if rng.random() < 0.75 else f"the {noun}"
    verb = invented_verb(rng) if rng.random() < 0.08 else rng.choice(word_list("verbs.txt"))
    tail = ""
    if rng.random() < 0.22:
        place = rng.choice(word_list("nouns.txt")) if rng.random() < 0.7 else invented_word(rng)
        tail = f"{rng.choice(('near', 'behind', 'under', 'beside', 'inside', 'on', 'above'))} the {place}"
    return Sound(subject, verb, tail, is_plural, "", rng.choice(("hit", "call", "run", "run")))
