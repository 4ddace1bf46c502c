"""Whether the events of a track sound as if they were heard in one place by one microphone.

Shapes: ``E`` events, ``H`` halves of events, ``T`` frames, ``M`` bands, ``K`` fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.narrative.bands import SILENT_POWER, BandConfig, Bands, bands_of
from audiostory.evaluate.narrative.reverberation import decay_times
from audiostory.evaluate.narrative.spans import Span, layout_of

Floats = NDArray[np.float64]

SOURCE = "measurable form of AudioStory Sec. E.2 (a): timbre, acoustic environment"
_column = partial(Column, source=SOURCE, section="narrative")
CONFIG = BandConfig()
TRIMMED_S = 0.5
"""Left out at both ends of an event, where clips fade into each other."""
LEAST_EVENT_S = 1.5
"""What has to be left of an event."""
FLOOR_QUANTILE = 0.1
LEAST_OWN_DB = 1.0
"""Halves of events that differ less count as this: a ratio to 0 says nothing."""
RANGE_DB = 60.0
"""Bands further below the spectrum's whole power than this count as this far below."""


class ConsistencyMetric:
    """How much events differ in spectrum, noise floor and reverberation; lower is better.

    Events are the plan's clips, of the layer with most of them; the reference's events where
    there is no plan. Half a second is left out at both ends, for crossfades; what is then shorter
    than 1.5 s is not used. Channels are averaged in power; 32 mel bands from 50 Hz to 12 kHz.

    - ``timbre_spread``, a ratio, 0 or more: mean distance between long-term spectra of halves of
      different events over that of the two halves of one event. A spectrum is the mean power of
      what sounds, in dB per band, its mean level taken away; the distance is the root mean
      square, in dB; less than ``LEAST_OWN_DB`` inside events counts as that. 1 is no more between
      events than inside them.
    - ``floor_level_spread_db``: standard deviation over events of the level of the noise floor.
      The floor of a band is its 10 % quantile over frames; digital silence counts as -100 dB a
      band.
    - ``floor_colour_spread_db``: mean distance, as above, between the floors' spectra.
    - ``reverb_spread_octaves``: standard deviation over events of log2 of the reverberation time,
      each the median of ``reverberation.decay_times``. 1 means times that differ by factors of 2.
    - ``reverb_events`` in [0, 1]: share of events whose sound falls freely often enough to tell;
      no direction. A dry event with abrupt ends, or a steady one, has no time, so it is left out
      of the spread: read the spread with this share.
    - ``consistency_events``: how many events are compared; no direction.

    What is told changes spectra more than any room does: rain and a bell differ however they are
    made. These numbers compare systems on the same instructions, beside the reference's tracks;
    none is a goal in itself, and a story may rightly change its place.

    None: all but the count with fewer than two usable events; ``timbre_spread`` also where fewer
    than two of them sound in both halves; ``reverb_spread_octaves`` with fewer than two times.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        """Spreads over events, and what they stand on."""
        return (
            _column(
                key="timbre_spread",
                title="Timbre spread",
                better="lower",
                detail="times that inside events",
            ),
            _column(
                key="floor_level_spread_db",
                title="Floor level spread (dB)",
                better="lower",
                detail="10 % quantile",
                decimals=1,
            ),
            _column(
                key="floor_colour_spread_db",
                title="Floor colour spread (dB)",
                better="lower",
                detail="10 % quantile",
                decimals=1,
            ),
            _column(
                key="reverb_spread_octaves",
                title="Reverb spread (octaves)",
                better="lower",
                detail="blind decay times",
            ),
            _column(
                key="reverb_events",
                title="Reverb known",
                better="neither",
                detail="share of events",
            ),
            _column(
                key="consistency_events",
                title="Events",
                better="neither",
                detail="compared, per track",
                decimals=1,
            ),
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The item's spreads."""
        scores: dict[str, float | None] = {column.key: None for column in self.columns}
        bands = bands_of(subject.waveform, CONFIG)
        events = usable_events(subject)
        scores["consistency_events"] = float(len(events))
        if len(events) < 2:
            return scores
        floors_EM = np.stack(
            [np.quantile(_part(bands, event), FLOOR_QUANTILE, axis=0) for event in events]
        )
        levels_E = 10 * np.log10(np.maximum(floors_EM, 1e-10).sum(axis=1))
        times = [decay_times(subject.waveform, event) for event in events]
        known_E = [np.log2(np.median(times_K)) for times_K in times if len(times_K)]
        return scores | {
            "timbre_spread": _timbre_spread(bands, events),
            "floor_level_spread_db": float(levels_E.std()),
            "floor_colour_spread_db": _mean_distance(_shapes(floors_EM)),
            "reverb_spread_octaves": float(np.std(known_E)) if len(known_E) > 1 else None,
            "reverb_events": len(known_E) / len(events),
        }


def usable_events(subject: Subject) -> list[Span]:
    """The events of a track without their edges, where enough is left."""
    trimmed = [
        Span(event.start_s + TRIMMED_S, event.end_s - TRIMMED_S)
        for event in layout_of(subject).events
    ]
    return [event for event in trimmed if event.duration_s >= LEAST_EVENT_S - 1e-6]


def _part(bands: Bands, span: Span) -> Floats:
    """Band powers (T, M) of a span."""
    return bands.powers_TM[bands.within(span.start_s, span.end_s)].astype(np.float64)


def _timbre_spread(bands: Bands, events: Sequence[Span]) -> float | None:
    """Distance between halves of different events over that between halves of one."""
    spectra: list[Floats] = []
    for event in events:
        middle_s = (event.start_s + event.end_s) / 2
        halves = [
            _part(bands, Span(event.start_s, middle_s)),
            _part(bands, Span(middle_s, event.end_s)),
        ]
        heard = [half[half.sum(axis=1) > SILENT_POWER] for half in halves]
        if all(len(half) for half in heard):
            spectra += [half.mean(axis=0) for half in heard]
    if len(spectra) < 4:
        return None
    distances_HH = _distances(_shapes(np.stack(spectra)))
    owner_H = np.arange(len(spectra)) // 2
    is_one_HH = owner_H[:, None] == owner_H
    own = float(distances_HH[is_one_HH & ~np.eye(len(spectra), dtype=bool)].mean())
    return float(distances_HH[~is_one_HH].mean()) / max(own, LEAST_OWN_DB)


def _shapes(powers_EM: Floats) -> Floats:
    """Spectra in dB, their mean level taken away."""
    total_E1 = np.maximum(powers_EM.sum(axis=1, keepdims=True), 1e-30)
    levels_EM = 10 * np.log10(np.maximum(powers_EM / total_E1, 10 ** (-RANGE_DB / 10)))
    return levels_EM - levels_EM.mean(axis=1, keepdims=True)


def _distances(shapes_EM: Floats) -> Floats:
    """Root mean square differences of all pairs, in dB."""
    return cdist(shapes_EM, shapes_EM) / np.sqrt(shapes_EM.shape[1])


def _mean_distance(shapes_EM: Floats) -> float:
    """Mean distance of all pairs of different rows."""
    return float(_distances(shapes_EM)[np.triu_indices(len(shapes_EM), k=1)].mean())
