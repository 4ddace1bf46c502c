"""Sounds as words: who sounds, what it does, where; read from the tables beside this file.

A ``Sound`` knows its own grammatical forms, so that an instruction may say "a dog barks at the
gate" and the caption "A dog barking at the gate" with the same head words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from audiostory.curate.assets import lines, word_list
from audiostory.curate.words import (
    gerund,
    past,
    plural_form,
    third_person,
    with_article,
)

PARTICLES = frozenset(
    ("a", "an", "the", "some", "one", "two", "three", "four", "five", "several", "many", "his",
     "her", "their", "its", "my", "our", "this", "that")
)  # fmt: skip
"""Words that may stand before a noun and its adjectives."""
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
    adverb: str = ""
    """The manner, where it is named: "loudly"."""
    file: str = ""
    """The recording it was named after; empty for sounds in words only."""

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
        return _joined(subject, form, self.adverb, self.tail)

    def infinitive(self) -> str:
        """After "let" or "make": "a dog bark at the gate"."""
        verb = self.verb or "be heard"
        return _joined(self.subject or "someone", verb, self.adverb, self.tail)

    def participle(self, *, with_tail: bool = True) -> str:
        """A phrase without a finite verb: "a dog barking at the gate", "chopping wood"."""
        form = gerund(self.verb) if self.verb else ""
        where = self.tail if with_tail else ""
        return _joined(self.subject, form, self.adverb if form else "", where)

    def progressive(self, tense: str = "present") -> str:
        """The clause as something going on: "a dog is barking"."""
        if not self.verb or not self.subject or self.verb.startswith("be "):
            return self.clause(tense)
        be = third_person("be") if not self.is_plural else "are"
        be = past("be", is_plural=self.is_plural) if tense == "past" else be
        return _joined(self.subject, be, gerund(self.verb), self.adverb, self.tail)

    def predicate(self, tense: str = "present") -> str:
        """The clause without its subject: "barks at the gate"."""
        return self.clause(tense).removeprefix(self.subject).strip()

    def indefinite(self) -> Sound:
        """The sound of one such thing: "the door" becomes "a door"."""
        if self.is_plural or not self.subject.startswith("the "):
            return self
        return replace(self, subject=with_article(self.subject.removeprefix("the ")))

    def plain(self) -> Sound:
        """The sound without where and how."""
        return replace(self, tail="", adverb="")

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
    verbs.update(word_list("verbs_more.txt"))
    simple = {verb.split(" ")[0] for verb in verbs} | set(word_list("caption_verbs.txt"))
    # Of verbs that share a form ("whir" and "whirr") the first, whatever order a set has.
    return {gerund(verb): verb for verb in sorted(simple, reverse=True) if verb != "be"}


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
            if _is_adjective(words, at) or _has_second_verb(words[at + 1 :]):
                break
            verb, tail = _with_object(lemmas[word], words[at + 1 :])
            return Sound(subject, verb, tail, is_plural, group, kind)
    return Sound(" ".join(words), group=group, kind=kind, is_plural=_is_plural(" ".join(words)))


def _is_adjective(words: list[str], at: int) -> bool:
    """Whether a participle describes the noun after it: "a haunted humming drone"."""
    rest = words[at + 1 :]
    is_one_thing = at > 0 and words[0] in ("a", "an") and len(rest) == 1
    return is_one_thing and rest[0] not in (*word_list("prepositions.txt"), "shut", "open")


def _has_second_verb(rest: list[str]) -> bool:
    return any(
        word in ("and", "then") and after.endswith("ing")
        for word, after in zip(rest, rest[1:], strict=False)
    )


def _with_object(verb: str, rest: list[str]) -> tuple[str, str]:
    """The verb with its object or particle, and the tail that says where or how."""
    prepositions = word_list("prepositions.txt")
    cut = next((at for at, word in enumerate(rest) if word.strip(",") in prepositions), len(rest))
    if cut == 0 and len(rest) == 1:
        cut = 1  # a particle: "flying by", "plugging in"
    return " ".join([verb, *rest[:cut]]).rstrip(","), " ".join(rest[cut:])


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
        if len(caption) <= 70 and ': "' not in caption:
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
def name_sounds() -> tuple[Sound, ...]:
    """Sounds whose name says it all: "thunder", "a gunshot", "applause"."""
    found: list[Sound] = []
    for line in lines("names.txt"):
        group, kind, names = (part.strip() for part in line.split("|"))
        for name in (one.strip() for one in names.split(",")):
            is_plural = name.startswith("*") or name.startswith(("two ", "three "))
            sound = Sound(name.removeprefix("*"), "", "", is_plural, group, kind)
            found.append(sound)
    return tuple(found)


@cache
def label_sounds() -> tuple[Sound, ...]:
    """Sounds named by the classes of VGGSound and AudioSet."""
    return tuple(parsed(label, "") for label in lines("labels.txt"))


def qualified(noun: str, adjective: str) -> str:
    """``noun`` with an adjective after its article: "a rusty gate"."""
    first, _, rest = noun.partition(" ")
    if first in ("a", "an") and rest:
        return with_article(f"{adjective} {rest}")
    if first in PARTICLES and rest:
        return f"{first} {adjective} {rest}"
    return f"{adjective} {noun}"
