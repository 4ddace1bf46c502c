from dataclasses import replace

import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.errors import TrainingError
from audiostory.evaluate.embedded.detector_training import (
    DetectorTraining,
    detection_loss,
    groups_in,
    train_detector,
)
from audiostory.evaluate.embedded.examples import Examples, Mixture
from tests.evaluate.sounds import write_corpus

FEW = DetectorTraining(steps=4, batch=8, save_every=2)
GROUPS = ("bell", "rain")


def some(count: int, *, moments: int = 3) -> Examples:
    """Examples whose kind is told by which half of the features is loud."""
    kinds = torch.arange(count) % 2
    features = torch.rand(count, moments, 4, generator=torch.Generator().manual_seed(count))
    features[kinds == 0, :, :2] += 2.0
    features[kinds == 1, :, 2:] += 2.0
    exists = torch.ones(count, moments, dtype=torch.bool)
    heard = torch.nn.functional.one_hot(kinds, 2).bool()[:, None].expand(-1, moments, -1)
    return Examples(
        features.half(), torch.ones(count, moments), exists, heard, torch.arange(count)[:, None]
    )


@pytest.fixture
def mixture():
    return Mixture(some(20), some(10), torch.ones(10), 0.5)


def test_kinds_with_too_few_recordings_or_too_vague_ones_are_not_named(tmp_path):
    folder = write_corpus(tmp_path, per_split=4)
    rows = [row for row in read_sounds(folder / "metadata.jsonl") if row.split == "train"]
    assert groups_in(rows) == ("bell", "rain", "toy")
    assert groups_in(rows[:-1]) == ("bell", "rain")


def test_what_is_heard_and_said_costs_little_and_the_opposite_much():
    examples = some(4)
    sure = examples.heard_XKG.float() * 16 - 8
    assert float(detection_loss(sure, examples, FEW)) < 0.05
    assert float(detection_loss(-sure, examples, FEW)) > 5


def test_moments_that_do_not_exist_cost_nothing():
    examples = some(4)
    half = replace(examples, exists_XK=torch.tensor([[True, True, False]] * 4))
    half = replace(half, heard_XKG=half.heard_XKG & half.exists_XK[..., None])
    sure = examples.heard_XKG.float() * 16 - 8
    wrong = sure.clone()
    wrong[:, 2] *= -1
    assert torch.allclose(detection_loss(sure, half, FEW), detection_loss(wrong, half, FEW))


def test_kinds_that_are_told_by_their_features_are_learnt(mixture, tmp_path):
    training = DetectorTraining(steps=200, batch=16, average=0.9)
    detector = train_detector(GROUPS, mixture, tmp_path, training)
    unseen = some(31)
    with torch.inference_mode():
        logits, _ = detector(unseen.features_XKD.float())
    assert torch.equal(logits > 0, unseen.heard_XKG)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(mixture, tmp_path):
    whole = train_detector(GROUPS, mixture, tmp_path / "whole", FEW)
    halves = tmp_path / "halves"

    def stop(_, share):
        if share == 0.75:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_detector(GROUPS, mixture, halves, FEW, stop)
    resumed = train_detector(GROUPS, mixture, halves, FEW)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_run_does_not_go_on_under_another_schedule(mixture, tmp_path):
    train_detector(GROUPS, mixture, tmp_path / "run", FEW)
    with pytest.raises(TrainingError, match="steps=4.*not as .*steps=6"):
        train_detector(GROUPS, mixture, tmp_path / "run", replace(FEW, steps=6))


def test_a_run_does_not_go_on_with_other_clips(mixture, tmp_path):
    train_detector(GROUPS, mixture, tmp_path / "run", FEW)
    relabelled = replace(mixture.clips, heard_XKG=~mixture.clips.heard_XKG)
    with pytest.raises(TrainingError, match="learnt from other clips"):
        train_detector(GROUPS, replace(mixture, clips=relabelled), tmp_path / "run", FEW)


def test_to_name_the_wrong_kind_where_one_alone_is_heard_costs_more():
    examples = some(4)
    without = replace(FEW, lone_weight=0.0)
    logits = examples.heard_XKG.float()
    right, wrong = (
        detection_loss(each, examples, FEW) - detection_loss(each, examples, without)
        for each in (logits, -logits)
    )
    assert 0 < float(right) < float(wrong)
