"""Losses: what training reads of a story is what generation reads."""

from __future__ import annotations

import torch

from audiostory.data.blocks import collate, packed
from audiostory.data.stories import story_of
from audiostory.generate.conditions import ConditionReader, Window
from audiostory.train.objective import StoryObjective, read_blocks
from tests.data.test_stories import ROW
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer


def batch() -> dict[str, torch.Tensor]:
    return collate([packed(ROW, tiny_tokenizer(), tiny_config().tokens) for _ in range(2)])


def test_packed_blocks_give_the_conditions_that_generation_reads() -> None:
    model, story = tiny_model(), story_of(ROW)
    window = Window(
        text=ROW.instruction,
        duration_s=ROW.duration_s,
        storyline=story.storyline,
        clips=dict(enumerate(story.clips)),
    )
    read = ConditionReader(model, tiny_tokenizer()).read(window)
    with torch.no_grad():
        trained = model.bridge.fuse(read_blocks(model, batch()))
    for index in (0, 1):
        assert torch.allclose(read[index].tokens_BSD, trained.clip(index).tokens_BSD, atol=1e-5)


def story_batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = batch()
    clips, config = len(made["starts_X"]), tiny_config()
    shape = (clips, config.bridge.num_semantic, config.bridge.width)
    made["semantic_XSD"] = torch.randn(shape, generator=generator)
    made["text_ids_BL"] = made["ids_BL"]
    made["text_labels_BL"] = made["ids_BL"].clone()
    made["latents_XTC"] = torch.randn(clips, 6, 8, generator=generator)
    made["frame_mask_XT"] = torch.arange(6) < torch.tensor([6, 4, 6, 3])[:, None]
    made["duration_X"] = made["frame_mask_XT"].sum(1) / 12.5
    return made


def test_the_flow_loss_reaches_the_llm_through_both_heads() -> None:
    model = tiny_model()
    losses = StoryObjective(model, has_flow=True)(story_batch(), torch.Generator().manual_seed(1))
    losses["flow"].backward()
    for name in ("bridge.residual_head.0.weight", "bridge.semantic_head.0.weight"):
        assert model.get_parameter(name).grad.abs().sum() > 0
    assert any(value.grad is not None for value in model.llm.parameters())


def test_the_residual_head_learns_from_the_flow_loss_alone() -> None:
    model = tiny_model()
    losses = StoryObjective(model, has_flow=True)(story_batch(), torch.Generator().manual_seed(1))
    (losses["semantic"] + losses["text"]).backward()
    assert model.get_parameter("bridge.residual_head.0.weight").grad is None


def test_frames_outside_a_clip_do_not_change_its_flow_loss() -> None:
    model, made = tiny_model(), story_batch()
    objective = StoryObjective(model, has_flow=True)
    first = objective(made, torch.Generator().manual_seed(1))["flow"]
    made["latents_XTC"] = made["latents_XTC"].masked_fill(~made["frame_mask_XT"][..., None], 9.0)
    second = objective(made, torch.Generator().manual_seed(1))["flow"]
    assert torch.allclose(first, second, atol=1e-5)
