"""English word forms, and words nobody has read before.

Small on purpose: regular rules plus the irregular verbs that sounds need. Invented words make a
language model copy what it reads instead of recalling what it has seen.
"""

from __future__ import annotations

from functools import cache
from random import Random

from audiostory.curate.assets import table

VOWELS = "aeiou"
IRREGULAR_PAST = {
    "ring": "rang", "sing": "sang", "blow": "blew", "break": "broke", "fall": "fell", "run": "ran",
    "fly": "flew", "swing": "swung", "burst": "burst", "hit": "hit", "strike": "struck",
    "speak": "spoke", "say": "said", "sweep": "swept", "beat": "beat", "grind": "ground",
    "spin": "spun", "tear": "tore", "go": "went", "come": "came", "rise": "rose", "shut": "shut",
    "let": "let", "burn": "burned", "cut": "cut", "swim": "swam", "shake": "shook", "be": "was",
    "weep": "wept", "grow": "grew", "begin": "began", "draw": "drew", "read": "read",
    "catch": "caught", "eat": "ate", "drive": "drove", "creep": "crept", "leave": "left",
    "take": "took", "make": "made", "sit": "sat", "write": "wrote", "tell": "told", "give": "gave",
    "set": "set", "put": "put", "stand": "stood", "sleep": "slept", "wind": "wound",
    "hear": "heard", "play": "played", "see": "saw", "hold": "held", "find": "found", "get": "got",
    "keep": "kept",
    "dig": "dug", "shoot": "shot", "spit": "spat", "ride": "rode", "split": "split",
}  # fmt: skip


def third_person(verb: str) -> str:
    """``verb`` with a singular subject in the present: "hums", "catches", "is struck"."""
    head, _, rest = verb.partition(" ")
    if head == "be":
        form = "is"
    elif head.endswith(("s", "sh", "ch", "x", "z")) or head in ("go", "do", "echo"):
        form = head + "es"
    elif head.endswith("y") and head[-2:-1] not in VOWELS:
        form = head[:-1] + "ies"
    else:
        form = head + "s"
    return f"{form} {rest}".strip()


def plural_form(verb: str) -> str:
    """``verb`` with a plural subject in the present: "hum", "are struck"."""
    return "are" + verb[2:] if verb.split(" ")[0] == "be" else verb


def gerund(verb: str) -> str:
    """``verb`` as a participle: "humming", "dying", "being struck"."""
    head, _, rest = verb.partition(" ")
    if head == "be":
        form = "being"
    elif head.endswith("ie"):
        form = head[:-2] + "ying"
    elif head.endswith("e") and not head.endswith(("ee", "oe", "ye")):
        form = head[:-1] + "ing"
    elif _doubles(head):
        form = head + head[-1] + "ing"
    else:
        form = head + "ing"
    return f"{form} {rest}".strip()


def past(verb: str, *, is_plural: bool = False) -> str:
    """``verb`` in the past: "hummed", "rang", "were struck"."""
    head, _, rest = verb.partition(" ")
    if head == "be":
        form = "were" if is_plural else "was"
    elif head in IRREGULAR_PAST:
        form = IRREGULAR_PAST[head]
    elif head.endswith("e"):
        form = head + "d"
    elif head.endswith("y") and head[-2:-1] not in VOWELS:
        form = head[:-1] + "ied"
    elif _doubles(head):
        form = head + head[-1] + "ed"
    else:
        form = head + "ed"
    return f"{form} {rest}".strip()


def _doubles(verb: str) -> bool:
    """Whether the last consonant is written twice before "-ing": "hum", "begin", not "creak"."""
    if verb in ("begin", "forget", "unwrap", "unzip", "kidnap"):
        return True
    if len(verb) < 3 or verb[-1] in VOWELS + "wxy" or verb[-2] not in VOWELS:
        return False
    is_short = verb[-3] not in VOWELS or verb[-3:-1] == "ui" and verb.startswith("qu")
    num_syllables = sum(
        mark in VOWELS and (at == 0 or verb[at - 1] not in VOWELS) for at, mark in enumerate(verb)
    )
    return is_short and num_syllables == 1


def plural(noun: str) -> str:
    """More than one ``noun`` (the last word is changed)."""
    if noun.endswith(("s", "sh", "ch", "x", "z")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in VOWELS:
        return noun[:-1] + "ies"
    return noun + "s"


def with_article(phrase: str) -> str:
    """``phrase`` after "a" or "an"."""
    spoken_y_or_w = ("uni", "use", "eu", "one", "uku")
    is_vowel = phrase[:1].lower() in VOWELS and not phrase.lower().startswith(spoken_y_or_w)
    return f"an {phrase}" if is_vowel else f"a {phrase}"


def capitalised(text: str) -> str:
    """``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


@cache
def syllables() -> dict[str, tuple[str, ...]]:
    """Beginnings, middles and ends that invented words are put together from."""
    return {name: tuple(parts.split()) for name, parts in table("syllables.json").items()}


def invented_word(rng: Random) -> str:
    """A pronounceable word that is (nearly) surely new: "glimmerphone", "zorbel", "quathrix"."""
    parts: list[str] = []
    onsets, nuclei, codas, endings = (
        syllables()[name] for name in ("onsets", "nuclei", "codas", "endings")
    )
    num_syllables = rng.choice((1, 2, 2, 2, 3))
    for _ in range(num_syllables):
        parts.append(rng.choice(onsets) + rng.choice(nuclei))
        if rng.random() < 0.45 / num_syllables:
            parts.append(rng.choice(codas).strip("."))
    if num_syllables < 3 and rng.random() < 0.5:
        parts.append(rng.choice(endings))
    else:
        parts.append(rng.choice(codas).strip("."))
    return "".join(parts)


def invented_verb(rng: Random) -> str:
    """A made-up verb that takes regular endings: "frumble", "skrink"."""
    stem = rng.choice(syllables()["onsets"]) + rng.choice(("a", "e", "i", "o", "u", "oo", "ee"))
    return stem + rng.choice(("mble", "nk", "rble", "zzle", "ckle", "rk", "sh", "ng", "mp", "ddle"))


def misspelt(word: str, rng: Random) -> str:
    """``word`` with one slip of the fingers."""
    if len(word) < 4:
        return word
    at = rng.randrange(1, len(word) - 1)
    slip = rng.random()
    if slip < 0.35:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip < 0.7:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]
