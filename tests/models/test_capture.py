from __future__ import annotations

import pytest
import torch

from audiostory.models.capture import captured


def test_on_a_cpu_the_work_itself_is_done():
    def work(values):
        return values + 1

    assert captured(work, torch.zeros(2)) is work


@pytest.mark.gpu
def test_on_cuda_a_graph_gives_what_the_work_gives():
    weight = torch.randn(4, 4, device="cuda")
    replay = captured(lambda values: values @ weight, torch.zeros(2, 4, device="cuda"))
    for _ in range(3):
        values = torch.randn(2, 4, device="cuda")
        first = replay(values)
        torch.testing.assert_close(first, values @ weight)
        replay(torch.zeros(2, 4, device="cuda"))
        torch.testing.assert_close(first, values @ weight)  # results are the caller's own


@pytest.mark.gpu
def test_what_cannot_be_captured_is_done_as_ever_and_logged(caplog):
    def work(values):
        return values * float(values.sum())  # looks at a value: no graph can

    replay = captured(work, torch.ones(2, device="cuda"))
    assert replay(torch.ones(2, device="cuda")).tolist() == [2.0, 2.0]
    assert "without a CUDA graph" in caplog.text
