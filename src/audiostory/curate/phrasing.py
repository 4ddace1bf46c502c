"""How a person might ask for a scene: many styles of instruction over one decided scene.

Each style is a function of the scene alone; ``STYLES`` says how often each is used. The words of
a sound are the scene's own head words, so that what is asked can be copied into the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from audiostory.curate.elaborate import acted
from audiostory.curate.lexicon import Sound, table
from audiostory.curate.scenes import Beat, Scene
from audiostory.curate.words import capitalised, misspelt, with_article


@dataclass(frozen=True, slots=True)
class Style:
    """One way to ask, and how much of a scene it tells."""

    write: Callable[[Random, Scene], str]
    weight: float
    """How often it is used, relative to the others."""
    has_place: bool = True
    has_mood: bool = False
    has_tails: bool = True
    """Whether it says where or how each sound happens."""
    has_actors: bool = False


FUNCTION_WORDS = frozenset(
    "then and with while after before finally first sound sounds background immersive scene where "
    "which please create make generate soundscape slowly unfolds story seconds total duration "
    "audio detailed".split()
)


def _words() -> dict[str, list[str]]:
    return table("phrases.json")


def _beat(rng: Random, beat: Beat, form: str = "clause", tense: str = "present") -> str:
    """The sounds of one event in one grammatical form."""
    joint = f" {rng.choice(_words()['connect_while'])} "
    if form == "clause":
        return joint.join(sound.clause(tense) for sound in beat.sounds)
    if form == "participle":
        joint = rng.choice((" while ", " and at the same time ", " over ", " together with "))
        return joint.join(sound.participle() for sound in beat.sounds)
    if form == "act":
        return rng.choice((" over ", " together with ")).join(s.act() for s in beat.sounds)
    if form == "stem":
        return rng.choice((" + ", " with ", " over ")).join(_stem(s) for s in beat.sounds)
    return rng.choice((" + ", " with ", " over ", " & ")).join(s.label() for s in beat.sounds)


def _stem(sound: Sound) -> str:
    name = Sound(sound.subject, "").label()
    return f"{name} {sound.verb}" if sound.verb and " " not in sound.verb else sound.label()


def _series(parts: list[str], last: str = "and") -> str:
    if len(parts) == 1:
        return parts[0]
    comma = "," if len(parts) > 2 else ""
    return f"{', '.join(parts[:-1])}{comma} {last} {parts[-1]}"


def _behind(rng: Random, scene: Scene) -> str:
    if not scene.background:
        return ""
    pattern = rng.choice(_words()["backgrounds"])
    sound = scene.background
    return pattern.format(n=sound.participle(), c=sound.clause())


def _named(scene: Scene) -> list[Beat]:
    return [beat for beat in scene.beats if beat.is_named and beat.phase in ("", "begin")]


def paper(rng: Random, scene: Scene) -> str:
    """"Craft an immersive soundscape that slowly unfolds ..." (Fig. 8-10, 15)."""
    parts = [_beat(rng, beat) for beat in _named(scene)]
    joint = rng.choice((", then ", ", ", " and then ", ", followed by the moment when ", "; "))
    body = joint.join(parts) if rng.random() < 0.5 else _series(parts)
    behind = _behind(rng, scene)
    where = f" {scene.place.phrase}" if scene.place else ""
    lead = rng.choice(_words()["leads"])
    return f"{lead} {body}{where}{', ' + behind if behind else ''}."


def colon(rng: Random, scene: Scene) -> str:
    """"A suspenseful chase through a rainstorm: footsteps splash, thunder roars, ..."."""
    head = with_article(f"{scene.mood} {rng.choice(_words()['things'])}".strip())
    head += f" {scene.place.phrase}" if scene.place else ""
    return _headed(rng, scene, head, rng.choice(("clause", "clause", "participle")))


def short_colon(rng: Random, scene: Scene) -> str:
    """"Eerie night: owl hooting, gate creaking"."""
    head = f"{scene.mood} {rng.choice(_words()['things'])}".strip()
    head += f" {scene.place.phrase}" if scene.place else ""
    return _headed(rng, scene, head, rng.choice(("label", "stem")))


def _headed(rng: Random, scene: Scene, head: str, form: str) -> str:
    behind = _behind(rng, scene)
    body = _series([_beat(rng, beat, form) for beat in _named(scene)])
    return f"{capitalised(head)}: {body}{', ' + behind if behind else ''}."


def bare_list(rng: Random, scene: Scene) -> str:
    """"a dog barking, thunder, a door slamming"."""
    return _listed(rng, scene, "participle")


def label_list(rng: Random, scene: Scene) -> str:
    """"dog barking, thunder, door slam", without articles."""
    return _listed(rng, scene, rng.choice(("label", "stem")))


def _listed(rng: Random, scene: Scene, form: str) -> str:
    parts = [_beat(rng, beat, form) for beat in _named(scene)]
    separator = rng.choice((", ", ", ", ", ", "; ", " / ", " -> ", " > ", ". ", " | ", " then "))
    if rng.random() < 0.12:
        return "\n".join(f"{at}. {part}" for at, part in enumerate(parts, 1))
    if rng.random() < 0.07:
        return "\n".join(f"- {part}" for part in parts)
    head = f"{rng.choice(_words()['noun_leads'])} " if rng.random() < 0.35 else ""
    behind = _behind(rng, scene)
    return f"{head}{separator.join(parts)}{separator + behind if behind else ''}"


def caption_like(rng: Random, scene: Scene) -> str:
    """"A man speaks while rain falls and a dog barks in the distance" (AudioCaps)."""
    parts = [_beat(rng, beat) for beat in _named(scene)]
    text = parts[0]
    for at, part in enumerate(parts[1:]):
        if rng.random() < 0.35:
            text += f" followed by {_beat(rng, _named(scene)[at + 1], 'participle')}"
        else:
            text += rng.choice((" and then ", ", then ", " and ", " before ", ", after which ")) + part
    behind = _behind(rng, scene)
    return capitalised(f"{text}{' ' + behind if behind else ''}") + rng.choice((".", ""))


def noun_series(rng: Random, scene: Scene) -> str:
    """"The sound of a dog barking, followed by ...; we hear ..."."""
    form = rng.choice(("participle", "act", "participle"))
    parts = [_beat(rng, beat, form) for beat in _named(scene)]
    joint = rng.choice((", followed by ", ", then ", " and then ", ", after that ", ", next "))
    body = joint.join(parts) if rng.random() < 0.6 else _series(parts)
    behind = _behind(rng, scene)
    where = f" {scene.place.phrase}" if scene.place else ""
    text = f"{rng.choice(_words()['noun_leads'])} {body}{where}"
    return f"{text}{', ' + behind if behind else ''}{rng.choice(('.', ''))}"


def music_like(rng: Random, scene: Scene) -> str:
    """"The low quality recording features ... It sounds sad and soulful." (MusicCaps)."""
    words = _words()
    other = rng.choice(words["moods"])
    mood = scene.mood or "slow"
    parts = [_beat(rng, beat, "participle") for beat in _named(scene)]
    opening = rng.choice(words["music_openings"]).format(m=mood)
    if rng.random() < 0.5 or len(parts) == 1:
        body = f"{opening} {_series(parts)}."
    else:
        body = f"{opening} {parts[0]}. "
        follow = [rng.choice(("Then there is {}.", "This is followed by {}.", "Next comes {}.",
                              "Later one can hear {}.", "In the end there is {}.")) for _ in parts[1:]]  # fmt: skip
        body += " ".join(f.format(p) for f, p in zip(follow, parts[1:], strict=True))
    for _ in range(rng.choice((0, 1, 1, 2))):
        closing = rng.choice(words["music_moods"])
        body += " " + closing.format(m=mood, m2=other, t=rng.choice(words["music_types"]))
    behind = _behind(rng, scene)
    return body + (f" {capitalised(behind)}." if behind else "")


def prose(rng: Random, scene: Scene) -> str:
    """A few sentences with people, places and things that make no sound."""
    tense = rng.choice(("present", "past", "present"))
    sentences: list[str] = []
    for beat in _named(scene):
        clause = _beat(rng, beat, "clause", tense)
        if beat.actor and tense == "present":
            clause = rng.choice((f"{acted(beat)} as {clause}", f"{acted(beat)}. {capitalised(clause)}",
                                 f"{clause} while {acted(beat)}"))  # fmt: skip
        elif rng.random() < 0.3:
            clause += f" {rng.choice(_words()['asides'])}"
        if sentences and rng.random() < 0.5:
            clause = f"{rng.choice(_words()['nexts'])} {clause}"
        sentences.append(capitalised(clause) + ".")
        if rng.random() < 0.2:
            sentences.append(rng.choice(_words()["distractors"]))
    if scene.place:
        sentences[0] = capitalised(f"{scene.place.phrase}, {sentences[0][0].lower()}{sentences[0][1:]}")
    if scene.background:
        sentences.append(f"{capitalised(scene.background.clause(tense))} all the while.")
    return " ".join(sentences)


def ordered(rng: Random, scene: Scene) -> str:
    """"First ..., then ..., finally ..."."""
    words = _words()
    beats = _named(scene)
    parts = [f"{rng.choice(words['openers'])} {_beat(rng, beats[0])}"]
    parts += [f"{rng.choice(words['nexts'])} {_beat(rng, beat)}" for beat in beats[1:-1]]
    if len(beats) > 1:
        parts.append(f"{rng.choice(words['lasts'])} {_beat(rng, beats[-1])}")
    behind = _behind(rng, scene)
    if rng.random() < 0.4:
        text = ". ".join(capitalised(part) for part in parts)
    else:
        text = capitalised(", ".join(parts))
    return f"{text}{', ' + behind if behind else ''}."


def imperative(rng: Random, scene: Scene) -> str:
    """"Let a dog bark, make the thunder roll, end with a door slamming."."""
    beats = _named(scene)
    parts: list[str] = []
    for at, beat in enumerate(beats):
        if at and at == len(beats) - 1:
            parts.append(f"{rng.choice(('end with', 'finish with', 'close with'))} "
                         f"{_beat(rng, beat, 'participle')}")  # fmt: skip
        elif rng.random() < 0.5:
            verb = rng.choice(("let", "make", "have"))
            parts.append(f"{verb} " + " and ".join(sound.infinitive() for sound in beat.sounds))
        else:
            verb = rng.choice(("start with", "add", "play", "bring in")) if at else "start with"
            parts.append(f"{verb} {_beat(rng, beat, 'participle')}")
    behind = _behind(rng, scene)
    joint = rng.choice((", ", ", then ", ". ", "; "))
    text = joint.join(capitalised(part) if joint == ". " else part for part in parts)
    return f"{capitalised(text)}{', ' + behind if behind else ''}."


def question(rng: Random, scene: Scene) -> str:
    """"Can you make a scene where ...?"."""
    parts = [_beat(rng, beat) for beat in _named(scene)]
    body = rng.choice((", then ", " and then ")).join(parts) if rng.random() < 0.5 else _series(parts)
    behind = _behind(rng, scene)
    where = f" {scene.place.phrase}" if scene.place else ""
    return rng.choice(_words()["questions"]).format(f"{body}{where}{', ' + behind if behind else ''}")


def reversed_order(rng: Random, scene: Scene) -> str:
    """Told out of order: "Before the door slams, a dog barks"."""
    beats = _named(scene)
    parts = [_beat(rng, beat) for beat in beats]
    if len(parts) == 1:
        return caption_like(rng, scene)
    if len(parts) == 2:
        patterns = ("Before {1}, {0}.", "{1} after {0}.", "After {0}, {1}.", "{1}, but before that {0}.",
                    "Once {0}, {1}.", "When {0}, {1} right after.", "{0} until {1}.")  # fmt: skip
        return capitalised(rng.choice(patterns).format(*parts))
    middle = _series(parts[1:-1], "and then")
    text = rng.choice((
        "It ends when {2}. It begins when {0}. In between, {1}.",
        "The last thing heard: {2}. Before that, {1}. The very first thing: {0}.",
        "Before {1}, {0}; after that, {2}.",
        "After {0}, {1}. In the end, {2}.",
        "{0} before {1}. At last {2}.",
        "Finally {2}, but first {0}, and in the middle {1}.",
    )).format(parts[0], middle, parts[-1])  # fmt: skip
    behind = _behind(rng, scene)
    return capitalised(text) + (f" {capitalised(behind)}." if behind else "")


def screenplay(rng: Random, scene: Scene) -> str:
    """"INT. KITCHEN - NIGHT. SFX: ..."."""
    where = scene.place.phrase if scene.place else rng.choice(("in the dark", "somewhere", "at night"))
    words = where.split(" ", 1)[-1].upper()
    has_clauses = rng.random() < 0.5
    head = f"{rng.choice(('INT.', 'EXT.', 'SCENE -'))} {words}. "
    parts = [_beat(rng, beat, "clause" if has_clauses else "label") for beat in _named(scene)]
    mark = rng.choice(("SFX: ", "(SOUND: ", "", "FX - "))
    close = ")" if mark.startswith("(") else "."
    behind = _behind(rng, scene)
    tail = f" {mark}{behind}{close}" if behind else ""
    return head + " ".join(f"{mark}{capitalised(part)}{close}" for part in parts) + tail


def place_only(rng: Random, scene: Scene) -> str:
    """A place and a mood, sounds left to the listener: "a rainy night in a harbour"."""
    mood = scene.mood or "quiet"
    where = scene.place.phrase if scene.place else "at night"
    thing = rng.choice(_words()["things"])
    return rng.choice((
        f"{with_article(mood)} {thing} {where}", f"The atmosphere {where}, {mood}.",
        f"{capitalised(where)}, {mood}.", f"Ambience {where}", f"What does it sound like {where}?",
        f"Create {with_article(mood)} soundscape {where}.", f"{capitalised(with_article(mood))} {thing} {where}.",
        f"Take me to a {thing} {where}.",
    ))  # fmt: skip


STYLES: tuple[Style, ...] = (
    Style(paper, 18),
    Style(colon, 14, has_mood=True),
    Style(short_colon, 4, has_mood=True, has_tails=False),
    Style(bare_list, 6, has_place=False),
    Style(label_list, 9, has_place=False, has_tails=False),
    Style(caption_like, 14, has_place=False),
    Style(noun_series, 7),
    Style(music_like, 7, has_place=False, has_mood=True),
    Style(prose, 9, has_actors=True),
    Style(ordered, 7, has_place=False),
    Style(imperative, 4, has_place=False),
    Style(question, 4),
    Style(reversed_order, 4, has_place=False),
    Style(screenplay, 2, has_tails=False),
    Style(place_only, 4, has_mood=True),
)
"""Styles, and how often each is used."""


def visible(scene: Scene, style: Style) -> Scene:
    """``scene`` without what ``style`` does not say, so that no answer needs guessing."""
    is_told = style.write is not place_only
    beats = tuple(
        replace(
            beat,
            sounds=tuple(
                sound if style.has_tails else replace(sound, tail="") for sound in beat.sounds
            ),
        )
        for beat in scene.beats
    )
    return replace(
        scene,
        beats=beats,
        place=scene.place if style.has_place else None,
        mood=scene.mood if style.has_mood else "",
        background=scene.background if is_told else None,
    )


def ask(rng: Random, scene: Scene, style: Style) -> str:
    """An instruction for ``scene`` in ``style``, as people type: some carelessly."""
    text = style.write(rng, scene)
    words = _words()
    if rng.random() < 0.08:
        text = f"{text.rstrip()} {rng.choice(words['distractors'])}"
    if rng.random() < 0.14:
        stated = rng.choice(words["durations"]).format(d=_number(rng, scene.duration_s))
        text = f"{_closed(text)} {stated}"
    return careless(rng, text)


def careless(rng: Random, text: str) -> str:
    """The same words without care for case, punctuation or (function words') spelling."""
    chance = rng.random()
    if chance < 0.16:
        text = text.lower()
    if 0.06 < chance < 0.14:
        text = "".join(mark for mark in text if mark not in ",;:!?\"'")
        text = text.rstrip(".")
    elif 0.16 < chance < 0.175:
        text = text.upper()
    elif 0.18 < chance < 0.21:
        text = " ".join(
            misspelt(word, rng) if word.lower() in FUNCTION_WORDS and rng.random() < 0.5 else word
            for word in text.split(" ")
        )
    return text


def _closed(text: str) -> str:
    return text if text.rstrip().endswith((".", "?", "!", ")")) else f"{text}."


def _number(rng: Random, value: float) -> str:
    return f"{value:g}" if rng.random() < 0.6 else f"{value:.1f}"
