"""Targets of many captions by a frozen text encoder, computed once and kept.

Flan-T5-large is too large to be asked at every step, and its 64 positions of a caption take 131 kB:
they are kept in parts by encoder and text, and read where they lie.

Shapes: ``B`` captions, ``S`` semantic tokens, ``D`` bridge width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audiostory.data.cache import Parts, cached_parts, key_of, key_of_tensors
from audiostory.errors import CorpusError
from audiostory.models.targets import SemanticTarget

TEACHER_BATCH = 64
"""Texts the teacher reads at once."""


@torch.no_grad()
def text_targets(teacher: SemanticTarget, texts: Sequence[str], cache: Path) -> Parts:
    """Targets ``(S, D)`` of texts, in half precision, on the CPU; computed where the teacher is.

    Raises:
        CorpusError: if there are no texts, or targets are not finite.
        InstructionError: if a text is longer than the encoder reads.
    """

    def made(indices: range) -> Iterator[Tensor]:
        for start in range(indices.start, indices.stop, TEACHER_BATCH):
            some = texts[start : min(start + TEACHER_BATCH, indices.stop)]
            targets_BSD = teacher(some).half().cpu()
            if not targets_BSD.isfinite().all():
                raise CorpusError(f"targets of {some[0][:40]!r} and after are not finite")
            yield from targets_BSD

    return cached_parts(cache, "wordings", key_of(key_of_tensors(teacher.frozen())), texts, made)


@dataclass(frozen=True)
class KeptTargets:
    """A teacher that knows some texts by heart, and reads others when they come."""

    teacher: SemanticTarget
    targets: Parts
    places: Mapping[str, int]
    """Index in ``targets`` of each text."""

    @classmethod
    def of(cls, teacher: SemanticTarget, texts: Sequence[str], cache: Path) -> KeptTargets:
        """One that knows these texts, each once.

        Raises:
            CorpusError: as ``text_targets``.
        """
        known = sorted(set(texts))
        places = {text: index for index, text in enumerate(known)}
        return cls(teacher, text_targets(teacher, known, cache), places)

    def __call__(self, captions: Sequence[str]) -> Tensor:
        """Targets ``(B, S, D)``."""
        return torch.stack([self._target(text) for text in captions]).float()

    def _target(self, text: str) -> Tensor:
        place = self.places.get(text)
        return self.teacher([text])[0].half() if place is None else self.targets[place]
