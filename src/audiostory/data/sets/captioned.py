"""Items made of captioned recordings: what AudioCaps and Clotho share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audiostory.data.sets.item import Item, ItemSet, seed_of
from audiostory.data.sets.recordings import (
    Recordings,
    edition_of,
    id_of,
    note_missing,
    waveform_of,
)
from audiostory.data.sets.tables import digest_of
from audiostory.errors import CorpusError, InstructionError
from audiostory.story.types import Instruction

CaptionChoice = Literal["first", "all"]
"""What a set of captioned recordings asks. ``first``: each recording once, with the caption that
its list names first. ``all``: each caption once, so that a recording is the reference of several
items (and its features weigh as much in a distance). Captioning wants ``first``."""


@dataclass(frozen=True)
class Caption:
    """A caption, and what its set calls it."""

    id: str
    text: str
    place: str
    """File and line it was read from."""


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """A recording and what people say is heard in it."""

    name: str
    """What the set calls the recording."""
    captions: tuple[Caption, ...]
    stems: tuple[str, ...]
    """Names that its file may have, without suffix."""
    duration_s: float | None = None
    """Length that systems are asked for."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A set of captioned recordings, as it was published."""

    name: str
    """What the set is called."""
    num_clips: int
    """Recordings that its list names."""
    captions_per_clip: int


def find_all(
    clips: Sequence[Captioned], recordings: Recordings, *, max_missing: int
) -> tuple[list[tuple[Captioned, Path]], list[str]]:
    """The recordings that are there, with their files, and notes on those that are not.

    Raises:
        CorpusError: if more are missing than may be, or one has several files.
    """
    files = [(clip, recordings.find(clip.stems)) for clip in clips]
    missing = [clip.name for clip, path in files if path is None]
    notes = note_missing(missing, len(clips), max_missing=max_missing, folder=recordings.folder)
    return [(clip, path) for clip, path in files if path is not None], notes


def item_set_of(
    published: Published,
    clips: Sequence[Captioned],
    found: Sequence[tuple[Captioned, Path]],
    *,
    table: Path,
    choice: CaptionChoice,
    missing: Sequence[str],
) -> ItemSet:
    """The set that asks about the recordings that are there, with their files as references.

    Args:
        published: the set as it should be; the notes say where the list differs.
        clips: the recordings of the list.
        found: those that are there, with their files.
        table: the list, whose digest becomes a part of the set's version.
        choice: which captions are asked.
        missing: notes on the recordings that are not there.

    Raises:
        CorpusError: if a caption cannot be an instruction, naming where it stands.
    """
    asked = [(item, path) for clip, path in found for item in items_of(published, clip, choice)]
    files = {item.id: path for item, path in asked}
    return ItemSet(
        name=published.name,
        version=edition_of(choice, digest_of(table), present=len(found), total=len(clips)),
        items=tuple(item for item, _ in asked),
        reference_of=lambda item: waveform_of(files[item.id]),
        notes=(
            note_choice(choice, len(found), len(asked)),
            *note_sizes(clips, published),
            *missing,
        ),
    )


def items_of(published: Published, clip: Captioned, choice: CaptionChoice) -> list[Item]:
    """The questions that a recording gives rise to: one, or one for each caption.

    Every item carries all captions of its recording, as references for captioning. Nobody has
    annotated whether a caption orders its sounds, so that no item counts as ordered.

    Raises:
        CorpusError: if a caption cannot be an instruction, naming where it stands.
    """
    texts = tuple(caption.text for caption in clip.captions)
    asked = clip.captions if choice == "all" else clip.captions[:1]
    items: list[Item] = []
    for caption in asked:
        try:
            instruction = Instruction(text=caption.text, duration_s=clip.duration_s)
        except InstructionError as error:
            raise CorpusError(f"{caption.place}: {error}") from error
        name = clip.name if choice == "first" else f"{clip.name}-{caption.id}"
        items.append(
            Item(
                id=id_of(name),
                instruction=instruction,
                seed=seed_of(published.name, id_of(name)),
                captions=texts,
                is_ordered=False,
            )
        )
    return items


def note_sizes(clips: Sequence[Captioned], published: Published) -> list[str]:
    """Notes on a list that is not the published one: its size, and captions per recording."""
    notes: list[str] = []
    if len(clips) != published.num_clips:
        notes.append(
            f"the list names {len(clips)} recordings, the published one {published.num_clips}"
        )
    per_clip = published.captions_per_clip
    counts = Counter(len(clip.captions) for clip in clips)
    odd = {number: clips_of for number, clips_of in sorted(counts.items()) if number != per_clip}
    if odd:
        told = ", ".join(f"{clips_of} with {number}" for number, clips_of in odd.items())
        notes.append(f"not every recording has {per_clip} captions: {told}")
    return notes


def note_choice(choice: CaptionChoice, num_clips: int, num_items: int) -> str:
    """The note that says which captions are asked."""
    if choice == "first":
        return f"asks the first caption of each of {num_clips} recordings"
    return f"asks all {num_items} captions of {num_clips} recordings: references repeat"
