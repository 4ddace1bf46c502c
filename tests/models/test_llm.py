from dataclasses import replace

import pytest
import torch

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.llm import LanguageModel, LlmConfig, LoraSettings
from audiostory.models.seeding import seeded

CONFIG = LlmConfig(
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    intermediate_size=48,
    vocab_size=50,
    max_positions=64,
)


def build(config: LlmConfig = CONFIG, seed: int = 1) -> LanguageModel:
    with seeded(torch.Generator().manual_seed(seed)):
        return LanguageModel(config).eval()


def some_ids(batch: int = 1, length: int = 9) -> torch.Tensor:
    return torch.randint(50, (batch, length), generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_cached_steps_give_the_numbers_of_one_forward():
    llm, ids_BL, cache = build(), some_ids(), build().new_cache()
    whole = llm.hidden_states(ids_BL)
    parts = [llm.hidden_states(ids_BL[:, :4], cache=cache)]
    parts += [llm.hidden_states(ids_BL[:, k : k + 1], cache=cache) for k in range(4, 9)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


@torch.no_grad()
def test_a_cache_can_be_cut_back_to_a_shared_prefix():
    llm, ids_BL, cache = build(), some_ids(), build().new_cache()
    llm.hidden_states(ids_BL, cache=cache)
    cache.crop(5 - 9)
    again = llm.hidden_states(ids_BL[:, 5:], cache=cache)
    torch.testing.assert_close(again, llm.hidden_states(ids_BL)[:, 5:])


@torch.no_grad()
def test_embeddings_may_stand_in_for_ids():
    llm, ids_BL = build(), some_ids()
    embedded = llm.hidden_states(inputs_embeds=llm.embed(ids_BL))
    torch.testing.assert_close(embedded, llm.hidden_states(ids_BL))


@torch.no_grad()
def test_a_four_dimensional_mask_hides_tokens():
    llm, ids_BL = build(), some_ids(length=6)
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    mask[4:, 2:4] = False  # the last two tokens do not see tokens 2 and 3
    position_ids = torch.tensor([[0, 1, 2, 3, 2, 3]])
    hidden = llm.hidden_states(ids_BL, attention_mask=mask[None, None], position_ids=position_ids)
    short = llm.hidden_states(ids_BL[:, [0, 1, 4, 5]])
    torch.testing.assert_close(hidden[:, [0, 1, 4, 5]], short)


@torch.no_grad()
def test_one_mask_serves_a_cached_block_too():
    llm, ids_BL, cache = build(), some_ids(length=6), build().new_cache()
    llm.hidden_states(ids_BL[:, :4], cache=cache)
    mask = torch.tensor([[1, 1, 0, 0, 1, 0], [1, 1, 0, 0, 1, 1]], dtype=torch.bool)
    hidden = llm.hidden_states(
        ids_BL[:, 4:], attention_mask=mask[None, None], position_ids=torch.tensor([[2, 3]]),
        cache=cache,
    )  # fmt: skip
    torch.testing.assert_close(hidden, llm.hidden_states(ids_BL[:, [0, 1, 4, 5]])[:, 2:])


@torch.no_grad()
def test_padding_on_the_right_changes_nothing():
    llm, ids_BL = build(), some_ids(batch=2)
    mask = torch.ones(2, 9)
    mask[1, 5:] = 0
    padded = llm.hidden_states(ids_BL, attention_mask=mask)
    torch.testing.assert_close(padded[1:, :5], llm.hidden_states(ids_BL[1:, :5]))


@torch.no_grad()
def test_a_jump_in_positions_does_not_stop_attention():
    llm, ids_BL = build(), some_ids(length=4)
    position_ids = torch.tensor([[0, 1, 10, 11]])
    far = llm.hidden_states(ids_BL, position_ids=position_ids)
    other_start = ids_BL.clone()
    other_start[0, 0] = (other_start[0, 0] + 1) % 50
    changed = llm.hidden_states(other_start, position_ids=position_ids)
    assert (far[0, 3] - changed[0, 3]).abs().max() > 1e-4


def test_the_output_layer_is_the_embedding_when_tied():
    llm = build()
    assert llm.network.lm_head.weight is llm.network.model.embed_tokens.weight
    untied = build(replace(CONFIG, tie_embeddings=False))
    assert untied.network.lm_head.weight is not untied.network.model.embed_tokens.weight
    assert llm.logits(torch.zeros(1, 2, 32)).shape == (1, 2, 50)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_state():
    before = torch.get_rng_state()
    first, second, third = build(seed=5), build(seed=5), build(seed=6)
    assert torch.equal(torch.get_rng_state(), before)
    ids_BL = some_ids()
    assert torch.equal(first.hidden_states(ids_BL), second.hidden_states(ids_BL))
    assert not torch.equal(first.hidden_states(ids_BL), third.hidden_states(ids_BL))


@torch.no_grad()
def test_lora_starts_as_nothing_and_merges_exactly():
    lora = LoraSettings(rank=4, alpha=8.0)
    llm, ids_BL = build(replace(CONFIG, lora=lora)), some_ids()
    torch.testing.assert_close(llm.hidden_states(ids_BL), build().hidden_states(ids_BL))
    for name, value in llm.named_parameters():
        if "lora_B" in name:
            value.normal_(std=0.1, generator=torch.Generator().manual_seed(4))
    updated = llm.hidden_states(ids_BL)
    assert (updated - build().hidden_states(ids_BL)).abs().max() > 1e-2
    llm.merge_lora()
    torch.testing.assert_close(llm.hidden_states(ids_BL), updated, rtol=1e-4, atol=1e-5)
    assert llm.config.lora is None
    assert llm.state_dict().keys() == build().state_dict().keys()


def test_inputs_that_do_not_fit_are_refused():
    llm, ids_BL = build(), some_ids()
    with pytest.raises(ShapeError, match="either"):
        llm.hidden_states()
    with pytest.raises(ShapeError, match="reads at most 64"):
        llm.hidden_states(some_ids(length=65))
    with pytest.raises(ShapeError, match="does not fit"):
        llm.hidden_states(ids_BL, attention_mask=torch.ones(1, 8))
    with pytest.raises(ShapeError, match="boolean"):
        llm.hidden_states(ids_BL, attention_mask=torch.zeros(1, 1, 9, 9))
    with pytest.raises(ConfigError, match="num_heads 5"):
        replace(CONFIG, num_heads=5)
    with pytest.raises(ConfigError, match="cannot shrink"):
        llm.grow_vocabulary(49)
