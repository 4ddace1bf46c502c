"""Ways to ask without times: each function words one scene as people do.

The words of a sound are the scene's own head words, so that what is asked can be copied.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from audiostory.curate.assets import table
from audiostory.curate.elaborate import acted
from audiostory.curate.lexicon import Sound
from audiostory.curate.scenes import Beat, Scene
from audiostory.curate.words import capitalised, third_person, with_article


def words_of(name: str) -> list[str]:
    """A list of ``phrases.json``."""
    return table("phrases.json")[name]


def named(scene: Scene) -> list[Beat]:
    """The events an instruction tells."""
    return [beat for beat in scene.beats if beat.is_named and beat.phase in ("", "begin")]


def beat_text(rng: Random, beat: Beat, form: str = "clause", tense: str = "present") -> str:
    """The sounds of one event in one grammatical form."""
    if form == "clause":
        return _beat_clause(rng, beat, tense)
    if form == "participle":
        joint = rng.choice((" while ", " and at the same time ", " over ", " together with ",
                            " along with ", " accompanied by "))  # fmt: skip
        return joint.join(sound.participle() for sound in beat.sounds)
    if form == "act":
        return rng.choice((" over ", " together with ")).join(s.act() for s in beat.sounds)
    if form == "headline":
        return rng.choice((" while ", " as ")).join(_headline(sound) for sound in beat.sounds)
    shape = _stem if form == "stem" else Sound.label
    return rng.choice((" + ", " with ", " over ", " & ")).join(shape(s) for s in beat.sounds)


def _beat_clause(rng: Random, beat: Beat, tense: str) -> str:
    text = _clause(rng, beat.sounds[0], tense)
    for sound in beat.sounds[1:]:
        if rng.random() < 0.25:
            joint = rng.choice(
                ("in response to", "to the sound of", "accompanied by", "over", "with")
            )
            text += f" {joint} {sound.participle()}"
        else:
            text += f" {rng.choice(words_of('connect_while'))} {_clause(rng, sound, tense)}"
    return text


def _clause(rng: Random, sound: Sound, tense: str) -> str:
    if sound.verb:
        return _verbal(rng, sound, tense)
    be = ("were" if sound.is_plural else "was") if tense == "past" else (
        "are" if sound.is_plural else "is")  # fmt: skip
    return rng.choice((
        f"there {be} {sound.participle()}", f"{sound.participle()} {be} heard", sound.participle(),
        f"{sound.participle()} can be heard", f"we hear {sound.participle()}", sound.participle(),
    ))  # fmt: skip


def _verbal(rng: Random, sound: Sound, tense: str) -> str:
    if rng.random() < 0.65:
        return sound.clause(tense)
    if not sound.subject or sound.verb.startswith("be "):
        return sound.clause(tense)
    if tense == "past" or rng.random() < 0.5:
        return sound.progressive(tense)
    going_on = replace(sound, verb=rng.choice(("start", "begin", "keep")), tail="", adverb="")
    can_hear = f"{sound.subject} can be heard "
    return rng.choice((
        f"there {'are' if sound.is_plural else 'is'} {sound.participle()}",
        f"we hear {sound.participle()}",
        f"{going_on.clause()} {sound.participle().removeprefix(sound.subject).strip()}",
        can_hear + sound.participle().removeprefix(sound.subject).strip(),
    ))  # fmt: skip


def _headline(sound: Sound) -> str:
    """A clause without articles: "dog barks"."""
    name = Sound(sound.subject, "").label()
    return replace(sound, subject=name).clause() if sound.verb and name else sound.label()


def _stem(sound: Sound) -> str:
    name = Sound(sound.subject, "").label()
    return f"{name} {sound.verb}" if sound.verb and " " not in sound.verb else sound.label()


def clauses(
    rng: Random, beats: list[Beat], tense: str = "present", *, is_joined: bool = True
) -> list[str]:
    """A clause for each event; what the same subject does next is said without naming it again.

    Args:
        rng: source of chance.
        beats: the events.
        tense: ``present`` or ``past``.
        is_joined: whether they will stand in one sentence, where a subject may be left out.
    """
    found: list[str] = []
    previous = ""
    for beat in beats:
        first = beat.sounds[0]
        if first.subject and first.subject == previous and first.verb and len(beat.sounds) == 1:
            pronoun = "they" if first.is_plural else "it" if first.group not in PERSONS else ""
            if is_joined and rng.random() < 0.75:
                follows = rng.random() < 0.25 and tense == "present"
                name = first.participle().removeprefix(first.subject).strip()
                found.append(name if follows else first.predicate(tense))
            else:
                found.append(f"{pronoun or first.subject} {first.predicate(tense)}")
        else:
            found.append(beat_text(rng, beat, "clause", tense))
        if first.group in ANIMATE and tense == "present" and rng.random() < 0.08:
            found[-1] += f" and {_silently(rng, is_plural=first.is_plural)}"
        previous = beat.sounds[-1].subject
    return found


def _silently(rng: Random, *, is_plural: bool) -> str:
    """What someone does next without a sound: no event comes of it."""
    action = rng.choice(words_of("silent"))
    return action if is_plural else third_person(action)


ANIMATE = frozenset(("dog", "cat", "human", "speech", "animals_wild", "animals_farm", "monster"))
"""Groups whose subjects may do something besides sounding."""
PERSONS = frozenset(
    ("speech", "human", "footsteps", "singing", "crowd", "doors", "monster", "tool")
)
"""Groups whose subjects may be people, whom nobody calls "it"."""


def series(parts: list[str], last: str = "and") -> str:
    """The parts as an enumeration."""
    if len(parts) == 1:
        return parts[0]
    comma = "," if len(parts) > 2 else ""
    return f"{', '.join(parts[:-1])}{comma} {last} {parts[-1]}"


def behind(rng: Random, scene: Scene, lead: str = ", ") -> str:
    """What goes on in the background, after ``lead``; empty if nothing does."""
    if not scene.background:
        return ""
    sound = scene.background
    pattern = rng.choice(words_of("backgrounds"))
    return lead + pattern.format(n=sound.participle(), c=sound.clause())


def _behind_sentence(rng: Random, scene: Scene) -> str:
    return f" {capitalised(behind(rng, scene, ''))}." if scene.background else ""


def where(scene: Scene) -> str:
    """The place after a blank; empty if there is none."""
    return f" {scene.place.phrase}" if scene.place else ""


def paper(rng: Random, scene: Scene) -> str:
    """As in "Craft an immersive soundscape that slowly unfolds ..." (Fig. 8-10, 15)."""
    joint = rng.choice(
        (", then ", ", ", ", ", " and then ", ", followed by the moment when ", "; ")
    )
    parts = clauses(rng, named(scene), is_joined=len(joint) < 12)
    if rng.random() < 0.15:
        parts = [beat_text(rng, beat, "headline") for beat in named(scene)]
    body = joint.join(parts) if rng.random() < 0.5 else series(parts)
    return f"{rng.choice(words_of('leads'))} {body}{where(scene)}{behind(rng, scene)}."


def colon(rng: Random, scene: Scene) -> str:
    """As in "A suspenseful chase through a rainstorm: footsteps splash, thunder roars, ..."."""
    head = with_article(f"{scene.mood} {rng.choice(words_of('things'))}".strip()) + where(scene)
    parts = clauses(rng, named(scene))
    if rng.random() < 0.3:
        parts = [beat_text(rng, beat, "participle") for beat in named(scene)]
    joint = rng.choice((":", ":", ":", " -", " ...", " in which", ","))
    body = series(parts) if rng.random() < 0.75 else ", ".join(parts)
    return f"{capitalised(head)}{joint} {body}{behind(rng, scene)}."


def short_colon(rng: Random, scene: Scene) -> str:
    """As in "Eerie night: owl hooting, gate creaking"."""
    head = f"{scene.mood} {rng.choice(words_of('things'))}".strip() + where(scene)
    form = rng.choice(("label", "stem"))
    body = series([beat_text(rng, beat, form) for beat in named(scene)])
    return f"{capitalised(head)}: {body}{behind(rng, scene)}."


def bare_list(rng: Random, scene: Scene) -> str:
    """As in "a dog barking, thunder, a door slamming"."""
    return _listed(rng, scene, "participle")


def label_list(rng: Random, scene: Scene) -> str:
    """As in "dog barking, thunder, door slam", without articles."""
    return _listed(rng, scene, rng.choice(("label", "label", "stem")))


def _listed(rng: Random, scene: Scene, form: str) -> str:
    parts = [beat_text(rng, beat, form) for beat in named(scene)]
    if rng.random() < 0.12:
        return "\n".join(f"{at}. {part}" for at, part in enumerate(parts, 1)) + behind(
            rng, scene, "\n"
        )
    if rng.random() < 0.07:
        return "\n".join(f"- {part}" for part in parts) + behind(rng, scene, "\n- ")
    joint = rng.choice((", ", ", ", ", ", ", ", "; ", " / ", " -> ", " > ", ". ", " | ", " then ",
                        " and ", "\n", ", then "))  # fmt: skip
    head = f"{rng.choice(words_of('noun_leads'))} " if rng.random() < 0.35 else ""
    return head + joint.join(parts) + behind(rng, scene, joint)


def caption_like(rng: Random, scene: Scene) -> str:
    """As in "A man speaks while rain falls and a dog barks in the distance" (AudioCaps)."""
    beats = named(scene)
    parts = clauses(rng, beats)
    if rng.random() < 0.3:
        text = series(parts)
    else:
        text = parts[0]
        for beat, part in zip(beats[1:], parts[1:], strict=True):
            if rng.random() < 0.35:
                text += f" followed by {beat_text(rng, beat, 'participle')}"
            else:
                text += rng.choice((" and then ", ", then ", " and ", " before ", ", and ")) + part
    return capitalised(text + behind(rng, scene, " ")) + rng.choice((".", ""))


def lone(rng: Random, scene: Scene) -> str:
    """As in "A dog barking", "rain", "Generate the sound of a bell ringing": one sound alone."""
    (beat,) = scene.beats
    if rng.random() < 0.2:
        text = f"{rng.choice(words_of('noun_leads'))} {beat_text(rng, beat, 'participle')}"
    else:
        forms = ("clause", "participle", "participle", "label", "stem", "headline")
        text = beat_text(rng, beat, rng.choice(forms))
    if rng.random() < 0.5:
        text = capitalised(text)
    return text + (where(scene) if rng.random() < 0.5 else "") + rng.choice((".", "", ""))


def noun_series(rng: Random, scene: Scene) -> str:
    """As in "The sound of a dog barking, followed by ...; we hear ..."."""
    form = rng.choice(("participle", "act", "participle"))
    parts = [beat_text(rng, beat, form) for beat in named(scene)]
    joint = rng.choice((", followed by ", ", then ", " and then ", ", after that ", ", next "))
    body = joint.join(parts) if rng.random() < 0.6 else series(parts)
    lead = rng.choice(words_of("noun_leads"))
    return f"{lead} {body}{where(scene)}{behind(rng, scene)}{rng.choice(('.', ''))}"


def music_like(rng: Random, scene: Scene) -> str:
    """As in "The low quality recording features ... It sounds sad and soulful." (MusicCaps)."""
    mood, other = scene.mood or "slow", rng.choice(words_of("moods"))
    parts = [beat_text(rng, beat, "participle") for beat in named(scene)]
    opening = rng.choice(words_of("music_openings")).format(m=mood)
    cut = rng.randint(1, len(parts))
    body = f"{opening} {series(parts[:cut])}."
    if cut < len(parts) and rng.random() < 0.4:
        joint = rng.choice(
            (" over ", " alongside ", ", accompanied by ", ", followed by ", " with ")
        )
        body = f"{opening} {series(parts[:cut])}{joint}{series(parts[cut:])}."
    else:
        for part in parts[cut:]:
            body += " " + rng.choice(words_of("music_follows")).format(part)
    for _ in range(rng.choice((0, 1, 1, 2))):
        closing = rng.choice(words_of("music_moods"))
        body += " " + closing.format(m=mood, m2=other, t=rng.choice(words_of("music_types")))
    return body + _behind_sentence(rng, scene)


def prose(rng: Random, scene: Scene) -> str:
    """A few sentences with people, places and things that make no sound."""
    tense = rng.choice(("present", "past", "present"))
    beats = named(scene)
    sentences: list[str] = []
    told = clauses(rng, beats, tense, is_joined=False)
    for beat, clause in zip(beats, told, strict=True):
        text = _with_actor(rng, beat, clause, tense)
        if sentences and rng.random() < 0.5:
            text = f"{rng.choice(words_of('nexts'))} {text}"
        sentences.append(capitalised(text) + ".")
        if rng.random() < 0.2:
            sentences.append(rng.choice(words_of("distractors")))
    if scene.place:
        lower = sentences[0][0].lower() + sentences[0][1:]
        sentences[0] = capitalised(f"{scene.place.phrase}, {lower}")
    if scene.background:
        sentences.append(f"{capitalised(scene.background.clause(tense))} all the while.")
    return " ".join(sentences)


def _with_actor(rng: Random, beat: Beat, clause: str, tense: str) -> str:
    if not beat.actor:
        return clause + (f" {rng.choice(words_of('asides'))}" if rng.random() < 0.3 else "")
    who = acted(beat, tense)
    return rng.choice((f"{who} as {clause}", f"{clause} while {who}", f"{who}, and {clause}"))


def ordered(rng: Random, scene: Scene) -> str:
    """As in "First ..., then ..., finally ..."."""
    found = clauses(rng, named(scene), is_joined=False)
    parts = [f"{rng.choice(words_of('openers'))} {found[0]}"]
    parts += [f"{rng.choice(words_of('nexts'))} {part}" for part in found[1:-1]]
    if len(found) > 1:
        parts.append(f"{rng.choice(words_of('lasts'))} {found[-1]}")
    if rng.random() < 0.4:
        text = ". ".join(capitalised(part) for part in parts)
    else:
        text = capitalised(", ".join(parts))
    return f"{text}{behind(rng, scene)}."


def imperative(rng: Random, scene: Scene) -> str:
    """As in "Let a dog bark, make the thunder roll, end with a door slamming."."""
    beats = named(scene)
    parts: list[str] = []
    for at, beat in enumerate(beats):
        if at and at == len(beats) - 1:
            verb = rng.choice(("end with", "finish with", "close with"))
            parts.append(f"{verb} {beat_text(rng, beat, 'participle')}")
        elif rng.random() < 0.5 and all(sound.verb for sound in beat.sounds):
            verb = rng.choice(("let", "make", "have"))
            parts.append(f"{verb} " + " and ".join(sound.infinitive() for sound in beat.sounds))
        else:
            verb = rng.choice(("add", "play", "bring in", "continue with")) if at else "start with"
            parts.append(f"{verb} {beat_text(rng, beat, 'participle')}")
    joint = rng.choice((", ", ", then ", ". ", "; "))
    text = joint.join(capitalised(part) if joint == ". " else part for part in parts)
    return f"{capitalised(text)}{behind(rng, scene)}."


def question(rng: Random, scene: Scene) -> str:
    """As in "Can you make a scene where ...?"."""
    parts = clauses(rng, named(scene))
    body = (
        rng.choice((", then ", " and then ")).join(parts) if rng.random() < 0.5 else series(parts)
    )
    return rng.choice(words_of("questions")).format(f"{body}{where(scene)}{behind(rng, scene)}")


def reversed_order(rng: Random, scene: Scene) -> str:
    """Told out of order: "Before the door slams, a dog barks"."""
    beats = named(scene)
    parts = clauses(rng, beats, is_joined=False)
    if len(parts) == 1:
        return caption_like(rng, scene)
    pattern = rng.choice(words_of("turned_pairs" if len(parts) == 2 else "turned"))
    text = pattern.format(parts[0], series(parts[1:-1] or [""], "and then"), parts[-1])
    return capitalised(text) + (
        f" {capitalised(behind(rng, scene, ''))}." if scene.background else ""
    )


def screenplay(rng: Random, scene: Scene) -> str:
    """As in "INT. KITCHEN - NIGHT. SFX: ..."."""
    place = scene.place.phrase if scene.place else "somewhere"
    head = f"{rng.choice(('INT.', 'EXT.', 'SCENE -'))} {place.split(' ', 1)[-1].upper()}. "
    form = rng.choice(("headline", "label"))
    mark = rng.choice(("SFX: ", "(SOUND: ", "", "FX - "))
    close = ")" if mark.startswith("(") else "."
    parts = [beat_text(rng, beat, form) for beat in named(scene)]
    parts += [behind(rng, scene, "")] if scene.background else []
    return head + " ".join(f"{mark}{capitalised(part)}{close}" for part in parts)


def place_only(rng: Random, scene: Scene) -> str:
    """A place or an occasion and a mood, sounds left to the listener: "a day at the beach"."""
    mood = scene.mood or "quiet"
    if scene.theme:
        pattern, name = rng.choice(words_of("theme_leads")), scene.theme.phrase
        return pattern.format(t=name, T=capitalised(name), m=mood)
    pattern = rng.choice(words_of("place_leads"))
    phrase = scene.place.phrase if scene.place else "at night"
    head = with_article(mood)
    return pattern.format(p=phrase, P=capitalised(phrase), m=head, M=capitalised(head), mood=mood,
                          t=rng.choice(words_of("things")))  # fmt: skip
