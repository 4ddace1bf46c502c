"""Batches of single sounds as the released training forward reads them: one clip a sequence.

A sound is a story of that one event (``blocks.lone_story``). Not known of the release, and ours
here: its labels (we supervise what the model chooses itself) and its targets' text. Its latents are
those of 30 s padded with silence; here they are as long as the sounds.

Shapes: ``B`` sequences and their clips, ``L`` tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.data.blocks import lone_story, packed
from audiostory.data.sounds import SoundLatents
from audiostory.data.stories import pad, text_sequence
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.tokens import SpecialTokens


@dataclass(frozen=True)
class ReleasedClips:
    """Sequences with one clip each, their targets and latents."""

    sounds: SoundLatents
    texts: Sequence[str]
    """What the rows of ``sounds.features`` say."""
    tokenizer: StoryTokenizer
    tokens: SpecialTokens

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """What ``ReleasedObjective`` reads, without sounds heard."""
        sounds = self.sounds.batch_at(step)
        durations_s = sounds["duration_B"].tolist()
        rows = [
            lone_story(self.texts[int(row)], round(duration_s, 1))
            for row, duration_s in zip(sounds["wording_B"], durations_s, strict=True)
        ]
        sequences = [text_sequence(row, self.tokenizer, self.tokens) for row in rows]
        blocks = [packed(row, self.tokenizer, self.tokens) for row in rows]
        starts_B1 = torch.tensor([block.block_starts for block in blocks])
        batch = pad(sequences)
        places_BL = torch.arange(batch["ids_BL"].shape[1]) - starts_B1
        residual = self.tokens.residual_offset
        return batch | {
            "attention_BL": _first([len(sequence.ids) for sequence in sequences], batch["ids_BL"]),
            "is_semantic_BL": (places_BL > 0) & (places_BL <= self.tokens.num_semantic),
            "is_residual_BL": (places_BL >= residual)
            & (places_BL < residual + self.tokens.num_residual),
            "semantic_BSD": sounds["semantic_BSD"],
            "latents_BTC": sounds["latents_BTC"],
            "duration_B": sounds["duration_B"],
        }


def _first(lengths: Sequence[int], ids_BL: Tensor) -> Tensor:
    """1 on the first ``lengths`` positions of each row, 0 on what pads it."""
    return (torch.arange(ids_BL.shape[1]) < torch.tensor(lengths)[:, None]).long()
