"""Candidates of captions, ranked: what is kept, what is left out, and what a kill costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.curate.preferences import (
    Asked,
    Candidates,
    CandidatesConfig,
    best_and_worst,
    make_preferences,
    told,
)
from audiostory.data.preferences import CAPTIONS as FILES
from audiostory.data.preferences import PreferencePairs, read_ranking
from audiostory.errors import ConfigError, CorpusError, MeasureError, OutputError
from tests.curate.ranking import CAPTIONS, LoudEars, pretrained, ranked


def candidates(ears: LoudEars | None = None, **config: int) -> Candidates:
    settings = CandidatesConfig(**{"num_candidates": 3, **config})
    return Candidates(pretrained(), ears or LoudEars(), settings)


def test_the_best_and_the_worst_are_kept_as_they_were_heard(tmp_path: Path) -> None:
    pairs = PreferencePairs(ranked(tmp_path / "pairs"))
    assert [row.caption for row in pairs.rows] == [one.caption for one in CAPTIONS]
    made = candidates()
    for index, row in enumerate(pairs.rows):
        assert row.winner_score > row.loser_score
        take = made.renderer.takes(0, row.duration_s, 0)[0]
        for name, score in (("winner_TC", row.winner_score), ("loser_TC", row.loser_score)):
            heard = made.heard(take, pairs.pair(index)[name])
            assert heard is not None
            assert LoudEars().fit(heard, "") == pytest.approx(score)


def test_a_candidate_is_what_generation_makes_of_its_seed(tmp_path: Path) -> None:
    pairs = PreferencePairs(ranked(tmp_path / "pairs"))
    ranking = read_ranking(next((tmp_path / "pairs" / FILES).glob(f"{pairs.rows[0].key}*")))
    made, asked = candidates(), CAPTIONS[0]
    assert ranking.winner is not None
    take = made.renderer.takes(0, asked.duration_s, ranking.seeds[ranking.winner])[0]
    condition = made.condition(asked)
    latents_1TC = made.renderer.latents([take], [condition], made.settings)
    found = pairs.pair(0)
    torch.testing.assert_close(found["winner_TC"], latents_1TC[0], atol=3e-3, rtol=3e-3)
    torch.testing.assert_close(found["condition_SD"], condition.tokens_BSD[0], atol=1e-3, rtol=1e-3)


def test_noise_depends_on_the_caption_and_the_seed_not_on_the_place(tmp_path: Path) -> None:
    forth = PreferencePairs(ranked(tmp_path / "a"))
    back = PreferencePairs(ranked(tmp_path / "b", asked=CAPTIONS[::-1]))
    other = PreferencePairs(ranked(tmp_path / "c", seed=1))
    assert torch.equal(forth.pair(0)["winner_TC"], back.pair(2)["winner_TC"])
    assert not torch.equal(forth.pair(0)["winner_TC"], other.pair(0)["winner_TC"])
    assert not torch.equal(forth.pair(0)["winner_TC"], forth.pair(0)["loser_TC"])


class KilledError(Exception):
    pass


class MortalEars(LoudEars):
    """Die at the fifth sound."""

    def fit(self, waveform: Waveform, text: str) -> float:
        if self.num_heard == 4:
            raise KilledError
        return super().fit(waveform, text)


def test_what_is_finished_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        ranked(tmp_path / "pairs", ears=MortalEars())
    with pytest.raises(CorpusError, match="not finished"):
        _ = PreferencePairs(tmp_path / "pairs").rows
    ears = LoudEars()
    ranked(tmp_path / "pairs", ears=ears)
    assert ears.num_heard == 6
    whole = PreferencePairs(ranked(tmp_path / "whole"))
    assert PreferencePairs(tmp_path / "pairs").digest == whole.digest


class OddEars(LoudEars):
    """Give what they are told to give, sound by sound."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = list(scores)

    def fit(self, waveform: Waveform, text: str) -> float:
        return self.scores.pop(0)


@pytest.mark.parametrize(
    ("scores", "outcome", "unscored"),
    [
        ((0.5, 0.5, 0.5), "tie", 0),
        ((0.5, float("nan"), float("inf")), "too_few", 2),
        ((0.5, float("nan"), 0.25), "pair", 1),
    ],
)
def test_ties_and_scores_that_are_no_numbers_are_counted(
    scores: tuple[float, ...], outcome: str, unscored: int
) -> None:
    ranking, tensors = candidates(OddEars(*scores)).ranked(CAPTIONS[0], "0123456789abcdef")
    assert ranking.outcome == outcome
    assert ranking.num_unscored == unscored
    assert bool(tensors) == (outcome == "pair")


class DeafEars(LoudEars):
    def fit(self, waveform: Waveform, text: str) -> float:
        raise MeasureError("an embedding holds NaN")


def test_captions_without_any_pair_are_refused_with_counts(tmp_path: Path) -> None:
    asked = [*CAPTIONS[:1], Asked(caption="x", duration_s=1.0)]
    with pytest.raises(CorpusError) as raised:
        make_preferences(tmp_path / "pairs", asked, candidates(DeafEars()), "tiny")
    for part in ("of 2 captions 0 gave a pair", "1 had fewer than two", "1 could not be read"):
        assert part in str(raised.value)
    assert "3 without a score" in str(raised.value)


def test_silent_candidates_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = candidates()
    sounds = iter((np.zeros(8000), np.full(8000, 0.5), np.full(8000, 0.1)))
    monkeypatch.setattr(
        made, "heard", lambda *_: Waveform(next(sounds)[None].astype(np.float32), 8000)
    )
    ranking, _ = made.ranked(CAPTIONS[0], "0123456789abcdef")
    assert (ranking.num_silent, ranking.winner, ranking.loser) == (1, 1, 2)
    assert ranking.scores[0] is None
    assert "1 silent, 0 without a score" in told([ranking])


def test_latents_that_are_no_numbers_have_no_sound() -> None:
    made = candidates()
    take = made.renderer.takes(0, 1.0, 0)[0]
    assert made.heard(take, torch.full((take.num_frames, 8), torch.nan)) is None


def test_of_equal_scores_the_first_counts() -> None:
    assert best_and_worst((0.2, 0.9, None, 0.9, 0.2)) == (1, 0)
    assert best_and_worst((None, 0.2)) is None
    assert best_and_worst(()) is None


def test_other_ears_or_another_model_need_another_folder(tmp_path: Path) -> None:
    ranked(tmp_path / "pairs")
    with pytest.raises(OutputError, match="model_key is .* name a new folder"):
        ranked(tmp_path / "pairs", pretrained(1))
    with pytest.raises(OutputError, match="num_candidates is 3 there, here 4"):
        ranked(tmp_path / "pairs", num_candidates=4)


def test_a_model_by_another_name_is_the_same_model(tmp_path: Path) -> None:
    ranked(tmp_path / "pairs")
    ears = LoudEars()
    make_preferences(tmp_path / "pairs", CAPTIONS, candidates(ears), "/models/tiny")
    assert ears.num_heard == 0
    assert PreferencePairs(tmp_path / "pairs").about.model == "tiny"


def test_what_cannot_be_made_is_refused_before_anything_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a pair needs two sounds"):
        CandidatesConfig(num_candidates=1)
    for seconds in (0.5, 100.0, float("nan")):
        with pytest.raises(ConfigError, match="at once"):
            ranked(tmp_path / "pairs", asked=(replace(CAPTIONS[0], duration_s=seconds),))
    with pytest.raises(CorpusError, match="no caption"):
        ranked(tmp_path / "pairs", asked=())
    assert not (tmp_path / "pairs").exists()


def test_a_caption_asked_for_twice_counts_once(tmp_path: Path) -> None:
    pairs = PreferencePairs(ranked(tmp_path / "pairs", asked=(*CAPTIONS, CAPTIONS[0])))
    assert len(pairs.rows) == len(CAPTIONS)
