from itertools import combinations

import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.marks import (
    Difference,
    Uncompared,
    marks_of,
    out_of_reach,
)
from audiostory.evaluate.benchmark.results import Cell
from audiostory.evaluate.statistics.comparison import compare_scores

LEVEL = 0.95


def cell(value, num_items=10):
    return Cell(value=value, low=value - 1, high=value + 1, num_items=num_items)


def pair(first, second, difference, p_value=0.5, num_items=10, least=0.001):
    return Difference(
        column="x",
        first=first,
        second=second,
        difference=difference,
        low=difference - 1,
        high=difference + 1,
        p_value=p_value,
        num_items=num_items,
        least_p_value=least,
    )


def marked(cells, differences, uncompared=(), better="higher"):
    return marks_of(cells, better, differences, uncompared, LEVEL)


def test_the_best_is_followed_by_those_that_cannot_be_told_from_it():
    cells = {"a": cell(3.0), "b": cell(2.0), "c": cell(1.0)}
    told = [pair("a", "b", 1.0), pair("a", "c", 2.0, 0.01), pair("b", "c", 1.0, 0.01)]
    assert marked(cells, told).best == ("a", "b")
    assert marked(cells, told).remark == ""
    assert marked(cells, told, better="lower").best == ("c",)
    assert marked(cells, told, better="neither").best == ()


def test_who_answers_easy_items_only_is_not_the_best_although_its_mean_is():
    cells = {"all": cell(3.0, 20), "easy-only": cell(4.0, 10)}
    found = marked(cells, [pair("all", "easy-only", 0.5, 0.002)])
    assert found.best == ("all",)
    assert "not by the means shown" in found.remark


def test_as_many_items_are_not_the_same_items():
    cells = {"a": cell(3.0), "b": cell(2.0)}
    assert "not by the means shown" in marked(cells, [pair("a", "b", 1.0, num_items=4)]).remark


def test_systems_that_were_not_compared_leave_a_column_without_marks_and_say_why():
    cells = {"a": cell(3.0), "b": cell(2.0)}
    lost = Uncompared(column="x", first="b", second="a", why="1 item(s) of 9")
    found = marked(cells, [], [lost])
    assert found.best == ()
    assert "a and b cannot be compared (1 item(s) of 9)" in found.remark


def test_two_systems_that_trail_need_not_be_compared_with_each_other():
    cells = {"a": cell(3.0), "b": cell(2.0), "c": cell(1.0)}
    assert marked(cells, [pair("a", "b", 1.0), pair("a", "c", 2.0, 0.01)]).best == ("a", "b")


def test_where_systems_lead_each_other_in_a_ring_nobody_is_best():
    cells = {"a": cell(3.0), "b": cell(2.9), "c": cell(2.8)}
    ring = [pair("a", "b", 0.1), pair("b", "c", 0.1), pair("a", "c", -0.1)]
    found = marked(cells, ring)
    assert found.best == ()
    assert "none leads every other" in found.remark


def test_rounding_is_no_lead():
    cells = {"a": cell(0.3), "b": cell(0.3), "c": cell(0.3)}
    ring = [pair("a", "b", 1e-17), pair("b", "c", 1e-17), pair("a", "c", -1e-17)]
    assert marked(cells, ring).best == ("a", "b", "c")


def test_a_single_system_is_the_best_there_is():
    assert marked({"a": cell(1.0)}, []).best == ("a",)
    assert marked({}, []).best == ()


@pytest.mark.parametrize("seed", range(20))
def test_no_mark_contradicts_a_test_however_scores_are_missing(seed):
    rng = np.random.default_rng(seed)
    names = ("a", "b", "c", "d")
    hard = rng.normal(0, 3, 24)
    scores = {
        name: [
            None if rng.random() < 0.5 else float(value)
            for value in hard + rng.normal(place * 0.5, 0.3, 24)
        ]
        for place, name in enumerate(names)
    }
    known = {name: [one for one in values if one is not None] for name, values in scores.items()}
    cells = {name: cell(float(np.mean(one)), len(one)) for name, one in known.items()}
    told = []
    for first, second in combinations(names, 2):
        try:
            found = compare_scores(scores[first], scores[second], resamples=100, flips=200)
        except MeasureError:
            continue
        told.append(pair(first, second, found.difference.estimate, found.flip_p_value))
    best = marked(cells, told).best
    for one in told:
        winner, loser = (one.first, one.second) if one.difference > 0 else (one.second, one.first)
        if best and winner == best[0]:
            assert (loser in best) == (one.p_value >= 1 - LEVEL)
        assert not best or loser != best[0]


def test_too_few_draws_for_so_many_pairs_are_told_with_the_least_there_is():
    many = [pair("a", str(k), 1.0, least=1 / 301) for k in range(28)]
    assert out_of_reach(many, LEVEL) == pytest.approx(28 / 301)
    assert out_of_reach(many[:10], LEVEL) is None
    assert out_of_reach([], LEVEL) is None
    assert out_of_reach([pair("a", "b", 1.0, least=0.25)] * 6, LEVEL) == 1.0
