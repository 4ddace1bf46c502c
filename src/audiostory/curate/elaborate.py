"""How the storyline answers: details, sounds, captions and a summary for a decided scene.

The head words are the scene's own, copied; what is added says how loud, how far, in what space
and in what manner, as an event's ``Delivery`` decides. The mix follows the same delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from audiostory.curate.lexicon import Sound, table
from audiostory.curate.scenes import Beat, Scene
from audiostory.curate.words import capitalised, gerund, third_person

MAX_SUMMARY_WORDS = 30
MAX_CAPTION_WORDS = 18


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
    """A delivery for each event; what swells grows louder, what ends moves away."""
    found: list[Delivery] = []
    for beat in scene.beats:
        intensity = rng.choice(("soft", "plain", "loud", "loud"))
        distance = rng.choice(("close", "close", "middle", "far"))
        if beat.phase == "begin":
            intensity = "soft"
        elif beat.phase == "go on":
            intensity, distance = "loud", "close"
        elif beat.phase == "end":
            intensity, distance = "soft", "far"
        tail = " ".join(sound.tail for sound in beat.sounds)
        if "distance" in tail or "far away" in tail:
            distance = "far"
        found.append(Delivery(intensity, distance))
    return found


def told(rng: Random, scene: Scene, delivery: list[Delivery]) -> list[Telling]:
    """Words for every event of ``scene``."""
    return [
        Telling(
            detail=_detail(rng, scene, at),
            sounds=_sounds(rng, scene, at, delivery[at]),
            caption=caption(rng, scene, at, delivery[at]),
        )
        for at in range(len(scene.beats))
    ]


def summary(rng: Random, scene: Scene) -> str:
    """What happens, in order, in one sentence of at most ``MAX_SUMMARY_WORDS`` words."""
    clauses = _distinct([sound for beat in scene.beats for sound in beat.sounds])
    joined = _in_order([_short_clause(sound) for sound in clauses])
    if len(joined.split()) > MAX_SUMMARY_WORDS - 6:
        joined = _in_order([sound.label() for sound in clauses])
    head = ""
    if scene.mood and rng.random() < 0.8:
        head = f"a {scene.mood} scene" if scene.mood[0] not in "aeiou" else f"an {scene.mood} scene"
        head += f" {scene.place.phrase}" if scene.place else ""
        head += ": "
    elif scene.place:
        head = f"{scene.place.phrase}, "
    text = f"{head}{joined}"
    if scene.background and len(text.split()) < MAX_SUMMARY_WORDS - 4:
        text += f", with {scene.background.participle(with_tail=False)} throughout"
    return capitalised(text) + "."


def caption(rng: Random, scene: Scene, at: int, delivery: Delivery) -> str:
    """What is heard in one event, in one sentence that can be understood alone."""
    beat = scene.beats[at]
    text = _described(rng, beat.sounds[0], delivery)
    for sound in beat.sounds[1:]:
        if rng.random() < 0.5:
            text += f" while {sound.clause()}"
        else:
            text += f" and {sound.participle()}"
    if scene.background and scene.background not in beat.sounds:
        text += f", with {scene.background.participle(with_tail=False)} in the background"
    elif len(text.split()) < MAX_CAPTION_WORDS - 6:
        text += _setting(rng, scene, delivery, len(text.split()))
    return capitalised(text)


def _described(rng: Random, sound: Sound, delivery: Delivery) -> str:
    words = table("descriptors.json")
    manner = words["intensity"][delivery.intensity]
    if not sound.verb:
        extra = rng.choice(manner["adjective"])
        return f"{sound.participle()}, {extra}" if rng.random() < 0.7 else sound.participle()
    adverb = rng.choice(manner["adverb"]) if rng.random() < 0.7 else ""
    parts = (sound.subject, gerund(sound.verb), adverb, sound.tail)
    text = " ".join(part for part in parts if part)
    if len(text.split()) < 7 and rng.random() < 0.5:
        textures = words["texture"].get(sound.group) or words["texture"][""]
        is_texture = rng.random() < 0.6
        text += " " + rng.choice(textures if is_texture else words["rhythm"][sound.kind])
    return text


def _setting(rng: Random, scene: Scene, delivery: Delivery, num_words: int) -> str:
    words = table("descriptors.json")
    parts: list[str] = []
    far = rng.choice(words["distance"][delivery.distance])
    if far and (rng.random() < 0.6 or num_words < 4):
        parts.append(far)
    if scene.place and rng.random() < 0.5:
        in_place = scene.place.phrase if rng.random() < 0.5 else ""
        parts.append(in_place or rng.choice(words["space"][scene.place.space]))
    return "".join(f", {part}" if at == 0 else f" {part}" for at, part in enumerate(parts))


def _sounds(rng: Random, scene: Scene, at: int, delivery: Delivery) -> str:
    words = table("descriptors.json")
    manner = words["intensity"][delivery.intensity]["adjective"]
    beat = scene.beats[at]
    parts = [beat.sounds[0].label() + f", {rng.choice(manner)}"]
    far = rng.choice(words["distance"][delivery.distance])
    if far and rng.random() < 0.5:
        parts[0] += f" and {far}"
    parts += [sound.label() for sound in beat.sounds[1:]]
    if scene.background and scene.background not in beat.sounds:
        parts.append(f"{scene.background.label()} in the background")
    return capitalised(", ".join(parts)) + "."


def _detail(rng: Random, scene: Scene, at: int) -> str:
    words = table("descriptors.json")
    beat = scene.beats[at]
    clause = _beat_clause(beat)
    if beat.phase:
        return _phase_detail(rng, beat)
    if beat.actor:
        clause = f"{acted(beat)} as {clause}"
    elif len(clause.split()) < 9:
        if rng.random() < 0.35:
            clause += f", {rng.choice(words['reactions'])}"
        elif scene.place and rng.random() < 0.4 and not beat.sounds[0].tail:
            clause += f" {scene.place.phrase}"
    if at == 0 and scene.background and len(clause.split()) < 10:
        clause += f" over {scene.background.participle(with_tail=False)}"
    return capitalised(clause) + "."


def _phase_detail(rng: Random, beat: Beat) -> str:
    sound = beat.sounds[0]
    name = sound.participle()
    choices = {
        "begin": (f"{name} is heard for the first time", f"it starts with {name}",
                  f"{sound.clause()}, quietly at first"),
        "go on": (f"{name} goes on, louder and closer", f"{sound.clause()}, now in full force",
                  f"{name} fills the air"),
        "end": (f"{name} fades away", f"{sound.clause()} one last time, far away",
                f"{name} slowly dies down"),
    }  # fmt: skip
    text = rng.choice(choices[beat.phase])
    if len(beat.sounds) > 1:
        text += f", {beat.sounds[1].clause()}"
    return capitalised(text) + "."


def acted(beat: Beat, tense: str = "present") -> str:
    """The actor and the action as a clause: "Mara looks around"."""
    action = beat.action.replace("{their}", "their")
    is_plural = beat.actor.startswith("two ") or beat.actor == "the twins"
    if tense == "present":
        return f"{beat.actor} {action if is_plural else third_person(action)}"
    return f"{beat.actor} {action}"


def _beat_clause(beat: Beat) -> str:
    return " while ".join(sound.clause() for sound in beat.sounds)


def _short_clause(sound: Sound) -> str:
    if not sound.verb:
        return sound.participle()
    return Sound(sound.subject, sound.verb, "", sound.is_plural).clause()


def _distinct(sounds: list[Sound]) -> list[Sound]:
    return list(dict.fromkeys(sounds))


def _in_order(clauses: list[str]) -> str:
    if len(clauses) == 1:
        return clauses[0]
    return f"{', '.join(clauses[:-1])}, then {clauses[-1]}"
