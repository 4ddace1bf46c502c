"""A score as sound: FluidSynth plays it on a soundfont, and the clip is cut and levelled.

FluidSynth (LGPL) is a system library, ``pyfluidsynth`` its binding and an optional package. Every
score is played by a synthesiser of its own: what was played before leaves no trace, so that a
folder made in two sittings equals one made in one.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

import numpy as np

from audiostory.audio.waveform import Samples, Waveform, resample, samples_in, to_mono
from audiostory.curate.orchestra.score import SEMITONES_BENT, Bend, Note, Part, Score
from audiostory.errors import AudioError, CorpusError, MissingExtraError
from audiostory.optional import require

SAMPLE_RATE_HZ = 24_000
"""Of finished clips: the corpus' and the codec's."""
SYNTHESIS_RATE_HZ = 48_000
"""FluidSynth does not filter what lies above half its rate: it plays faster than is kept."""
REVERB_SEND = 24
"""MIDI controller 91 of every part: a little hall, so that what is dry does not sound cut out."""
RING_S = 4.0
"""How long a clip may ring after the last note."""
SHORTEST_S, LONGEST_S = 1.0, 8.0
SILENT_DB = -60.0
"""Below its loudest moment, a clip counts as over."""
FADE_S = 0.3
"""Of what still rings where the clip ends; nothing of a phrase lies there."""
LOUDEST_PEAK_DB = -1.5
DB_PER_VELOCITY = 0.14
"""Peaks of clips by how loud they are played: soft ones stay softer, by about a third in dB."""
BEND_STEP_S = 0.01
PITCH_WHEEL = 8192
"""Steps of MIDI's pitch wheel to each side."""

Renderer = Callable[[Score], Waveform]
"""Plays a score from its beginning till nothing is heard any more, or ``RING_S`` longer."""


def finished(sound: Waveform, score: Score) -> Waveform:
    """The clip of a rendered score: mono, ended where it is over, as loud as it is played.

    Between 1 and 8 s long: shorter ones end in silence.

    Raises:
        AudioError: if nothing is heard, or notes lie beyond 8 s.
    """
    sound = resample(to_mono(sound), SAMPLE_RATE_HZ)
    peak = float(np.abs(sound.samples).max(initial=0.0))
    if peak < 1e-3:
        raise AudioError(f"a {score.gesture} of {score.lead.instrument.name} came out silent")
    if score.seconds > LONGEST_S - FADE_S:
        raise AudioError(f"a {score.gesture} lasts {score.seconds:.1f} s, above {LONGEST_S:g} s")
    length = min(max(_heard(sound), samples_in(SHORTEST_S, SAMPLE_RATE_HZ)), sound.num_samples)
    length = min(length, samples_in(LONGEST_S, SAMPLE_RATE_HZ))
    velocity = fmean(note.velocity for part in score.parts for note in part.notes)
    peak_db = LOUDEST_PEAK_DB - DB_PER_VELOCITY * (127 - velocity)
    kept = sound.samples[:, :length] * np.float32(10 ** (peak_db / 20) / peak)
    num_faded = samples_in(FADE_S, SAMPLE_RATE_HZ)
    kept[:, -num_faded:] *= np.cos(np.linspace(0, math.pi / 2, num_faded, dtype=np.float32))
    return Waveform(kept, SAMPLE_RATE_HZ)


def _heard(sound: Waveform) -> int:
    """Samples up to the last one that is not ``SILENT_DB`` below the loudest, and the fade."""
    level = np.abs(sound.samples[0])
    last = int(np.flatnonzero(level > level.max() * 10 ** (SILENT_DB / 20))[-1])
    return last + samples_in(FADE_S, sound.sample_rate_hz)


@dataclass(frozen=True)
class Event:
    """Something that a synthesiser is told at a moment."""

    at_s: float
    order: int
    """Among events of one moment: bends, then ends of notes, then beginnings."""
    channel: int
    pitch: int = 0
    velocity: int = 0
    """0 ends the note."""
    semitones: float | None = None
    """Where the pitch wheel goes; None for notes."""


def events(score: Score) -> list[Event]:
    """All that happens in a score, in order; one channel for each part."""
    beat_s = score.seconds_per_beat
    found: list[Event] = []
    for channel, part in enumerate(score.parts):
        for note, end in _ended(part):
            found.append(Event(note.start * beat_s, 2, channel, note.pitch, note.velocity))
            found.append(Event(end * beat_s, 1, channel, note.pitch))
        for at_s, semitones in _wheel(part.bends, beat_s):
            found.append(Event(at_s, 0, channel, semitones=semitones))
    return sorted(found, key=lambda event: (event.at_s, event.order))


def _ended(part: Part) -> Iterator[tuple[Note, float]]:
    """Notes and when they end: where the same pitch sets in again, at the latest."""
    notes = sorted(part.notes, key=lambda note: note.start)
    for at, note in enumerate(notes):
        again = (later.start for later in notes[at + 1 :] if later.pitch == note.pitch)
        yield note, min(note.start + note.length, next(again, math.inf))


def _wheel(bends: tuple[Bend, ...], beat_s: float) -> Iterator[tuple[float, float]]:
    """Seconds and semitones of a pitch wheel that moves evenly between the bends."""
    if not bends:
        return
    times_s = [bend.at * beat_s for bend in bends]
    semitones = [bend.semitones for bend in bends]
    for at_s in np.arange(times_s[0], times_s[-1] + BEND_STEP_S, BEND_STEP_S):
        yield float(at_s), float(np.interp(at_s, times_s, semitones))


class SoundfontRenderer:
    """Plays scores with FluidSynth.

    Args:
        soundfont: a file of General MIDI sounds (sf2 or sf3).

    Raises:
        MissingExtraError: if pyfluidsynth or FluidSynth's library is not installed.
        CorpusError: if the file is no soundfont.
    """

    def __init__(self, soundfont: Path) -> None:
        self.soundfont = soundfont
        self.fluidsynth = _fluidsynth()
        self._write_float = _float_writer(self.fluidsynth)
        self._synthesiser().delete()

    def __call__(self, score: Score) -> Waveform:
        """Stereo at ``SYNTHESIS_RATE_HZ``, till ``RING_S`` after the last note.

        Raises:
            CorpusError: if the soundfont lacks an instrument.
        """
        synthesiser = self._synthesiser()
        try:
            for channel, part in enumerate(score.parts):
                self._seat(synthesiser, channel, part)
            pieces = list(self._played(synthesiser, score))
        finally:
            synthesiser.delete()
        return Waveform(np.concatenate(pieces, axis=1), SYNTHESIS_RATE_HZ)

    def _synthesiser(self) -> Any:
        """A new synthesiser with the soundfont, which reads only the sounds that are asked for."""
        synthesiser = self.fluidsynth.Synth(samplerate=SYNTHESIS_RATE_HZ)
        synthesiser.setting("synth.dynamic-sample-loading", 1)
        synthesiser.setting("synth.chorus.active", 0)
        self._font = synthesiser.sfload(str(self.soundfont))
        if self._font == -1:
            synthesiser.delete()
            raise CorpusError(f"{self.soundfont} is no soundfont that FluidSynth can read")
        return synthesiser

    def _seat(self, synthesiser: Any, channel: int, part: Part) -> None:
        """Give a channel its instrument, hall and range of bends."""
        instrument = part.instrument
        done = synthesiser.program_select(channel, self._font, instrument.bank, instrument.program)
        if done == -1:
            raise CorpusError(
                f"{self.soundfont} has no {instrument.name} (bank {instrument.bank}, program "
                f"{instrument.program}): take a General MIDI soundfont"
            )
        synthesiser.cc(channel, 91, REVERB_SEND)
        for controller, value in ((101, 0), (100, 0), (6, SEMITONES_BENT)):
            synthesiser.cc(channel, controller, value)

    def _played(self, synthesiser: Any, score: Score) -> Iterator[Samples]:
        """Stereo between one event and the next, and what rings."""
        num_done = 0
        for event in events(score):
            num_now = samples_in(event.at_s, SYNTHESIS_RATE_HZ)
            if num_now > num_done:
                yield self._samples(synthesiser, num_now - num_done)
                num_done = num_now
            if event.semitones is not None:
                wheel = round(event.semitones / SEMITONES_BENT * (PITCH_WHEEL - 1))
                synthesiser.pitch_bend(event.channel, wheel)
            elif event.velocity:
                synthesiser.noteon(event.channel, event.pitch, event.velocity)
            else:
                synthesiser.noteoff(event.channel, event.pitch)
        yield self._samples(synthesiser, samples_in(RING_S, SYNTHESIS_RATE_HZ))

    def _samples(self, synthesiser: Any, num_samples: int) -> Samples:
        """The next samples (2, N)."""
        samples = np.empty((2, num_samples), np.float32)
        left, right = (row.ctypes.data for row in samples)
        if self._write_float(synthesiser.synth, num_samples, left, 0, 1, right, 0, 1) != 0:
            raise AudioError("FluidSynth stopped in the middle of a phrase: run the command again")
        return samples


def _float_writer(fluidsynth: ModuleType) -> Callable[..., int]:
    """FluidSynth's own output in floats; the package offers 16 bit, too few for soft phrases."""
    sides = ("left", "right")
    buffers = [
        (f"{side}_{what}", kind, 1)
        for side in sides
        for what, kind in (
            ("buffer", ctypes.c_void_p),
            ("offset", ctypes.c_int),
            ("step", ctypes.c_int),
        )
    ]
    start = (("synth", ctypes.c_void_p, 1), ("length", ctypes.c_int, 1))
    return fluidsynth.cfunc("fluid_synth_write_float", ctypes.c_int, *start, *buffers)


def _fluidsynth() -> ModuleType:
    try:
        return require("fluidsynth", extra="music")
    except ImportError as error:
        raise MissingExtraError(
            "pyfluidsynth does not find FluidSynth's library: install it with your system's "
            "packages (Debian and Ubuntu: apt-get install libfluidsynth3; macOS: brew install "
            "fluid-synth)"
        ) from error
