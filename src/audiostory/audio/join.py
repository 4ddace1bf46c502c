"""Clips to one track: how long each clip is rendered, and how neighbours fade into each other.

A clip that is directly followed by another on its layer is rendered longer by the overlap and
fades out while its neighbour, which starts on time, fades in. Where nothing follows or comes
before, an edge fade of a few milliseconds avoids clicks. Layers are summed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from audiostory.audio.waveform import Samples, Waveform, check_sample_rate, resample, samples_in
from audiostory.errors import AudioError

Curve = Literal["equal_power", "linear", "none"]

EDGE_FADE_S = 0.005
JOIN_TOLERANCE_S = 0.05  # clips closer than this follow each other directly (plan's tolerance)
ROUNDING_SAMPLES = 2  # a rendered clip may be this much shorter than asked


class Placed(Protocol):
    """Where a clip sits in the track: ``Placement``, or a clip of a plan."""

    @property
    def start_s(self) -> float:
        """Seconds from the start of the track."""
        ...

    @property
    def duration_s(self) -> float:
        """Length in seconds, without the overlap into the next clip."""
        ...

    @property
    def gain(self) -> float:
        """Factor on the samples."""
        ...

    @property
    def layer(self) -> str:
        """Clips of one layer follow each other; layers sound together."""
        ...


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a clip sits in the track, for tracks that have no plan."""

    start_s: float
    duration_s: float
    gain: float = 1.0
    layer: str = "main"


@dataclass(frozen=True)
class _Span:
    """When a clip sounds, and how long it shares the track with its neighbours."""

    start_s: float
    end_s: float
    """Its own end: where the next clip starts, or where nothing follows."""
    shared_before_s: float | None
    """Overlap with the clip before; None at an edge."""
    shared_after_s: float | None
    """Overlap with the clip after, beyond ``end_s``; None at an edge."""

    @property
    def rendered_s(self) -> float:
        """Seconds of sound the span needs."""
        return self.end_s - self.start_s + (self.shared_after_s or 0.0)


def fade(num_samples: int, curve: Curve) -> Samples:
    """Gains that rise from 0 to 1, float32 (N,); reversed they fade out.

    Equal power keeps the power of unrelated clips constant (squares sum to 1), linear the
    amplitude of equal clips (gains sum to 1), ``none`` is all ones.

    Raises:
        AudioError: if there is no such curve.
    """
    ramp = (np.arange(num_samples) + 0.5) / max(num_samples, 1)
    match curve:
        case "equal_power":
            return np.sin(0.5 * np.pi * ramp).astype(np.float32)
        case "linear":
            return ramp.astype(np.float32)
        case "none":
            return np.ones(num_samples, np.float32)
        case _:
            raise AudioError(f"no fade {curve!r}: choose equal_power, linear or none")


def lengths_to_render(placements: Sequence[Placed], overlap_s: float) -> list[float]:
    """Seconds each clip has to be rendered for, in the order given.

    The overlap is shortened, never skipped, to half of the shorter of two neighbours.

    Raises:
        AudioError: if a placement is no stretch of time, or clips of one layer collide.
    """
    return [span.rendered_s for span in _spans(placements, overlap_s)]


def assemble(
    clips: Iterable[Waveform],
    placements: Sequence[Placed],
    *,
    total_s: float,
    sample_rate_hz: int,
    overlap_s: float,
    curve: Curve = "equal_power",
) -> Waveform:
    """The clips joined to one track of exactly ``round(total_s * sample_rate_hz)`` samples.

    Clips are taken one at a time, so an iterator that loads them needs little memory. Clips of
    another rate are resampled; if one clip is stereo, so is the track. Of a clip longer than
    ``lengths_to_render`` says, the first part is used.

    Args:
        clips: one waveform per placement, in the same order.
        placements: where each clip goes.
        total_s: length of the track in seconds.
        sample_rate_hz: rate of the track.
        overlap_s: how long neighbours sound together; not used by the curve ``none``.
        curve: how they fade into each other.

    Raises:
        AudioError: if clips and placements differ in number, a clip is too short for its place,
            or a placement leaves the track.
    """
    check_sample_rate(sample_rate_hz)
    spans = _spans(placements, 0.0 if curve == "none" else overlap_s)
    _check_inside(placements, total_s)
    track = np.zeros((1, samples_in(total_s, sample_rate_hz)), np.float32)
    num_clips = 0
    for clip in clips:
        num_clips += 1
        if num_clips > len(spans):
            break
        name = _name(num_clips - 1, placements)
        if clip.channels != track.shape[0]:
            clip, track = _with_equal_channels(clip, track, name)
        clip = resample(clip, sample_rate_hz)
        _add(track, clip, spans[num_clips - 1], placements[num_clips - 1].gain, curve, name)
    if num_clips != len(spans):
        raise AudioError(f"{num_clips} clips for {len(spans)} placements: give one clip for each")
    return Waveform(track, sample_rate_hz)


def _add(track: Samples, clip: Waveform, span: _Span, gain: float, curve: Curve, name: str) -> None:
    """Add one clip, faded at both ends, into ``track``."""
    rate_hz = clip.sample_rate_hz
    first = samples_in(span.start_s, rate_hz)
    # the end of the fade out is counted from the neighbour's first sample: both fades coincide
    last = samples_in(span.end_s, rate_hz) + samples_in(span.shared_after_s or 0.0, rate_hz)
    num_samples = max(min(last, track.shape[1]) - first, 0)  # the last may overrun by a hair
    if clip.num_samples < num_samples - ROUNDING_SAMPLES:
        raise AudioError(
            f"{name} is {clip.duration_s:.3f} s long but has to fill {num_samples / rate_hz:.3f} s"
            ", its overlap included: render it again"
        )
    shaped = np.zeros((track.shape[0], num_samples), np.float32)
    num_used = min(num_samples, clip.num_samples)
    np.multiply(clip.samples[:, :num_used], np.float32(gain), out=shaped[:, :num_used])
    fade_in = _end_fade(span.shared_before_s, num_samples, rate_hz, curve)
    fade_out = _end_fade(span.shared_after_s, num_samples, rate_hz, curve)
    shaped[:, : len(fade_in)] *= fade_in
    shaped[:, num_samples - len(fade_out) :] *= fade_out[::-1]
    track[:, first : first + num_samples] += shaped


def _end_fade(shared_s: float | None, num_samples: int, rate_hz: int, curve: Curve) -> Samples:
    """The fade at one end of a clip: over what it shares with a neighbour, else the edge fade."""
    if shared_s is not None and (shared_s > 0 or curve == "none"):
        return fade(samples_in(shared_s, rate_hz), curve)
    return fade(min(samples_in(EDGE_FADE_S, rate_hz), num_samples // 2), "linear")


def _with_equal_channels(clip: Waveform, track: Samples, name: str) -> tuple[Waveform, Samples]:
    """Clip and track, whichever of them is mono repeated to the channels of the other."""
    if clip.channels == 1:
        return Waveform(np.repeat(clip.samples, len(track), axis=0), clip.sample_rate_hz), track
    if len(track) == 1:
        return clip, np.repeat(track, clip.channels, axis=0)
    raise AudioError(f"{name} has {clip.channels} channels, the clips before it {len(track)}")


def _spans(placements: Sequence[Placed], overlap_s: float) -> list[_Span]:
    """When each clip sounds, neighbours on the same layer overlapping."""
    if not 0 <= overlap_s < math.inf:
        raise AudioError(f"an overlap of {overlap_s} s: give 0 s or more")
    for index, placement in enumerate(placements):
        _check_placement(placement, _name(index, placements))
    spans: dict[int, _Span] = {}
    for layer in dict.fromkeys(placement.layer for placement in placements):
        order = [index for index, placement in enumerate(placements) if placement.layer == layer]
        order.sort(key=lambda index: placements[index].start_s)
        shared_s: float | None = None
        for index, following in zip(order, [*order[1:], None], strict=True):
            before_s = shared_s
            end_s, shared_s = _end_of(index, following, placements, overlap_s)
            spans[index] = _Span(placements[index].start_s, end_s, before_s, shared_s)
    return [spans[index] for index in range(len(placements))]


def _end_of(
    index: int, following: int | None, placements: Sequence[Placed], overlap_s: float
) -> tuple[float, float | None]:
    """Where a clip ends, and the seconds it shares with a direct neighbour after it, if any."""
    here = placements[index]
    end_s = here.start_s + here.duration_s
    if following is None:
        return end_s, None
    after = placements[following]
    if after.start_s < end_s - JOIN_TOLERANCE_S:
        raise AudioError(
            f"{_name(index, placements)} ends at {end_s:g} s, after {_name(following, placements)} "
            f"starts at {after.start_s:g} s: move one of them, or put it on another layer"
        )
    if after.start_s > end_s + JOIN_TOLERANCE_S:
        return end_s, None
    return after.start_s, min(overlap_s, here.duration_s / 2, after.duration_s / 2)


def _check_inside(placements: Sequence[Placed], total_s: float) -> None:
    """Refuse clips that would end after the track does."""
    for index, placement in enumerate(placements):
        end_s = placement.start_s + placement.duration_s
        if not end_s <= total_s + JOIN_TOLERANCE_S:
            raise AudioError(
                f"{_name(index, placements)} ends at {end_s:g} s, after the track of {total_s:g} s"
                ": lengthen the track or shorten the clip"
            )


def _check_placement(placement: Placed, name: str) -> None:
    """Refuse a placement that is no stretch of time or has no level."""
    start_s, duration_s, gain = placement.start_s, placement.duration_s, placement.gain
    if not (0 <= start_s < math.inf and 0 < duration_s < math.inf):
        raise AudioError(f"{name} starts at {start_s} s for {duration_s} s: not a stretch of time")
    if not 0 <= gain < math.inf:
        raise AudioError(f"{name} has a gain of {gain}: give a factor of 0 or more")


def _name(index: int, placements: Sequence[Placed]) -> str:
    """How errors call a clip, counted from 1."""
    return f"clip {index + 1} of {len(placements)} (layer {placements[index].layer!r})"
