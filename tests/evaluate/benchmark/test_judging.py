import json
from dataclasses import replace

import pytest

from audiostory.chat import ScriptedClient
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.judging import JudgeMetric, unjudged
from audiostory.evaluate.benchmark.run import answer_items, measure_items
from audiostory.evaluate.judge.judge import Judge
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


def judge(tmp_path, answers=answered):
    client = ScriptedClient(answers)
    sampling = Sampling(repeats=1, max_asks=1)
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
    judged = suite(item_metrics=(metric,))
    assert len(list(unjudged(metric, judged, TWO, folder))) == 2
    assert measure_items(judged, TWO, folder) == ()
    (scores,) = folder.scores("item-0").values()
    assert set(scores) == {"consistency", "coherence", "instruct", "reasoning"}
    assert set(scores.values()) == {4.0}
    assert list(unjudged(metric, judged, TWO, folder)) == []
    measure_items(judged, TWO, folder)
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
