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
from audiostory.curate.elaborate import Delivery, deliveries, summary, told
from audiostory.curate.foreign import foreign_scene
from audiostory.curate.recordings import (
    Corpus,
    RecordedPalette,
    bed_of,
    layers_of,
    load_corpus,
    room_of,
)
from audiostory.curate.scenes import Scene
from audiostory.curate.sources import WordPalette
from audiostory.data.manifest import StoryRow
from audiostory.errors import OutputError
from audiostory.story.tokens import clean_field
from audiostory.story.types import Event

STRANGE_SHARES = (0.04, 0.04, 0.4, 0.5)
"""Share of sounds of unheard-of things in a story: plain stories, and strange ones."""
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


def compose(
    rng: Random, corpus: Corpus | None = None, *, row_id: str = "story", seed: int = 0
) -> StoryRow:
    """A story of 1-8 events; the same state of ``rng`` gives the same story.

    Args:
        rng: source of chance.
        corpus: recordings to name and to mix; None tells the story in words only.
        row_id: name of the row.
        seed: of the row's mix.
    """
    palette = WordPalette(rng.choice(STRANGE_SHARES)) if corpus is None else RecordedPalette(corpus)
    if corpus is None and rng.random() < FOREIGN_SHARE:
        scene, instruction = foreign_scene(rng)
    else:
        style = rng.choices(phrasing.STYLES, [style.weight for style in phrasing.STYLES])[0]
        scene = phrasing.decide(rng, style, palette)
        instruction = phrasing.ask(rng, scene, style)
        scene = as_said(scene, instruction)
    delivery = deliveries(rng, scene)
    tellings = told(rng, scene, delivery, is_heard=corpus is not None)
    row = StoryRow(
        id=row_id,
        seed=seed,
        instruction=instruction,
        duration_s=scene.duration_s,
        summary=clean_field(summary(rng, scene)),
        events=tuple(
            Event(
                start_s=start_s,
                end_s=end_s,
                detail=clean_field(telling.detail),
                sounds=clean_field(telling.sounds),
            )
            for (start_s, end_s), telling in zip(scene.spans(), tellings, strict=True)
        ),
        captions=tuple(clean_field(telling.caption) for telling in tellings),
    )
    return (
        _mixed(rng, row, scene, delivery, palette) if isinstance(palette, RecordedPalette) else row
    )


def _mixed(
    rng: Random, row: StoryRow, scene: Scene, delivery: list[Delivery], palette: RecordedPalette
) -> StoryRow:
    """``row`` with the layers, the bed and the room that make it heard."""
    lengths_s = [end_s - start_s for start_s, end_s in scene.spans()]
    return replace(
        row,
        room=room_of(rng, scene),
        bed=bed_of(rng, scene, palette),
        layers=tuple(
            layers_of(rng, beat, how, length_s, palette.corpus)
            for beat, how, length_s in zip(scene.beats, delivery, lengths_s, strict=True)
        ),
    )


def compose_stories(
    out_path: Path,
    count: int,
    seed: int,
    corpus_dir: Path | None = None,
    *,
    share_alike: bool = False,
) -> None:
    """Write ``count`` stories to a JSON Lines file; row ``k`` depends on ``seed`` and ``k`` alone.

    Args:
        out_path: the file to write; replaced if it exists.
        count: how many rows.
        seed: of the whole file.
        corpus_dir: a corpus with ``metadata.jsonl``, whose training split stories are mixed
            from; None tells stories in words only.
        share_alike: whether clips whose licence asks to share alike may be used.

    Raises:
        CorpusError: if the corpus cannot be read.
        OutputError: if the file cannot be written.
    """
    corpus = load_corpus(corpus_dir, share_alike=share_alike) if corpus_dir else None
    try:
        with out_path.open("w", encoding="utf-8") as out:
            for index in range(count):
                row_seed = Random(f"{seed}/{index}").getrandbits(32)
                row_id = f"story-{seed}-{index:06d}"
                row = compose(Random(row_seed), corpus, row_id=row_id, seed=row_seed)
                out.write(row.to_json() + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {out_path}: {error.strerror}") from error
