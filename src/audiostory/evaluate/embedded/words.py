"""Text as the mean of its word pieces' vectors: a text encoder small enough to ship.

One vector for each word piece, learnt so that the mean over a text lies where a real text encoder
(the teacher) puts it; no attention, so the order of words does not count. Vectors start as what
the teacher makes of each piece alone (Model2Vec, Tulkens and van Dongen 2024), which is why words
that no caption had still lie near their synonyms.

Shapes: ``V`` word pieces, ``D`` width, ``Q`` texts, ``E`` width of the teacher.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from audiostory.errors import MeasureError


class WordVectors(nn.Module):
    """Reads texts into (Q, D) vectors.

    Args:
        tokenizer: text to word pieces.
        vectors_VD: one vector for each; longer ones weigh more in a text's mean.
    """

    def __init__(self, tokenizer: Tokenizer, vectors_VD: Tensor) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.vectors = nn.Parameter(vectors_VD.clone())

    @property
    def width(self) -> int:
        """D."""
        return self.vectors.shape[1]

    def pieces(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Word pieces of all texts, end to end, and where each text begins.

        Raises:
            MeasureError: if a text has no word.
        """
        encoded = [
            one.ids for one in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]
        for text, ids in zip(texts, encoded, strict=True):
            if not ids:
                raise MeasureError(f"the text {text!r} has no words to compare a sound with")
        starts = torch.tensor([0, *(len(ids) for ids in encoded)]).cumsum(0)[:-1]
        return torch.tensor([piece for ids in encoded for piece in ids]), starts

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Mean vectors (Q, D) of texts."""
        pieces, starts = self.pieces(texts)
        return nn.functional.embedding_bag(pieces, self.vectors, starts, mode="mean")


def learn_words(
    words: WordVectors,
    texts: Sequence[str],
    taught_QE: Tensor,
    *,
    steps: int,
    batch: int,
    seed: int,
) -> float:
    """Move the vectors so that texts lie to each other as the teacher's do; the last mean loss.

    Two texts' cosine is what is learnt, not the teacher's own axes. Pieces that no text has stay
    where they were.

    Args:
        words: changed in place.
        texts: to learn from.
        taught_QE: what the teacher makes of each.
        steps: batches.
        batch: texts a batch.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam([words.vectors], lr=2e-3)
    taught_QE = nn.functional.normalize(taught_QE, dim=1)
    encoded = [
        one.ids for one in words.tokenizer.encode_batch(list(texts), add_special_tokens=False)
    ]
    losses: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        chosen = torch.randint(len(texts), (batch,), generator=generator)
        ids = [encoded[int(index)] for index in chosen]
        starts = torch.tensor([0, *(len(one) for one in ids)]).cumsum(0)[:-1]
        pieces = torch.tensor([piece for one in ids for piece in one])
        own_QD = nn.functional.embedding_bag(pieces, words.vectors, starts, mode="mean")
        own_QD = nn.functional.normalize(own_QD, dim=1)
        wanted_QQ = taught_QE[chosen] @ taught_QE[chosen].T
        loss = (own_QD @ own_QD.T - wanted_QQ).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-100:]) / len(losses[-100:])
