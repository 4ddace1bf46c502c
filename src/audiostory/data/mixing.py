"""A story row and its clips as sound: layers, bed and one room for all events.

Every event is mixed on its own and to the sample, so that training can ask for one clip of a
story; what its clips share (bed, reverberation, microphone, noise floor) depends on the row's
seed alone. The same row gives the same samples.

Shapes: ``N`` samples, mono float32; ``F`` frequencies of a real Fourier transform.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import load
from audiostory.data.manifest import Layer, Room, StoryRow
from audiostory.errors import CorpusError

Samples = NDArray[np.float32]

REFERENCE_DB = -20.0
"""Level of the loud parts of a layer with ``gain_db`` 0, root mean square, full scale."""
LOOP_FADE_S = 0.5
EDGE_FADE_S = 0.01
CEILING = 0.95
"""Louder mixes are turned down to this peak."""
LEVEL_FRAME_S = 0.05
KEPT_CLIPS = 256
SPILL = 2048
"""Samples of silence that keep the end of a filtered piece from reaching its beginning."""


class Mixer:
    """Mixes stories of one corpus; keeps the clips it read last.

    Args:
        corpus_dir: folder that the rows' files are relative to.
        sample_rate_hz: of what it returns; clips at other rates are resampled.
    """

    def __init__(self, corpus_dir: Path, sample_rate_hz: int) -> None:
        self.corpus_dir = corpus_dir
        self.sample_rate_hz = sample_rate_hz
        self._clips: OrderedDict[str, Samples] = OrderedDict()

    def event(self, row: StoryRow, index: int, *, overlap_s: float = 0.0) -> Samples:
        """Sound of one event: its length plus ``overlap_s``, to the sample.

        Raises:
            CorpusError: if the row has no layers or a clip cannot be used.
        """
        if not row.has_audio:
            raise CorpusError(
                f"story {row.id} is told in words only: compose it with a corpus to hear it"
            )
        start_N, end_N = self._edges(row, index)
        num_samples = end_N - start_N + round(overlap_s * self.sample_rate_hz)
        mix = np.zeros(num_samples, dtype=np.float32)
        for layer in row.layers[index]:
            self._add(mix, layer)
        mix = in_room(mix, row.room, self.sample_rate_hz, seed=row.seed)
        if row.bed is not None:
            mix += self._bed(row.bed, start_N, num_samples)
        mix += _noise(num_samples, row.room, seed=(row.seed, index))
        peak = float(np.abs(mix).max(initial=0.0))
        return mix * np.float32(min(1.0, CEILING / max(peak, 1e-9)))

    def story(self, row: StoryRow, *, overlap_s: float = 0.1) -> Samples:
        """Sound of a whole story; events fade into each other over ``overlap_s``."""
        track = np.zeros(self._edges(row, len(row.events) - 1)[1], dtype=np.float32)
        num_shared = max(1, round(overlap_s * self.sample_rate_hz))
        fade = np.sqrt(np.linspace(0.0, 1.0, num_shared, dtype=np.float32))
        for index in range(len(row.events)):
            start_N, _ = self._edges(row, index)
            is_last = index == len(row.events) - 1
            event = self.event(row, index, overlap_s=0.0 if is_last else overlap_s)
            event = event[: len(track) - start_N]
            if index:
                event[: len(fade)] *= fade[: len(event)]
            if not is_last:
                event[-len(fade) :] *= fade[::-1][: len(event)]
            track[start_N : start_N + len(event)] += event
        return np.clip(track, -1.0, 1.0)

    def clip(self, file: str) -> Samples:
        """Samples of a clip, mono, at the mixer's rate, its loud parts at ``REFERENCE_DB``."""
        if file not in self._clips:
            samples = load(self.corpus_dir / file, self.sample_rate_hz, mono=True).samples[0]
            self._clips[file] = _levelled(samples, self.sample_rate_hz)
            if len(self._clips) > KEPT_CLIPS:
                self._clips.popitem(last=False)
        self._clips.move_to_end(file)
        return self._clips[file]

    def _edges(self, row: StoryRow, index: int) -> tuple[int, int]:
        event = row.events[index]
        return (
            round(event.start_s * self.sample_rate_hz),
            round(event.end_s * self.sample_rate_hz),
        )

    def _add(self, mix: Samples, layer: Layer) -> None:
        rate_hz = self.sample_rate_hz
        start = round(layer.start_s * rate_hz)
        num_samples = min(round(layer.duration_s * rate_hz), len(mix) - start)
        if num_samples <= 0:
            return
        offset = round(layer.offset_s * rate_hz)
        clip = self.clip(layer.file)[offset:]
        if not len(clip):
            raise CorpusError(f"{layer.file} ends before {layer.offset_s:g} s: mend the layers")
        piece = looped(clip, 0, num_samples, rate_hz) if len(clip) < num_samples else clip
        piece = _edged(piece[:num_samples].copy(), round(EDGE_FADE_S * rate_hz))
        if layer.lowpass_hz < rate_hz / 2:
            piece = filtered(piece, 0.0, layer.lowpass_hz, rate_hz)
        mix[start : start + num_samples] += piece * 10 ** (layer.gain_db / 20)

    def _bed(self, bed: Layer, start: int, num_samples: int) -> Samples:
        clip = self.clip(bed.file)[round(bed.offset_s * self.sample_rate_hz) :]
        piece = looped(clip, start, num_samples, self.sample_rate_hz)
        if bed.lowpass_hz < self.sample_rate_hz / 2:
            piece = filtered(piece, 0.0, bed.lowpass_hz, self.sample_rate_hz)
        return piece * 10 ** (bed.gain_db / 20)


def mix_event(row: StoryRow, index: int, corpus_dir: Path, sample_rate_hz: int) -> Samples:
    """Sound of one event of ``row``, to the sample."""
    return Mixer(corpus_dir, sample_rate_hz).event(row, index)


def mix_story(row: StoryRow, corpus_dir: Path, sample_rate_hz: int) -> Samples:
    """Sound of the whole of ``row``, to the sample."""
    return Mixer(corpus_dir, sample_rate_hz).story(row)


def in_room(dry_N: Samples, room: Room, sample_rate_hz: int, *, seed: int) -> Samples:
    """``dry_N`` as heard in ``room``: a decaying burst of noise for its walls, then its filters."""
    wet = dry_N
    if room.rt60_s > 0 and room.wet_db > -60:
        response = _response(room, sample_rate_hz, seed=seed)
        size = 1 << (len(dry_N) + len(response) - 2).bit_length()
        spectrum_F = np.fft.rfft(dry_N, size) * np.fft.rfft(response, size)
        wet = dry_N + np.fft.irfft(spectrum_F, size)[: len(dry_N)].astype(np.float32)
    return filtered(wet, room.highpass_hz, room.lowpass_hz, sample_rate_hz)


def _response(room: Room, sample_rate_hz: int, *, seed: int) -> Samples:
    """Impulse response without the direct sound, energy ``wet_db`` relative to it."""
    rng = np.random.default_rng((seed, 0x5EED))
    times_s = np.arange(max(2, round(room.rt60_s * sample_rate_hz))) / sample_rate_hz
    burst = rng.standard_normal(len(times_s)) * 10 ** (-3 * times_s / room.rt60_s)
    pause = round(min(0.02, 0.02 * room.rt60_s) * sample_rate_hz)
    burst = filtered(burst.astype(np.float32), 80.0, 5_000.0, sample_rate_hz)
    burst = np.concatenate([np.zeros(pause + 1, np.float32), burst])
    return burst * np.float32(10 ** (room.wet_db / 20) / max(np.linalg.norm(burst), 1e-9))


def filtered(
    samples_N: Samples, highpass_hz: float, lowpass_hz: float, sample_rate_hz: int
) -> Samples:
    """``samples_N`` without what lies outside a band, 12 dB per octave, no change of phase."""
    if not len(samples_N) or (highpass_hz <= 20 and lowpass_hz >= sample_rate_hz / 2):
        return samples_N
    size = 1 << (len(samples_N) + SPILL - 1).bit_length()
    hertz_F = np.fft.rfftfreq(size, 1 / sample_rate_hz).astype(np.float32)
    gain_F = 1 / np.sqrt(1 + (hertz_F / lowpass_hz) ** 4)
    if highpass_hz > 20:
        gain_F *= 1 / np.sqrt(1 + (highpass_hz / np.maximum(hertz_F, 1e-3)) ** 4)
    kept_N = np.fft.irfft(np.fft.rfft(samples_N, size) * gain_F, size)[: len(samples_N)]
    return kept_N.astype(np.float32, copy=False)


def _levelled(samples_N: Samples, sample_rate_hz: int) -> Samples:
    """The samples scaled so that their loudest fifth of frames has the reference level."""
    frame = max(1, round(LEVEL_FRAME_S * sample_rate_hz))
    count = max(1, len(samples_N) // frame)
    frames = samples_N[: count * frame].reshape(count, -1) if len(samples_N) >= frame else samples_N
    powers = np.sort(np.atleast_1d((np.atleast_2d(frames).astype(np.float64) ** 2).mean(axis=1)))
    loud = powers[-max(1, len(powers) // 5) :].mean()
    if loud <= 0:
        return samples_N
    return (samples_N * (10 ** (REFERENCE_DB / 20) / np.sqrt(loud))).astype(np.float32)


def looped(clip_N: Samples, start: int, num_samples: int, sample_rate_hz: int) -> Samples:
    """``num_samples`` of the endless repetition of a clip whose end fades into its beginning."""
    shared = min(round(LOOP_FADE_S * sample_rate_hz), len(clip_N) // 4)
    period = len(clip_N) - shared
    body = clip_N[:period].copy()
    if shared:
        fade = np.sqrt(np.linspace(0.0, 1.0, shared, dtype=np.float32))
        body[:shared] = body[:shared] * fade + clip_N[period:] * fade[::-1]
    return body[(start + np.arange(num_samples)) % period]


def _edged(samples_N: Samples, num_fade: int) -> Samples:
    size = min(num_fade, len(samples_N) // 2)
    if size:
        fade = np.linspace(0.0, 1.0, size, dtype=np.float32)
        samples_N[:size] *= fade
        samples_N[-size:] *= fade[::-1]
    return samples_N


def _noise(num_samples: int, room: Room, *, seed: tuple[int, int]) -> Samples:
    if room.noise_db <= -90:
        return np.zeros(num_samples, np.float32)
    rng = np.random.default_rng((*seed, 0xF100))
    return rng.standard_normal(num_samples, np.float32) * np.float32(10 ** (room.noise_db / 20))
