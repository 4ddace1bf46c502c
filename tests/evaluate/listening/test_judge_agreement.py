import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.answers import Rating
from audiostory.evaluate.listening.judge_agreement import EDGES, judge_kappas
from audiostory.evaluate.listening.score_table import score_table
from audiostory.evaluate.statistics.agreement import binned

ITEMS = tuple("uvwxyz")
SYSTEMS = ("a", "b")


def tables(human, criteria=("fidelity",)):
    """Two participants, of which both or one scored; ``human`` is by system, then item."""
    ratings = [
        Rating(
            participant=f"P{place}",
            system=system,
            item=item,
            is_repeat=False,
            scores=dict.fromkeys(criteria, score),
        )
        for system, row in human.items()
        for item, scores in zip(ITEMS, row, strict=False)
        for place, score in enumerate(scores)
    ]
    return {each: score_table(each, ratings, SYSTEMS, ITEMS) for each in criteria}


def judged(scores, criterion="fidelity"):
    return {
        system: {item: {criterion: score} for item, score in zip(ITEMS, row, strict=False)}
        for system, row in scores.items()
    }


HUMAN = {"a": [(1,), (2,), (3,), (4,), (1, 2), (3,)], "b": [(0,), (1,), (4,), (5,), (2,), (2,)]}
SAME = {"a": [1, 2, 3, 4, 1.5, 3], "b": [0, 1, 4, 5, 2, 2]}


def kappas(human=None, judge=None, criteria=("fidelity",)):
    found = judge_kappas(
        tables(human or HUMAN, criteria), judge or judged(SAME), resamples=100, seed=0
    )
    return {(one.across, one.criterion, one.weights): one for one in found}


def test_a_judge_that_says_the_same_agrees_fully():
    found = kappas()
    for weights in ("none", "quadratic"):
        one = found["samples", "all", weights]
        assert (one.kappa, one.low, one.high, one.same) == (1.0, 1.0, 1.0, 1.0)
        assert one.num_cases == 12


def test_kappa_is_what_the_table_of_counts_gives():
    human = {"a": [(1,), (1,), (2,), (2,)], "b": []}
    one = kappas(human, judged({"a": [1, 2, 2, 2]}))["samples", "fidelity", "none"]
    # agreement 3/4; by chance 1/2 * 1/4 + 1/2 * 3/4 = 1/2
    assert one.kappa == pytest.approx((0.75 - 0.5) / (1 - 0.5))
    assert one.same == 0.75


def test_a_miss_by_one_counts_little_with_quadratic_weights():
    near = {system: [min(5, score + 1) for score in row] for system, row in SAME.items()}
    found = kappas(judge=judged(near))
    assert found["samples", "all", "none"].kappa < 0
    assert found["samples", "all", "quadratic"].kappa > 0.6


def test_halves_are_rounded_upwards_for_both():
    assert binned([0.49, 0.5, 1.5, 2.5, 4.49, 4.5, 5], EDGES) == (0, 1, 2, 3, 4, 5, 5)
    human = {"a": [(1, 2), (4,)], "b": [(2,), (3, 4)]}
    one = kappas(human, judged({"a": [2, 4], "b": [1.5, 3.5]}))
    assert one["samples", "all", "none"].same == 1.0


def test_across_models_each_system_and_criterion_is_one_case():
    criteria = ("fidelity", "consistency")
    human = {"a": [(1,), (2,)], "b": [(4,), (5,)]}
    judge = {
        "a": {"u": {"fidelity": 1, "consistency": 2}, "v": {"fidelity": 1.5, "consistency": 2}},
        "b": {"u": {"fidelity": 5, "consistency": 0}, "v": {"fidelity": 5, "consistency": 0}},
    }
    one = kappas(human, judge, criteria)["models", "all", "none"]
    assert one.num_cases == 4
    assert one.same == 0.5  # people 2, 5, 2, 5 (halves upwards); the judge 1, 5, 2, 0
    assert one.low is None


def test_a_criterion_the_judge_does_not_score_is_left_out():
    found = kappas(criteria=("fidelity", "consistency"))
    assert {criterion for _, criterion, _ in found} == {"all", "fidelity"}
    assert found["samples", "all", "none"].num_cases == 12


def test_without_variation_there_is_a_reason_instead_of_a_kappa():
    human = {"a": [(3,), (3,)], "b": [(3,), (3,)]}
    one = kappas(human, judged({"a": [3, 3], "b": [3, 3]}))["samples", "all", "none"]
    assert one.kappa is None
    assert one.same == 1.0
    assert "not defined without variation" in one.reason


def test_a_track_that_the_judge_did_not_hear_is_named():
    judge = judged(SAME)
    del judge["b"]["x"]
    with pytest.raises(MeasureError, match="no fidelity of b, x"):
        kappas(judge=judge)


def test_a_system_that_makes_no_plan_is_left_out_of_its_criterion_alone():
    criteria = ("fidelity", "consistency")
    judge = {
        system: {
            item: {"fidelity": score} | ({"consistency": score} if system == "a" else {})
            for item, score in zip(ITEMS, row, strict=True)
        }
        for system, row in SAME.items()
    }
    found = kappas(judge=judge, criteria=criteria)
    fidelity, consistency = (found["samples", each, "none"] for each in criteria)
    assert (fidelity.num_cases, fidelity.left_out) == (12, ())
    assert (consistency.num_cases, consistency.left_out) == (6, ("b",))
    assert (consistency.kappa, consistency.low) == (1.0, 1.0)
    assert found["samples", "all", "none"].num_cases == 18
    assert found["models", "all", "none"].num_cases == 3
    assert found["models", "all", "none"].left_out == ("b",)


def test_a_system_that_the_judge_never_heard_is_named():
    with pytest.raises(MeasureError, match="no track of b, which people scored"):
        kappas(judge={"a": judged(SAME)["a"]})


def test_a_criterion_of_systems_outside_the_study_is_none_of_it():
    judge = judged(SAME) | {"c": {"u": {"consistency": 1}}}
    found = kappas(judge=judge, criteria=("fidelity", "consistency"))
    assert {criterion for _, criterion, _ in found} == {"all", "fidelity"}


def test_tracks_that_only_the_judge_heard_do_not_matter():
    human = {"a": [(1,), (4,)], "b": [(0,), (3,)]}
    assert kappas(human, judged(SAME))["samples", "all", "none"].num_cases == 4


@pytest.mark.parametrize("score", [-0.1, 5.1, float("nan")])
def test_scores_off_the_scale_are_refused(score):
    with pytest.raises(MeasureError, match="scores are 0 to 5"):
        kappas(judge=judged({**SAME, "a": [1, 2, 3, 4, score, 3]}))


@pytest.mark.parametrize("judge", [{}, judged(SAME, "charm")])
def test_a_judge_of_other_criteria_is_refused(judge):
    with pytest.raises(MeasureError, match="rename the judge's criteria"):
        judge_kappas(tables(HUMAN), judge, resamples=100, seed=0)
