from dataclasses import replace

import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.key import write_key
from audiostory.evaluate.listening.scoring import score_study
from tests.evaluate.listening.studies import answers, key, sent

ITEMS = tuple("pqrstuvwxyz")
PEOPLE = ("P01", "P02", "P03")
QUALITY = {"a": 2, "b": 1}


def by_quality(system, item, criterion):
    return QUALITY[system] + ITEMS.index(item) % 3


def scored(tmp_path, rules, judge=None, **fields):
    one = replace(key(items=ITEMS, participants=PEOPLE), **fields)
    write_key(one, tmp_path / "key.json")
    paths = [sent(tmp_path, answers(one, name, rule)) for name, rule in rules.items()]
    return score_study(tmp_path, paths, judge, resamples=200)


def test_the_systems_get_the_means_that_were_given_them(tmp_path):
    report = scored(tmp_path, dict.fromkeys(PEOPLE, by_quality))
    means = {(one.system, one.criterion): one for one in report.means}
    assert len(means) == 2 * 4
    expected = sum(place % 3 for place in range(11)) / 11
    for system, quality in QUALITY.items():
        one = means[system, "fidelity"]
        assert one.mean == pytest.approx(quality + expected)
        assert one.over_items.low < one.mean < one.over_items.high
        assert one.over_participants.low == pytest.approx(one.mean)
        assert (one.num_items, one.num_ratings) == (11, 33)


def test_criteria_are_not_mixed_up(tmp_path):
    given = {"instruction_following": 1, "consistency": 2, "fidelity": 3, "reasoning_logic": 4}
    report = scored(tmp_path, dict.fromkeys(PEOPLE, lambda s, i, criterion: given[criterion]))
    assert {one.criterion: one.mean for one in report.means} == given


def test_participants_who_differ_widen_their_interval_only(tmp_path):
    rules = {name: (lambda s, i, c, k=k: 1 + k) for k, name in enumerate(PEOPLE)}
    one = scored(tmp_path, rules).means[0]
    assert one.mean == pytest.approx(2.0)
    assert one.over_items.high - one.over_items.low == pytest.approx(0)
    assert one.over_participants.high - one.over_participants.low > 0.5


def test_people_who_say_the_same_agree_fully(tmp_path):
    report = scored(tmp_path, dict.fromkeys(PEOPLE, by_quality))
    assert [one.alpha for one in report.agreement] == pytest.approx([1.0] * 4)
    assert [one.num_tracks for one in report.agreement] == [22] * 4


def test_people_who_say_the_opposite_agree_less_than_by_chance(tmp_path):
    rules = {"P01": by_quality, "P02": lambda *asked: 5 - by_quality(*asked)}
    assert all(one.alpha < 0 for one in scored(tmp_path, rules).agreement)


def test_one_person_has_nobody_to_agree_with(tmp_path):
    report = scored(tmp_path, {"P01": by_quality})
    assert all(one.alpha is None and "second rater" in one.reason for one in report.agreement)
    assert all(one.over_participants is None for one in report.means)


def test_a_steady_difference_is_significant_and_none_is_not(tmp_path):
    report = scored(tmp_path, dict.fromkeys(PEOPLE, by_quality))
    for one in report.differences:
        assert (one.first, one.second) == ("a", "b")
        assert one.comparison.difference.estimate == pytest.approx(1.0)
        assert (one.comparison.wins, one.comparison.losses) == (11, 0)
        assert one.p_value < one.holm_p_value < 0.005
    (tmp_path / "same").mkdir()
    report = scored(tmp_path / "same", dict.fromkeys(PEOPLE, lambda s, item, c: len(item)))
    assert [one.holm_p_value for one in report.differences] == [1.0] * 4


def test_systems_never_scored_together_are_not_compared(tmp_path):
    def apart(system, item, criterion):
        return 3 if (system == "a") == (ITEMS.index(item) < 5) else None

    report = scored(tmp_path, dict.fromkeys(PEOPLE, apart))
    assert all(one.comparison is None and one.holm_p_value is None for one in report.differences)
    assert all("at least two" in one.reason for one in report.differences)


def test_a_second_hearing_counts_for_consistency_and_not_for_the_mean(tmp_path):
    one = key(items=ITEMS, participants=PEOPLE, repeats=4)
    write_key(one, tmp_path / "key.json")
    paths = []
    for gap, name in enumerate(PEOPLE):
        values = answers(one, name, lambda system, item, c: 1 + ITEMS.index(item) % 2)
        for answer in values["answers"]:
            if one.trials[answer["trial"]].is_repeat:
                answer["scores"] = {name: score + gap for name, score in answer["scores"].items()}
        paths.append(sent(tmp_path, values))
    report = score_study(tmp_path, paths, resamples=100)
    (found,) = {replace(each, criterion="") for each in report.consistency}
    assert found.num_pairs == 12
    assert found.same == pytest.approx(1 / 3)
    assert found.within_one == pytest.approx(2 / 3)
    assert found.mean_difference == pytest.approx(1.0)
    assert report.drift == {"P01": 0, "P02": 1, "P03": 2}
    assert report.means[0].mean == pytest.approx(1 + 5 / 11)
    assert report.means[0].num_ratings == 33


def test_who_did_not_answer_or_not_everything_is_named(tmp_path):
    def early(system, item, criterion):
        return None if item in "xyz" or (item == "w" and criterion == "fidelity") else 3

    report = scored(tmp_path, {"P01": by_quality, "P03": early})
    assert report.absent == ("P02",)
    (partial,) = report.partial
    assert (partial.participant, partial.num_scored, partial.num_trials) == ("P03", 14, 22)
    assert [one.num_ratings for one in report.means[:4]] == [19, 19, 18, 19]


def test_a_system_that_nobody_scored_has_no_mean(tmp_path):
    report = scored(tmp_path, {"P01": lambda system, *_: 3 if system == "a" else None})
    missing = [one for one in report.means if one.system == "b"]
    assert all(one.mean is None and one.num_ratings == 0 for one in missing)


def test_files_without_any_score_are_refused(tmp_path):
    with pytest.raises(MeasureError, match="none of the answers holds a score"):
        scored(tmp_path, {"P01": lambda *_: None})


def test_a_judge_adds_table_9(tmp_path):
    judge = {
        system: {item: {"fidelity": by_quality(system, item, "")} for item in ITEMS}
        for system in QUALITY
    }
    report = scored(tmp_path, dict.fromkeys(PEOPLE, by_quality), judge)
    assert {one.kappa for one in report.judge} == {1.0}
    assert scored_without_judge(tmp_path).judge == ()


def scored_without_judge(tmp_path):
    return score_study(tmp_path, [tmp_path / "P01.json"], resamples=100)


def test_the_seed_decides_the_intervals_and_nothing_else(tmp_path):
    scored(tmp_path, dict.fromkeys(PEOPLE, by_quality))
    paths = [tmp_path / f"{name}.json" for name in PEOPLE]
    one, again, other = (score_study(tmp_path, paths, resamples=100, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one != other
    assert [each.mean for each in one.means] == [each.mean for each in other.means]
