"""Learning the embedded evaluator from a corpus and a text encoder, all of it.

Words first (some minutes), then the detector and the text-audio network (an hour or two on one
CPU core each); every stage goes on where it stopped. Nothing is learnt from the ``val`` and
``test`` splits: ``val`` chooses the threshold, ``test`` is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from audiostory.data.cache import key_of
from audiostory.data.sounds import load_rows
from audiostory.errors import CheckpointError
from audiostory.evaluate.embedded.detector import SoundDetector
from audiostory.evaluate.embedded.detector_training import (
    DetectorTraining,
    sampler_of,
    train_detector,
)
from audiostory.evaluate.embedded.evaluator import (
    EmbeddedEvaluator,
    EvaluatorConfig,
    save_evaluator,
)
from audiostory.evaluate.embedded.learning import Progress
from audiostory.evaluate.embedded.quality_check import (
    accuracies,
    caption_precision,
    clip_vectors,
    named_clips,
    scene_answers,
    tagged_clips,
)
from audiostory.evaluate.embedded.text_audio import TextAudioNetwork
from audiostory.evaluate.embedded.text_audio_training import TextAudioTraining, train_text_audio
from audiostory.evaluate.embedded.words import WordVectors, learn_words
from audiostory.models.text_encoder import TextEncoder

NUM_COMMON = 996
"""Word pieces of BERT's vocabulary before its first letters: special and unused ones."""


@dataclass(frozen=True, kw_only=True)
class EvaluatorTraining:
    """How an evaluator is learnt."""

    version: str
    """Its name in every header: numbers of two versions are not comparable."""
    word_width: int = 128
    word_steps: int = 2_000
    word_batch: int = 256
    seed: int = 0
    """Of the words; the networks have their own."""
    detector: DetectorTraining = field(default=DetectorTraining())
    text_audio: TextAudioTraining = field(default=TextAudioTraining())


@torch.inference_mode()
def text_features(teacher: TextEncoder, texts: Sequence[str], *, batch: int = 128) -> Tensor:
    """Mean features (Q, E) of texts: what sentence encoders are trained for."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found = torch.zeros(len(texts), teacher.width)
    for first in range(0, len(order), batch):
        chosen = order[first : first + batch]
        features_BLE, mask_BL = teacher.features([texts[index] for index in chosen])
        weights_BL1 = mask_BL[..., None].float()
        found[chosen] = (features_BLE * weights_BL1).sum(1) / weights_BL1.sum(1)
    return found


def first_vectors(teacher: TextEncoder, tokenizer: Tokenizer, width: int) -> Tensor:
    """What the teacher makes of each word piece alone, in ``width`` principal directions.

    The tokenizer puts one special piece before and one after a text, as BERT's does. Pieces weigh
    by the logarithm of their rank in the vocabulary, which lists common ones first: what is rare
    says more of a text.
    """
    empty = torch.tensor(tokenizer.encode("").ids)
    pieces = torch.arange(tokenizer.get_vocab_size())
    alone = []
    for first in range(0, len(pieces), 512):
        ids_B = pieces[first : first + 512]
        begin_B, end_B = empty[:, None].expand(-1, len(ids_B))
        ids_B3 = torch.stack([begin_B, ids_B, end_B], dim=1)
        alone.append(teacher.encode(ids_B3, torch.ones_like(ids_B3, dtype=torch.bool)).mean(1))
    features_VE = torch.cat(alone)
    features_VE -= features_VE.mean(0)
    directions = torch.linalg.svd(features_VE, full_matrices=False).Vh[:width]
    rank_V = (pieces - NUM_COMMON).clamp(min=1).float()
    vectors_VD = features_VE @ directions.T * torch.log1p(rank_V)[:, None]
    return vectors_VD / vectors_VD.norm(dim=1).mean()


def learnt_words(
    teacher_folder: Path, texts: Sequence[str], folder: Path, training: EvaluatorTraining
) -> WordVectors:
    """Word vectors learnt from what the teacher makes of texts; kept in ``folder/words-*.pt``.

    Raises:
        CheckpointError: if the teacher's folder is incomplete.
    """
    file = teacher_folder / "tokenizer.json"
    if not file.is_file():
        raise CheckpointError(
            f"no tokenizer.json in {teacher_folder}: name a text encoder's folder"
        )
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = sorted({text for text in texts if tokenizer.encode(text, add_special_tokens=False).ids})
    width, steps = training.word_width, training.word_steps
    place = folder / f"words-{key_of(texts, width, steps, training.word_batch, training.seed)}.pt"
    if not place.exists():
        teacher = TextEncoder.from_folder(teacher_folder)
        words = WordVectors(tokenizer, first_vectors(teacher, tokenizer, width))
        taught = text_features(teacher, texts)
        learn_words(
            words, texts, taught, steps=steps, batch=training.word_batch, seed=training.seed
        )
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(words.vectors.data, place.with_suffix(".partial"))
        place.with_suffix(".partial").replace(place)
    return WordVectors(tokenizer, torch.load(place, weights_only=True))


def train_evaluator(
    corpus: Path,
    teacher: Path,
    texts: Sequence[str],
    folder: Path,
    out: Path,
    training: EvaluatorTraining,
    progress: Progress | None = None,
) -> EmbeddedEvaluator:
    """Learn an evaluator and write it to ``out``.

    Args:
        corpus: folder with ``metadata.jsonl`` and the clips; share-alike ones are left out.
        teacher: folder of a text encoder whose mean features compare texts (all-MiniLM-L6-v2).
        texts: what words are learnt from, beside the corpus' own captions.
        folder: of the run: checkpoints and caches, from which it goes on.
        out: folder of the evaluator.
        training: schedules.
        progress: called with what is being done and its share done.

    Raises:
        CorpusError: if the corpus cannot be read.
        CheckpointError: if the teacher cannot.
    """
    captions = [row.caption for row in load_rows(corpus, split="train")]
    words = learnt_words(teacher, [*texts, *captions], folder, training)
    detector = train_detector(corpus, folder, training.detector, progress)
    network = train_text_audio(corpus, words, folder, training.text_audio, progress)
    return finished(corpus, folder, out, detector, network, training.version)


def finished(
    corpus: Path,
    folder: Path,
    out: Path,
    detector: SoundDetector,
    network: TextAudioNetwork,
    version: str,
) -> EmbeddedEvaluator:
    """Both networks with their threshold and report, written to ``out``.

    Raises:
        CorpusError: if the corpus cannot be read.
    """
    held = load_rows(corpus, split="val")
    config = EvaluatorConfig(
        version=version,
        detector=detector.config,
        text_audio=network.config,
        thresholds=(1.0,) * len(detector.config.groups),
    )
    heard = scene_answers(
        detector,
        sampler_of(corpus, held, detector.config, folder, seed=1),
        smoothing_s=config.smoothing_s,
    )
    config = replace(config, thresholds=heard.thresholds())
    report = measured(corpus, folder, detector, network, config)
    evaluator = EmbeddedEvaluator(config, detector, network, report=report)
    save_evaluator(evaluator, out)
    return evaluator


def measured(
    corpus: Path,
    folder: Path,
    detector: SoundDetector,
    network: TextAudioNetwork,
    config: EvaluatorConfig,
) -> dict[str, Any]:
    """How well it does on the test split, as ``docs/evaluator.md`` explains each number."""
    rows = load_rows(corpus, split="test")
    heard = scene_answers(
        detector,
        sampler_of(corpus, rows, detector.config, folder, seed=2),
        smoothing_s=config.smoothing_s,
    )
    tagged = accuracies(tagged_clips(detector, corpus, rows))
    vectors_XD = clip_vectors(network, corpus, rows)
    named = accuracies(named_clips(network, vectors_XD, rows))
    errors_s = heard.onset_errors_s(config.thresholds)
    return {
        "test_clips": len(rows),
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
