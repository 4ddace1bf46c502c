"""How well the embedded evaluator hears clips and scenes that it never learnt from.

Shapes: ``K`` moments, ``G`` groups, ``X`` scenes or clips, ``D`` width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from audiostory.audio.waveform import load
from audiostory.data.manifest import SoundRow
from audiostory.errors import MeasureError
from audiostory.evaluate.embedded.detector import SoundDetector, pooled
from audiostory.evaluate.embedded.examples import Examples
from audiostory.evaluate.embedded.moments import MOMENT_S, MomentHearing, Moments
from audiostory.evaluate.embedded.text_audio import TextAudioNetwork
from audiostory.evaluate.kinds import COMMON

FALSE_ALARMS = 0.05
"""How often a kind of sound may be found in half a minute in which it is not heard."""
TRACK_S = 30.0
"""The half minute."""


@dataclass(frozen=True, kw_only=True)
class SceneAnswers:
    """What a detector says of scenes, and what is heard in them."""

    found_XKG: np.ndarray
    """Probability of each kind in each moment."""
    is_heard_XKG: np.ndarray

    @property
    def peak_XG(self) -> np.ndarray:  # noqa: N802 - its shape
        """Highest probability in each scene."""
        return self.found_XKG.max(axis=1)

    @property
    def is_heard_XG(self) -> np.ndarray:  # noqa: N802 - its shape
        """Which kinds are heard in each scene."""
        return np.asarray(self.is_heard_XKG.any(axis=1))

    @property
    def scene_s(self) -> float:
        """Length of a scene."""
        return self.found_XKG.shape[1] * MOMENT_S

    def thresholds(self) -> tuple[float, ...]:
        """For each kind, what it exceeds in ``FALSE_ALARMS`` of the half minutes without it.

        So a kind that is easily mistaken needs more to count as found, and a track of noise has
        about as many finds as false alarms are allowed.

        Raises:
            MeasureError: if a kind is heard in every scene.
        """
        if self.is_heard_XG.all(axis=0).any():
            raise MeasureError(
                "a kind is heard in every scene, so it has no false alarms: take more"
            )
        share = (1.0 - FALSE_ALARMS) ** (self.scene_s / TRACK_S)
        absent = [
            peaks[~heard] for peaks, heard in zip(self.peak_XG.T, self.is_heard_XG.T, strict=True)
        ]
        return tuple(round(float(np.quantile(each, share)), 4) for each in absent)

    def found_share(self, thresholds: Sequence[float]) -> float:
        """Share of the heard sounds that are found: mean over the kinds that are heard."""
        is_found = self.peak_XG > np.asarray(thresholds)
        heard = self.is_heard_XG.sum(axis=0)
        found = (is_found & self.is_heard_XG).sum(axis=0)
        return float((found[heard > 0] / heard[heard > 0]).mean())

    def alarm_share(self, thresholds: Sequence[float]) -> float:
        """How often a kind is found in half a minute without it: mean over the kinds."""
        is_found = self.peak_XG > np.asarray(thresholds)
        quiet = [
            1.0 - found[~heard].mean()
            for found, heard in zip(is_found.T, self.is_heard_XG.T, strict=True)
            if not heard.all()
        ]
        return float(np.mean([1.0 - one ** (TRACK_S / self.scene_s) for one in quiet]))

    def onset_errors_s(self, thresholds: Sequence[float]) -> np.ndarray:
        """How far first found moments lie from onsets, in seconds.

        Of sounds that begin within their scene and are found.
        """
        is_found_XKG = self.found_XKG > np.asarray(thresholds)
        begins_XG = self.is_heard_XG & ~self.is_heard_XKG[:, 0] & is_found_XKG.any(axis=1)
        late_XG = is_found_XKG.argmax(axis=1) - self.is_heard_XKG.argmax(axis=1)
        return np.abs(late_XG)[begins_XG] * MOMENT_S


@torch.inference_mode()
def scene_answers(detector: SoundDetector, scenes: Examples, *, batch: int = 256) -> SceneAnswers:
    """What the detector says of scenes."""
    found = [
        detector(features_BKD.float())[0].sigmoid()
        for features_BKD in scenes.features_XKD.split(batch)
    ]
    return SceneAnswers(found_XKG=torch.cat(found).numpy(), is_heard_XKG=scenes.heard_XKG.numpy())


def heard_clips(hearing: MomentHearing, corpus: Path, rows: Sequence[SoundRow]) -> list[Moments]:
    """Moments of each clip."""
    return [hearing(load(corpus / row.file)) for row in rows]


def accuracies(answers: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Share of each group's clips that were answered with the group."""
    return {
        group: sum(one == group for one in given) / len(given) for group, given in answers.items()
    }


def tagged_clips(
    detector: SoundDetector,
    clips: Sequence[Moments],
    rows: Sequence[SoundRow],
    groups: Sequence[str] = COMMON,
) -> dict[str, list[str]]:
    """The likeliest of ``groups`` for each clip, by the clip's own group."""
    known = [group for group in groups if group in detector.config.groups]
    columns = [detector.config.groups.index(group) for group in known]
    found: dict[str, list[str]] = defaultdict(list)
    for clip, row in zip(clips, rows, strict=True):
        if row.group in known:
            presence_KG, _ = detector.presence(clip)
            found[row.group].append(known[int(pooled(presence_KG)[columns].argmax())])
    return dict(found)


def clip_vectors(network: TextAudioNetwork, clips: Sequence[Moments]) -> np.ndarray:
    """Unit vectors (X, D) of clips, each heard as one stretch."""
    return torch.stack([network.whole(clip) for clip in clips]).numpy()


def named_clips(
    network: TextAudioNetwork,
    vectors_XD: np.ndarray,
    rows: Sequence[SoundRow],
    groups: Sequence[str] = COMMON,
) -> dict[str, list[str]]:
    """The group whose name lies nearest to each clip, by the clip's own group."""
    with torch.inference_mode():
        names_GD = network.read([group.replace("_", " ") for group in groups]).numpy()
    found: dict[str, list[str]] = defaultdict(list)
    for vector, row in zip(vectors_XD, rows, strict=True):
        if row.group in groups:
            found[row.group].append(groups[int((names_GD @ vector).argmax())])
    return dict(found)


def caption_precision(
    network: TextAudioNetwork, vectors_XD: np.ndarray, rows: Sequence[SoundRow]
) -> float:
    """Mean average precision of finding a caption's clips among all, over the captions."""
    captions = sorted({row.caption for row in rows})
    with torch.inference_mode():
        texts_QD = network.read(captions).numpy()
    precisions = []
    for caption, text in zip(captions, texts_QD, strict=True):
        order = np.argsort(-(vectors_XD @ text), kind="stable")
        is_right = np.array([rows[index].caption == caption for index in order])
        ranks = np.flatnonzero(is_right) + 1
        precisions.append(float((np.arange(1, len(ranks) + 1) / ranks).mean()))
    return float(np.mean(precisions))
