"""UnAV-100: untrimmed videos of everyday scenes with the sounds in them, labelled and timed.

The annotations are one JSON object, ``{"database": {video id: {"subset", "duration",
"annotations": [{"segment": [start, end], "label", "label_id"}]}}}`` with 100 labels. AudioStory
takes its natural sounds from the videos longer than 30 s (footnote 1 of Sec. 3). People extract
the sound of the videos themselves.

Source: Geng et al., CVPR 2023, arXiv:2303.12930; AudioStory Sec. 3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from audiostory.data.sets.item import Item, ItemSet, NamedSound, seed_of
from audiostory.data.sets.recordings import (
    Recordings,
    edition_of,
    id_of,
    length_of,
    note_missing,
    waveform_of,
)
from audiostory.data.sets.tables import digest_of, read_text
from audiostory.errors import CorpusError, InstructionError
from audiostory.story.tokens import clean_field
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline

NAME = "unav-100"
PAPER_MIN_DURATION_S = 30.0
"""AudioStory keeps the videos that are longer (Sec. 3, footnote 1)."""
SHORTEST_EVENT_S = 1.0
"""Shorter stretches join a neighbour: annotators' boundaries differ by tenths of a second."""
LENGTH_TOLERANCE_S = 1.0
"""How far a label may end after its video, and a sound file differ from it in length."""


@dataclass(frozen=True)
class Label:
    """A sound that a video was labelled with."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Video:
    """One video's annotations, in the order in which its sounds begin."""

    id: str
    duration_s: float
    labels: tuple[Label, ...]
    num_trimmed: int = 0
    """Labels that ended up to ``LENGTH_TOLERANCE_S`` after the video, and now end with it."""


def load_unav100(
    folder: Path,
    *,
    subset: str = "test",
    min_duration_s: float = 0.0,
    max_missing: int = 0,
    annotations: str = "annotations/unav100_annotations.json",
    audio: str = "audio",
) -> ItemSet:
    """The videos of one subset whose sound is there, asked for in words made of their labels.

    Labels overlap, events of a story do not: ``story_of`` says how the one becomes the other.
    ``Item.sounds`` keeps every label with its own times.

    Args:
        folder: where the annotations and the folder of sound files lie.
        subset: ``test``, ``train`` or as the file calls it.
        min_duration_s: only videos longer than this; the paper's is ``PAPER_MIN_DURATION_S``.
        max_missing: how many videos may have no sound; they are left out, and named in the notes.
        annotations: path of the annotations.
        audio: name of the folder of sound files, called ``<video id>`` with a suffix of sound.

    Raises:
        CorpusError: naming the video whose annotations cannot be used, the videos that are
            missing, or a file that is more than a second longer or shorter than its video.
    """
    path = folder / annotations
    videos = [video for video in _videos(path, subset) if video.duration_s > min_duration_s]
    recordings = Recordings(folder / audio)
    files = {video.id: recordings.find((video.id,)) for video in videos}
    lacking = [name for name, file in files.items() if file is None]
    missing = note_missing(lacking, len(videos), max_missing=max_missing, folder=recordings.folder)
    there = {id_of(name): file for name, file in files.items() if file is not None}
    present = [video for video in videos if id_of(video.id) in there]
    for video in present:
        _check_length(there[id_of(video.id)], video)
    trimmed = sum(video.num_trimmed for video in present)
    return ItemSet(
        name=NAME,
        version=edition_of(
            subset,
            f"over{min_duration_s:g}s",
            digest_of(path),
            present=len(present),
            total=len(videos),
        ),
        items=tuple(_item(video) for video in present),
        reference_of=lambda item: waveform_of(there[item.id]),
        notes=(
            f"{len(present)} videos of subset {subset} longer than {min_duration_s:g} s, asked "
            "for with a template; stretches without a label belong to the event before them",
            *([f"{trimmed} labels ended after their video and end with it"] if trimmed else ()),
            *missing,
        ),
    )


def story_of(video: Video) -> tuple[Story, tuple[tuple[Label, int], ...]]:
    """A video's labels as events that follow one another, and the event each label begins in.

    1. The video is cut wherever a label begins or ends.
    2. A stretch in which no label sounds joins the one before it (the first: the one after it),
       since a story's clips fill its whole length.
    3. Neighbours with the same labels become one; a stretch shorter than ``SHORTEST_EVENT_S``
       joins the one before it (the first: the one after it), which then has the labels of both.

    An event's text is its labels, in the order in which they begin, with "and" between them.
    """
    cuts = sorted(
        {0.0, video.duration_s}
        | {label.start_s for label in video.labels}
        | {label.end_s for label in video.labels}
    )
    stretches: list[tuple[float, float, tuple[str, ...]]] = []
    for start_s, end_s in pairwise(cuts):
        heard = (one.text for one in video.labels if one.start_s <= start_s and end_s <= one.end_s)
        texts = tuple(dict.fromkeys(heard))
        if stretches and _joins(stretches[-1], (start_s, end_s, texts)):
            before_s, _, others = stretches.pop()
            start_s, texts = before_s, tuple(dict.fromkeys((*others, *texts)))
        stretches.append((start_s, end_s, texts))
    events = tuple(
        Event(start_s=start_s, end_s=end_s, detail=_words(texts), sounds=_words(texts))
        for start_s, end_s, texts in stretches
    )
    clips = tuple(Clip(caption=one.sounds, duration_s=one.duration_s) for one in events)
    summary = f"A scene with {_words(tuple(dict.fromkeys(one.text for one in video.labels)))}."
    placed = tuple((label, _event_at(events, label.start_s)) for label in video.labels)
    return Story(storyline=Storyline(summary=summary, events=events), clips=clips), placed


def instruction_of(story: Story) -> str:
    """The question that is asked for a story: its events' sounds in order, and how long it lasts.

    ``First dog bark, then dog bark and people laughing, then car horn. The audio lasts 42
    seconds.``
    """
    sounds = [event.sounds for event in story.storyline.events]
    told = f"First {', then '.join(sounds)}" if len(sounds) > 1 else f"The sound of {sounds[0]}"
    return f"{told}. The audio lasts {round(story.duration_s, 1):g} seconds."


def _joins(
    before: tuple[float, float, tuple[str, ...]], stretch: tuple[float, float, tuple[str, ...]]
) -> bool:
    """Whether a stretch becomes part of the one before it."""
    is_short = stretch[1] - stretch[0] < SHORTEST_EVENT_S
    before_is_short = before[1] - before[0] < SHORTEST_EVENT_S
    return is_short or before_is_short or not stretch[2] or not before[2] or before[2] == stretch[2]


def _words(texts: tuple[str, ...]) -> str:
    if len(texts) < 3:
        return " and ".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _event_at(events: tuple[Event, ...], moment_s: float) -> int:
    """The number of the event that a moment lies in."""
    return next(number for number, event in enumerate(events) if moment_s < event.end_s)


def _item(video: Video) -> Item:
    """The question made of a video."""
    story, placed = story_of(video)
    try:
        instruction = Instruction(text=instruction_of(story), duration_s=round(video.duration_s, 3))
    except InstructionError as error:
        raise CorpusError(f"the video {video.id}: {error}") from error
    return Item(
        id=id_of(video.id),
        instruction=instruction,
        seed=seed_of(NAME, id_of(video.id)),
        story=story,
        sounds=tuple(
            NamedSound(
                text=label.text,
                event=event,
                group=label.text,
                start_s=label.start_s,
                end_s=label.end_s,
            )
            for label, event in placed
        ),
        is_ordered=len(story.clips) > 1,
    )


def _check_length(path: Path, video: Video) -> None:
    """CorpusError if a sound file is not as long as its video."""
    length_s = length_of(path)
    if abs(length_s - video.duration_s) > LENGTH_TOLERANCE_S:
        raise CorpusError(
            f"{path} lasts {length_s:.2f} s, its video {video.duration_s:.2f} s: extract the "
            "sound of the whole video"
        )


def _videos(path: Path, subset: str) -> list[Video]:
    """The videos of a subset, in the order of the file.

    Raises:
        CorpusError: if the file is no such database, or has no video of that subset.
    """
    try:
        database = json.loads(read_text(path), object_pairs_hook=_without_repeats)["database"]
        subsets = {name: str(entry["subset"]) for name, entry in database.items()}
    except json.JSONDecodeError as error:
        raise CorpusError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(
            f'{path}: not of the form {{"database": {{video: {{"subset": ...}}}}}}: {error!r}'
        ) from error
    chosen = [name for name, own in subsets.items() if own == subset]
    if not chosen:
        known = ", ".join(sorted(set(subsets.values()))) or "none"
        raise CorpusError(f"{path} has no subset {subset!r}; it has {known}")
    return [_video(name, database[name], f"{path.name}: {name}") for name in chosen]


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, if no name comes twice in it."""
    entry = dict(pairs)
    if len(entry) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CorpusError(f"the annotations have {twice!r} twice: which one is meant?")
    return entry


def _video(name: str, entry: Mapping[str, Any], place: str) -> Video:
    """One entry of the database."""
    try:
        duration_s = float(entry["duration"])
        labels = [
            Label(clean_field(str(one["label"])), *(float(moment) for moment in one["segment"]))
            for one in entry["annotations"]
        ]
    except KeyError as error:
        raise CorpusError(f"{place}: no field {error}") from error
    except (TypeError, ValueError) as error:
        raise CorpusError(f"{place}: a field is of the wrong type: {error}") from error
    if not labels:
        raise CorpusError(f"{place}: no annotations: nothing can be asked")
    for label in labels:
        if not label.text:
            raise CorpusError(f"{place}: a label is empty")
        is_inside = 0 <= label.start_s < label.end_s <= duration_s + LENGTH_TOLERANCE_S
        if not (is_inside and label.start_s < duration_s):
            raise CorpusError(
                f"{place}: {label.text!r} runs from {label.start_s:g} s to {label.end_s:g} s in "
                f"a video of {duration_s:g} s"
            )
    labels.sort(key=lambda one: (one.start_s, one.end_s))
    return Video(
        name,
        duration_s,
        tuple(Label(one.text, one.start_s, min(one.end_s, duration_s)) for one in labels),
        num_trimmed=sum(one.end_s > duration_s for one in labels),
    )
