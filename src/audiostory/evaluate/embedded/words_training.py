"""Learning the word vectors from what a text encoder makes of texts.

Shapes: ``Q`` texts, ``E`` width of the teacher, ``V`` word pieces, ``D`` width of their vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from audiostory.data.cache import key_of
from audiostory.errors import CheckpointError
from audiostory.evaluate.embedded.words import WordVectors, learn_words
from audiostory.models.text_encoder import TextEncoder

NUM_COMMON = 996
"""Word pieces of BERT's vocabulary before its first letters: special and unused ones."""


@dataclass(frozen=True, kw_only=True)
class WordTraining:
    """How word vectors are learnt."""

    width: int = 128
    steps: int = 2_000
    batch: int = 256
    """Texts of a step."""
    seed: int = 0


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
    teacher_folder: Path, texts: Sequence[str], folder: Path, training: WordTraining
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
    width, steps = training.width, training.steps
    place = folder / f"words-{key_of(texts, width, steps, training.batch, training.seed)}.pt"
    if not place.exists():
        teacher = TextEncoder.from_folder(teacher_folder)
        words = WordVectors(tokenizer, first_vectors(teacher, tokenizer, width))
        taught = text_features(teacher, texts)
        learn_words(words, texts, taught, steps=steps, batch=training.batch, seed=training.seed)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(words.vectors.data, place.with_suffix(".partial"))
        place.with_suffix(".partial").replace(place)
    return WordVectors(tokenizer, torch.load(place, weights_only=True))
