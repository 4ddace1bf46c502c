"""Losses: what training reads of a story is what generation reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiostory.data.blocks import BridgeContext, collate, packed
from audiostory.data.cache import pack
from audiostory.data.stories import TERMS, story_of
from audiostory.data.understanding.continuation import Continuation
from audiostory.data.understanding.features import Heard
from audiostory.data.understanding.rows import Exchange
from audiostory.data.understanding.sequences import (
    StoryContinuations,
    answer_ids,
    collate_questions,
    heard,
    packed_questions,
)
from audiostory.generate.conditions import ConditionReader, Window
from audiostory.models.audiostory import AudioStoryModel
from audiostory.story.tokens import SpecialTokens
from audiostory.train.objective import (
    TOLD,
    FlowObjective,
    StoryObjective,
    UnderstandingObjective,
    boundary_loss,
    flow_draws,
    packed_states,
    read_blocks,
)
from tests.data.test_stories import ROW
from tests.tiny import hearing_model, tiny_config, tiny_model, tiny_tokenizer


def batch(context: BridgeContext = "clip") -> dict[str, torch.Tensor]:
    tokens = tiny_config().tokens
    return collate([packed(ROW, tiny_tokenizer(), tokens, context=context) for _ in range(2)])


@pytest.mark.parametrize("context", ["sequence", "clip"])
def test_packed_blocks_give_the_conditions_that_generation_reads(context: BridgeContext) -> None:
    model, story = tiny_model(config=replace(tiny_config(), bridge_context=context)), story_of(ROW)
    window = Window(
        text=ROW.instruction,
        duration_s=ROW.duration_s,
        storyline=story.storyline,
        clips=dict(enumerate(story.clips)),
    )
    read = ConditionReader(model, tiny_tokenizer()).read(window)
    with torch.no_grad():
        trained = model.bridge.fuse(read_blocks(model, batch(context)))
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
    made["text_terms_BL"] = torch.randint(3, made["ids_BL"].shape, generator=generator)
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


def test_semantic_tokens_learn_the_text_features_times_their_scale() -> None:
    config = tiny_config()
    scaled = replace(config, bridge=replace(config.bridge, feature_scale=10.0))
    model, made = tiny_model(config=scaled), story_batch()
    with torch.no_grad():
        made["semantic_XSD"] = read_blocks(model, made).semantic_BSD / 10.0
        losses = objective(model, frozenset({"semantic"}))(made, torch.Generator())
    assert losses["semantic"] < 1e-9


def test_the_terms_of_the_reasoning_loss_are_means_over_their_own_tokens() -> None:
    model, made = tiny_model(), story_batch()
    losses = objective(model, TOLD)(made, torch.Generator())
    terms_X = made["text_terms_BL"][:, 1:].flatten()
    counts = [int((terms_X == index).sum()) for index in range(len(TERMS))]
    summed = sum(n * losses[f"reason.{t}"] for n, t in zip(counts, TERMS, strict=True))
    assert torch.allclose(summed / sum(counts), losses["text"], atol=1e-5)
    assert len({round(value.item(), 4) for value in losses.values()}) == 4


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


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_as_many_conditions_are_left_out_as_the_stage_says(share: float) -> None:
    latents_XTC = torch.zeros(4000, 1, 1)
    objective = FlowObjective(tiny_model(), null_share=share)
    drawn = flow_draws(objective, latents_XTC, torch.Generator().manual_seed(0))
    assert drawn.is_null_B.float().mean().item() == pytest.approx(share, abs=0.02)


def test_a_condition_that_is_left_out_gives_way_to_the_null_condition() -> None:
    model, made = tiny_model(), story_batch()
    left_out = replace(objective(model), null_share=1.0)(made, torch.Generator().manual_seed(1))
    left_out["flow"].backward()
    assert model.bridge.null_condition.grad.abs().sum() > 0
    assert model.get_parameter("bridge.residual_head.0.weight").grad.abs().sum() == 0


def test_frames_outside_a_clip_do_not_change_its_flow_loss() -> None:
    model, made = tiny_model(), story_batch()
    compute = objective(model)
    first = compute(made, torch.Generator().manual_seed(1))["flow"]
    made["latents_XTC"] = made["latents_XTC"].masked_fill(~made["frame_mask_XT"][..., None], 9.0)
    second = compute(made, torch.Generator().manual_seed(1))["flow"]
    assert torch.allclose(first, second, atol=1e-5)


def heard_batch(*exchanges: Exchange, num_windows: int = 2) -> dict[str, torch.Tensor]:
    """Questions about one recording of the tiny ears."""
    generator = torch.Generator().manual_seed(0)
    sounds = [torch.randn(num_windows, 10, 8, generator=generator)]
    place_id = tiny_tokenizer().token_id(SpecialTokens.video_padding)
    sequence = packed_questions(exchanges, 5 * num_windows, tiny_tokenizer())
    return heard(collate_questions([sequence]), sounds, place_id)


DOG = Exchange(question="What is it?", answer="A dog barks.")
RAIN = Exchange(question="Does it rain?", answer="no")


@torch.no_grad()
def test_questions_that_share_a_sequence_are_read_as_if_alone() -> None:
    objective, rng = UnderstandingObjective(hearing_model()), torch.Generator()
    counts = [len(answer_ids(tiny_tokenizer(), one.answer)) for one in (DOG, RAIN)]
    alone = [objective(heard_batch(one), rng)["understanding"] for one in (DOG, RAIN)]
    together = objective(heard_batch(DOG, RAIN), rng)["understanding"]
    expected = sum(loss * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    assert torch.allclose(together, expected, atol=1e-5)


def test_adapter_and_llm_learn_to_answer_and_nothing_else() -> None:
    model = hearing_model()
    UnderstandingObjective(model)(heard_batch(DOG), torch.Generator())["understanding"].backward()
    assert all(p.grad is not None for p in model.audio_encoder.projector.parameters())
    learns = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learns == {"llm", "audio_encoder"}


@torch.no_grad()
def test_the_loss_depends_on_what_is_heard() -> None:
    objective, made = UnderstandingObjective(hearing_model()), heard_batch(DOG)
    first = objective(made, torch.Generator())["understanding"]
    made["heard_VPE"] = made["heard_VPE"].flip(0)
    assert (objective(made, torch.Generator())["understanding"] - first).abs() > 1e-6


def test_a_tiny_model_learns_to_tell_two_sounds_apart() -> None:
    model = hearing_model()
    sounds = [torch.full((1, 10, 8), level) for level in (-1.0, 1.0)]
    place_id = tiny_tokenizer().token_id(SpecialTokens.video_padding)
    sequences = [
        packed_questions([Exchange(question="Rain?", answer=word)], 5, tiny_tokenizer())
        for word in ("yes", "no")
    ]
    made = heard(collate_questions(sequences), sounds, place_id)
    parameters = [*model.llm.parameters(), *model.audio_encoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = UnderstandingObjective(model)(made, torch.Generator())["understanding"]
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.1  # a deaf one cannot get below half a coin toss a token


def test_continuations_are_supervised_by_the_same_loss() -> None:
    model = hearing_model()
    source = StoryContinuations(
        [Continuation(ROW, 1, 0)],
        Heard([pack([torch.randn(1, 10, 8)])]),
        num_tokens=5,
        tokenizer=tiny_tokenizer(),
        tokens=tiny_config().tokens,
        seed=0,
        batch_size=1,
    )
    UnderstandingObjective(model)(source.batch_at(0), torch.Generator())["understanding"].backward()
    assert model.audio_encoder.projector.stem.weight.grad.abs().sum() > 0


def test_clips_that_follow_a_sound_heard_are_read_with_it() -> None:
    model, config = hearing_model(), tiny_config()
    made = story_batch()
    stories = [packed(ROW, tiny_tokenizer(), config.tokens, num_heard=5) for _ in range(2)]
    place_id = tiny_tokenizer().token_id(SpecialTokens.video_padding)
    sounds = [torch.randn(1, 10, 8, generator=torch.Generator().manual_seed(n)) for n in (0, 1)]
    made |= heard(collate(stories), sounds, place_id)
    compute = objective(model)
    losses = compute(made, torch.Generator().manual_seed(1))
    losses["flow"].backward()
    assert model.audio_encoder.projector.stem.weight.grad.abs().sum() > 0
    made["heard_VPE"] = made["heard_VPE"].flip(0)
    other = compute(made, torch.Generator().manual_seed(1))
    assert (other["semantic"] - losses["semantic"]).abs() > 1e-6
