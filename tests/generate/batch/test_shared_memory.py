from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch

from audiostory.errors import ShapeError
from audiostory.generate.batch.shared_memory import SharedMemory
from audiostory.models.llm import LanguageModel, LlmConfig
from audiostory.models.seeding import seeded

CONFIG = LlmConfig(
    hidden_size=16,
    num_layers=2,
    num_heads=2,
    num_kv_heads=1,
    intermediate_size=24,
    vocab_size=40,
    max_positions=64,
)
TEXTS = [list(range(1, length)) for length in (9, 14, 6, 11)]


@pytest.fixture(scope="module")
def llm() -> LanguageModel:
    with seeded(torch.Generator().manual_seed(5)):
        return LanguageModel(CONFIG).eval()


@contextmanager
def threads():
    """As many threads as texts; all must end within a few seconds."""
    pool = ThreadPoolExecutor(len(TEXTS))
    yield pool
    pool.shutdown(wait=False)


def read_slowly(row, ids: list[int]) -> torch.Tensor:
    """The states of a text whose first two tokens are read at once, the others one by one."""
    pieces = [ids[:2], *([each] for each in ids[2:])]
    return torch.cat([row.read([piece])[0] for piece in pieces])


def read_by(memory: SharedMemory, ids: list[int], barrier: threading.Barrier | None = None):
    with memory.lend() as row:
        if barrier is not None:
            barrier.wait(timeout=5)
        return read_slowly(row, ids)


def test_texts_that_join_and_leave_are_read_as_if_alone(llm):
    memory = SharedMemory(llm, num_rows=3)  # the fourth text waits for a row
    with threads() as pool:
        reads = [pool.submit(read_by, memory, text) for text in TEXTS]
        for text, read in zip(TEXTS, reads, strict=True):
            own = read_slowly(llm.new_memory(), text)
            torch.testing.assert_close(read.result(timeout=5), own, atol=1e-5, rtol=1e-4)


def test_single_tokens_of_all_rows_take_one_forward(llm, monkeypatch):
    memory, batches = SharedMemory(llm, num_rows=4), []
    forward = memory._memory._forward

    def watched(ids_BL, *rest):
        batches.append(tuple(ids_BL.shape))
        return forward(ids_BL, *rest)

    monkeypatch.setattr(memory._memory, "_forward", watched)
    barrier = threading.Barrier(4)
    with threads() as pool:
        reads = [pool.submit(read_by, memory, TEXTS[0], barrier) for _ in TEXTS]
        for read in reads:
            read.result(timeout=5)
    assert batches == [(1, 2)] * 4 + [(4, 1)] * (len(TEXTS[0]) - 2)


def test_a_row_that_is_lent_again_remembers_nothing(llm):
    memory = SharedMemory(llm, num_rows=1)
    read_by(memory, TEXTS[1])
    with memory.lend() as row:
        assert row.lengths == [0]
        assert torch.equal(row.read([[3]]), llm.new_memory().read([[3]]))
        row.forget(0, 0)
        assert row.lengths == [0]


def test_a_story_that_fails_gives_its_row_back_and_the_others_go_on(llm):
    memory, barrier = SharedMemory(llm, num_rows=2), threading.Barrier(2)

    def failing():
        with memory.lend() as row:
            barrier.wait(timeout=5)
            row.read([[1]])
            raise ZeroDivisionError

    with threads() as pool:
        bad = pool.submit(failing)
        good = pool.submit(read_by, memory, TEXTS[0], barrier)
        assert isinstance(bad.exception(timeout=5), ZeroDivisionError)
        assert len(good.result(timeout=5)) == len(TEXTS[0])


def test_a_text_that_gets_too_long_is_told_so_and_no_other(llm):
    memory, barrier = SharedMemory(llm, num_rows=2), threading.Barrier(2)
    with threads() as pool:
        bad = pool.submit(read_by, memory, [1] * (CONFIG.max_positions + 1), barrier)
        good = pool.submit(read_by, memory, [2] * CONFIG.max_positions, barrier)
        assert isinstance(bad.exception(timeout=5), ShapeError)
        assert len(good.result(timeout=5)) == CONFIG.max_positions


def test_where_memory_does_not_suffice_for_all_each_is_read_alone(llm, monkeypatch):
    memory, barrier = SharedMemory(llm, num_rows=3), threading.Barrier(3)
    forward = memory._memory._forward

    def small(ids_BL, *rest):
        if len(ids_BL) > 1:
            raise torch.OutOfMemoryError
        return forward(ids_BL, *rest)

    monkeypatch.setattr(memory._memory, "_forward", small)
    with threads() as pool:
        reads = [pool.submit(read_by, memory, text, barrier) for text in TEXTS[:3]]
        for text, read in zip(TEXTS, reads, strict=False):
            assert torch.equal(read.result(timeout=5), read_slowly(llm.new_memory(), text))


def test_a_bug_ends_all_who_wait(llm, monkeypatch):
    memory, barrier = SharedMemory(llm, num_rows=2), threading.Barrier(2)
    monkeypatch.setattr(memory._memory, "_forward", lambda *_: 1 / 0)
    with threads() as pool:
        reads = [pool.submit(read_by, memory, text, barrier) for text in TEXTS[:2]]
        assert all(isinstance(read.exception(timeout=5), ZeroDivisionError) for read in reads)


def test_closing_ends_those_who_wait_and_those_who_come(llm):
    memory, is_lent = SharedMemory(llm, num_rows=2), threading.Event()

    def reading():
        with memory.lend() as row:
            is_lent.set()
            row.read([[1]])

    with memory.lend(), threads() as pool:  # this row never asks
        read = pool.submit(reading)
        assert is_lent.wait(timeout=5)
        memory.close()
        assert isinstance(read.exception(timeout=5), CancelledError)
    with pytest.raises(CancelledError), memory.lend():
        pass
