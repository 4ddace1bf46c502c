"""Seeded stories: instruction, storyline and captions that belong together, one row each.

A language model learns from them to split what is asked into events, to copy every sound that is
named, and to say a little more about it. The same seed gives the same story. Source: AudioStory
Sec. 3 (the shape of the data set) and Fig. 8-10, 14, 15 (its wording).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from audiostory.curate import phrasing
from audiostory.curate.elaborate import deliveries, summary, told
from audiostory.curate.foreign import foreign_scene
from audiostory.curate.scenes import Scene
from audiostory.data.manifest import Room, StoryRow
from audiostory.errors import OutputError
from audiostory.story.types import Event

FOREIGN_SHARE = 0.02
"""Share of instructions in other languages or in emoji."""


def as_said(scene: Scene, instruction: str) -> Scene:
    """``scene`` without the mood and place that the wording left out."""
    said = instruction.lower()
    place, theme = scene.place, scene.theme
    return replace(
        scene,
        mood=scene.mood if scene.mood in said else "",
        place=place if place and place.phrase.split(" ", 1)[-1].lower() in said else None,
        theme=theme if theme and theme.phrase.lower() in said else None,
    )


def compose(rng: Random, *, row_id: str = "story", seed: int = 0) -> StoryRow:
    """A story of 2-8 events in words; the same ``rng`` state gives the same story."""
    if rng.random() < FOREIGN_SHARE:
        scene, instruction = foreign_scene(rng)
    else:
        style = rng.choices(phrasing.STYLES, [style.weight for style in phrasing.STYLES])[0]
        scene = phrasing.decide(rng, style)
        instruction = phrasing.ask(rng, scene, style)
        scene = as_said(scene, instruction)
    delivery = deliveries(rng, scene)
    tellings = told(rng, scene, delivery, is_heard=False)
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


def compose_stories(out_path: Path, count: int, seed: int, corpus_dir: Path | None = None) -> None:
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
