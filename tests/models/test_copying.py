"""A model that copies before it has learned anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from audiostory.errors import ConfigError
from audiostory.models.audiostory import NANO
from audiostory.models.copying import principal, start_copying
from audiostory.models.llm import LanguageModel, LoraSettings
from audiostory.models.seeding import seeded

SMALL = replace(NANO.llm, num_layers=2, intermediate_size=64, vocab_size=600)


def model(features_VF: Tensor | None = None, *, is_copying: bool = True) -> LanguageModel:
    generator = torch.Generator().manual_seed(0)
    with seeded(generator):
        llm = LanguageModel(SMALL)
    if is_copying:
        start_copying(llm, generator, features_VF)
    return llm.eval()


@torch.no_grad()
def share_copied(llm: LanguageModel, *, length: int, gap: int = 0) -> float:
    """How often the second telling of random tokens is foretold from its second token on."""
    generator = torch.Generator().manual_seed(1)
    said_BL = torch.randint(SMALL.vocab_size // 2, (4, length), generator=generator)
    fresh = (SMALL.vocab_size // 2, SMALL.vocab_size)
    between_BL = torch.randint(*fresh, (4, gap), generator=generator)
    ids_BL = torch.cat([said_BL, between_BL, said_BL], dim=1)
    start = length + gap
    foretold_BLV = llm.logits(llm.hidden_states(ids_BL)[:, start:-1])
    return (foretold_BLV.argmax(dim=-1) == ids_BL[:, start + 1 :]).float().mean().item()


@pytest.mark.parametrize(("length", "gap"), [(10, 0), (40, 0), (12, 300)])
def test_what_was_said_before_is_said_again(length: int, gap: int) -> None:
    assert share_copied(model(), length=length, gap=gap) > 0.85


def test_a_random_start_copies_nothing() -> None:
    assert share_copied(model(is_copying=False), length=20) < 0.1


def test_tokens_of_like_meaning_start_alike_and_are_still_told_apart() -> None:
    features_VF = torch.randn(600, 200, generator=torch.Generator().manual_seed(2))
    features_VF[1] = features_VF[0]
    llm = model(features_VF)
    vectors = torch.nn.functional.normalize(llm.embed(torch.tensor([0, 1, 2])))
    alike, other = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert other.abs() < 0.3 < alike < 0.8
    assert share_copied(llm, length=20) > 0.8


def test_principal_axes_keep_what_differs() -> None:
    features_VF = torch.zeros(6, 5)
    features_VF[:, 3] = torch.tensor([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    kept_VE = principal(features_VF, 2)
    assert torch.allclose(kept_VE[:, 0].abs(), torch.ones(6))


@pytest.mark.parametrize(
    "change",
    [{"num_heads": 8}, {"num_layers": 1}, {"tie_embeddings": False}, {"lora": LoraSettings()}],
)
def test_sizes_the_circuit_does_not_fit_are_refused(change: dict[str, object]) -> None:
    llm = model(is_copying=False)
    llm.config = replace(SMALL, **change)
    with pytest.raises(ConfigError, match="copying start"):
        start_copying(llm, torch.Generator())
