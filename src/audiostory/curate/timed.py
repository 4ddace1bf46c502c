"""Ways to ask with times: "from 5 to 12 seconds a train passes", "0:08 thunder", "5 s of rain".

The scene's own times are said, so that the storyline can keep them to the tenth of a second.
"""

from __future__ import annotations

from random import Random

from audiostory.curate.scenes import Scene
from audiostory.curate.styles import beat_text, behind, series, words_of
from audiostory.curate.words import capitalised


def spans(rng: Random, scene: Scene) -> str:
    """Every event with its start and end: "0-5 s: a dog barks; 5-12 s: a train passes"."""
    write = rng.choice((_number, _number, _clock, _unit))
    pattern = rng.choice((
        "{a}-{b}: {c}", "{c} from {a} to {b}", "from {a} to {b} {c}", "[{a} - {b}] {c}",
        "{c} ({a}-{b})", "between {a} and {b} {c}", "{a} to {b}, {c}", "{a} – {b} {c}",
    ))  # fmt: skip
    form = rng.choice(("clause", "participle"))
    parts = [
        pattern.format(a=write(start_s), b=write(end_s), c=beat_text(rng, beat, form))
        for beat, (start_s, end_s) in zip(scene.beats, scene.spans(), strict=True)
        if beat.is_named
    ]
    joint = rng.choice(("; ", ", ", "\n", ". "))
    text = joint.join(capitalised(part) if joint == ". " else part for part in parts)
    unit = " (times in seconds)" if write is _number and rng.random() < 0.2 else ""
    return capitalised(text) + unit + behind(rng, scene)


def starts(rng: Random, scene: Scene) -> str:
    """When each event starts: "at 0 s rain falls, at 8 s thunder rolls"."""
    write = rng.choice((_unit, _unit, _clock, _number))
    pattern = rng.choice((
        "at {a} {c}", "{c} at {a}", "starting at {a}, {c}", "{a}: {c}", "after {a} {c}", "{a} {c}",
    ))  # fmt: skip
    form = rng.choice(("clause", "clause", "participle"))
    parts: list[str] = []
    for beat, (start_s, _) in zip(scene.beats, scene.spans(), strict=True):
        if not beat.is_named:
            continue
        text = beat_text(rng, beat, form)
        if start_s == 0.0 and rng.random() < 0.6:
            parts.append(rng.choice(("first {c}", "{c} at the start", "{c}")).format(c=text))
        else:
            parts.append(pattern.format(a=write(start_s), c=text))
    body = series(parts) if rng.random() < 0.5 else rng.choice((", ", "; ", ", then ")).join(parts)
    return capitalised(body) + behind(rng, scene) + rng.choice((".", ""))


def lengths(rng: Random, scene: Scene) -> str:
    """How long each event lasts: "5 seconds of rain, then 10 seconds of thunder"."""
    pattern = rng.choice(("{n} of {c}", "{c} for {n}", "{c} ({n})", "{n}: {c}", "{c}, {n}"))
    parts = [
        pattern.format(n=_unit(end_s - start_s), c=beat_text(rng, beat, "participle"))
        for beat, (start_s, end_s) in zip(scene.beats, scene.spans(), strict=True)
    ]
    joint = rng.choice((", then ", "; ", ", followed by ", " and then "))
    lead = f"{rng.choice(words_of('noun_leads'))} " if rng.random() < 0.4 else ""
    return capitalised(f"{lead}{joint.join(parts)}") + behind(rng, scene) + rng.choice((".", ""))


def one_moment(rng: Random, scene: Scene) -> str:
    """Only one event has a time: "a dog barks, at 12 s a train passes, then a door slams"."""
    told = [at for at, beat in enumerate(scene.beats) if beat.is_named]
    gap_before, gap_after = told[0] > 0, told[-1] < len(scene.beats) - 1
    timed = {told[0]} if gap_before else set()
    timed |= {told[-1]} if gap_after else set()
    timed = timed or {rng.choice(told)}
    parts: list[str] = []
    for at in told:
        text = beat_text(rng, scene.beats[at])
        if at in timed:
            start_s, end_s = scene.spans()[at]
            has_end = gap_after and at == told[-1]
            text = _at_moment(rng, text, (start_s, end_s), has_end=has_end)
        parts.append(text)
    joint = rng.choice((", then ", ", ", " and then "))
    return capitalised(joint.join(parts)) + behind(rng, scene) + "."


def _at_moment(rng: Random, text: str, span: tuple[float, float], *, has_end: bool) -> str:
    start_s, end_s = span
    patterns = ["from {a} to {b} {c}", "{c} from {a} to {b}", "between {a} and {b} {c}"]
    if start_s > 0 and not has_end:
        patterns += ["at {a} {c}", "{c} at {a}", "after {a} {c}", "exactly at {a} {c}"]
    elif start_s == 0:
        patterns += ["for {b} {c}", "{c} for the first {b}", "{c} until {b}"]
    return rng.choice(patterns).format(a=_unit(start_s), b=_unit(end_s), c=text)


def _number(value: float) -> str:
    return f"{value:g}"


def _unit(value: float) -> str:
    unit = ("s", " s", " seconds", " sec")[int(value * 10) % 4]
    return "1 second" if value == 1 else f"{value:g}{unit}"


def _clock(value: float) -> str:
    minutes, seconds = divmod(value, 60)
    return f"{int(minutes)}:{int(seconds):02d}" + (
        f".{round(value * 10) % 10}" if value % 1 else ""
    )
