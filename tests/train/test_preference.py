"""Preference tuning: its losses, and the stage from pairs to a model that remembers whose taste."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from audiostory.audio.waveform import Waveform
from audiostory.errors import ConfigError, CorpusError, TrainingError
from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.models.model_folder import from_pretrained, save_pretrained
from audiostory.story.types import Instruction
from audiostory.train.execution import Execution
from audiostory.train.objective import FlowDraws, FlowObjective, conditioned_flow_loss
from audiostory.train.paths import Paths
from audiostory.train.preference import PreferenceObjective, preference_objective
from audiostory.train.readiness import check_ready
from audiostory.train.recipes.catalogue import stage
from audiostory.train.splitting import parts_of
from audiostory.train.stages import StageConfig
from audiostory.train.workbench import Workbench
from tests.curate.ranking import LoudEars, pretrained, ranked
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

CRPO = stage("nano/crpo")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(pairs: int = 3) -> dict[str, Tensor]:
    config, chance = tiny_config(), rng()
    lengths_B = torch.tensor([6, 4, 5])[:pairs]
    return {
        "winner_BTC": torch.randn(pairs, 6, 8, generator=chance),
        "loser_BTC": torch.randn(pairs, 6, 8, generator=chance),
        "condition_BSD": torch.randn(pairs, 4, config.bridge.width, generator=chance),
        "duration_B": lengths_B / 12.5,
        "frame_mask_BT": torch.arange(6) < lengths_B[:, None],
    }


def objective(beta: float = 50.0) -> PreferenceObjective:
    return preference_objective(tiny_model(), replace(CRPO, preference_beta=beta))


def test_at_first_the_loss_is_log_2_and_nothing_is_preferred() -> None:
    losses = objective()(batch(), rng())
    assert losses["preference"].item() == pytest.approx(math.log(2))
    assert losses["margin"].item() == 0
    assert losses["preferred"].item() == 0


def test_the_flow_loss_is_that_of_the_winner() -> None:
    own, made = objective(), batch()
    drawn = own.draw(made, rng())
    draws = FlowDraws(drawn["sigma_B"], drawn["noise_BTC"], torch.zeros(3, dtype=torch.bool))
    expected = conditioned_flow_loss(
        FlowObjective(own.model),
        made["winner_BTC"],
        made["condition_BSD"],
        made["duration_B"],
        draws,
        made["frame_mask_BT"],
    )
    torch.testing.assert_close(own.losses({**made, **drawn})["flow"], expected)


def test_a_step_along_the_gradient_widens_the_margin() -> None:
    own, made = objective(), batch()
    drawn = {**made, **own.draw(made, rng())}
    own.losses(drawn)["preference"].backward()
    with torch.no_grad():
        for value in own.model.dit.parameters():
            if value.grad is not None:
                value -= 1e-3 * value.grad
    moved = own.losses(drawn)
    assert moved["margin"] > 0
    assert moved["preference"] < math.log(2)
    assert all(value.grad is None for value in own.reference.parameters())


def test_swapped_pairs_have_the_margin_with_the_other_sign() -> None:
    own, made = objective(), batch()
    with torch.no_grad():
        next(own.model.dit.parameters()).add_(0.05)
    drawn = {**made, **own.draw(made, rng())}
    swapped = {**drawn, "winner_BTC": drawn["loser_BTC"], "loser_BTC": drawn["winner_BTC"]}
    margin = own.losses(drawn)["margin"]
    assert margin != 0
    torch.testing.assert_close(own.losses(swapped)["margin"], -margin)


def test_both_sounds_of_a_pair_meet_the_same_noise() -> None:
    own, made = objective(), batch()
    with torch.no_grad():
        next(own.model.dit.parameters()).add_(0.05)
    same = {**made, "loser_BTC": made["winner_BTC"]}
    assert own(same, rng())["margin"].item() == pytest.approx(0, abs=1e-5)


def test_frames_outside_a_clip_change_nothing() -> None:
    own, made = objective(), batch()
    with torch.no_grad():
        next(own.model.dit.parameters()).add_(0.05)
    drawn = {**made, **own.draw(made, rng())}
    other = {**drawn, "winner_BTC": made["winner_BTC"].clone()}
    other["winner_BTC"][~made["frame_mask_BT"]] = 9.0
    torch.testing.assert_close(own.losses(other), own.losses(drawn))


def test_the_parts_of_a_batch_add_up_to_it() -> None:
    own, made = objective(), batch()
    with torch.no_grad():
        next(own.model.dit.parameters()).add_(0.05)
    (whole,) = parts_of(own, made, rng())
    losses = own.losses(whole.batch)
    parts = parts_of(own, made, rng(), count=2, chosen=range(2))
    for name, value in losses.items():
        summed = sum(part.share(name) * own.losses(part.batch)[name] for part in parts)
        torch.testing.assert_close(summed, value, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("beta", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_beta_that_holds_nothing_is_refused(beta: float | None) -> None:
    with pytest.raises(ConfigError, match="preference_beta"):
        preference_objective(tiny_model(), replace(CRPO, preference_beta=beta))


@pytest.fixture
def made(tmp_path: Path) -> Paths:
    """A tiny model and pairs that it made."""
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "model")
    pairs = ranked(tmp_path / "pairs", pretrained())
    return Paths(runs=tmp_path / "runs", pairs=pairs)


def short(steps: int = 4, **changes: object) -> StageConfig:
    brief = stage("nano/crpo", steps=steps, batch_size=2)
    optim = replace(brief.optim, learning_rate=1e-3, warmup_steps=1)
    return replace(brief, optim=optim, **changes)


def rows_of(paths: Paths) -> list[dict[str, float]]:
    text = (paths.run("nano/crpo") / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_model_is_tuned_exported_and_still_generates(made: Paths, tmp_path: Path) -> None:
    start, tuned = tmp_path / "model", tmp_path / "tuned"
    bench = Workbench(tiny_config(), made)
    assert bench.train(short(12), start=start)
    begun, rows = tiny_model(), rows_of(made)
    assert rows[0]["preference"] == pytest.approx(math.log(2), abs=1e-5)
    assert rows[-1]["margin"] > 0
    changed = {
        name.partition(".")[0]
        for name, value in bench.model.named_parameters()
        if not torch.equal(value, begun.get_parameter(name))
    }
    assert changed == {"dit"}
    Workbench(tiny_config(), made).export(
        tuned, stages=["nano/crpo"], dtype=torch.float32, start=start
    )
    loaded = from_pretrained(tuned).model
    assert loaded.config.preferred_by == LoudEars.preferred_by
    assert from_pretrained(start).model.config.preferred_by == ()
    pipeline = AudioStoryPipeline.from_pretrained(str(tuned))
    sound = pipeline.generate(Instruction(text="A dog barks", duration_s=2.0)).waveform
    assert isinstance(sound, Waveform)
    assert sound.duration_s == pytest.approx(2.0)


def test_the_next_iteration_begins_with_the_last_and_keeps_its_memory(
    made: Paths, tmp_path: Path
) -> None:
    Workbench(tiny_config(), made).train(short(), start=tmp_path / "model")
    Workbench(tiny_config(), made).export(
        tmp_path / "first", stages=["nano/crpo"], dtype=torch.float16, start=tmp_path / "model"
    )
    stale = replace(made, runs=tmp_path / "stale")
    with pytest.raises(CorpusError, match="made by another model"):
        Workbench(tiny_config(), stale).train(short(), start=tmp_path / "first")
    fresh = ranked(tmp_path / "pairs-2", from_pretrained(tmp_path / "first"), seed=1)
    second = Workbench(tiny_config(), Paths(runs=tmp_path / "runs-2", pairs=fresh))
    assert second.train(short(), start=tmp_path / "first")
    assert second.model.config.preferred_by == LoudEars.preferred_by
    again = Workbench(tiny_config(), replace(made, pairs=fresh))
    with pytest.raises(TrainingError, match=r"datasets is .* fresh --runs folder"):
        again.train(short(8), start=tmp_path / "first")


def test_a_run_in_two_parts_gives_the_weights_of_one(made: Paths, tmp_path: Path) -> None:
    """The reference is the beginning of the run, not of its second part."""
    start = tmp_path / "model"
    whole = Workbench(tiny_config(), made).train(short(6), start=start)
    assert whole is not None
    expected = whole.read_bytes()
    shutil.rmtree(whole.parent)
    parts = Execution(stop_after_s=0.0)
    assert Workbench(tiny_config(), made).train(short(6), start=start, execution=parts) is None
    assert Workbench(tiny_config(), made).train(short(6), start=start) == whole
    assert whole.read_bytes() == expected


def test_a_later_stage_remembers_whose_taste_an_earlier_one_learnt(
    made: Paths, tmp_path: Path
) -> None:
    Workbench(tiny_config(), made).train(short(), start=tmp_path / "model")
    later = Workbench(tiny_config(), made)
    later.load(["nano/crpo"])
    assert later.model.config.preferred_by == LoudEars.preferred_by


def test_without_pairs_the_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="give --pairs"):
        check_ready(CRPO, tiny_config(), Paths(runs=tmp_path))
    with pytest.raises(TrainingError, match="give --foundation, --pairs"):
        check_ready(stage("tangoflux/crpo"), tiny_config(), Paths(runs=tmp_path))


def test_the_stage_of_the_papers_size_runs(made: Paths, tmp_path: Path) -> None:
    brief = replace(stage("tangoflux/crpo", batch_size=2), epochs=2.0)
    paths = replace(made, foundation=tmp_path / "model")
    assert Workbench(tiny_config(), paths).train(brief)
    written = json.loads((paths.run(brief.name) / "stage.json").read_text())
    assert written["steps"] == 3
    assert "3 pairs" in written["datasets"][0]
