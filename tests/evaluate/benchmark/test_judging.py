import json
from dataclasses import replace

import pytest

from audiostory.chat import ScriptedClient
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.judging import JudgeMetric, judged, unjudged
from audiostory.evaluate.benchmark.run import answer_items, measure_items
from audiostory.evaluate.judge.judge import NOT_ANSWERED, Judge
from audiostory.evaluate.judge.question import Sampling
from tests.evaluate.benchmark.systems import ITEMS, SET, NoiseSystem, plan, run_card, suite

TWO = replace(SET, items=ITEMS[:2])


def answered(request):
    """Full marks, in the form that was asked for."""
    return json.dumps(
        example(request.schema.model_json_schema(), request.schema.model_json_schema())
    )


def example(schema, whole):
    if "$ref" in schema:
        return example(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if schema.get("type") == "object":
        return {key: example(one, whole) for key, one in schema["properties"].items()}
    return 4 if schema.get("type") == "integer" else "because"


def judge(tmp_path, answers=answered, repeats=1):
    client = ScriptedClient(answers)
    sampling = Sampling(repeats=repeats, max_asks=1)
    return JudgeMetric(Judge(client, tmp_path / "judge", sampling=sampling)), client


def opened(tmp_path, **fields):
    folder = RunFolder(tmp_path / "run")
    folder.open(run_card(**fields), TWO.items)

    def answer(item):
        waveform, _ = NoiseSystem()(item)
        return waveform, plan()

    list(answer_items(answer, TWO.items, folder))
    return folder


def test_a_judge_scores_tracks_like_any_metric(tmp_path):
    metric, client = judge(tmp_path)
    folder = opened(tmp_path)
    measured = suite(item_metrics=(metric,))
    assert len(list(unjudged(metric, measured, TWO, folder))) == 2
    assert measure_items(measured, TWO, folder) == ()
    (scores,) = folder.scores("item-0").values()
    assert set(scores) == {"consistency", "coherence", "instruct", "reasoning"}
    assert set(scores.values()) == {4.0}
    assert list(unjudged(metric, measured, TWO, folder)) == []
    measure_items(measured, TWO, folder)
    assert len(client.asked) == 8


def test_a_plan_that_was_given_is_no_reasoning_of_the_system(tmp_path):
    metric, _ = judge(tmp_path)
    folder = opened(tmp_path, has_own_plan=False)
    measure_items(suite(item_metrics=(metric,)), TWO, folder)
    (scores,) = folder.scores("item-0").values()
    assert scores["reasoning"] is None
    assert scores["consistency"] == 4.0


def test_what_a_judge_does_not_answer_is_told_and_asked_again(tmp_path):
    metric, _ = judge(tmp_path, lambda request: "no idea")
    folder = opened(tmp_path)
    unscored = measure_items(suite(item_metrics=(metric,)), TWO, folder)
    assert [one.item for one in unscored] == ["item-0", "item-1"]
    assert "consistency" in unscored[0].why
    again, _ = judge(tmp_path)
    assert measure_items(suite(item_metrics=(again,)), TWO, folder) == ()
    assert folder.scores("item-1")


@pytest.mark.parametrize("length", [1, 3])
def test_what_was_answered_before_is_not_paid_twice(tmp_path, length):
    seen = []

    def sometimes(request):
        seen.append(request)
        return answered(request) if len(seen) <= length else "no idea"

    metric, _ = judge(tmp_path, sometimes)
    folder = opened(tmp_path)
    measure_items(suite(item_metrics=(metric,)), TWO, folder)
    again, client = judge(tmp_path)
    measure_items(suite(item_metrics=(again,)), TWO, folder)
    assert len(client.asked) == 8 - length


def scored(request, score):
    """Full marks but for the whole, which gets ``score``."""
    given = json.loads(answered(request))
    return json.dumps({**given, "overall": {"reason": "because", "score": score}})


def test_repeats_have_a_column_that_says_how_far_they_spread(tmp_path):
    metric, _ = judge(tmp_path, lambda request: scored(request, 1 + 2 * request.seed), repeats=2)
    folder = opened(tmp_path)
    measure_items(suite(item_metrics=(metric,)), TWO, folder)
    (scores,) = folder.scores("item-0").values()
    assert set(scores) == {column.key for column in metric.columns}
    assert scores["instruct"] == 2.0
    assert scores["instruct_spread"] == pytest.approx(2**0.5)
    spread = metric.columns[4]
    assert (spread.key, spread.title) == ("instruct_spread", "Instruct. spread")
    assert (spread.better, spread.section) == ("neither", "judge")


def test_a_single_answer_has_no_column_of_spread(tmp_path):
    metric, _ = judge(tmp_path)
    assert metric.columns == metric.judge.columns


def test_all_that_was_ever_said_is_reported_whoever_asked(tmp_path):
    metric, _ = judge(tmp_path)
    folder = opened(tmp_path)
    measure_items(suite(item_metrics=(metric,)), replace(TWO, items=ITEMS[:1]), folder)
    elsewhere, client = judge(tmp_path, [])  # as on the machine that started a cluster
    report = judged(elsewhere, folder)
    assert client.asked == []
    assert [one.item for one in report.verdicts] == ["item-0", "item-1"]
    assert [one.num_scored for one in report.summaries] == [1] * 4
    assert (report.used.asks, report.kept.asks) == (0, 4)
    assert {(one.item, one.why) for one in report.failures} == {("item-1", NOT_ANSWERED)}


def test_why_a_question_has_no_answer_is_reported(tmp_path):
    metric, _ = judge(tmp_path, lambda request: "no idea")
    folder = opened(tmp_path)
    measure_items(suite(item_metrics=(metric,)), TWO, folder)
    report = judged(metric, folder)
    assert report.used.asks == 8
    assert len(report.failures) == 8
    assert all("no usable answer" in one.why for one in report.failures)


def test_the_plan_that_was_given_is_not_judged_in_the_report_either(tmp_path):
    metric, _ = judge(tmp_path)
    folder = opened(tmp_path, has_own_plan=False)
    measure_items(suite(item_metrics=(metric,)), TWO, folder)
    report = judged(metric, folder)
    assert report.failures == ()
    assert {one.without_plan for one in report.verdicts} == {("reasoning_logic",)}
