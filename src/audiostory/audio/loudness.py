"""How loud a track is, how high its peaks go, and how to bring both where they belong.

Loudness after ITU-R BS.1770-4 (gated, K-weighted with pyloudnorm's filters), true peaks from
four-fold oversampling. One pass over the samples turns them into frames of a millisecond; gain
and limiter are then searched on frames alone, so that long tracks need little memory.
Shapes: ``C`` channels, ``N`` samples, ``K`` frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from audiostory.audio.limiter import FAST, SMOOTH, LimiterConfig, apply_gains, limiter_gains
from audiostory.audio.meter import (
    ABSOLUTE_GATE_LUFS,
    GATE_BLOCK_S,
    Frames,
    decibels,
    frame_energies,
    frame_peaks,
    gated_lufs,
)
from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError

Method = Literal["gated", "ungated", "silent"]

TOLERANCE_LU = 1.0
PEAK_MARGIN_DB = 0.3  # meters with eight-fold oversampling read a little more
MAX_REDUCTION_DB = 40.0  # more would turn the limited sound inside out
CLOSE_ENOUGH_LU = 0.2
SLACK_LU = 0.8  # less than the tolerance: what is in reach is reached
MAX_TRIALS = 40
LIMITERS = (SMOOTH, FAST)
EVEN_LUFS = -23.0
"""Where sounds of one track meet: the programme loudness of EBU R 128."""
MAX_EVENING_DB = 15.0
"""More would bring up the hiss of sounds that are meant to be faint."""


@dataclass(frozen=True, kw_only=True)
class KeptGain:
    """What was found for an earlier version of a track, to be done to this one too."""

    gain_db: float
    """Gain on the whole track in dB."""
    limiter: str = SMOOTH.name
    """Name of the limiter for peaks that would pass the ceiling."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """What meters say about a track."""

    lufs: float
    """Integrated loudness; -inf for silence."""
    true_peak_dbtp: float
    """Highest true peak relative to full scale; -inf for silence."""


@dataclass(frozen=True, kw_only=True)
class LoudnessReport:
    """What ``normalize`` found and did."""

    before: Level
    after: Level
    target_lufs: float | None
    ceiling_dbtp: float
    gain_db: float
    """Gain on the whole track."""
    reduction_db: float
    """The most the limiter took off; 0 when it was not needed."""
    limiter: str | None
    """Name of the limiter used."""
    is_kept: bool = False
    """Whether the gain was given, not found."""
    method: Method
    """``ungated`` below 0.4 s, where BS.1770 has no block to gate; ``silent`` was left alone."""

    @property
    def is_on_target(self) -> bool:
        """Whether the loudness is within 1 LU of the target; None and silence have no target."""
        if self.target_lufs is None or self.method == "silent":
            return True
        return abs(self.after.lufs - self.target_lufs) <= TOLERANCE_LU

    @property
    def summary(self) -> str:
        """One line for people."""
        if self.method == "silent":
            return f"silent (nothing above {ABSOLUTE_GATE_LUFS:g} LUFS): loudness left as it is"
        line = f"{self.after.lufs:.1f} LUFS, true peak {self.after.true_peak_dbtp:.1f} dBTP"
        line += f", gain {self.gain_db:+.1f} dB"
        if self.limiter is not None:
            line += f", peaks lowered by up to {self.reduction_db:.1f} dB ({self.limiter} limiter)"
        if self.method == "ungated":
            line += "; shorter than 0.4 s, so measured without gating"
        if not self.is_on_target and self.is_kept:
            line += (
                f"; not {self.target_lufs:g} LUFS: the plan keeps the gain it had before it was "
                'edited; take "level" out of its settings, or give --loudness, to measure anew'
            )
        elif not self.is_on_target:
            line += (
                f"; not {self.target_lufs:g} LUFS: its peaks stand too far above the rest "
                f"for more under {self.ceiling_dbtp:g} dBTP"
            )
        return line


@dataclass(frozen=True)
class _Track:
    """A waveform as the search for gains sees it: per frame, its energy and its true peak."""

    energies: Frames
    """Sum of squared K-weighted samples, over samples and weighted channels."""
    peaks: Frames
    num_samples: int
    sample_rate_hz: int

    def lufs(self, gains_K: Frames | float = 1.0) -> float:
        """Loudness after gains."""
        energies_K = self.energies * np.square(gains_K)
        return gated_lufs(energies_K, self.num_samples, self.sample_rate_hz)

    @property
    def peak(self) -> float:
        """Highest true peak, linear."""
        return float(self.peaks.max(initial=0.0))

    @property
    def level(self) -> Level:
        """Both, in dB."""
        return Level(lufs=self.lufs(), true_peak_dbtp=decibels(self.peak))


@dataclass(frozen=True)
class _Setting:
    """A gain for the whole track and what a limiter then does in each frame."""

    drive_db: float
    limiter: LimiterConfig | None
    gains: Frames
    """Both together."""
    lufs: float
    """Loudness to expect."""

    @property
    def reduction_db(self) -> float:
        """The most the limiter takes off."""
        if self.limiter is None:
            return 0.0
        return self.drive_db - decibels(float(self.gains.min()))


def integrated_lufs(waveform: Waveform) -> float:
    """Integrated loudness in LUFS; -inf for silence, ungated for less than 0.4 s.

    Source: ITU-R BS.1770-4, Annex 1.

    Raises:
        AudioError: for more than five channels.
    """
    energies_K = frame_energies(waveform)
    return gated_lufs(energies_K, waveform.num_samples, waveform.sample_rate_hz)


def evened(waveform: Waveform, evenness: float) -> Waveform:
    """The waveform with its loudness moved towards ``EVEN_LUFS``, by at most ``MAX_EVENING_DB``.

    Sounds that were recorded or made apart are as loud as chance has it; a thunderclap drowns the
    steps that a story needs. Part of the difference is meant, so only a share of it is taken back.

    Args:
        waveform: one sound of several.
        evenness: the share of the way, in decibels: 0 leaves it as it is, 1 makes all alike.

    Raises:
        AudioError: for more than five channels.
    """
    lufs = integrated_lufs(waveform) if evenness else -math.inf
    if not math.isfinite(lufs):
        return waveform
    gain_db = max(-MAX_EVENING_DB, min(MAX_EVENING_DB, evenness * (EVEN_LUFS - lufs)))
    samples = waveform.samples * np.float32(10 ** (gain_db / 20))
    return Waveform(samples, waveform.sample_rate_hz)


def true_peak_dbtp(waveform: Waveform) -> float:
    """Highest peak between samples too, in dB relative to full scale; -inf for silence.

    Source: ITU-R BS.1770-4, Annex 2; the higher reading of two interpolation filters.
    """
    return decibels(float(frame_peaks(waveform).max(initial=0.0)))


def normalize(
    waveform: Waveform,
    target_lufs: float | None = -16.0,
    ceiling_dbtp: float = -1.0,
    *,
    kept: KeptGain | None = None,
) -> tuple[Waveform, LoudnessReport]:
    """The waveform at the target loudness with its true peaks under the ceiling.

    One gain for the whole track; where peaks would pass the ceiling, a look-ahead limiter lowers
    them. The ceiling always holds. The report says whether the loudness does: isolated clicks of
    a millisecond cannot sound as loud as asked, however they are limited.

    Args:
        waveform: the track.
        target_lufs: integrated loudness to reach; None keeps the loudness and only the ceiling.
        ceiling_dbtp: highest true peak allowed.
        kept: a gain to use instead of searching one; the report says if it misses the target.

    Raises:
        AudioError: if the target or the ceiling is out of range, or there are over five channels.
    """
    if target_lufs is not None and not ABSOLUTE_GATE_LUFS < target_lufs <= 0:
        raise AudioError(f"a loudness of {target_lufs} LUFS: give -70 to 0, usually -16")
    if not -40 <= ceiling_dbtp <= 0:
        raise AudioError(f"a true peak ceiling of {ceiling_dbtp} dBTP: give -40 to 0, usually -1")
    track = _measure(waveform)
    before = track.level
    is_silent = before.lufs <= ABSOLUTE_GATE_LUFS  # nothing to hear: only the ceiling matters
    is_free = target_lufs is not None and not is_silent
    aim_lufs = before.lufs if target_lufs is None else target_lufs
    for _ in range(2):  # the second time with what frames had not foreseen
        if kept is None:
            setting = _search(track, aim_lufs, ceiling_dbtp, is_free=is_free)
        else:
            setting = _given(track, kept, ceiling_dbtp)
        result = apply_gains(waveform, setting.gains)
        result, after = _under_ceiling(result, ceiling_dbtp)
        if not is_free or kept is not None or abs(setting.lufs - after.lufs) < CLOSE_ENOUGH_LU:
            break
        aim_lufs += setting.lufs - after.lufs
    has_gates = waveform.duration_s >= GATE_BLOCK_S
    method: Method = "silent" if is_silent else "gated" if has_gates else "ungated"
    report = LoudnessReport(
        before=before,
        after=after,
        target_lufs=target_lufs,
        ceiling_dbtp=ceiling_dbtp,
        gain_db=setting.drive_db,
        reduction_db=setting.reduction_db,
        limiter=None if setting.limiter is None else setting.limiter.name,
        is_kept=kept is not None,
        method=method,
    )
    return result, report


def _given(track: _Track, kept: KeptGain, ceiling_dbtp: float) -> _Setting:
    """The kept gain, with its limiter where peaks need one."""
    ceiling = 10 ** ((ceiling_dbtp - PEAK_MARGIN_DB) / 20)
    if kept.gain_db <= decibels(ceiling) - decibels(track.peak):
        return _plain(track, kept.gain_db)
    (limiter,) = (limiter for limiter in LIMITERS if limiter.name == kept.limiter)
    return _limited(track, kept.gain_db, ceiling, limiter)


def _search(track: _Track, aim_lufs: float, ceiling_dbtp: float, *, is_free: bool) -> _Setting:
    """The gentlest setting that reaches the aim, or that does nearly all that can be done."""
    ceiling = 10 ** ((ceiling_dbtp - PEAK_MARGIN_DB) / 20)
    drive_db = aim_lufs - track.lufs() if is_free else 0.0
    room_db = decibels(ceiling) - decibels(track.peak)
    if drive_db <= room_db:
        return _plain(track, drive_db)
    if not is_free:
        return _limited(track, drive_db, ceiling, SMOOTH)
    highest_db = room_db + MAX_REDUCTION_DB
    tried = [_plain(track, room_db)]
    for limiter in LIMITERS:
        tried += _driven(track, min(drive_db, highest_db), highest_db, aim_lufs, ceiling, limiter)
        if abs(tried[-1].lufs - aim_lufs) < CLOSE_ENOUGH_LU:
            return tried[-1]
    # out of reach: no brute force for the last bit of loudness
    nearest_lu = min(abs(setting.lufs - aim_lufs) for setting in tried)
    is_in_tolerance = nearest_lu <= TOLERANCE_LU
    bound_lu = max(nearest_lu, SLACK_LU) if is_in_tolerance else nearest_lu + SLACK_LU
    near = [setting for setting in tried if abs(setting.lufs - aim_lufs) <= bound_lu]
    return min(near, key=lambda setting: setting.drive_db)


def _driven(
    track: _Track,
    drive_db: float,
    highest_db: float,
    aim_lufs: float,
    ceiling: float,
    limiter: LimiterConfig,
) -> list[_Setting]:
    """Settings of one limiter, driven further until as loud as the aim or at the highest drive."""
    tried = [_limited(track, drive_db, ceiling, limiter)]
    for _ in range(MAX_TRIALS):
        missing_lu = aim_lufs - tried[-1].lufs
        drive_db = min(tried[-1].drive_db + missing_lu, highest_db)
        if abs(missing_lu) < CLOSE_ENOUGH_LU / 4 or abs(drive_db - tried[-1].drive_db) < 1e-3:
            break
        tried.append(_limited(track, drive_db, ceiling, limiter))
    return tried


def _plain(track: _Track, drive_db: float) -> _Setting:
    """One gain for the whole track and no limiter."""
    gains_K = np.full(len(track.peaks), 10 ** (drive_db / 20))
    return _Setting(drive_db, None, gains_K, track.lufs(gains_K))


def _limited(track: _Track, drive_db: float, ceiling: float, limiter: LimiterConfig) -> _Setting:
    """What one limiter does to the track after a gain of ``drive_db``."""
    drive = 10 ** (drive_db / 20)
    gains_K = drive * limiter_gains(track.peaks * drive, ceiling, limiter)
    return _Setting(drive_db, limiter, gains_K, track.lufs(gains_K))


def _under_ceiling(waveform: Waveform, ceiling_dbtp: float) -> tuple[Waveform, Level]:
    """The waveform, lowered by what its measured true peak exceeds the ceiling, and its level."""
    track = _measure(waveform)
    excess_db = decibels(track.peak) - ceiling_dbtp
    if excess_db <= 0:
        return waveform, track.level
    gain = 10 ** (-(excess_db + PEAK_MARGIN_DB) / 20)
    lowered = apply_gains(waveform, np.full(len(track.peaks), gain))
    return lowered, _measure(lowered).level


def _measure(waveform: Waveform) -> _Track:
    """Energies and peaks of all frames."""
    return _Track(
        frame_energies(waveform),
        frame_peaks(waveform),
        waveform.num_samples,
        waveform.sample_rate_hz,
    )
