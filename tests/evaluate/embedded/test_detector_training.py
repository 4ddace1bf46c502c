from dataclasses import replace

import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.errors import TrainingError
from audiostory.evaluate.embedded import detector_training
from audiostory.evaluate.embedded.detector_training import (
    DetectorTraining,
    detection_loss,
    groups_in,
    train_detector,
)
from tests.evaluate.embedded.small import DETECTOR
from tests.evaluate.sounds import write_corpus

FEW = DetectorTraining(steps=4, save_every=2)


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    small = lambda groups: DETECTOR  # noqa: E731
    monkeypatch.setattr(detector_training, "DetectorConfig", small)
    return write_corpus(tmp_path / "corpus", per_split=4)


def test_kinds_with_too_few_recordings_or_too_vague_ones_are_not_named(tmp_path):
    folder = write_corpus(tmp_path, per_split=4)
    rows = [row for row in read_sounds(folder / "metadata.jsonl") if row.split == "train"]
    assert groups_in(rows) == ("bell", "rain", "toy")
    assert groups_in(rows[:-1]) == ("bell", "rain")


def test_what_is_heard_and_said_costs_little_and_the_opposite_much():
    heard = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    right, wrong = (
        detection_loss(heard * 16 - 8, heard, 0.5),
        detection_loss(8 - heard * 16, heard, 0.5),
    )
    assert float(right) < 0.01
    assert float(wrong) > 5


def test_a_run_that_was_stopped_ends_as_one_that_was_not(corpus, tmp_path):
    whole = train_detector(corpus, tmp_path / "whole", FEW)
    halves = tmp_path / "halves"

    def stop(_, share):
        if share == 0.75:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_detector(corpus, halves, FEW, stop)
    resumed = train_detector(corpus, halves, FEW)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_run_does_not_go_on_under_another_schedule(corpus, tmp_path):
    train_detector(corpus, tmp_path / "run", FEW)
    with pytest.raises(TrainingError, match="steps=4.*not as .*steps=6"):
        train_detector(corpus, tmp_path / "run", replace(FEW, steps=6))
