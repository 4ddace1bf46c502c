from __future__ import annotations

from pathlib import Path

import torch

from audiostory.train.activations import checkpoint_activations
from tests.train.tiny_run import LORA, Trainer, trainer


def kept_bytes(own: Trainer) -> int:
    """Bytes that the forward pass keeps for the backward pass, each use of a tensor."""
    total = 0

    def count(value: torch.Tensor) -> torch.Tensor:
        nonlocal total
        total += value.nbytes
        return value

    with torch.autograd.graph.saved_tensors_hooks(count, lambda value: value):
        own.backward(own.batch_at(0))
    return total


def test_less_is_kept_and_gradients_stay_what_they_are_under_dropout_too(tmp_path: Path) -> None:
    plain, thrifty = trainer(tmp_path, LORA), trainer(tmp_path, LORA)
    checkpoint_activations(thrifty.model)
    assert kept_bytes(thrifty) < 0.6 * kept_bytes(plain)
    for name, value in plain.parameters.items():
        assert value.grad is not None
        torch.testing.assert_close(thrifty.parameters[name].grad, value.grad, rtol=1e-5, atol=1e-7)
