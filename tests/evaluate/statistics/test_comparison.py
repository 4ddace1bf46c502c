import itertools

import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.comparison import (
    compare,
    compare_scores,
    holm,
    least_sign_flip,
    paired_differences,
    sign_flip,
)


def test_what_makes_items_hard_for_both_cancels_out():
    rng = np.random.default_rng(0)
    hard = 10 * rng.standard_normal(60)
    first = (hard + 0.3 + 0.1 * rng.standard_normal(60)).tolist()
    found = compare_scores(first, hard.tolist())
    assert found.difference.estimate == pytest.approx(0.3, abs=0.05)
    assert found.difference.high - found.difference.low < 0.1
    assert found.p_value < 0.01
    assert found.flip_p_value < 0.01


@pytest.mark.parametrize("which", ["p_value", "flip_p_value"])
def test_systems_that_do_not_differ_are_told_apart_no_more_often_than_promised(which):
    rng = np.random.default_rng(1)
    found = [
        compare_scores(*rng.standard_normal((2, 25)).tolist(), resamples=200, flips=200, seed=seed)
        for seed in range(200)
    ]
    assert 0.04 < np.mean([getattr(each, which) <= 0.1 for each in found]) < 0.19


def test_swapping_the_systems_turns_the_difference_round():
    first, second = np.random.default_rng(2).standard_normal((2, 20)).tolist()
    one, other = compare_scores(first, second), compare_scores(second, first)
    assert one.difference.estimate == pytest.approx(-other.difference.estimate)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert one.p_value == pytest.approx(other.p_value)
    assert (one.wins, one.losses) == (other.losses, other.wins)


def test_equal_systems_are_never_told_apart():
    found = compare_scores([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert found.p_value == 1.0
    assert found.flip_p_value == 1.0
    assert (found.wins, found.losses, found.ties) == (0, 0, 3)


def test_few_draws_of_items_do_not_make_the_p_value_of_flips_coarse():
    first, second = np.random.default_rng(3).standard_normal((2, 40))
    found = compare_scores((first + 3).tolist(), second.tolist(), resamples=100)
    assert found.p_value >= 1 / 101
    assert found.flip_p_value == pytest.approx(1 / 10_001)
    few = compare_scores((first + 3).tolist(), second.tolist(), resamples=100, flips=50)
    assert few.flip_p_value == pytest.approx(1 / 51)
    assert few.difference == found.difference


def test_items_that_one_system_has_no_score_for_are_left_out_and_counted():
    found = compare_scores([1.0, None, 3.0, 4.0], [0.0, 5.0, None, 4.0])
    assert (found.num_pairs, found.num_unpaired) == (2, 2)
    assert found.difference.estimate == pytest.approx(0.5)
    assert (found.wins, found.losses, found.ties) == (1, 0, 1)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([1.0, 2.0], [1.0], "same items"),
        ([1.0, None], [1.0, 2.0], "at least two"),
        ([1.0, float("nan")], [1.0, 2.0], "give None"),
    ],
)
def test_scores_that_cannot_be_paired_are_refused(first, second, words):
    with pytest.raises(MeasureError, match=words):
        paired_differences(first, second)


def test_sets_are_compared_over_the_same_draws():
    asked = []

    def first(items):
        asked.append(items)
        return float(items.mean()) + 1.0

    def second(items):
        assert items is asked[-1]
        return float(items.mean())

    found = compare(first, second, 8, resamples=100)
    assert found.difference.estimate == pytest.approx(1.0)
    assert found.difference.low == pytest.approx(1.0)
    assert found.difference.high == pytest.approx(1.0)
    assert found.p_value == pytest.approx(1 / 101)


def test_few_signs_are_all_flipped():
    differences = [1.0, 2.0, -0.5, 0.25]
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=4)]
    expected = np.mean(np.array(sums) >= sum(differences) - 1e-9)
    assert sign_flip(differences) == pytest.approx(expected)


def test_all_differences_alike_have_the_smallest_p_value_there_is():
    assert sign_flip([0.3] * 10) == pytest.approx(2 / 2**10)


@pytest.mark.parametrize("num_items", [2, 5, 13, 14, 40])
def test_no_p_value_of_flips_is_below_the_least(num_items):
    least = least_sign_flip(num_items)
    assert sign_flip([0.3] * num_items) >= least
    assert num_items == 14 or sign_flip([0.3] * num_items) == pytest.approx(least)
    found = compare_scores([1.0] * num_items, [0.0] * num_items, resamples=200)
    assert found.least_flip_p_value == least
    assert found.p_value == found.least_p_value == 1 / 201


def test_items_without_a_difference_are_no_evidence():
    assert sign_flip([1.0] * 5 + [0.0] * 100, flips=40) == pytest.approx(2 / 2**5)


def test_many_signs_are_flipped_at_random_and_nearly_as_exact():
    differences = np.random.default_rng(3).standard_normal(13) + 0.4
    exact = sign_flip(differences, flips=2**13)
    assert sign_flip(differences, flips=2**13 - 1, seed=4) == pytest.approx(exact, abs=0.02)


def test_signs_of_nothing_cannot_be_flipped():
    with pytest.raises(MeasureError, match="finite differences"):
        sign_flip([])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.5, 0.9]) == pytest.approx((1.0, 1.0))
    assert holm([0.2]) == pytest.approx((0.2,))
    assert holm([]) == ()


def test_what_is_no_p_value_is_refused():
    with pytest.raises(MeasureError, match="between 0 and 1"):
        holm([0.1, 1.2])
    with pytest.raises(MeasureError, match="between 0 and 1"):
        holm([float("nan")])
