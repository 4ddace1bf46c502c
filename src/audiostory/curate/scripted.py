"""Plans of scripts: which takes are heard when, how loud, and the words of the storyline.

What a script leaves open is decided by seed: takes, levels, pauses, and the times of events for
which the text states none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from audiostory.curate.elaborate import summary
from audiostory.curate.lexicon import Sound, parsed
from audiostory.curate.recordings import DISTANCES, SPACES, room_of
from audiostory.curate.scenes import Beat, Place, Scene
from audiostory.curate.scripts import Cue, Kind, Script
from audiostory.curate.sources import COUNTS
from audiostory.curate.words import capitalised
from audiostory.data.manifest import Layer, SoundRow, StoryRow, read_sounds
from audiostory.data.sets.item import NamedSound
from audiostory.data.sets.nano_stories import NAME
from audiostory.errors import CorpusError
from audiostory.story.tokens import clean_field
from audiostory.story.types import Event

SPLIT = "test"
WEIGHTS = (10.0, 7.0, 0.0)
"""Shares of the time left over for sounds that go on, come again, and are counted."""
SHORTEST_S = 3.0
"""Least time of a sound that is not counted."""
LEAD_S, TAIL_S = 0.3, 0.6
"""Longest silence before the first, and least room after the last, of a counted sound."""
MOST_PAUSE = 1.15
"""Longest pause of a sound, relative to its own usual one."""
MOST_SPREAD_S = 1.5
"""Longest time added to the pauses of a counted sound whose event lasts longer than it needs."""
LEAST_SHARE = 0.7
"""Share of a clip that has to fit into what is left of its event for it to be heard once more."""
GAIN_DB, UNDER_DB, BED_DB = -2.0, -8.0, -12.0
"""Level of a sound, of what lies under another one, and of what lies under the whole story."""
FAR = DISTANCES["far"]


@dataclass
class Takes:
    """Clips to choose from, and how often each recording was chosen."""

    clips: Mapping[str, Sequence[SoundRow]]
    """Clips of each recording."""
    used: Counter[str] = field(default_factory=Counter)

    def of(self, kind: Kind, rng: Random) -> list[SoundRow]:
        """Clips of the recording used least so far, beginning anywhere among them."""
        fewest = min(self.used[one] for one in kind.recordings)
        name = rng.choice([one for one in kind.recordings if self.used[one] == fewest])
        self.used[name] += 1
        shortest, longest = kind.takes_s
        found = [row for row in self.clips.get(name, ()) if shortest <= row.seconds <= longest]
        if not found:
            raise CorpusError(f"{kind.name}: the {SPLIT} split has no usable clip of {name}")
        first = rng.randrange(len(found))
        return found[first:] + found[:first]


def clips_by_recording(corpus: Path) -> dict[str, list[SoundRow]]:
    """Clips of the test split without share-alike licences, by recording.

    Unlike ``recordings.load_corpus`` it keeps clips with long captions: kinds bring their own.
    """
    found: dict[str, list[SoundRow]] = {}
    for row in read_sounds(corpus / "metadata.jsonl"):
        if row.split == SPLIT and not row.is_share_alike:
            found.setdefault(row.recording, []).append(row)
    return found


@dataclass(frozen=True)
class _Part:
    """One cue with its clips."""

    kind: Kind
    cue: Cue
    clips: Sequence[SoundRow]

    @property
    def files(self) -> frozenset[str]:
        """Clips it may be heard from."""
        return frozenset(row.file for row in self.clips)

    @property
    def times(self) -> int | None:
        """How often it is heard; None for as long as there is time."""
        return self.cue.times or (1 if self.kind.usual == "once" else None)

    @property
    def rarity(self) -> int:
        """0 for what goes on, 1 for what comes again and again, 2 for what is counted."""
        if self.times is not None:
            return 2
        return 0 if self.kind.usual == "steady" else 1

    def least_s(self) -> float:
        """Time it needs."""
        if self.times is None:
            return SHORTEST_S
        pause_s = self.kind.pauses_s[1] * MOST_PAUSE
        longest_s = max(row.seconds for row in self.clips[: self.times])
        return LEAD_S + self.times * longest_s + (self.times - 1) * pause_s + TAIL_S

    def sound(self) -> Sound:
        """Its words."""
        row = self.clips[0]
        sound = replace(parsed(self.kind.caption, row.group), file=row.file)
        is_counted = self.times is not None and 1 < self.times <= 5 and not sound.tail
        return replace(sound, tail=COUNTS[self.times - 1]) if is_counted and self.times else sound


Parts = Sequence[tuple[_Part, ...]]
"""The cues of every event."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A script's plan, and where in it the sounds are that the instruction names."""

    row: StoryRow
    sounds: tuple[NamedSound, ...]
    """By event; what lies under all of them comes first."""
    words: tuple[tuple[str, ...], ...]
    """Accepted stems of each sound."""
    files: tuple[frozenset[str], ...]
    """Clips of each sound."""


def plan(script: Script, kinds: Mapping[str, Kind], takes: Takes) -> Planned:
    """The plan of a script: the same script and the same ``takes`` give the same plan.

    Raises:
        CorpusError: if a sound or the space is not known, or the events do not fit their times.
    """
    if script.space not in SPACES:
        raise CorpusError(f"{script.id}: no space {script.space!r}: use one of {', '.join(SPACES)}")
    seed = Random(f"{NAME}/{script.id}").getrandbits(32)
    rng = Random(seed)
    bed, parts = _cast(rng, script, kinds, takes)
    ends_s = _ends(rng, script, parts)
    scene = Scene(
        beats=tuple(Beat(tuple(one.sound() for one in event)) for event in parts),
        times_s=ends_s,
        background=bed.sound() if bed else None,
    )
    layers = tuple(
        _layers(rng, event, end_s - start_s, is_timed=moment.starts_s is not None)
        for event, moment, (start_s, end_s) in zip(parts, script.events, scene.spans(), strict=True)
    )
    row = replace(
        _worded(rng, script, scene, parts, seed),
        layers=layers,
        bed=None if bed is None else _bed(rng, bed, script.duration_s),
        room=room_of(rng, replace(scene, place=Place("", script.space, (), ()))),
    )
    named = [] if bed is None else [(bed, _bed_sound(bed, script.duration_s))]
    for index, (event, moment) in enumerate(zip(parts, script.events, strict=True)):
        named += [(part, _named(part, row, index, moment.starts_s)) for part in event]
    return Planned(
        row=row,
        sounds=tuple(sound for _, sound in named),
        words=tuple(part.kind.words for part, _ in named),
        files=tuple(part.files for part, _ in named),
    )


def _cast(
    rng: Random, script: Script, kinds: Mapping[str, Kind], takes: Takes
) -> tuple[_Part | None, Parts]:
    """What lies under the story and what its events hold; a sound that returns keeps its clips."""
    chosen: dict[str, Sequence[SoundRow]] = {}

    def part(cue: Cue) -> _Part:
        if cue.sound not in kinds:
            raise CorpusError(f"{script.id}: {cue.sound!r} is not in the list of sounds: add it")
        kind = kinds[cue.sound]
        if cue.sound not in chosen:
            chosen[cue.sound] = takes.of(kind, rng)
        return _Part(kind, cue, chosen[cue.sound])

    bed = part(Cue(sound=script.bed)) if script.bed else None
    return bed, [tuple(part(cue) for cue in moment.sounds) for moment in script.events]


def _bed_sound(bed: _Part, duration_s: float) -> NamedSound:
    sound = bed.sound()
    return NamedSound(
        text=sound.clause(), event=0, group=sound.group, start_s=0.0, end_s=duration_s
    )


def _named(part: _Part, row: StoryRow, index: int, asked_s: float | None) -> NamedSound:
    """From the start of the sound's first layer to the end of its last one or of its event."""
    event, sound = row.events[index], part.sound()
    own = [layer for layer in row.layers[index] if layer.file in part.files]
    last_s = max(layer.start_s + layer.duration_s for layer in own)
    return NamedSound(
        text=sound.clause(),
        event=index,
        group=sound.group,
        start_s=round(event.start_s + min(layer.start_s for layer in own), 2),
        end_s=round(event.start_s + min(last_s, event.duration_s), 2),
        asked_s=asked_s,
    )


def _worded(rng: Random, script: Script, scene: Scene, parts: Parts, seed: int) -> StoryRow:
    """The row in plain words: nothing that nobody knows of the recordings, such as a manner."""
    under = f", with {scene.background.participle()} in the background" if scene.background else ""
    return StoryRow(
        id=script.id,
        seed=seed,
        instruction=script.instruction,
        duration_s=script.duration_s,
        summary=clean_field(summary(rng, scene)),
        events=tuple(
            Event(
                start_s=start_s,
                end_s=end_s,
                detail=_sentence(" while ".join(part.sound().clause() for part in event)),
                sounds=_sentence(", ".join(part.sound().label() for part in event) + under),
            )
            for (start_s, end_s), event in zip(scene.spans(), parts, strict=True)
        ),
        captions=tuple(
            clean_field(capitalised(" and ".join(map(_heard, event)) + under)) for event in parts
        ),
    )


def _heard(part: _Part) -> str:
    far = " in the distance" if part.cue.distance == "far" else ""
    return part.sound().participle() + far


def _sentence(words: str) -> str:
    return clean_field(f"{capitalised(words)}.")


def _ends(rng: Random, script: Script, parts: Parts) -> tuple[float, ...]:
    """Ends of the events: where the text says so, else as long as their sounds need."""
    starts_s = [moment.starts_s for moment in script.events]
    starts_s[0] = 0.0
    known = [index for index, start_s in enumerate(starts_s) if start_s is not None]
    ends: list[float] = []
    for first, last in zip(known, [*known[1:], len(parts)], strict=True):
        end_s = script.duration_s if last == len(parts) else starts_s[last]
        start_s = starts_s[first]
        assert start_s is not None
        assert end_s is not None
        lengths_s = _lengths(rng, script.id, parts[first:last], end_s - start_s)
        ends += [round(start_s + sum(lengths_s[: at + 1]), 1) for at in range(len(lengths_s))]
        ends[-1] = end_s
    return tuple(ends)


def _lengths(rng: Random, name: str, parts: Parts, total_s: float) -> list[float]:
    least_s = [max(part.least_s() for part in event) for event in parts]
    spare_s = total_s - sum(least_s)
    if spare_s < 0:
        raise CorpusError(f"{name}: events need {sum(least_s):.1f} s and have {total_s:g} s")
    weights = [
        max(WEIGHTS[part.rarity] for part in event) * rng.uniform(0.7, 1.3) for event in parts
    ]
    if not any(weights):
        weights = least_s
    return [
        least + spare_s * weight / sum(weights)
        for least, weight in zip(least_s, weights, strict=True)
    ]


def _layers(
    rng: Random, parts: tuple[_Part, ...], length_s: float, *, is_timed: bool
) -> tuple[Layer, ...]:
    """The layers of one event; the rarer a sound, the more the others lie under it."""
    found: list[Layer] = []
    for part in parts:
        goes_under = part.rarity < max(other.rarity for other in parts)
        far_db, lowpass_hz = FAR if part.cue.distance == "far" else (0.0, 12_000.0)
        gain_db = (UNDER_DB if goes_under else GAIN_DB) + far_db + _drift_db(rng)
        layer = Layer(
            file=part.clips[0].file,
            duration_s=round(length_s, 1),
            gain_db=round(gain_db, 1),
            lowpass_hz=lowpass_hz,
        )
        if not part.rarity:
            spare_s = max(0.0, part.clips[0].seconds - length_s)
            found.append(replace(layer, offset_s=round(rng.uniform(0.0, spare_s), 2)))
            continue
        start_s = 0.0 if is_timed else rng.uniform(0.0, LEAD_S)
        if part.times and len(parts) > 1 and not is_timed:
            start_s += (length_s - part.least_s()) * rng.uniform(0.2, 0.6)
        found += _repeated(rng, part, layer, start_s, length_s)
    return tuple(found)


def _drift_db(rng: Random) -> float:
    return rng.uniform(-1.0, 1.0)


def _repeated(
    rng: Random, part: _Part, layer: Layer, start_s: float, length_s: float
) -> list[Layer]:
    """Takes one after the other, with pauses: as often as was said, or as long as there is time."""
    pause_s = rng.uniform(*part.kind.pauses_s)
    if part.times:
        spare_s = length_s - start_s - part.least_s()
        pause_s += min(MOST_SPREAD_S, max(0.0, spare_s) / part.times)
    found: list[Layer] = []
    while part.times is None or len(found) < part.times:
        clip = part.clips[len(found) % len(part.clips)]
        heard_s = min(clip.seconds, length_s - start_s)
        if part.times is None and found and heard_s < LEAST_SHARE * clip.seconds:
            break
        found.append(
            replace(
                layer,
                file=clip.file,
                start_s=round(start_s, 2),
                duration_s=round(heard_s, 3),
                gain_db=round(layer.gain_db + _drift_db(rng), 1),
            )
        )
        start_s += clip.seconds + pause_s * rng.uniform(2 - MOST_PAUSE, MOST_PAUSE)
    return found


def _bed(rng: Random, bed: _Part, duration_s: float) -> Layer:
    return Layer(
        file=bed.clips[0].file,
        duration_s=duration_s,
        gain_db=round(BED_DB + _drift_db(rng), 1),
    )
