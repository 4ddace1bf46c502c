import numpy as np
import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.errors import MeasureError
from audiostory.evaluate.embedded.examples import Examples
from audiostory.evaluate.embedded.moments import MOMENT_S
from audiostory.evaluate.embedded.quality_check import (
    FALSE_ALARMS,
    TRACK_S,
    SceneAnswers,
    accuracies,
    caption_precision,
    clip_vectors,
    heard_clips,
    named_clips,
    scene_answers,
    tagged_clips,
)
from tests.evaluate.embedded.small import detector, hearing, network
from tests.evaluate.sounds import write_corpus

HEARD = torch.tensor([[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]]).bool().repeat(50, 1, 1)
"""Fifty scenes: a bell from the third moment on, rain all the time."""


def answers_of(late=0):
    """Answers of a detector that says what is heard, later by some moments."""
    scenes = Examples(
        HEARD.half(),
        torch.ones(50, 4),
        torch.ones(50, 4, dtype=torch.bool),
        HEARD,
        torch.zeros(50, 1),
    )

    def oracle(heard):
        moved = torch.roll(heard, late, dims=1)
        moved[:, :late] = heard[:, :1]
        return (moved * 20 - 10), None

    return scene_answers(oracle, scenes, batch=7)


def test_a_detector_that_hears_everything_finds_all_at_their_onsets():
    heard = answers_of()
    assert heard.found_share([0.5, 0.5, 0.5]) == 1
    assert heard.alarm_share([0.5, 0.5, 0.5]) == 0
    assert set(heard.onset_errors_s([0.5, 0.5, 0.5])) == {0.0}


def test_a_detector_that_is_late_is_told_by_how_much():
    assert set(answers_of(late=1).onset_errors_s([0.5] * 3)) == {MOMENT_S}


def test_thresholds_let_through_as_many_false_alarms_as_are_allowed():
    rng = np.random.default_rng(0)
    peaks = rng.random((4_000, 2))
    is_heard = np.zeros((4_000, 2), bool)
    is_heard[:400] = True
    peaks[:400] = 0.99999
    heard = SceneAnswers(found_XKG=peaks[:, None], is_heard_XKG=is_heard[:, None])
    half_minute = TRACK_S / heard.scene_s
    thresholds = heard.thresholds()
    assert heard.alarm_share(thresholds) == pytest.approx(FALSE_ALARMS, rel=0.3)
    assert heard.found_share(thresholds) == 1
    assert heard.alarm_share([0.5, 0.5]) == pytest.approx(1 - 0.5**half_minute, abs=0.01)


def test_a_kind_that_is_always_heard_has_no_threshold():
    with pytest.raises(MeasureError, match="every scene"):
        answers_of().thresholds()


def test_accuracies_are_shares_of_right_answers():
    assert accuracies({"bell": ["bell", "rain"], "rain": ["rain"]}) == {"bell": 0.5, "rain": 1.0}


@pytest.fixture
def rows(tmp_path):
    corpus = write_corpus(tmp_path)
    return corpus, [row for row in read_sounds(corpus / "metadata.jsonl") if row.split == "test"]


def test_clips_are_answered_with_one_of_the_groups_asked(rows):
    corpus, clips = rows
    heard = heard_clips(hearing(), corpus, clips)
    answers = tagged_clips(detector(), heard, clips, ("bell", "rain", "unheard-of"))
    assert set(answers) == {"bell", "rain"}
    assert all(len(given) == 3 and set(given) <= {"bell", "rain"} for given in answers.values())


def test_clips_are_named_by_the_nearest_group(rows):
    corpus, clips = rows
    own = network()
    vectors = clip_vectors(own, heard_clips(hearing(), corpus, clips))
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
