"""Whether the places where clips meet can be heard: jumps of spectrum and loudness, clicks, gaps.

Shapes: ``T`` frames of 20 ms, ``M`` bands, ``P`` places where a jump is measured, ``J`` joins,
``N`` samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.meter import FRAMES_PER_S, frame_energies
from audiostory.audio.waveform import Waveform
from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.narrative.bands import SILENT_POWER, BandConfig, Bands, bands_of
from audiostory.evaluate.narrative.spans import Layout, layout_of

Floats = NDArray[np.float64]

SOURCE = "measurable form of AudioStory Sec. E.2 (a, b): transition smoothness"
_column = partial(Column, source=SOURCE, section="narrative")
CONFIG = BandConfig()
STEP_S = 0.02
WINDOW_S = 0.1
"""What is compared before and after a place."""
SEARCH_S = 0.25
"""How far from its boundary a join is looked for: plans are rounded, and fades begin there."""
MARGIN_S = 1.0
"""Nearer to a boundary than this is not inside a clip."""
MIN_INSIDE = 10
"""Stretches inside clips that a distribution needs."""
LEAST_JUMP_DB = 0.5
"""Smaller jumps inside clips count as this: nobody hears them, and a ratio to 0 says nothing."""
RANGE_DB = 50.0
"""Bands further below their window's power than this count as this far below."""
GAP_DBFS = -60.0
MIN_GAP_S = 0.06
CLICK_SEARCH_S = 0.1
CLICK_WIDTH_S = 0.002
CLICK_RATIO = 4.0
"""A click's second difference is so many times the highest other one around it."""
LEAST_CLICK = 1e-3
"""Smaller second differences, relative to full scale, are no clicks."""


@dataclass(frozen=True)
class _Jumps:
    """Jumps at every place of a track, in dB; NaN where there is nothing to compare."""

    spectral_P: Floats
    loudness_P: Floats
    silent_P: NDArray[np.bool_]
    """Whether nothing sounds on either side."""
    levels_T: Floats
    """Level of each frame in dB."""

    @property
    def times_s(self) -> NDArray[np.floating]:
        """(P,): when each place is, in seconds."""
        return np.arange(len(self.loudness_P)) * STEP_S + WINDOW_S


class JoinMetric:
    """How much worse a track's joins are than what happens inside its clips.

    A join is a boundary of the plan's clips; without a plan, of the reference's events; without
    either there are none. At each, the largest jump within ``SEARCH_S`` is taken, between the
    0.1 s before and the 0.1 s after a place, in two ways:

    - spectral, in dB: root mean square over 32 mel bands of the difference of levels, after each
      side's mean level is taken away, so that loudness does not count;
    - loudness, in dB: difference of K-weighted levels (BS.1770's filters), silence at -70.

    Each is compared with the same on all stretches of the same length inside clips, at least
    ``MARGIN_S`` from any boundary (all there are, so nothing is drawn at random):

    - ``join_spectral``, ``join_loudness``: jump at the join over the median jump inside clips,
      median over joins; 0 or more, lower is better, 1 is no more than what happens anyway.
    - ``join_quality`` in (0, 1], higher is better: mean over joins of ``1 / max(1, ratio)``, of
      the worse of the two ratios. A join that is smoother than the usual jump gains nothing, so a
      track made in one piece comes to about 0.9, not to 1; hard cuts come to near 0.
    - ``join_rank`` in [0, 1], lower is better: mean share of stretches inside clips that jump
      less, over joins and both kinds; 0.5 is no different from the inside, 1 is worse than all of
      it. It saturates; ``join_quality`` does not.
    - ``join_clicks`` in [0, 1], lower: share of joins with a lone discontinuity of the samples: a
      second difference ``CLICK_RATIO`` times any other within 0.25 s of the boundary, 2 ms around
      it left out.
    - ``join_gaps`` in [0, 1], lower: share of joins with at least 60 ms below -60 dBFS.
    - ``joins``, ``join_silent``: how many joins there are, and the share of them where nothing
      sounds on either side. Such joins have no jump and count in no other number.

    A story may rightly change at an event's boundary, so a good track is not at its best here:
    compare systems on the same instructions, and with the reference's own tracks.

    None: all where there are no joins; jumps also where every join is silent, or clips have less
    than ``MIN_INSIDE`` stretches (5 s) of sound inside.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        """Jumps, clicks and gaps."""
        return (
            _column(
                key="join_quality",
                title="Join quality",
                better="higher",
                detail="1: as inside clips",
            ),
            _column(
                key="join_spectral",
                title="Spectral jump",
                better="lower",
                detail="times that inside clips",
            ),
            _column(
                key="join_loudness",
                title="Loudness jump",
                better="lower",
                detail="times that inside clips",
            ),
            _column(
                key="join_rank",
                title="Join rank",
                better="lower",
                detail="0.5: as inside clips, 1: worse than all",
            ),
            _column(key="join_clicks", title="Clicks", better="lower", detail="share of joins"),
            _column(
                key="join_gaps",
                title="Gaps",
                better="lower",
                detail="share of joins, 60 ms under -60 dBFS",
            ),
            _column(
                key="join_silent", title="Silent joins", better="neither", detail="share of joins"
            ),
            _column(key="joins", title="Joins", better="neither", detail="per track", decimals=1),
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The item's joins beside the inside of its clips."""
        layout, waveform = layout_of(subject), subject.waveform
        scores: dict[str, float | None] = {column.key: None for column in self.columns}
        jumps = _jumps_of(waveform)
        joins = [time for time in layout.boundaries_s if _near(jumps, time).any()]
        if not joins:
            return scores
        sounding = [time for time in joins if not jumps.silent_P[_near(jumps, time)].all()]
        scores |= {"joins": float(len(joins)), "join_silent": 1 - len(sounding) / len(joins)}
        if sounding:
            clicks = [has_click(waveform, time) for time in sounding]
            gaps = [_has_gap(jumps.levels_T, time) for time in sounding]
            scores |= {"join_clicks": float(np.mean(clicks)), "join_gaps": float(np.mean(gaps))}
        return scores | _compared(jumps, sounding, layout)


def has_click(waveform: Waveform, moment_s: float) -> bool:
    """Whether a lone discontinuity lies within ``CLICK_SEARCH_S`` of a moment, in any channel."""
    rate_hz = waveform.sample_rate_hz
    middle, reach = round(moment_s * rate_hz), round(SEARCH_S * rate_hz)
    first = max(middle - reach, 0)
    for row_N in waveform.samples[:, first : middle + reach].astype(np.float64):
        bends_N = np.abs(np.diff(row_N, 2))
        low = max(middle - first - round(CLICK_SEARCH_S * rate_hz) - 1, 0)
        searched = bends_N[low : middle - first + round(CLICK_SEARCH_S * rate_hz)]
        if not len(searched):
            continue
        place, width = low + int(searched.argmax()), round(CLICK_WIDTH_S * rate_hz)
        others = np.append(bends_N[: max(place - width, 0)], bends_N[place + width + 1 :])
        highest = max(float(others.max(initial=0.0)) * CLICK_RATIO, LEAST_CLICK)
        if len(others) and bends_N[place] > highest:
            return True
    return False


def _jumps_of(waveform: Waveform) -> _Jumps:
    """Jumps at every 20 ms of a track."""
    bands = bands_of(waveform, CONFIG)
    num_frames = round((WINDOW_S - CONFIG.window_s) / STEP_S) + 1
    apart = round(WINDOW_S / STEP_S)
    powers_T = _powers(waveform)
    count = min(len(bands.powers_TM) - num_frames + 1, len(powers_T) - apart + 1) - apart
    shapes_TM = _shapes(bands, num_frames)
    windows_T = np.convolve(powers_T, np.full(apart, 1 / apart), "valid")
    if count < 1:
        nothing = np.zeros(0)
        return _Jumps(nothing, nothing, np.zeros(0, dtype=bool), 10 * np.log10(powers_T + 1e-10))
    before_P, after_P = windows_T[:count], windows_T[apart : apart + count]
    sounds_before, sounds_after = before_P > SILENT_POWER, after_P > SILENT_POWER
    levels = [10 * np.log10(np.maximum(powers, SILENT_POWER)) for powers in (before_P, after_P)]
    difference_PM = shapes_TM[apart : apart + count] - shapes_TM[:count]
    spectral_P = np.sqrt(np.square(difference_PM).mean(axis=1, dtype=np.float64))
    spectral_P[~(sounds_before & sounds_after)] = np.nan
    loudness_P = np.abs(levels[1] - levels[0])
    silent_P = ~(sounds_before | sounds_after)
    loudness_P[silent_P] = np.nan
    return _Jumps(spectral_P, loudness_P, silent_P, 10 * np.log10(powers_T + 1e-10))


def _powers(waveform: Waveform) -> Floats:
    """K-weighted mean square of every 20 ms, averaged over the channels."""
    per_step = round(STEP_S * FRAMES_PER_S)
    total = np.zeros(0)
    for row_N in waveform.samples:  # one at a time: any number of channels has a level
        energies = frame_energies(Waveform(row_N[None], waveform.sample_rate_hz))
        steps = np.add.reduceat(energies, np.arange(0, len(energies), per_step))
        total = steps if not len(total) else total + steps
    return total / (waveform.channels * STEP_S * waveform.sample_rate_hz)


def _shapes(bands: Bands, num_frames: int) -> NDArray[np.float32]:
    """Spectral shapes (T, M) in dB of ``num_frames`` frames from each, their mean level removed."""
    count = max(len(bands.powers_TM) - num_frames + 1, 0)
    summed_TM = np.zeros((count, bands.powers_TM.shape[1]), np.float32)
    for frame in range(num_frames):
        summed_TM += bands.powers_TM[frame : frame + count]
    total_T1 = np.maximum(summed_TM.sum(axis=1, keepdims=True), np.float32(1e-30))
    lowest = np.float32(10 ** (-RANGE_DB / 10))
    levels_TM = 10 * np.log10(np.maximum(summed_TM / total_T1, lowest))
    return levels_TM - levels_TM.mean(axis=1, keepdims=True)


def _near(jumps: _Jumps, moment_s: float) -> NDArray[np.bool_]:
    """The places that a join at a moment is looked for in."""
    return np.abs(jumps.times_s - moment_s) <= SEARCH_S + 1e-9


def _has_gap(levels_T: Floats, moment_s: float) -> bool:
    """Whether ``MIN_GAP_S`` of silence touch the surroundings of a moment."""
    first = max(round((moment_s - SEARCH_S) / STEP_S), 0)
    is_low = levels_T[first : round((moment_s + SEARCH_S) / STEP_S)] < GAP_DBFS
    runs = np.convolve(is_low, np.ones(round(MIN_GAP_S / STEP_S)), "valid")
    return bool((runs >= round(MIN_GAP_S / STEP_S)).any())


def _compared(jumps: _Jumps, joins_s: Sequence[float], layout: Layout) -> dict[str, float | None]:
    """Ratios and ranks of joins beside all stretches inside clips."""
    inside = _inside(jumps, layout)
    scores: dict[str, float | None] = {}
    ratios, ranks = [], []
    for key, values_P in (("join_spectral", jumps.spectral_P), ("join_loudness", jumps.loudness_P)):
        usual = np.array([_highest(values_P[places]) for places in inside])
        usual = usual[~np.isnan(usual)]
        jumps_J = np.array([_highest(values_P[_near(jumps, time)]) for time in joins_s])
        if len(usual) >= MIN_INSIDE and not np.isnan(jumps_J).all():
            ratios.append(jumps_J / max(float(np.median(usual)), LEAST_JUMP_DB))
            ranks += [_rank(jump, usual) for jump in jumps_J if not np.isnan(jump)]
            scores[key] = float(np.nanmedian(ratios[-1]))
    if ratios:
        worse_J = np.fmax.reduce(ratios)
        worse_J = worse_J[~np.isnan(worse_J)]
        scores["join_quality"] = float((1 / np.maximum(worse_J, 1)).mean())
        scores["join_rank"] = float(np.mean(ranks))
    return scores


def _inside(jumps: _Jumps, layout: Layout) -> list[slice]:
    """Stretches inside clips, as long as what is searched for a join."""
    size = 2 * round(SEARCH_S / STEP_S) + 1
    boundaries = np.array(layout.boundaries_s)
    after = np.searchsorted(boundaries, jumps.times_s)
    edges = np.concatenate([[-np.inf], boundaries, [np.inf]])
    distance_P = np.minimum(jumps.times_s - edges[after], edges[after + 1] - jumps.times_s)
    is_inside = distance_P > MARGIN_S
    starts = range(0, len(is_inside) - size + 1, size)
    return [slice(first, first + size) for first in starts if is_inside[first : first + size].all()]


def _rank(jump: float, usual: Floats) -> float:
    """Share of the usual jumps that are smaller, equal ones by half."""
    return float((usual < jump).mean() + (usual == jump).mean() / 2)


def _highest(values: Floats) -> float:
    """The highest that is not NaN; NaN if there is none."""
    values = values[~np.isnan(values)]
    return float(values.max()) if len(values) else np.nan
