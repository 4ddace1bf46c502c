"""Sounds of a corpus: what a story can be mixed from, and the layers that do it.

A sound is named by its recording's own caption, so that what is said is what is heard. Single
hits are heard again after sensible pauses, textures go on; an event's ``Delivery`` sets level and
dullness, the place sets the room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from random import Random

from audiostory.curate.elaborate import Delivery
from audiostory.curate.lexicon import GROUP_KINDS, Sound, parsed
from audiostory.curate.scenes import Beat, Place, Scene
from audiostory.curate.sources import ADVERBS, COUNTS, MUSIC_GROUPS, STEADY_GROUPS
from audiostory.data.manifest import Layer, Room, SoundRow, read_sounds
from audiostory.errors import CorpusError

MIN_CLIP_S = 0.15
MAX_CAPTION_CHARS = 70
LOOPED_S = 2.0
"""Clips at least this long can go on without being heard as a repetition."""
TEXTURES = frozenset(
    ("rain", "wind", "water", "fire", "insects", "ambience", "crowd", "machine", "appliance",
     "aircraft", "vehicle", "train", "clock", "birds", "bubbles", "liquid", "electronic",
     "footsteps", "synth", "tool", "thunder")
)  # fmt: skip
"""Groups whose long clips may be looped."""
UNNAMED_BEDS = ("ambience", "wind", "rain", "insects", "crowd")
GAINS_DB = {"soft": -7.0, "plain": -3.0, "loud": 0.0}
DISTANCES = {"close": (0.0, 12_000.0), "middle": (-2.0, 7_000.0), "far": (-6.0, 3_000.0)}
"""Gain and highest frequency by distance."""
PAUSES_S = {"footsteps": (0.12, 0.35), "clock": (0.3, 0.7), "gun": (0.3, 2.0), "dog": (0.2, 1.2)}
"""Silence between repetitions of a short clip: shortest and longest."""
OTHER_PAUSES_S = (0.4, 2.0)
MAX_REPEATS = {"doors": 2, "glass": 2, "explosion": 3, "thunder": 3}
"""How often the short clips of a group are heard in one event; others as often as fits."""
SPACES: dict[str, tuple[tuple[float, float], tuple[float, float], float]] = {
    "dry": ((0.0, 0.1), (-40.0, -30.0), 12_000), "room": ((0.25, 0.5), (-16.0, -9.0), 11_000),
    "hall": ((1.0, 2.0), (-11.0, -6.0), 9_000), "street": ((0.3, 0.8), (-22.0, -15.0), 11_000),
    "outdoors": ((0.1, 0.3), (-32.0, -24.0), 12_000), "forest": ((0.2, 0.5), (-24.0, -18.0), 9_000),
    "cave": ((1.8, 3.0), (-9.0, -4.0), 7_000), "cathedral": ((2.5, 4.0), (-9.0, -4.0), 8_000),
    "metal room": ((0.7, 1.2), (-11.0, -7.0), 10_000), "tunnel": ((1.2, 2.2), (-9.0, -5.0), 6_000),
    "tiled room": ((0.6, 1.1), (-11.0, -6.0), 12_000),
    "underwater": ((0.2, 0.5), (-14.0, -9.0), 800),
}  # fmt: skip
"""Reverberation time, its level, and highest frequency of each kind of space."""


@dataclass(frozen=True)
class Corpus:
    """Clips of one split, by group and recording."""

    folder: Path
    rows: dict[str, SoundRow]
    """Clips by file."""
    groups: dict[str, tuple[tuple[SoundRow, ...], ...]]
    """For each group its recordings, each with its clips."""
    textures: dict[str, tuple[SoundRow, ...]]
    """Clips that can lie under a story, by group."""


def load_corpus(folder: Path, *, split: str = "train", share_alike: bool = False) -> Corpus:
    """The clips of ``folder`` that stories may be mixed from.

    Args:
        folder: holds ``metadata.jsonl`` and the clips.
        split: ``train``, ``val`` or ``test``.
        share_alike: whether clips whose licence asks to share alike may be used.

    Raises:
        CorpusError: if the manifest cannot be read, or fewer than two clips or no ambience is
            left.
    """
    rows: dict[str, SoundRow] = {}
    found: dict[str, dict[str, list[SoundRow]]] = {}
    for row in read_sounds(folder / "metadata.jsonl"):
        is_free = share_alike or not row.is_share_alike
        is_sayable = len(row.caption) <= MAX_CAPTION_CHARS and ': "' not in row.caption
        if row.split == split and is_free and is_sayable and row.seconds >= MIN_CLIP_S:
            rows[row.file] = row
            found.setdefault(row.group, {}).setdefault(row.recording, []).append(row)
    if len(rows) < 2:
        raise CorpusError(f"{folder} has {len(rows)} clips to mix in split '{split}': need two")
    groups = {
        group: tuple(tuple(clips) for clips in recordings.values())
        for group, recordings in found.items()
    }
    return Corpus(folder, rows, groups, _textures(folder, rows.values()))


def _textures(folder: Path, rows: Iterable[SoundRow]) -> dict[str, tuple[SoundRow, ...]]:
    found: dict[str, tuple[SoundRow, ...]] = {}
    for row in rows:
        if row.group in TEXTURES and row.seconds >= LOOPED_S:
            found[row.group] = (*found.get(row.group, ()), row)
    if not found:
        raise CorpusError(
            f"no clip of {folder} can lie under a story: give it rain, wind or another ambience "
            f"of {LOOPED_S:g} s or more"
        )
    return found


class RecordedPalette:
    """Sounds named after recordings of a corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self._names = tuple(corpus.groups)
        self._weights = [sqrt(len(corpus.groups[name])) for name in self._names]

    @property
    def has_recordings(self) -> bool:
        """True: every sound names its file."""
        return True

    def knows(self, group: str) -> bool:
        """Whether the corpus has clips of this group."""
        return group in self.corpus.groups

    def any_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A clip, of one of the ``home`` groups more often than not."""
        known = [group for group in home if self.knows(group)]
        if known and rng.random() < 0.6:
            return self.group_sound(rng, rng.choice(known))
        return self.group_sound(rng, rng.choices(self._names, self._weights)[0])

    def musical_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """An instrument or a voice that sings, more often than not."""
        return self.any_sound(rng, MUSIC_GROUPS if rng.random() < 0.8 else home)

    def group_sound(self, rng: Random, group: str) -> Sound:
        """A clip of a random recording of ``group``."""
        row = rng.choice(rng.choice(self.corpus.groups[group]))
        sound = replace(parsed(row.caption.rstrip(" ,."), group), file=row.file, kind=kind_of(row))
        chance = rng.random()
        if chance < 0.15 and sound.verb and not sound.tail:
            return replace(sound, adverb=rng.choice(ADVERBS[rng.choice(("soft", "loud"))]))
        if chance < 0.22 and row.seconds < LOOPED_S and sound.verb and not sound.tail:
            return replace(sound, tail=rng.choice(COUNTS[:4]))
        return sound

    def expected_sounds(self, rng: Random, place: Place) -> list[Sound]:
        """Clips of the groups at home in the place."""
        names = [group for group in place.groups if self.knows(group)]
        chosen = rng.sample(names, min(len(names), rng.choice((2, 3, 3, 4))))
        return [self.group_sound(rng, name) for name in chosen]

    def background_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A texture long enough to go on."""
        return self._texture(rng, [*home, *STEADY_GROUPS])

    def quiet_sound(self, rng: Random) -> Sound:
        """A texture of the kind that lies under things."""
        return self._texture(rng, list(UNNAMED_BEDS))

    def in_turn(self, rng: Random, count: int) -> list[Sound]:
        """Sounds of one group."""
        group = rng.choices(self._names, self._weights)[0]
        return [self.group_sound(rng, group) for _ in range(count)]

    def _texture(self, rng: Random, groups: Sequence[str]) -> Sound:
        known = [group for group in groups if group in self.corpus.textures]
        row = rng.choice(self.corpus.textures[rng.choice(known or list(self.corpus.textures))])
        return replace(parsed(row.caption.rstrip(" ,."), row.group), file=row.file, kind="bed")


def kind_of(row: SoundRow) -> str:
    """How long the sound of a clip tends to go on, from its group and its own length."""
    usual = GROUP_KINDS.get(row.group, "hit")
    if row.seconds >= LOOPED_S:
        return usual if row.group in TEXTURES or usual == "music" else "call"
    return "run" if row.group in PAUSES_S and usual == "run" else "hit"


def room_of(rng: Random, scene: Scene) -> Room:
    """The space a story happens in: that of its place, else any."""
    around = scene.place or scene.theme
    name = (
        around.space if around else rng.choice(("dry", "dry", "room", "outdoors", "hall", "street"))
    )
    (shortest, longest), (faint, strong), lowpass_hz = SPACES[name]
    return Room(
        name=name,
        rt60_s=round(rng.uniform(shortest, longest), 2),
        wet_db=round(rng.uniform(faint, strong), 1),
        lowpass_hz=round(lowpass_hz * rng.uniform(0.6, 1.0)),
        highpass_hz=float(rng.choice((20, 20, 60, 120, 200))),
        noise_db=round(rng.uniform(-80.0, -58.0), 1),
    )


def bed_of(rng: Random, scene: Scene, palette: RecordedPalette) -> Layer | None:
    """What lies under all events: the background asked for, or something quiet, or nothing."""
    sound, gain_db = scene.background, rng.uniform(-14.0, -9.0)
    if sound is None:
        if rng.random() < 0.5:
            return None
        sound, gain_db = palette.quiet_sound(rng), rng.uniform(-30.0, -22.0)
    row = palette.corpus.rows[sound.file]
    lowpass_hz = 12_000.0 if scene.background else 5_000.0
    return Layer(
        file=row.file,
        offset_s=0.0,
        start_s=0.0,
        duration_s=scene.duration_s,
        gain_db=round(gain_db, 1),
        lowpass_hz=lowpass_hz,
    )


def layers_of(
    rng: Random, beat: Beat, delivery: Delivery, length_s: float, corpus: Corpus
) -> tuple[Layer, ...]:
    """The layers of one event; the second sound lies a little under the first."""
    found: list[Layer] = []
    distance_db, lowpass_hz = DISTANCES[delivery.distance]
    for order, sound in enumerate(beat.sounds):
        row = corpus.rows[sound.file]
        gain_db = GAINS_DB[delivery.intensity] + distance_db - 3.0 * order
        layer = Layer(
            file=row.file,
            duration_s=row.seconds,
            gain_db=round(gain_db + rng.uniform(-1.5, 1.5), 1),
            lowpass_hz=lowpass_hz,
        )
        if row.seconds >= LOOPED_S:
            found.append(_going_on(rng, layer, row, length_s))
        else:
            found += _repeated(rng, layer, row, sound, length_s)
    return tuple(found)


def _going_on(rng: Random, layer: Layer, row: SoundRow, length_s: float) -> Layer:
    """The clip for the whole event: looped where it may be, else from somewhere or to its end."""
    spare_s = row.seconds - length_s
    if spare_s > 0:
        offset_s = 0.0 if row.group not in TEXTURES else rng.uniform(0.0, spare_s)
        return replace(layer, offset_s=round(offset_s, 2), duration_s=round(length_s, 1))
    if row.group in TEXTURES:
        return replace(layer, duration_s=round(length_s, 1))
    start_s = rng.uniform(0.0, min(1.0, -spare_s))
    return replace(layer, start_s=round(start_s, 2))


def _repeated(
    rng: Random, layer: Layer, row: SoundRow, sound: Sound, length_s: float
) -> list[Layer]:
    """The clip again and again with pauses, as often as was said or as fits."""
    shortest, longest = PAUSES_S.get(row.group, OTHER_PAUSES_S)
    count = COUNTS.index(sound.tail) + 1 if sound.tail in COUNTS[:5] else None
    most = count or MAX_REPEATS.get(row.group, 40)
    pause_s = rng.uniform(shortest, longest)
    moment = rng.uniform(0.0, max(0.0, min(0.8, length_s - row.seconds)))
    found: list[Layer] = []
    while len(found) < most and (not found or moment + min(row.seconds, 0.3) < length_s):
        gain_db = round(layer.gain_db + rng.uniform(-1.5, 1.5), 1)
        found.append(replace(layer, start_s=round(moment, 3), gain_db=gain_db))
        moment += row.seconds + pause_s * rng.uniform(0.85, 1.15)
    return found
