"""Seeded stories: instruction, storyline and captions that belong together, one row each.

A language model learns from them to split what is asked into events, to copy every sound that is
named, and to say a little more about it. The same seed gives the same story. Source: AudioStory
Sec. 3 (the shape of the data set) and Fig. 8-10, 14, 15 (its wording).
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from audiostory.curate import phrasing, scenes
from audiostory.curate.elaborate import deliveries, summary, told
from audiostory.curate.lexicon import table
from audiostory.curate.scenes import Beat, Scene
from audiostory.data.manifest import Room, StoryRow
from audiostory.errors import OutputError
from audiostory.story.types import Event


def compose(rng: Random, *, row_id: str = "story", seed: int = 0) -> StoryRow:
    """A story of 2-8 events in words; the same ``rng`` state gives the same story."""
    style = rng.choices(phrasing.STYLES, [style.weight for style in phrasing.STYLES])[0]
    scene = phrasing.visible(_scene(rng, style), style)
    instruction = phrasing.ask(rng, scene, style)
    delivery = deliveries(rng, scene)
    tellings = told(rng, scene, delivery)
    events = tuple(
        Event(start_s=start_s, end_s=end_s, detail=telling.detail, sounds=telling.sounds)
        for (start_s, end_s), telling in zip(scene.spans(), tellings, strict=True)
    )
    return StoryRow(
        id=row_id,
        seed=seed,
        instruction=instruction,
        duration_s=scene.duration_s,
        summary=summary(rng, scene),
        events=events,
        captions=tuple(telling.caption for telling in tellings),
        room=Room(),
    )


def _scene(rng: Random, style: phrasing.Style) -> Scene:
    place = rng.choice(scenes.places()) if rng.random() < 0.5 else None
    mood = rng.choice(table("phrases.json")["moods"]) if rng.random() < 0.4 else ""
    if style.write is phrasing.place_only:
        place = place or rng.choice(scenes.places())
        beats = _left_open(rng, place)
    elif rng.random() < 0.06:
        beats = _one_sound(rng, place)
    else:
        sounds = scenes.distinct_sounds(rng, scenes.num_events(rng), place)
        beats = scenes.paired(rng, sounds, rng.choice((0.0, 0.0, 0.2, 0.5)))
        if len(beats) == 1:
            beats = _spread(rng, beats[0])
    if style.has_actors:
        beats = scenes.with_actors(rng, beats)
    background = scenes.background_sound(rng, place) if rng.random() < 0.15 else None
    total_s = scenes.total_duration(rng, len(beats))
    return Scene(
        tuple(beats), scenes.end_times(rng, beats, total_s), place, mood, background
    )


def _left_open(rng: Random, place: scenes.Place) -> list[Beat]:
    found: list[Beat] = []
    known = scenes.families()
    names = [name for name in place.groups if name in known]
    for name in rng.sample(names, min(len(names), rng.choice((2, 3, 3, 4)))):
        found.append(Beat((scenes.family_sound(rng, name),), is_named=False))
    return found


def _one_sound(rng: Random, place: scenes.Place | None) -> list[Beat]:
    return _spread(rng, Beat((scenes.any_sound(rng, place),)))


def _spread(rng: Random, beat: Beat) -> list[Beat]:
    phases = rng.choice((("begin", "end"), ("begin", "go on"), ("begin", "go on", "end")))
    return [Beat(beat.sounds, phase=phase) for phase in phases]


def compose_stories(
    out_path: Path, count: int, seed: int, corpus_dir: Path | None = None
) -> None:
    """Write ``count`` stories to a JSON Lines file; row ``k`` depends on ``seed`` and ``k`` alone.

    Args:
        out_path: the file to write; replaced if it exists.
        count: how many rows.
        seed: of the whole file.
        corpus_dir: a corpus with ``metadata.jsonl``; None tells stories in words only.

    Raises:
        OutputError: if the file cannot be written.
    """
    try:
        with out_path.open("w", encoding="utf-8") as out:
            for index in range(count):
                row_seed = Random(f"{seed}/{index}").getrandbits(32)
                row = compose(Random(row_seed), row_id=f"story-{seed}-{index:06d}", seed=row_seed)
                out.write(row.to_json() + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {out_path}: {error.strerror}") from error
