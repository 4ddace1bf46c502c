"""Rows of the two manifests training reads: recorded sounds, and stories composed from them.

Both are JSON Lines, UTF-8, one object a line. ``SoundRow`` is a captioned clip of a corpus
(``metadata.jsonl``); ``StoryRow`` is an instruction with the storyline, captions and layers
that answer it. Docs: ``docs/nano.md`` names the corpus the shipped weights learnt from.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audiostory.errors import CorpusError, FormatError
from audiostory.story.tokens import clean_field
from audiostory.story.types import Event

TIME_TOLERANCE_S = 1e-6
KEPT_BACK = 4
"""One recording of this many is kept back."""


@dataclass(frozen=True, kw_only=True)
class SoundRow:
    """One captioned clip of a corpus."""

    file: str
    """Path relative to the corpus folder."""
    seconds: float
    """Length of the clip."""
    caption: str
    """What is heard, in a few words."""
    group: str
    """Kind of sound: ``rain``, ``dog``, ``doors``..."""
    split: str
    """``train``, ``val`` or ``test``; one recording never spans two splits."""
    recording: str
    """Key of the original recording; clips that share it are cuts or takes of one sound."""
    license: str
    """Licence of the clip, as its source states it."""
    attribution: str = ""
    """Whom to name when the clip is used."""
    labels: tuple[str, ...] = ()
    """Words of the source about the clip."""
    source_repo: str = ""
    """Where the clip came from."""
    source_path: str = ""
    """The file there."""
    bandwidth_hz: float = math.inf
    """Highest frequency with content; recordings made at 8 kHz reach 4000."""
    rms_db: float = 0.0
    """Root mean square level relative to full scale."""

    @property
    def is_share_alike(self) -> bool:
        """Whether the licence asks derived works to be shared under the same terms."""
        return "SA" in self.license.upper().replace("(", " ").replace("-", " ").split()

    @property
    def is_kept_back(self) -> bool:
        """Whether the recording is one of the quarter that the embedded evaluator never hears.

        What retrieval plays is taken from these, lest it be heard by ears that know it. A function
        of ``recording`` alone.
        """
        digest = hashlib.sha256(self.recording.encode()).digest()
        return digest[-1] % KEPT_BACK == 0


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One stretch of a clip inside an event (or under the whole story, as its bed)."""

    file: str
    """Path of the clip relative to the corpus folder."""
    offset_s: float = 0.0
    """Where in the clip to start reading."""
    start_s: float = 0.0
    """Where in the event it starts."""
    duration_s: float
    """How long it sounds; longer than the clip means it is looped with crossfades."""
    gain_db: float = 0.0
    """Level relative to the mixer's reference level."""
    lowpass_hz: float = 12_000.0
    """Everything above is dampened: what is far away sounds dull."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """The space all clips of a story share: what residual tokens have to carry (Sec. 4.2)."""

    name: str = "dry"
    """``dry`` or the kind of space."""
    rt60_s: float = 0.0
    """Time the reverberation takes to fall by 60 dB; 0 is no reverberation."""
    wet_db: float = -60.0
    """Level of the reverberation relative to the direct sound."""
    lowpass_hz: float = 12_000.0
    """Everything above is dampened, as by the microphone."""
    highpass_hz: float = 20.0
    """Everything below is dampened."""
    noise_db: float = -90.0
    """Noise floor relative to full scale."""


@dataclass(frozen=True, kw_only=True)
class StoryRow:
    """An instruction and the story that answers it.

    Raises:
        FormatError: if events leave gaps, do not add up to ``duration_s``, captions or layers do
            not come one per event, or a text could not be written into a story.
    """

    id: str
    seed: int
    instruction: str
    duration_s: float
    summary: str
    events: tuple[Event, ...]
    captions: tuple[str, ...]
    bed: Layer | None = None
    room: Room = field(default_factory=Room)
    layers: tuple[tuple[Layer, ...], ...] = ()
    """Layers per event; an empty tuple for stories told in words only."""

    @property
    def files(self) -> frozenset[str]:
        """The corpus' files that sound in it."""
        layers = [layer for event in self.layers for layer in event]
        return frozenset(layer.file for layer in [*layers, *([self.bed] if self.bed else [])])

    def __post_init__(self) -> None:
        """Refuse rows whose parts do not fit together."""
        if len(self.captions) != len(self.events):
            raise FormatError(f"{len(self.captions)} captions for {len(self.events)} events")
        if self.layers and len(self.layers) != len(self.events):
            raise FormatError(f"layers for {len(self.layers)} of {len(self.events)} events")
        told = (text for event in self.events for text in (event.detail, event.sounds))
        for text in (self.summary, *self.captions, *told):
            if not text or clean_field(text) != text:
                raise FormatError(f"{text[:60]!r} is no clean text: pass it through clean_field")
        moment_s = 0.0
        for event in self.events:
            if abs(event.start_s - moment_s) > TIME_TOLERANCE_S:
                raise FormatError(f"an event starts at {event.start_s} s, not at {moment_s} s")
            moment_s = event.end_s
        if abs(moment_s - self.duration_s) > TIME_TOLERANCE_S:
            raise FormatError(f"events end at {moment_s} s, the story at {self.duration_s} s")

    @property
    def has_audio(self) -> bool:
        """Whether every event has at least one layer to sound."""
        return bool(self.layers) and all(self.layers)

    def to_json(self) -> str:
        """The row as one line of JSON."""
        entry = asdict(self)
        for event in entry["events"]:
            if not event["title"]:
                del event["title"]
        return json.dumps(entry, ensure_ascii=False)


def sound_row(entry: Mapping[str, Any]) -> SoundRow:
    """The clip that a JSON object describes; fields this code does not know are left out.

    Raises:
        CorpusError: if a needed field is missing or has the wrong type.
    """
    try:
        return SoundRow(
            file=str(entry["file"]),
            seconds=float(entry["seconds"]),
            caption=str(entry["caption"]),
            group=str(entry["group"]),
            split=str(entry["split"]),
            recording=str(entry["recording"]),
            license=str(entry["license"]),
            attribution=str(entry.get("attribution", "")),
            labels=tuple(entry.get("labels", ())),
            source_repo=str(entry.get("source_repo", "")),
            source_path=str(entry.get("source_path", "")),
            bandwidth_hz=float(entry.get("bandwidth_hz") or math.inf),
            rms_db=float(entry.get("rms_db") or 0.0),
        )
    except KeyError as error:
        raise CorpusError(f"a clip has no field {error}: see the manifest format") from error
    except (TypeError, ValueError) as error:
        raise CorpusError(f"a clip has a field of the wrong type: {error}") from error


def story_row(entry: Mapping[str, Any]) -> StoryRow:
    """The story that a JSON object describes.

    Raises:
        FormatError: if a field is missing, unknown, or parts contradict each other.
    """
    try:
        fields = dict(entry)
        fields["events"] = tuple(Event(**event) for event in entry["events"])
        fields["captions"] = tuple(entry["captions"])
        fields["bed"] = Layer(**entry["bed"]) if entry.get("bed") else None
        fields["room"] = Room(**entry["room"]) if entry.get("room") else Room()
        layers = entry.get("layers", ())
        fields["layers"] = tuple(tuple(Layer(**one) for one in event) for event in layers)
        return StoryRow(**fields)
    except KeyError as error:
        raise FormatError(f"a story has no field {error}") from error
    except TypeError as error:
        raise FormatError(f"a story has a field that does not belong: {error}") from error


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a JSON Lines file.

    Raises:
        CorpusError: naming the line, if the file is missing, not UTF-8 or not JSON Lines.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                entry = _decoded(line, path, number)
                if not isinstance(entry, dict):
                    raise CorpusError(f"{path}:{number}: not a JSON object")
                yield number, entry
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def _decoded(line: bytes, path: Path, number: int) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}:{number}: not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise CorpusError(f"{path}:{number}: not JSON: {error.msg}") from error


def read_sounds(path: Path) -> Iterator[SoundRow]:
    """Clips of a corpus manifest.

    Raises:
        CorpusError: naming the file and line of the first row that cannot be used.
    """
    for number, entry in read_objects(path):
        try:
            yield sound_row(entry)
        except CorpusError as error:
            raise CorpusError(f"{path}:{number}: {error}") from error


def read_stories(path: Path) -> Iterator[StoryRow]:
    """Stories of a composed data set.

    Raises:
        CorpusError: naming the file and line of the first row that cannot be used.
    """
    for number, entry in read_objects(path):
        try:
            yield story_row(entry)
        except FormatError as error:
            raise CorpusError(f"{path}:{number}: {error}") from error
