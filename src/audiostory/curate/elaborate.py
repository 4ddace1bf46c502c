"""How the storyline answers: details, sounds, captions and a summary for a decided scene.

The head words are the scene's own, copied; what is added says how loud, how far, in what space
and in what manner, as an event's ``Delivery`` decides. The mix follows the same delivery.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from audiostory.curate.assets import table
from audiostory.curate.lexicon import Sound
from audiostory.curate.scenes import Beat, Scene
from audiostory.curate.sources import ADVERBS, COUNTS
from audiostory.curate.words import capitalised, gerund, past, third_person, with_article

MAX_SUMMARY_CHARS = 170
MAX_CAPTION_WORDS = 16
PLAIN_SHARE = 0.25
"""How often a caption without a background adds nothing to the words of the scene."""
FAR_WORDS = ("distance", "far away", "far off", "distant")
NEAR_WORDS = ("nearby", "close by")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an event sounds: what its caption says and its mix does."""

    intensity: str
    """``soft``, ``plain`` or ``loud``."""
    distance: str
    """``close``, ``middle`` or ``far``."""


@dataclass(frozen=True, slots=True)
class Telling:
    """The words of one event."""

    detail: str
    sounds: str
    caption: str


def deliveries(rng: Random, scene: Scene) -> list[Delivery]:
    """A delivery for each event: what is asked for, else what comes to mind."""
    return [_delivery(rng, beat) for beat in scene.beats]


def _delivery(rng: Random, beat: Beat) -> Delivery:
    intensity = rng.choice(("soft", "plain", "loud", "loud"))
    distance = rng.choice(("close", "close", "middle", "far"))
    if beat.phase:
        intensity = "loud" if beat.phase == "go on" else "soft"
        distance = {"begin": distance, "go on": "close", "end": "far"}[beat.phase]
    main = beat.sounds[0]
    intensity = next(
        (key for key, words in ADVERBS.items() if key and main.adverb in words), intensity
    )
    words = f"{main.subject} {main.tail}"
    if any(far in words for far in FAR_WORDS):
        distance = "far"
    elif any(near in words for near in NEAR_WORDS):
        distance = "close"
    return Delivery(intensity, distance)


def told(rng: Random, scene: Scene, delivery: list[Delivery], *, is_heard: bool) -> list[Telling]:
    """Words for every event of ``scene``.

    Args:
        rng: source of chance.
        scene: what happens.
        delivery: how each event sounds.
        is_heard: whether recordings are mixed for it, so that captions may only claim what the
            mix does, no texture or rhythm of their own.
    """
    return [
        Telling(
            detail=_detail(rng, scene, at),
            sounds=_sounds(rng, scene, at, delivery[at]),
            caption=caption(rng, scene, at, delivery[at], is_heard=is_heard),
        )
        for at in range(len(scene.beats))
    ]


def summary(rng: Random, scene: Scene) -> str:
    """What happens, in order, in one sentence of about ``MAX_SUMMARY_CHARS`` characters."""
    heard = list(dict.fromkeys(sound for beat in scene.beats for sound in beat.sounds))
    head = _summary_head(rng, scene)
    tail = ""
    if scene.background:
        tail = f", with {scene.background.plain().participle()} throughout"
    room = MAX_SUMMARY_CHARS - len(head) - len(tail)
    joined = _in_order([_short_clause(sound) for sound in heard])
    if len(joined) > room:
        joined = _in_order([sound.plain().label() for sound in heard])
    if len(joined) > room:
        joined = _in_order([_short_label(sound) for sound in heard])
    return capitalised(f"{head}{joined}{tail}") + "."


def _summary_head(rng: Random, scene: Scene) -> str:
    if scene.theme:
        return f"{scene.theme.phrase}: "
    place = f" {scene.place.phrase}" if scene.place else ""
    if scene.mood and rng.random() < 0.8:
        return f"{with_article(scene.mood)} scene{place}: "
    return f"{place.strip()}, " if place else ""


def caption(
    rng: Random, scene: Scene, at: int, delivery: Delivery, *, is_heard: bool = False
) -> str:
    """What is heard in one event, in one sentence that can be understood alone."""
    beat = scene.beats[at]
    main = beat.sounds[0]
    background = scene.background
    if not background and rng.random() < PLAIN_SHARE:
        return capitalised(_plainly(rng, beat))
    text = _described(rng, beat, delivery, is_heard=is_heard or background is not None)
    for sound in beat.sounds[1:]:
        short = sound if len(text.split()) < 9 and not background else sound.plain()
        if short.verb and rng.random() < 0.5:
            text += f" while {short.clause()}"
        else:
            text += f" and {short.participle()}"
    if background and background not in beat.sounds:
        text += f", with {background.plain().participle()} in the background"
    elif len(text.split()) <= MAX_CAPTION_WORDS - 5:
        text += _setting(rng, scene, main, delivery, is_bare=len(text.split()) < 4)
    return capitalised(text)


def _plainly(rng: Random, beat: Beat) -> str:
    """An event in the words of its sounds: "a dog barks", "a dog barking and rain"."""
    as_clauses = rng.random() < 0.5 and all(sound.verb for sound in beat.sounds)
    return " and ".join(
        sound.clause() if as_clauses else sound.participle() for sound in beat.sounds
    )


def _described(rng: Random, beat: Beat, delivery: Delivery, *, is_heard: bool) -> str:
    sound = beat.sounds[0]
    words = table("descriptors.json")
    manner = words["intensity"][delivery.intensity]
    if not sound.verb:
        is_alone = len(beat.sounds) == 1
        extra = f", {rng.choice(manner['adjective'])}" if is_alone and rng.random() < 0.7 else ""
        return sound.participle() + extra
    adverb = sound.adverb
    is_manner_said = sound.tail.split(" ")[0].endswith("ly")
    if not (adverb or is_manner_said) and rng.random() < 0.7:
        adverb = rng.choice(manner["adverb"])
    parts = (sound.subject, gerund(sound.verb), adverb, sound.tail)
    text = " ".join(part for part in parts if part)
    is_counted = sound.tail in COUNTS
    if not (is_heard or is_counted) and len(text.split()) < 8 and rng.random() < 0.5:
        text += f" {_texture(rng, words, sound)}"
    return text


def _texture(rng: Random, words: dict[str, Any], sound: Sound) -> str:
    textures = words["texture"].get(sound.group)
    if sound.tail or textures is None or rng.random() < 0.4:
        return rng.choice(words["rhythm"][sound.kind])
    return rng.choice(textures)


def _setting(rng: Random, scene: Scene, main: Sound, delivery: Delivery, *, is_bare: bool) -> str:
    words = table("descriptors.json")
    far = ""
    if not any(one in f"{main.subject} {main.tail}" for one in FAR_WORDS + NEAR_WORDS):
        far = rng.choice(words["distance"][delivery.distance])
    text = f", {far}" if far and (is_bare or rng.random() < 0.55) else ""
    around = scene.place or scene.theme
    if around and rng.random() < 0.5:
        says_place = scene.place is not None and rng.random() < 0.6
        text += f" {around.phrase if says_place else rng.choice(words['space'][around.space])}"
    return text


def _sounds(rng: Random, scene: Scene, at: int, delivery: Delivery) -> str:
    words = table("descriptors.json")
    beat = scene.beats[at]
    first = f"{beat.sounds[0].plain().label()}, {beat.sounds[0].adverb}".removesuffix(", ")
    if not beat.sounds[0].adverb:
        first += f", {rng.choice(words['intensity'][delivery.intensity]['adjective'])}"
    far = rng.choice(words["distance"][delivery.distance])
    if far and rng.random() < 0.5:
        first += f" and {far}"
    parts = [first, *(sound.plain().label() for sound in beat.sounds[1:])]
    if scene.background and scene.background not in beat.sounds:
        parts.append(f"{scene.background.plain().label()} in the background")
    return capitalised(", ".join(parts)) + "."


def _detail(rng: Random, scene: Scene, at: int) -> str:
    beat = scene.beats[at]
    if beat.phase:
        return _phase_detail(rng, beat)
    clause = " while ".join(sound.clause() for sound in beat.sounds)
    if beat.actor:
        clause = f"{acted(beat)} as {clause}"
    elif len(clause.split()) < 9:
        if scene.place and rng.random() < 0.4 and not beat.sounds[0].tail:
            clause += f" {scene.place.phrase}"
        elif rng.random() < 0.3:
            clause += f", {rng.choice(table('descriptors.json')['reactions'])}"
    return capitalised(clause) + "."


def _phase_detail(rng: Random, beat: Beat) -> str:
    main = beat.sounds[0]
    name = main.participle()
    choices = {
        "begin": (f"{name} is heard for the first time", f"it starts with {name}",
                  f"{main.clause()}, quietly at first"),
        "go on": (f"{name} goes on, louder and closer", f"{main.clause()}, now in full force",
                  f"{name} fills the air"),
        "end": (f"{name} fades away", f"{main.clause()} one last time, far away",
                f"{name} slowly dies down"),
    }  # fmt: skip
    text = rng.choice(choices[beat.phase])
    if len(beat.sounds) > 1:
        text += f", while {beat.sounds[1].clause()}"
    return capitalised(text) + "."


def acted(beat: Beat, tense: str = "present") -> str:
    """The actor and the action as a clause: "Mara looks around"."""
    if tense == "past":
        return f"{beat.actor} {past(beat.action)}"
    is_plural = beat.actor.startswith("two ") or beat.actor == "the twins"
    return f"{beat.actor} {beat.action if is_plural else third_person(beat.action)}"


def _short_clause(sound: Sound) -> str:
    plain = sound.plain()
    return plain.clause() if plain.verb else plain.participle()


def _short_label(sound: Sound) -> str:
    """The label without what precedes the last noun: "clockwork hushens zapping"."""
    head = sound.subject.split(" of ")[0].split(" with ")[0].split(" and ")[0]
    short = replace(sound.plain(), subject=head.split(" ")[-1] if head else "")
    return short.label()


def _in_order(clauses: list[str]) -> str:
    if len(clauses) == 1:
        return clauses[0]
    return f"{', '.join(clauses[:-1])}, then {clauses[-1]}"
