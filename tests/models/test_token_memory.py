from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiostory.errors import ShapeError
from audiostory.models.llm import LanguageModel, LlmConfig, LoraSettings
from audiostory.models.seeding import seeded

CONFIG = LlmConfig(
    hidden_size=32,
    num_layers=3,
    num_heads=4,
    num_kv_heads=2,
    intermediate_size=48,
    vocab_size=60,
    max_positions=1200,
)


def build(config: LlmConfig = CONFIG) -> LanguageModel:
    with seeded(torch.Generator().manual_seed(5)):
        return LanguageModel(config).eval()


def some_ids(length: int, seed: int = 1) -> list[int]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(CONFIG.vocab_size, (length,), generator=rng).tolist()


@torch.no_grad()
def states_of(llm: LanguageModel, ids: list[int]) -> torch.Tensor:
    """What the library's own forward gives, without any memory."""
    return llm.hidden_states(torch.tensor([ids]))[0]


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, num_kv_heads=4, rope_theta=10_000.0),
        replace(CONFIG, lora=LoraSettings(rank=2, alpha=4.0)),
    ],
)
def test_what_is_read_piece_by_piece_is_what_the_network_computes_at_once(config):
    llm, ids = build(config), some_ids(30)
    memory = llm.new_memory()
    pieces = [ids[:11], ids[11:12], ids[12:13], ids[13:27], ids[27:]]
    read = torch.cat([memory.read([piece])[0] for piece in pieces])
    torch.testing.assert_close(read, states_of(llm, ids), atol=2e-5, rtol=1e-4)
    assert memory.lengths == [30]


def test_rows_of_different_lengths_do_not_see_each_other():
    llm = build()
    texts = [some_ids(9, seed=2), some_ids(4, seed=3), some_ids(17, seed=4)]
    memory = llm.new_memory(3)
    memory.read([text[:-2] for text in texts])
    last = memory.read([text[-2:-1] for text in texts])
    again = memory.read([text[-1:] for text in texts])
    for row, text in enumerate(texts):
        own = states_of(llm, text)
        torch.testing.assert_close(last[row, 0], own[-2], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(again[row, 0], own[-1], atol=2e-5, rtol=1e-4)


def test_one_row_may_be_read_while_the_others_wait():
    llm, first, second = build(), some_ids(6), some_ids(8, seed=2)
    memory = llm.new_memory(2)
    memory.read([first[:5]], slice(0, 1))
    memory.read([second[:7]], slice(1, 2))
    read = memory.read([first[5:], second[7:]])
    torch.testing.assert_close(read[0, 0], states_of(llm, first)[-1], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(read[1, 0], states_of(llm, second)[-1], atol=2e-5, rtol=1e-4)


def test_a_step_of_some_rows_leaves_the_others_as_they_were():
    llm = build()
    texts = [some_ids(9, seed=2), some_ids(4, seed=3), some_ids(17, seed=4)]
    memory = llm.new_memory(4)
    memory.read([text[:-1] for text in texts], slice(0, 3))
    step = memory.read_step({0: texts[0][-1], 2: texts[2][-1]})
    assert memory.lengths == [9, 3, 17, 0]
    step |= memory.read_step({1: texts[1][-1]})
    for row, text in enumerate(texts):
        torch.testing.assert_close(step[row][0, 0], states_of(llm, text)[-1], atol=2e-5, rtol=1e-4)


def test_a_full_row_does_not_keep_the_others_from_a_step():
    llm, ids = build(replace(CONFIG, max_positions=20)), some_ids(20)
    memory, fresh = llm.new_memory(3), llm.new_memory()
    memory.read([ids], slice(1, 2))
    step = memory.read_step({0: ids[0], 2: ids[0]})
    torch.testing.assert_close(step[0], step[2])
    with pytest.raises(ShapeError, match="reads at most 20"):
        memory.read_step({0: ids[1], 1: 7})
    assert memory.lengths == [1, 20, 1]
    memory.forget(1, 19)
    fresh.read([ids[:19]])
    torch.testing.assert_close(memory.read([[7]], slice(1, 2)), fresh.read([[7]]))


def test_what_is_forgotten_leaves_no_trace():
    llm, ids = build(), some_ids(10)
    memory, fresh = llm.new_memory(), llm.new_memory()
    memory.read([ids])
    memory.forget(0, 4)
    fresh.read([ids[:4]])
    assert torch.equal(memory.read([[7, 8]]), fresh.read([[7, 8]]))


def test_a_memory_grows_without_losing_anything():
    llm, ids = build(), some_ids(700)
    memory = llm.new_memory()
    read = torch.cat([memory.read([ids[:500]])[0], memory.read([ids[500:]])[0]])
    torch.testing.assert_close(read, states_of(llm, ids), atol=5e-5, rtol=1e-3)


def test_texts_that_do_not_fit_are_refused():
    memory = build().new_memory(2)
    with pytest.raises(ShapeError, match="1 texts for 2 rows"):
        memory.read([[1]])
    with pytest.raises(ShapeError, match="a token or more"):
        memory.read([[1], []])
    with pytest.raises(ShapeError, match="reads at most 1200"):
        memory.read([[1] * 1201], slice(0, 1))
    assert memory.lengths == [0, 0]


@pytest.mark.gpu
def test_a_captured_step_is_the_step_itself():
    llm = build().cuda()
    ids = some_ids(40)
    memory = llm.new_memory()
    read = torch.cat([memory.read([[index]])[0] for index in ids])
    torch.testing.assert_close(read.cpu(), states_of(llm.cpu(), ids), atol=1e-3, rtol=1e-3)


@pytest.mark.gpu
def test_a_captured_step_of_some_rows_leaves_the_others_as_they_were():
    llm, texts = build().cuda(), [some_ids(9, seed=2), some_ids(4, seed=3)]
    memory = llm.new_memory(3)
    memory.read([text[:-1] for text in texts], slice(0, 2))
    step = memory.read_step({1: texts[1][-1]}) | memory.read_step({0: texts[0][-1]})
    assert memory.lengths == [9, 4, 0]
    for row, text in enumerate(texts):
        own = states_of(llm.cpu(), text)[-1]
        torch.testing.assert_close(step[row][0, 0].cpu(), own, atol=1e-3, rtol=1e-3)
