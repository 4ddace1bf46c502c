"""How well the embedded evaluator hears clips and scenes that it never learnt from.

Shapes: ``F`` frames of answers, ``G`` groups, ``H`` thresholds, ``X`` clips, ``D`` width.
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
from audiostory.evaluate.embedded.detector import SoundDetector
from audiostory.evaluate.embedded.mixtures import MixtureSampler
from audiostory.evaluate.embedded.text_audio import TextAudioNetwork
from audiostory.evaluate.tagger import GROUPS

HELD_STEPS = 12
"""Batches of scenes behind a measurement."""
THRESHOLDS = np.linspace(0.05, 0.95, 19)
"""Probabilities a found sound may have to exceed."""


@dataclass(frozen=True, kw_only=True)
class FrameCounts:
    """Frames by threshold and group: rightly found, wrongly found, missed; and onset errors."""

    right_HG: np.ndarray
    wrong_HG: np.ndarray
    missed_HG: np.ndarray
    onset_errors_s: tuple[tuple[float, ...], ...]
    """For each threshold, how far first found frames lie from true onsets, in seconds."""

    def f1(self) -> np.ndarray:
        """(H,): mean over the groups that occur of the F1 score of frames."""
        occurs_G = (self.right_HG + self.missed_HG)[0] > 0
        twice_HG = 2 * self.right_HG
        scores_HG = twice_HG / np.maximum(twice_HG + self.wrong_HG + self.missed_HG, 1)
        return scores_HG[:, occurs_G].mean(axis=1)

    @property
    def best(self) -> int:
        """Index of the threshold with the highest mean F1."""
        return int(self.f1().argmax())


@torch.inference_mode()
def frame_counts(detector: SoundDetector, sampler: MixtureSampler) -> FrameCounts:
    """How the detector's answers compare with what is heard in scenes."""
    shape = (len(THRESHOLDS), len(detector.config.groups))
    right, wrong, missed = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    errors: list[list[float]] = [[] for _ in THRESHOLDS]
    for step in range(HELD_STEPS):
        mel_BTM, heard_BFG = sampler.batch_at(step)
        found_BFG = detector(mel_BTM)[0].sigmoid().numpy()
        is_heard = heard_BFG.numpy() > 0.5
        for index, threshold in enumerate(THRESHOLDS):
            is_found = found_BFG > threshold
            right[index] += (is_found & is_heard).sum((0, 1))
            wrong[index] += (is_found & ~is_heard).sum((0, 1))
            missed[index] += (~is_found & is_heard).sum((0, 1))
            errors[index] += _onset_errors(is_found, is_heard)
    rate = detector.config.frames_per_s
    seconds = tuple(tuple(error / rate for error in each) for each in errors)
    return FrameCounts(right_HG=right, wrong_HG=wrong, missed_HG=missed, onset_errors_s=seconds)


def _onset_errors(is_found: np.ndarray, is_heard: np.ndarray) -> list[float]:
    """Frames from onset to first found frame, of sounds that begin in a scene and are found."""
    begins = is_heard.any(axis=1) & ~is_heard[:, 0]
    return [
        abs(float(is_found[b, :, g].argmax()) - float(is_heard[b, :, g].argmax()))
        for b, g in zip(*np.nonzero(begins & is_found.any(axis=1)), strict=True)
    ]


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
            pooled_G = presence_FG.square().sum(0) / presence_FG.sum(0).clamp(min=1e-6)
            found[row.group].append(known[int(pooled_G[columns].argmax())])
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
