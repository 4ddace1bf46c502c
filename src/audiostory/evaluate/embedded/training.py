"""Learning the embedded evaluator from a corpus: what is heard, then both networks behind it.

Nothing is learnt from the ``val`` and ``test`` splits: ``val`` chooses the thresholds, ``test`` is
reported. Recordings that retrieval may play (``SoundRow.is_kept_back``) teach nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import load_rows
from audiostory.errors import CorpusError
from audiostory.evaluate.embedded.detector import SoundDetector
from audiostory.evaluate.embedded.detector_training import (
    DetectorTraining,
    groups_in,
    train_detector,
)
from audiostory.evaluate.embedded.evaluator import (
    EmbeddedEvaluator,
    EvaluatorConfig,
    save_evaluator,
)
from audiostory.evaluate.embedded.examples import (
    Examples,
    Mixture,
    clip_examples,
    clip_waves,
    evened_weights,
    scene_examples,
)
from audiostory.evaluate.embedded.learning import Progress
from audiostory.evaluate.embedded.moments import MomentHearing, shipped_hearing
from audiostory.evaluate.embedded.quality_check import (
    accuracies,
    caption_precision,
    clip_vectors,
    heard_clips,
    named_clips,
    scene_answers,
    tagged_clips,
)
from audiostory.evaluate.embedded.scenes import SceneConfig, SceneSampler
from audiostory.evaluate.embedded.text_audio import TextAudioNetwork
from audiostory.evaluate.embedded.text_audio_training import TextAudioTraining, train_text_audio
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.evaluate.kinds import COMMON

VAL_SEED, TEST_SEED = 1, 2
"""Of the scenes that choose thresholds, and of those that are reported."""


@dataclass(frozen=True, kw_only=True)
class EvaluatorTraining:
    """How an evaluator is learnt."""

    version: str
    """Its name in every header: numbers of two versions are not comparable."""
    scenes: int = 24_576
    held_scenes: int = 1_280
    """Scenes behind the thresholds, and behind what is reported."""
    scene_seed: int = 37
    scene: SceneConfig = field(default=SceneConfig())
    detector: DetectorTraining = field(default=DetectorTraining())
    text_audio: TextAudioTraining = field(default=TextAudioTraining())


def train_evaluator(
    corpus: Path,
    words: WordVectors,
    folder: Path,
    out: Path,
    training: EvaluatorTraining,
    progress: Progress | None = None,
    hearing: MomentHearing | None = None,
) -> EmbeddedEvaluator:
    """Learn an evaluator and write it to ``out``.

    Args:
        corpus: folder with ``metadata.jsonl`` and the clips; share-alike ones are left out.
        words: the text encoder, learnt already.
        folder: of the run: checkpoints and caches, from which it goes on.
        out: folder of the evaluator.
        training: schedules.
        progress: called with what is being done and its share done.
        hearing: what both networks lie behind; None is the shipped YAMNet.

    Raises:
        CorpusError: if the corpus cannot be read, or no clip is left to learn from.
        TrainingError: if a checkpoint is of another schedule.
    """
    hearing = hearing or shipped_hearing()
    held, tested = load_rows(corpus, split="val"), load_rows(corpus, split="test")
    rows = [row for row in load_rows(corpus, split="train") if not row.is_kept_back]
    if not rows:
        raise CorpusError(f"all train clips of {corpus} are kept back: give more recordings")
    groups = groups_in(rows)
    if not {row.group for row in tested} & set(groups) & set(COMMON):
        raise CorpusError(
            f"{corpus} has none of the kinds that are reported ({', '.join(COMMON)}) in four "
            "recordings to learn from and a clip of the test split"
        )
    held_waves, tested_waves = (
        clip_waves(corpus, each, folder / "cache") for each in (held, tested)
    )
    waves = clip_waves(corpus, rows, folder / "cache")
    sampler = SceneSampler(waves, rows, groups, training.scene, seed=training.scene_seed)
    scenes = scene_examples(sampler, hearing, training.scenes, folder / "cache", progress)
    clips = clip_examples(waves, rows, groups, hearing, training.scene.moments)

    weights_X = evened_weights(clips, rows)

    def mixture(clip_share: float) -> Mixture:
        return Mixture(scenes, clips, weights_X, clip_share)

    detector = train_detector(
        groups, mixture(training.detector.clip_share), folder, training.detector, progress
    )
    network = train_text_audio(
        rows, mixture(training.text_audio.clip_share), words, folder, training.text_audio, progress
    )
    config = EvaluatorConfig(
        version=training.version,
        hearing=hearing.digest,
        detector=detector.config,
        text_audio=network.config,
        thresholds=(1.0,) * len(groups),
    )
    sampler = SceneSampler(held_waves, held, groups, training.scene, seed=VAL_SEED)
    val = scene_examples(sampler, hearing, training.held_scenes, folder / "cache", is_levelled=True)
    config = replace(config, thresholds=scene_answers(detector, val).thresholds())
    sampler = SceneSampler(tested_waves, tested, groups, training.scene, seed=TEST_SEED)
    test = scene_examples(
        sampler, hearing, training.held_scenes, folder / "cache", is_levelled=True
    )
    report = measured(corpus, tested, test, hearing, detector, network, config)
    evaluator = EmbeddedEvaluator(config, detector, network, hearing, report=report)
    save_evaluator(evaluator, out)
    return evaluator


def measured(
    corpus: Path,
    rows: Sequence[SoundRow],
    scenes: Examples,
    hearing: MomentHearing,
    detector: SoundDetector,
    network: TextAudioNetwork,
    config: EvaluatorConfig,
) -> dict[str, Any]:
    """How well it does on the test split, as ``docs/evaluator.md`` explains each number."""
    heard = scene_answers(detector, scenes)
    clips = heard_clips(hearing, corpus, rows)
    tagged = accuracies(tagged_clips(detector, clips, rows))
    vectors_XD = clip_vectors(network, clips)
    named = accuracies(named_clips(network, vectors_XD, rows))
    errors_s = heard.onset_errors_s(config.thresholds)
    return {
        "test_clips": len(rows),
        "named_clips": sum(row.group in COMMON for row in rows),
        "clip_accuracy": _mean(tagged),
        "clip_accuracy_by_group": _rounded(tagged),
        "scene_found": round(heard.found_share(config.thresholds), 4),
        "scene_false_alarms": round(heard.alarm_share(config.thresholds), 4),
        "scene_onset_error_s": round(float(np.median(errors_s)), 3) if len(errors_s) else None,
        "named_accuracy": _mean(named),
        "named_accuracy_by_group": _rounded(named),
        "caption_map": round(caption_precision(network, vectors_XD, rows), 4),
    }


def _mean(values: dict[str, float]) -> float:
    return round(sum(values.values()) / len(values), 4)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in sorted(values.items())}
