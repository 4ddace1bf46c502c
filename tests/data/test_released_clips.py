"""Sequences with one clip each: what is marked where."""

from __future__ import annotations

import torch

from audiostory.data.released_clips import ReleasedClips
from audiostory.data.stories import IGNORED
from audiostory.train.released import ReleasedObjective
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

TEXTS = ("Rain falling", "A dog barking close by, then far away")


class Sounds:
    """Two sounds of one length, as ``SoundLatents`` gives them."""

    def batch_at(self, step: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(step)
        return {
            "latents_BTC": torch.randn(2, 25, 8, generator=generator),
            "semantic_BSD": torch.randn(2, 4, 24, generator=generator),
            "duration_B": torch.tensor([2.0, 2.0]),
            "wording_B": torch.tensor([0, 1]),
        }


def batch() -> dict[str, torch.Tensor]:
    return ReleasedClips(Sounds(), TEXTS, tiny_tokenizer(), tiny_config().tokens).batch_at(3)


def marked(made: dict[str, torch.Tensor], name: str, row: int) -> str:
    return tiny_tokenizer().decode(made["ids_BL"][row][made[name][row]].tolist())


def test_the_marks_stand_on_the_bridge_tokens() -> None:
    made, tokens = batch(), tiny_config().tokens
    for row in (0, 1):
        semantic = "".join(map(tokens.semantic, range(tokens.num_semantic)))
        residual = "".join(map(tokens.residual, range(tokens.num_residual)))
        assert marked(made, "is_semantic_BL", row) == semantic
        assert marked(made, "is_residual_BL", row) == residual


def test_padding_is_neither_attended_to_nor_supervised() -> None:
    made = batch()
    assert made["attention_BL"].sum(1).tolist()[0] < made["ids_BL"].shape[1]
    assert (made["labels_BL"][made["attention_BL"] == 0] == IGNORED).all()
    assert (made["labels_BL"] != IGNORED).any(dim=1).all()


def test_the_released_objective_reads_it() -> None:
    losses = ReleasedObjective(tiny_model())(batch(), torch.Generator().manual_seed(0))
    assert all(torch.isfinite(value) for value in losses.values())
    assert set(losses) == {"semantic", "text", "flow"}
