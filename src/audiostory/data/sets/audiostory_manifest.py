"""Rows of AudioStory-10k: a long recording, an instruction, the reasoning that answers it, clips.

This is the manifest of sets built after the paper's recipe. It is JSON Lines, UTF-8, one
``AudioStoryRow`` an object:

    {"version": "1", "id": "unav-0012y1s1bJI", "source": "natural", "video_id": "0012y1s1bJI",
     "audio": "audio/unav-0012y1s1bJI.flac", "duration_s": 42.0, "split": "test",
     "license": "CC-BY-3.0", "instruction": "Craft an immersive soundscape that ...",
     "summary": "A dog howls along with a siren, then stops.",
     "points": [{"event": "A siren wails outside.", "inference": "The siren prompts the dog ...",
                 "sounds": "Emergency siren, dog howl."}],
     "clips": [{"caption": "An undulating wail of a siren ...", "start_s": 0.0, "end_s": 14.5}]}

``points`` are the reasoning, one for each clip. Clips follow one another; there may be stretches
between them. The audio lies beside the manifest and is cut to the clips' time: 0 s is its start.

Source: AudioStory Sec. 3, Sec. E.2, Fig. 14 and 15.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from audiostory.data.manifest import read_objects
from audiostory.data.sets.recordings import CLEAN, MAX_ID_CHARS, inside
from audiostory.errors import CorpusError
from audiostory.story.tokens import clean_field
from audiostory.story.types import Clip, Event, Story, Storyline

VERSION = "1"
"""Of the schema; another one is refused."""
Source = Literal["natural", "cartoon"]
"""Where recordings come from: UnAV-100, or cartoons (Sec. 3)."""
Split = Literal["train", "test"]
TEST_SHARE = 0.15
"""Of the recordings (Sec. 3: 85 % for training and 15 % for testing)."""
TIME_TOLERANCE_S = 0.05
"""By how much clips may overlap or end after their recording: captions are timed to 0.01 s."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of the reasoning (Fig. 15)."""

    event: str
    """What happens."""
    inference: str
    """What follows from it for the scene."""
    sounds: str
    """What is heard ("Derived sounds")."""


@dataclass(frozen=True, kw_only=True)
class TimedClip:
    """A stretch of the recording and what is heard in it."""

    caption: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class AudioStoryRow:
    """One recording with its instruction, reasoning and clips.

    Raises:
        CorpusError: if a text is empty or no clean text, a time contradicts another, or there is
            not one point for each clip.
    """

    version: str
    id: str
    """Unique in its set; also a file name."""
    source: Source
    video_id: str
    """The video it was cut from; all recordings of one video are in one split."""
    audio: str
    """Path of its sound, relative to the manifest's folder, with ``/`` between the parts."""
    duration_s: float
    instruction: str
    """What a system is asked."""
    summary: str
    """The whole caption that the instruction was made of (Fig. 14)."""
    points: tuple[Point, ...]
    clips: tuple[TimedClip, ...]
    split: Split
    license: str
    """Licence of the recording, as its source states it."""

    def __post_init__(self) -> None:
        """Refuse rows whose parts do not fit together."""
        if self.version != VERSION:
            raise CorpusError(
                f"version {self.version!r} of the manifest; this code reads {VERSION}"
            )
        if not CLEAN.fullmatch(self.id) or len(self.id) > MAX_ID_CHARS:
            raise CorpusError(f"the id {self.id!r} is no file name: use letters, digits, - _ and .")
        for name, known in (("source", get_args(Source)), ("split", get_args(Split))):
            if getattr(self, name) not in known:
                raise CorpusError(f"{name} is {getattr(self, name)!r}, not {' or '.join(known)}")
        if not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise CorpusError(f"it lasts {self.duration_s} s: not a length")
        self._check_texts()
        self._check_times()

    @property
    def story(self) -> Story:
        """The row's points and clips as a story: what a system's plan is compared with."""
        events = tuple(
            Event(
                start_s=clip.start_s,
                end_s=clip.end_s,
                title=point.event,
                detail=point.inference,
                sounds=point.sounds,
            )
            for point, clip in zip(self.points, self.clips, strict=True)
        )
        clips = (
            Clip(caption=one.caption, duration_s=one.end_s - one.start_s) for one in self.clips
        )
        return Story(storyline=Storyline(summary=self.summary, events=events), clips=tuple(clips))

    def to_json(self) -> str:
        """The row as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def _check_texts(self) -> None:
        texts = {
            "video_id": self.video_id,
            "license": self.license,
            "instruction": self.instruction,
            "summary": self.summary,
        }
        for number, point in enumerate(self.points, 1):
            texts |= {f"point {number}, {name}": text for name, text in asdict(point).items()}
        for number, clip in enumerate(self.clips, 1):
            texts[f"clip {number}, caption"] = clip.caption
        for name, text in texts.items():
            if not text or clean_field(text) != text:
                raise CorpusError(
                    f"{name}: {text[:60]!r} is no clean text: pass it through clean_field"
                )

    def _check_times(self) -> None:
        if not self.clips:
            raise CorpusError("it has no clips")
        if len(self.points) != len(self.clips):
            raise CorpusError(f"{len(self.points)} points for {len(self.clips)} clips")
        moment_s = 0.0
        for number, clip in enumerate(self.clips, 1):
            is_span = moment_s - TIME_TOLERANCE_S <= clip.start_s < clip.end_s and clip.start_s >= 0
            if not (is_span and clip.end_s <= self.duration_s + TIME_TOLERANCE_S):
                raise CorpusError(
                    f"clip {number} runs from {clip.start_s:g} s to {clip.end_s:g} s, the one "
                    f"before it to {moment_s:g} s, the recording to {self.duration_s:g} s: clips "
                    "follow one another"
                )
            moment_s = clip.end_s


def audiostory_row(entry: Mapping[str, Any]) -> AudioStoryRow:
    """The recording that a JSON object describes.

    Raises:
        CorpusError: if a field is missing, unknown or of the wrong type, or parts contradict
            each other.
    """
    given = dict(entry)
    for name, kind in (("points", Point), ("clips", TimedClip)):
        parts = given.get(name)
        if not isinstance(parts, list):
            raise CorpusError(f"no list {name}")
        told = enumerate(parts, 1)
        given[name] = tuple(_made(kind, part, f"{name[:-1]} {number}: ") for number, part in told)
    return _made(AudioStoryRow, given, "")


def _made(kind: type[T], entry: Any, place: str) -> T:
    """A dataclass of the fields of a JSON object, if they are those it has, of its types."""
    if not isinstance(entry, dict):
        raise CorpusError(f"{place}not a JSON object")
    expected = {each.name: each.type for each in fields(kind)}  # pyright: ignore[reportArgumentType]
    wrong = sorted(expected.keys() ^ entry.keys())
    if wrong:
        said = [f"{'missing' if name in expected else 'unknown'} field {name!r}" for name in wrong]
        raise CorpusError(f"{place}{', '.join(said)}")
    for name, annotation in expected.items():
        value = entry[name]
        if annotation == "float":
            is_right = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            is_right = isinstance(value, tuple if "tuple" in str(annotation) else str)
        if not is_right:
            raise CorpusError(f"{place}{name} is {value!r}: of the wrong type")
    return kind(**entry)


def split_of(video_id: str) -> Split:
    """The split of a video's recordings: 15 % of videos test, always the same for the same video.

    Decided by the sha256 of the id, so that a set can grow without a recording changing sides.
    """
    drawn = int.from_bytes(hashlib.sha256(video_id.encode("utf-8")).digest()[:8], "big") / 2**64
    return "test" if drawn < TEST_SHARE else "train"


def read_audiostory10k(manifest: Path) -> Iterator[AudioStoryRow]:
    """Rows of a manifest.

    Raises:
        CorpusError: naming file and line of the first row that cannot be used, has the id of an
            earlier one, leads out of its folder, or whose video is in both splits.
    """
    places: dict[str, str] = {}
    splits: dict[str, tuple[Split, str]] = {}
    for number, entry in read_objects(manifest):
        place = f"{manifest}:{number}"
        try:
            row = audiostory_row(entry)
        except CorpusError as error:
            raise CorpusError(f"{place}: {error}") from error
        inside(row.audio, place)
        if row.id in places:
            raise CorpusError(f"{place}: the id {row.id!r} is that of {places[row.id]}")
        places[row.id] = place
        split, first = splits.setdefault(row.video_id, (row.split, place))
        if split != row.split:
            raise CorpusError(
                f"{place}: the video {row.video_id} is in split {row.split}, and in split {split} "
                f"at {first}: keep a video's recordings together"
            )
        yield row
