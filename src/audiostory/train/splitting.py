"""A step's batch in parts whose gradients add up to that of the whole batch.

Parts are what gradient accumulation computes one after another, and processes at the same time.
Chance is drawn for the whole batch and split with it, so the number of parts changes no draw but
those of dropout. A loss that is a mean (over clips, over supervised tokens) is, of the whole batch,
the sum of its parts' means, each times the part's share of what the mean is over. Values and
gradients are therefore those of the whole batch, to the rounding of floats.

Where tensors are cut is said by their names: the letters after the last underscore are axes. ``B``
is cut into equal runs of rows; an axis ``X`` of which ``rows_X`` says the row of ``ids_BL`` it
belongs to follows those, and that of ``text_latents_XTC`` follows ``text_ids_BL`` if there is a
``text_rows_X``. A tensor without axes is every part's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from audiostory.errors import TrainingError

Batch = Mapping[str, Tensor]
Losses = dict[str, Tensor]
ComputeLosses = Callable[[Batch, torch.Generator], Losses]
SEQUENCES = "ids_BL"
"""What entries called ``rows_X`` count the rows of."""


@runtime_checkable
class Splittable(Protocol):
    """An objective whose batch can be split."""

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """All that chance decides, as further entries of the batch."""
        ...

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """``LOSS_B`` or ``LOSS_X``: how much of what each loss is a mean over is in each row."""
        ...

    def losses(self, batch: Batch) -> Losses:
        """The losses of a batch with its draws."""
        ...


@dataclass(frozen=True)
class Part:
    """Some rows of a batch."""

    batch: Batch
    shares: Mapping[str, float] | None
    """Of what each loss is a mean over, the share that is here; None for all of everything."""

    def share(self, loss: str) -> float:
        """What that loss, computed on these rows, weighs in the loss of the whole batch."""
        return 1.0 if self.shares is None else self.shares[loss]


class PartLosses(nn.Module):
    """The losses of a part as a module's forward, which wrappers for many processes can wrap.

    An objective finds parameters through their modules, at each step: sharing out replaces them.
    """

    def __init__(self, model: nn.Module, compute_losses: ComputeLosses) -> None:
        super().__init__()
        held = vars(compute_losses) if hasattr(compute_losses, "__dict__") else {}
        assert not any(isinstance(value, nn.Parameter) for value in held.values())
        self.model, self.compute_losses = model, compute_losses

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Losses by name; ``generator`` is for objectives that draw while they compute."""
        if isinstance(self.compute_losses, Splittable):
            return self.compute_losses.losses(batch)
        return self.compute_losses(batch, generator)


def parts_of(
    compute_losses: ComputeLosses,
    batch: Batch,
    generator: torch.Generator,
    *,
    count: int = 1,
    chosen: Iterable[int] = (0,),
) -> list[Part]:
    """The ``chosen`` ones of ``count`` parts of a batch, with what is drawn for them.

    Raises:
        TrainingError: if the objective or an entry of the batch cannot be split.
    """
    if not isinstance(compute_losses, Splittable):
        if count == 1:
            return [Part(batch, None)]
        raise TrainingError(
            f"a batch of {type(compute_losses).__name__} cannot be split, its losses are no plain "
            "means: train in one process, with --accumulate 1"
        )
    drawn = {**batch, **compute_losses.draw(batch, generator)}
    if count == 1:
        return [Part(drawn, None)]
    spans = compute_losses.spans(batch)
    return [cut(drawn, spans, index, count) for index in chosen]


def cut(batch: Batch, spans: Mapping[str, Tensor], index: int, count: int) -> Part:
    """Part ``index`` of ``count``.

    Where there are fewer rows than parts, a part that would be empty holds the first row, which
    weighs nothing there: every process then computes the same graph, as collectives need.
    """
    found = {name: _rows(name, value, batch, index, count) for name, value in batch.items()}
    shares: dict[str, float] = {}
    for name, span in spans.items():
        loss, total = name.rpartition("_")[0], float(span.sum())
        if not total:
            raise TrainingError(f"no row of this batch counts in the loss '{loss}'")
        rows, is_filler = _rows(name, span, batch, index, count)
        shares[loss] = 0.0 if is_filler else float(rows.sum()) / total
    return Part({name: rows for name, (rows, _) in found.items()}, shares)


def _rows(name: str, value: Tensor, batch: Batch, index: int, count: int) -> tuple[Tensor, bool]:
    """The rows of one entry that are in a part, and whether they only fill it."""
    if not value.ndim:
        return value, False
    axes = name.rpartition("_")[2]
    if "B" in axes:
        axis = axes.index("B")
        start, stop, is_filler = _bounds(value.shape[axis], index, count)
        return value.narrow(axis, start, stop - start), is_filler
    for axis, letter in enumerate(axes):
        for prefix in _prefixes(name):
            rows_name = f"{prefix}rows_{letter}"
            if rows_name in batch:
                rows_X = batch[rows_name]
                start, stop, is_filler = _bounds(len(batch[f"{prefix}{SEQUENCES}"]), index, count)
                chosen_X = ((start <= rows_X) & (rows_X < stop)).nonzero()[:, 0]
                kept = value.index_select(axis, chosen_X)
                return (kept - start if name == rows_name else kept), is_filler
    raise TrainingError(
        f"'{name}' of the batch has no axis that it could be split by: train in one process, with "
        "--accumulate 1"
    )


def _prefixes(name: str) -> list[str]:
    """The beginnings of a name that end with an underscore, the longest first, and none."""
    words = name.split("_")
    return ["".join(f"{word}_" for word in words[:count]) for count in reversed(range(len(words)))]


def _bounds(size: int, index: int, count: int) -> tuple[int, int, bool]:
    """First row, end, and whether the part would else be empty."""
    start, stop = index * size // count, (index + 1) * size // count
    return (start, stop, False) if start < stop else (0, 1, True)
