from __future__ import annotations

import pytest
import torch
from torch import nn

from audiostory.train.averaging import Averaged


def test_the_average_follows_quickly_at_first_and_slowly_later() -> None:
    weight = {"w": nn.Parameter(torch.zeros(1))}
    averaged = Averaged(weight, 0.9)
    with torch.no_grad():
        weight["w"].fill_(1.0)
    averaged.update(weight, 1)
    assert averaged.values["w"].item() == pytest.approx(1 - 2 / 11)
    averaged.update(weight, 10_000)
    assert averaged.values["w"].item() == pytest.approx(1 - 0.9 * 2 / 11)


def test_in_place_of_the_weights_the_average_leaves_no_trace() -> None:
    weight = {"w": nn.Parameter(torch.full((3,), 0.1))}
    averaged = Averaged(weight, 0.9)
    averaged.values["w"].fill_(5.0)
    with averaged.in_place_of(weight):
        assert torch.equal(weight["w"], torch.full((3,), 5.0))
    assert torch.equal(weight["w"], torch.full((3,), 0.1))
