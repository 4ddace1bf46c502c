"""The test set ``nano-stories``: 150 instructions with plans, and tracks mixed from a local corpus.

Instructions, plans and seeds ship with the package; sound does not. With the corpus at hand the
reference tracks are mixed from its test split, the same samples every time. How the set was made,
and what it cannot tell: ``docs/nano-stories.md``; its builder is ``audiostory.curate``.

Shapes: ``N`` samples, mono.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import Waveform
from audiostory.data.manifest import Layer, StoryRow, read_objects, story_row
from audiostory.data.mixing import Mixer
from audiostory.data.sets.item import Item, ItemSet, NamedSound
from audiostory.errors import AudioError, CorpusError, FormatError
from audiostory.story.types import Clip, Instruction, Story, Storyline

NAME = "nano-stories"
SAMPLE_RATE_HZ = 24_000
"""Rate the reference tracks are mixed at; that of the corpus."""
STRATA = ("easy", "medium", "hard")
QUIETEST_DB = -80.0
"""Levels below are written as this."""
LEVEL_TOLERANCE_DB = 0.5
"""How far a second of a track may be from the level it was published with."""
ASSETS = Path(str(files("audiostory.data.sets") / "assets"))
HOME_NOTE = (
    "nano-stories is mixed from the test split of the corpus whose training split nano learnt "
    "from: systems that know the corpus are at home here, others are not"
)
SILENT_NOTE = (
    "no corpus was given, so there are no reference tracks and no distances to them: fetch the "
    "corpus and name its folder (docs/nano-stories.md)"
)


@dataclass(frozen=True, kw_only=True)
class NanoStory:
    """One question of the set as it is shipped, with its plan and the digest of its track."""

    stratum: str
    """``easy``, ``medium`` or ``hard``."""
    style: str
    """Kind of wording: ``film``, ``children``, ``timed``..."""
    duration_said: str
    """Where the length is asked for: ``field``, ``text`` (there alone), or ``nowhere``."""
    is_ordered: bool
    """Whether the instruction puts its sounds in an order."""
    row: StoryRow
    """Instruction, events, captions and what is mixed."""
    sounds: tuple[NamedSound, ...]
    """What the instruction names, by event; what lies under all of them comes first."""
    words: tuple[tuple[str, ...], ...]
    """Stems for each named sound, one of which the instruction uses."""
    pcm_sha256: str
    """Digest of the reference track, as ``pcm_digest`` takes it."""
    levels_db: tuple[float, ...]
    """``levels_of`` the reference track."""

    def to_json(self) -> str:
        """The question as one line of JSON; layers leave out what is as usual."""
        entry = {field.name: getattr(self, field.name) for field in fields(self)}
        row = json.loads(self.row.to_json())
        row["layers"] = [[_brief(layer) for layer in event] for event in self.row.layers]
        row["bed"] = None if self.row.bed is None else _brief(self.row.bed)
        entry["row"] = row
        entry["sounds"] = [asdict(sound) for sound in self.sounds]
        return json.dumps(entry, ensure_ascii=False)

    def item(self) -> Item:
        """The question as every set asks it."""
        row = self.row
        clips = tuple(
            Clip(caption=caption, duration_s=event.duration_s)
            for caption, event in zip(row.captions, row.events, strict=True)
        )
        asked_s = row.duration_s if self.duration_said == "field" else None
        return Item(
            id=row.id,
            instruction=Instruction(text=row.instruction, duration_s=asked_s),
            seed=row.seed,
            asked_duration_s=None if self.duration_said == "nowhere" else row.duration_s,
            stratum=self.stratum,
            story=Story(storyline=Storyline(summary=row.summary, events=row.events), clips=clips),
            sounds=self.sounds,
            is_ordered=self.is_ordered,
        )


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A reference track whose samples are not exactly the published ones."""

    id: str
    """The item's."""
    level_db: float
    """Largest difference in level of any second, in dB; 0.0 where only rounding differs."""


def _brief(layer: Layer) -> dict[str, Any]:
    usual = {field.name: field.default for field in fields(Layer)}
    return {name: value for name, value in asdict(layer).items() if value != usual[name]}


def nano_stories(path: Path | None = None) -> tuple[NanoStory, ...]:
    """The questions that ship with the package, or those of another file of the same form.

    Raises:
        CorpusError: naming the line, if the file cannot be used.
    """
    path = path or ASSETS / "nano_stories.jsonl"
    return tuple(_story(entry, f"{path}:{number}") for number, entry in read_objects(path))


def _story(entry: Mapping[str, Any], place: str) -> NanoStory:
    try:
        return NanoStory(
            **{
                **entry,
                "row": story_row(entry["row"]),
                "sounds": tuple(NamedSound(**sound) for sound in entry["sounds"]),
                "words": tuple(tuple(words) for words in entry["words"]),
                "levels_db": tuple(entry["levels_db"]),
            }
        )
    except (KeyError, TypeError, FormatError) as error:
        raise CorpusError(f"{place}: not a question of {NAME}: {error}") from error


def corpus_digests(path: Path | None = None) -> tuple[str, dict[str, str]]:
    """The set's version, and the sha256 of every corpus file its tracks are mixed from.

    Raises:
        CorpusError: if the file that lists them cannot be used.
    """
    path = path or ASSETS / "nano_stories_corpus.json"
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        return str(entry["version"]), {str(key): str(entry["files"][key]) for key in entry["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path} does not list the files of {NAME}: {error}") from error


def check_corpus(corpus: Path, digests: Mapping[str, str]) -> None:
    """Nothing, if every file is there and is the one the set was made from.

    Raises:
        CorpusError: naming the first file that is missing or another.
    """
    for name, expected in digests.items():
        try:
            found = hashlib.sha256((corpus / name).read_bytes()).hexdigest()
        except OSError as error:
            raise CorpusError(
                f"{NAME} needs {corpus / name}, which cannot be read ({error.strerror}): name the "
                "folder of the corpus it was made from, the one that holds metadata.jsonl"
            ) from error
        if found != expected:
            raise CorpusError(
                f"{corpus / name} is not the file {NAME} was made from (sha256 {found[:12]}, not "
                f"{expected[:12]}): the corpus has changed; fetch the version named in "
                "docs/nano-stories.md, or build another set from this one"
            )


def pcm_of(samples_N: NDArray[np.float32]) -> NDArray[np.int16]:
    """The samples as 16-bit integers: full scale is 32767, nearest, ties to even."""
    return np.round(np.clip(samples_N, -1.0, 1.0).astype(np.float64) * 32_767).astype("<i2")


def pcm_digest(samples_N: NDArray[np.float32]) -> str:
    """The sha256 of ``pcm_of``, little-endian, without any header."""
    return hashlib.sha256(pcm_of(samples_N).tobytes()).hexdigest()


def levels_of(samples_N: NDArray[np.float32]) -> tuple[float, ...]:
    """Root mean square level of every begun second, dB of full scale, one decimal."""
    seconds = (
        samples_N[at : at + SAMPLE_RATE_HZ] for at in range(0, len(samples_N), SAMPLE_RATE_HZ)
    )
    powers = np.array([np.square(one, dtype=np.float64).mean() for one in seconds])
    levels = 10 * np.log10(np.maximum(powers, 10 ** (QUIETEST_DB / 10)))
    return tuple(round(float(level), 1) for level in levels)


class References:
    """Mixes the reference track of an item, and knows which of them differ from the published.

    Processors and versions of the Fourier transform and the Ogg decoder round differently, which
    may change single 16-bit samples: such tracks are given all the same and reported by
    ``check_references``. A track that is off by more than ``LEVEL_TOLERANCE_DB`` in any second is
    no longer the truth, and refused.

    Raises:
        CorpusError: naming the first corpus file that is missing or has changed.
    """

    def __init__(
        self, stories: Sequence[NanoStory], corpus: Path, digests: Mapping[str, str]
    ) -> None:
        check_corpus(corpus, digests)
        self._stories = {story.row.id: story for story in stories}
        self._mixer = Mixer(corpus, SAMPLE_RATE_HZ)
        self._deviations: dict[str, Deviation | None] = {}

    def __call__(self, item: Item) -> Waveform:
        """The track, mono, at ``SAMPLE_RATE_HZ``.

        Raises:
            CorpusError: if the item is none of the set's, or its track cannot be mixed as it was.
        """
        waveform, self._deviations[item.id] = self.mixed(item)
        return waveform

    def remark(self, item: Item) -> str:
        """How the track that was given for an item differs from the published one, in words."""
        deviation = self._deviations.get(item.id)
        if deviation is None:
            return ""
        return (
            f"not the published samples (rounding; {deviation.level_db:g} dB in its loudest "
            "difference of any second)"
        )

    def mixed(self, item: Item) -> tuple[Waveform, Deviation | None]:
        """The track, and how it differs from the published one; None if in no sample."""
        story = self._stories.get(item.id)
        if story is None:
            raise CorpusError(f"{NAME} has no item {item.id!r}: take items of the same set")
        try:
            samples_N = self._mixer.story(story.row)
        except AudioError as error:
            raise CorpusError(f"the reference of {item.id} cannot be mixed: {error}") from error
        waveform = Waveform(samples_N[None], SAMPLE_RATE_HZ)
        if pcm_digest(samples_N) == story.pcm_sha256:
            return waveform, None
        levels_db = levels_of(samples_N)
        if len(levels_db) != len(story.levels_db):
            raise CorpusError(
                f"the reference of {item.id} is {waveform.duration_s:g} s long, which it was not "
                f"when {NAME} was published: use the version of audiostory named in the docs"
            )
        off_db = max(abs(one - two) for one, two in zip(levels_db, story.levels_db, strict=True))
        if off_db > LEVEL_TOLERANCE_DB:
            raise CorpusError(
                f"the reference of {item.id} is {off_db:.1f} dB from the published one: its mixer "
                "has changed; use the version of audiostory named in docs/nano-stories.md"
            )
        return waveform, Deviation(id=item.id, level_db=round(off_db, 1))


def check_references(item_set: ItemSet) -> tuple[Deviation, ...]:
    """The reference tracks that differ from the published ones; empty if all samples are equal.

    Mixes every track (some minutes); reports note what it returns.

    Raises:
        CorpusError: if the set has no references of its own, or one cannot be mixed as it was.
    """
    if not isinstance(item_set.reference_of, References):
        raise CorpusError(f"{item_set.name} was loaded without its corpus: {SILENT_NOTE}")
    mixed = (item_set.reference_of.mixed(item)[1] for item in item_set.items)
    return tuple(deviation for deviation in mixed if deviation is not None)


def load_nano_stories(corpus: Path | None = None) -> ItemSet:
    """The set, with reference tracks where the corpus is at hand.

    Args:
        corpus: folder of the corpus, the one with ``metadata.jsonl``; None loads questions only.

    Raises:
        CorpusError: naming the first corpus file that is missing or has changed.
    """
    stories = nano_stories()
    version, digests = corpus_digests()
    items = tuple(story.item() for story in stories)
    if corpus is None:
        return ItemSet(
            name=NAME,
            version=version,
            items=items,
            has_references=False,
            notes=(HOME_NOTE, SILENT_NOTE),
        )
    references = References(stories, corpus, digests)
    return ItemSet(
        name=NAME,
        version=version,
        items=items,
        reference_of=references,
        remark_of=references.remark,
        notes=(HOME_NOTE,),
    )
