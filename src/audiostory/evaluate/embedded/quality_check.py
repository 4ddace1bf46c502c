"""How well the embedded evaluator hears clips and scenes that it never learnt from.

Shapes: ``F`` frames of answers, ``G`` groups, ``X`` scenes or clips, ``D`` width.
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
from audiostory.evaluate.embedded.detector import SoundDetector, pooled, smoothed
from audiostory.evaluate.embedded.mixtures import MixtureSampler
from audiostory.evaluate.embedded.text_audio import TextAudioNetwork
from audiostory.evaluate.tagger import GROUPS

HELD_STEPS = 40
"""Batches of scenes behind a threshold or a measurement."""
FALSE_ALARMS = 0.05
"""How often a kind of sound may be found in half a minute in which it is not heard."""
TRACK_S = 30.0
"""The half minute."""


@dataclass(frozen=True, kw_only=True)
class SceneAnswers:
    """What a detector says of scenes, and what is heard in them."""

    peak_XG: np.ndarray
    """Highest smoothed probability in each scene."""
    is_heard_XG: np.ndarray
    onset_XG: np.ndarray
    """First frame of a sound that begins within the scene; -1 where none does."""
    found_XFG: np.ndarray
    """Smoothed probabilities."""
    frames_per_s: float

    @property
    def scene_s(self) -> float:
        """Length of a scene."""
        return self.found_XFG.shape[1] / self.frames_per_s

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
        """How far first found frames lie from onsets, in seconds, of sounds that are found."""
        is_found_XFG = self.found_XFG > np.asarray(thresholds)
        begins = (self.onset_XG >= 0) & is_found_XFG.any(axis=1)
        first_XG = is_found_XFG.argmax(axis=1)
        return np.abs(first_XG - self.onset_XG)[begins] / self.frames_per_s


@torch.inference_mode()
def scene_answers(
    detector: SoundDetector, sampler: MixtureSampler, *, smoothing_s: float, steps: int = HELD_STEPS
) -> SceneAnswers:
    """What the detector says of the scenes of ``steps`` batches."""
    found, heard = [], []
    for step in range(steps):
        mel_BTM, heard_BFG = sampler.batch_at(step)
        rate = detector.config.frames_per_s
        found.append(smoothed(detector(mel_BTM)[0].sigmoid(), smoothing_s * rate).numpy())
        heard.append(heard_BFG.numpy() > 0.5)
    found_XFG, heard_XFG = np.concatenate(found), np.concatenate(heard)
    begins = heard_XFG.any(axis=1) & ~heard_XFG[:, 0]
    return SceneAnswers(
        peak_XG=found_XFG.max(axis=1),
        is_heard_XG=np.asarray(heard_XFG.any(axis=1)),
        onset_XG=np.where(begins, heard_XFG.argmax(axis=1), -1),
        found_XFG=found_XFG,
        frames_per_s=detector.config.frames_per_s,
    )


def accuracies(answers: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Share of each group's clips that were answered with the group."""
    return {
        group: sum(one == group for one in given) / len(given) for group, given in answers.items()
    }


@torch.inference_mode()
def tagged_clips(
    detector: SoundDetector, corpus: Path, rows: Sequence[SoundRow], groups: Sequence[str] = GROUPS
) -> dict[str, list[str]]:
    """The likeliest of ``groups`` for each clip, by the clip's own group."""
    known = [group for group in groups if group in detector.config.groups]
    columns = [detector.config.groups.index(group) for group in known]
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.group in known:
            presence_FG, _ = detector.presence(load(corpus / row.file))
            found[row.group].append(known[int(pooled(presence_FG)[columns].argmax())])
    return dict(found)


@torch.inference_mode()
def clip_vectors(network: TextAudioNetwork, corpus: Path, rows: Sequence[SoundRow]) -> np.ndarray:
    """Unit vectors (X, D) of clips: the mean of their windows."""
    vectors = torch.stack([network.windows(load(corpus / row.file))[0].mean(0) for row in rows])
    return torch.nn.functional.normalize(vectors, dim=1).numpy()


def named_clips(
    network: TextAudioNetwork,
    vectors_XD: np.ndarray,
    rows: Sequence[SoundRow],
    groups: Sequence[str] = GROUPS,
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
