from statistics import stdev

import pytest

from audiostory.chat import ChatAnswer
from audiostory.evaluate.judge.answers import Marks
from audiostory.evaluate.judge.cost import Usage
from audiostory.evaluate.judge.rubric import Mark
from audiostory.evaluate.judge.verdict import Failure, Scores, Verdict, summary_of
from tests.evaluate.judge.bench import SMALL


def scores(*overall, tone=4, repeats=None):
    turns = repeats or range(len(overall))
    return Scores(
        SMALL,
        tuple(
            Marks(
                repeat,
                Mark(reason="", score=score),
                {"tone": Mark(reason="", score=tone)},
                ChatAnswer(text="", model="m"),
            )
            for repeat, score in zip(turns, overall, strict=True)
        ),
    )


def verdict(name, *given, failures=()):
    return Verdict(
        item=name,
        scores=given,
        failures=failures,
        without_plan=(),
        gain_db=0.0,
        used=Usage(asks=2),
        kept=Usage(asks=1),
    )


def test_a_score_is_the_mean_of_the_repeats_and_its_spread_their_deviation():
    one = scores(2, 3, 4)
    assert (one.overall, one.spread) == (3, 1.0)
    assert one.criteria == {"tone": 4}


def test_a_single_answer_has_no_spread():
    assert scores(3).spread is None


def test_no_answer_is_no_score():
    assert verdict("a", scores()).values() == {"small": None}
    assert scores().criteria == {"tone": None}


def test_a_sets_score_is_the_mean_of_the_tracks_that_have_one():
    made = summary_of(SMALL, [verdict("a", scores(5, 5)), verdict("b", scores(2, 2)),
                              verdict("c", scores())], 2)  # fmt: skip
    assert (made.score, made.num_scored) == (3.5, 2)


def test_a_track_counts_once_however_many_repeats_it_has():
    made = summary_of(SMALL, [verdict("a", scores(0, 0, 0)), verdict("b", scores(4))], 3)
    assert made.score == 2


def test_the_spread_is_pooled_over_tracks_by_degrees_of_freedom():
    made = summary_of(SMALL, [verdict("a", scores(1, 2, 3)), verdict("b", scores(1, 5))], 3)
    assert made.spread == pytest.approx(((2 * 1.0 + 1 * stdev([1, 5]) ** 2) / 3) ** 0.5)


def test_errors_of_repeats_that_cancel_over_tracks_show_in_one_spread_only():
    made = summary_of(SMALL, [verdict("a", scores(1, 5)), verdict("b", scores(5, 1))], 2)
    assert made.spread_of_means == 0
    assert made.spread == pytest.approx(stdev([1, 5]))


def test_means_of_repeats_are_taken_over_the_same_tracks():
    whole, partly = scores(4, 4), scores(0, repeats=[1])
    made = summary_of(SMALL, [verdict("a", whole), verdict("b", partly)], 2)
    assert made.spread_of_means == 0


def test_an_empty_set_has_no_score():
    made = summary_of(SMALL, [verdict("a", scores())], 2)
    assert (made.score, made.num_scored, made.spread, made.spread_of_means) == (None, 0, None, None)


def test_a_file_holds_every_single_score_and_every_failure():
    failed = Failure(item="a", rubric="small", repeat=1, why="refused")
    told = verdict("a", scores(2), failures=(failed,)).as_json()
    assert told["rubrics"]["small"]["answers"][0]["overall"]["score"] == 2
    assert told["failures"] == [{"rubric": "small", "repeat": 1, "why": "refused"}]
