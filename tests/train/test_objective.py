"""Losses: what training reads of a story is what generation reads."""

from __future__ import annotations

import torch

from audiostory.data.blocks import collate, packed
from audiostory.data.stories import story_of
from audiostory.generate.conditions import ConditionReader, Window
from audiostory.models.audiostory import AudioStoryModel
from audiostory.train.objective import StoryObjective, boundary_loss, packed_states, read_blocks
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


ALL = frozenset({"semantic", "token", "text", "flow"})


def objective(model: AudioStoryModel, wanted: frozenset[str] = ALL) -> StoryObjective:
    return StoryObjective(model, wanted, "logit_normal")


def test_only_the_wanted_losses_are_computed_from_what_they_need() -> None:
    model, made = tiny_model(), story_batch()
    generator = torch.Generator().manual_seed(1)
    assert set(objective(model)(made, generator)) == ALL
    without_text = {name: value for name, value in made.items() if not name.startswith("text_")}
    assert set(objective(model, frozenset({"semantic"}))(without_text, generator)) == {"semantic"}


def test_the_boundary_loss_is_that_of_the_markers_around_the_semantic_tokens() -> None:
    model, made, tokens = tiny_model(), batch(), tiny_config().tokens
    with torch.no_grad():
        hidden_BLH = packed_states(model, made)
        loss = boundary_loss(model, made, hidden_BLH)
        chances_BLV = model.llm.logits(hidden_BLH).log_softmax(dim=-1)
    ids = [tiny_tokenizer().token_id(m) for m in (tokens.semantic_open, tokens.semantic_close)]
    places = [(b, p, i) for i in ids for b, p in (made["ids_BL"] == i).nonzero().tolist()]
    assert len(places) == 2 * len(made["starts_X"])
    expected = -sum(float(chances_BLV[b, p - 1, i]) for b, p, i in places) / len(places)
    assert abs(float(loss) - expected) < 1e-4


def test_the_flow_loss_reaches_the_llm_through_both_heads() -> None:
    model = tiny_model()
    losses = objective(model)(story_batch(), torch.Generator().manual_seed(1))
    losses["flow"].backward()
    for name in ("bridge.residual_head.0.weight", "bridge.semantic_head.0.weight"):
        assert model.get_parameter(name).grad.abs().sum() > 0
    assert any(value.grad is not None for value in model.llm.parameters())


def test_the_residual_head_learns_from_the_flow_loss_alone() -> None:
    model = tiny_model()
    losses = objective(model)(story_batch(), torch.Generator().manual_seed(1))
    (losses["semantic"] + losses["text"]).backward()
    assert model.get_parameter("bridge.residual_head.0.weight").grad is None


def test_frames_outside_a_clip_do_not_change_its_flow_loss() -> None:
    model, made = tiny_model(), story_batch()
    compute = objective(model)
    first = compute(made, torch.Generator().manual_seed(1))["flow"]
    made["latents_XTC"] = made["latents_XTC"].masked_fill(~made["frame_mask_XT"][..., None], 9.0)
    second = compute(made, torch.Generator().manual_seed(1))["flow"]
    assert torch.allclose(first, second, atol=1e-5)
