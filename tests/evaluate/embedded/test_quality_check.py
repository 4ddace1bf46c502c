import numpy as np
import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.evaluate.embedded.quality_check import (
    THRESHOLDS,
    accuracies,
    caption_precision,
    clip_vectors,
    frame_counts,
    named_clips,
    tagged_clips,
)
from tests.evaluate.embedded.small import DETECTOR, detector, network
from tests.evaluate.sounds import write_corpus


class Scenes:
    """One scene a step: a bell from the third frame on, rain all the time."""

    heard = torch.tensor([[[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]]]).float()

    def batch_at(self, step):
        return self.heard, self.heard


class Oracle:
    """Answers with what is heard, later by some frames."""

    config = DETECTOR

    def __init__(self, late=0):
        self.late = late

    def __call__(self, heard):
        moved = torch.roll(heard, self.late, dims=1)
        moved[:, : self.late] = heard[:, :1]
        return (moved * 20 - 10), None


def test_a_detector_that_hears_everything_scores_one():
    counts = frame_counts(Oracle(), Scenes())
    assert counts.f1() == pytest.approx(np.ones(len(THRESHOLDS)))
    assert set(counts.onset_errors_s[counts.best]) == {0.0}


def test_a_detector_that_is_late_is_told_by_how_much():
    counts = frame_counts(Oracle(late=1), Scenes())
    assert counts.f1()[9] < 1
    assert set(counts.onset_errors_s[9]) == {1 / DETECTOR.frames_per_s}


def test_accuracies_are_shares_of_right_answers():
    assert accuracies({"bell": ["bell", "rain"], "rain": ["rain"]}) == {"bell": 0.5, "rain": 1.0}


@pytest.fixture
def rows(tmp_path):
    corpus = write_corpus(tmp_path)
    return corpus, [row for row in read_sounds(corpus / "metadata.jsonl") if row.split == "test"]


def test_clips_are_answered_with_one_of_the_groups_asked(rows):
    corpus, clips = rows
    answers = tagged_clips(detector(), corpus, clips, ("bell", "rain", "unheard-of"))
    assert set(answers) == {"bell", "rain"}
    assert all(len(given) == 3 and set(given) <= {"bell", "rain"} for given in answers.values())


def test_clips_are_named_by_the_nearest_group(rows):
    corpus, clips = rows
    own = network()
    vectors = clip_vectors(own, corpus, clips)
    assert vectors.shape == (len(clips), 8)
    perfect = own.read([row.group for row in clips]).detach().numpy()
    assert accuracies(named_clips(own, perfect, clips, ("bell", "rain", "toy"))) == {
        "bell": 1.0,
        "rain": 1.0,
        "toy": 1.0,
    }


def test_captions_that_lie_on_their_clips_are_found_first(rows):
    _, clips = rows
    own = network()
    perfect = own.read([row.caption for row in clips]).detach().numpy()
    assert caption_precision(own, perfect, clips) == pytest.approx(1.0)
    assert caption_precision(own, perfect[::-1], clips) < 0.9
