import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.frechet_resampling import resampled_frechet
from audiostory.evaluate.statistics.resampling import bootstrap, interval


def mean_of(scores):
    return lambda items: float(scores[items].mean())


def test_the_estimate_is_that_of_each_item_once():
    scores = np.arange(10.0)
    found = interval(mean_of(scores), 10)
    assert found.estimate == pytest.approx(4.5)
    assert found.low < 4.5 < found.high


def test_the_spread_of_a_mean_is_its_standard_error():
    scores = np.random.default_rng(0).standard_normal(400)
    found = interval(mean_of(scores), 400, resamples=4_000)
    expected = 2 * 1.96 * scores.std() / np.sqrt(400)
    assert found.high - found.low == pytest.approx(expected, rel=0.08)


def test_a_mean_lies_in_its_percentile_interval_as_often_as_promised():
    rng = np.random.default_rng(1)
    hits = []
    for seed in range(250):
        scores = rng.exponential(size=40)
        found = interval(mean_of(scores), 40, resamples=200, seed=seed, level=0.9)
        hits.append(found.low <= 1.0 <= found.high)
    assert 0.82 < np.mean(hits) < 0.95


def test_a_distance_lies_in_its_centred_interval_and_not_in_its_percentiles():
    rng = np.random.default_rng(2)
    drawn = []
    for seed in range(30):
        own, reference = rng.standard_normal((2, 24, 1, 12))
        distance = resampled_frechet(list(own + 0.2), list(reference))
        drawn.append(bootstrap(distance, 24, resamples=100, seed=seed))
    expected = np.mean([each.estimate for each in drawn])

    def covered(method):
        intervals = [each.interval(0.95, method) for each in drawn]
        return np.mean([each.low <= expected <= each.high for each in intervals])

    assert covered("centred") >= 0.9
    assert covered("percentile") < 0.3


def test_a_centred_interval_has_the_percentiles_width():
    scores = np.random.default_rng(3).exponential(size=20)

    def maximum(items):
        return float(scores[items].max())

    plain, centred = (interval(maximum, 20, method=each) for each in ("percentile", "centred"))
    assert centred.high - centred.low == pytest.approx(plain.high - plain.low)
    assert centred.low > plain.low


def test_more_confidence_is_wider():
    scores = np.random.default_rng(4).standard_normal(30)
    wide, narrow = (interval(mean_of(scores), 30, level=level) for level in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval():
    scores = np.random.default_rng(5).standard_normal(30)
    runs = [interval(mean_of(scores), 30, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def undefined_without(item):
    def statistic(items):
        if item not in items:
            raise MeasureError("nothing to measure")
        return float(items.mean())

    return statistic


def test_draws_without_a_value_are_counted():
    def statistic(items):
        if len(set(items.tolist())) < 2:
            raise MeasureError("nothing to measure")
        return float(items.mean())

    found = interval(statistic, 4, resamples=2_000)
    assert found.undefined / 2_000 == pytest.approx(4 / 4**4, abs=0.01)


def test_too_many_draws_without_a_value_give_no_interval():
    with pytest.raises(MeasureError, match="measure more items"):
        interval(undefined_without(0), 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_items": 1}, "two or more"),
        ({"num_items": 9, "resamples": 10}, "100 or more"),
        ({"num_items": 9, "level": 95}, "between 0 and 1"),
    ],
)
def test_what_says_nothing_is_refused(arguments, words):
    with pytest.raises(MeasureError, match=words):
        interval(lambda items: float(items.mean()), **arguments)


def test_a_number_that_is_none_is_refused():
    with pytest.raises(MeasureError, match="look at the items"):
        interval(lambda _: float("nan"), 5)
