import dataclasses
import threading

import pytest

from audiostory.chat import ChatUnavailableError, ScriptedClient, UnusableAnswerError
from audiostory.errors import ConfigError, OutputError
from audiostory.evaluate.judge.cost import Budget, BudgetError
from audiostory.evaluate.judge.hearing import Hearing
from audiostory.evaluate.judge.judge import NOT_ANSWERED, Judge
from audiostory.evaluate.judge.question import Sampling
from tests.evaluate.judge.bench import SMALL, answer_to, marks, subject

ONCE = Sampling(repeats=1)


def judging(folder, answers=answer_to, **options):
    client = ScriptedClient(answers)
    return Judge(client, folder, **options), client


def test_all_four_aspects_of_a_track_are_scored(tmp_path):
    judge, client = judging(tmp_path, lambda asked: answer_to(asked, overall=4))
    assert judge.judge(subject()).values() == {
        "instruct": 4, "reasoning": 4, "consistency": 4, "coherence": 4,
    }  # fmt: skip
    assert len(client.asked) == 4 * 3


def test_scores_lie_under_the_keys_of_the_columns(tmp_path):
    judge, _ = judging(tmp_path)
    assert list(judge.judge(subject()).values()) == [column.key for column in judge.columns]
    assert {column.section for column in judge.columns} == {"judge"}


def test_a_column_says_all_that_makes_its_numbers_comparable(tmp_path):
    given = {"rubrics": [SMALL], "sampling": Sampling(repeats=2, temperature=0.5)}
    (column,) = judging(tmp_path, **given)[0].columns
    assert "scripted" in column.detail
    assert "mean of 2 at temperature 0.5" in column.detail
    assert "16 kHz mono wav" in column.detail
    others = [
        {**given, "rubrics": [dataclasses.replace(SMALL, question="Is it bad?")]},
        {**given, "hearing": Hearing(sample_rate_hz=24_000)},
        {**given, "sampling": Sampling(repeats=3, temperature=0.5)},
        {**given, "sampling": Sampling(repeats=2, temperature=0.5, seed=1)},
    ]
    details = {judging(tmp_path, **each)[0].columns[0].detail for each in others}
    assert len(details | {column.detail}) == 5


def test_the_score_is_the_judges_own_of_the_whole_and_not_of_its_parts(tmp_path):
    judge, _ = judging(tmp_path, lambda _: marks(["tone"], 5, 1), rubrics=[SMALL])
    verdict = judge.judge(subject())
    assert verdict.values() == {"small": 1}
    assert verdict.scores[0].criteria == {"tone": 5}


def test_a_system_without_a_plan_has_no_score_for_reasoning_and_is_not_at_fault(tmp_path):
    judge, client = judging(tmp_path, sampling=ONCE)
    verdict = judge.judge(subject(has_plan=False))
    assert verdict.values()["reasoning"] is None
    assert (verdict.without_plan, verdict.failures) == (("reasoning_logic",), ())
    assert len(client.asked) == 3


def test_repeats_are_asked_with_seeds_of_their_own_and_spread(tmp_path):
    judge, client = judging(
        tmp_path,
        lambda asked: marks(["tone"], 3, asked.seed - 10),
        rubrics=[SMALL],
        sampling=Sampling(repeats=3, seed=10),
    )
    (scores,) = judge.judge(subject()).scores
    assert [(one.repeat, one.overall.score) for one in scores.marks] == [(0, 0), (1, 1), (2, 2)]
    assert (scores.overall, scores.spread) == (1, 1.0)
    assert {asked.temperature for asked in client.asked} == {1.0}


def test_nothing_is_asked_twice(tmp_path):
    first, _ = judging(tmp_path)
    before = first.judge(subject())
    again, client = judging(tmp_path, [])
    after = again.judge(subject())
    assert client.asked == []
    assert after.values() == before.values()
    assert (before.used.asks, before.kept.asks) == (12, 0)
    assert (after.used.asks, after.kept.asks) == (0, 12)


def test_another_track_or_instruction_is_another_question(tmp_path):
    judge, client = judging(tmp_path, rubrics=[SMALL], sampling=ONCE)
    for one in (subject(), subject(hertz=441.0), subject(text="snow falls"), subject("b")):
        judge.judge(one)
    assert len(client.asked) == 3  # item b has the track and the words of item a


def test_a_refusal_is_listed_and_never_scored(tmp_path):
    def refuse(asked):
        if "Reasoning logic" in asked.text:
            raise UnusableAnswerError("I would rather not")
        return answer_to(asked)

    judge, _ = judging(tmp_path, refuse, sampling=ONCE)
    verdict = judge.judge(subject())
    assert verdict.values()["reasoning"] is None
    assert verdict.values()["instruct"] == 3
    (failure,) = verdict.failures
    assert (failure.item, failure.rubric, failure.repeat) == ("a", "reasoning_logic", 0)
    assert "rather not" in failure.why


def test_a_score_off_the_scale_is_asked_for_again_and_then_a_failure(tmp_path):
    judge, client = judging(
        tmp_path, lambda _: marks(["tone"], 3, 7), rubrics=[SMALL], sampling=ONCE
    )
    verdict = judge.judge(subject())
    assert len(client.asked) == 3
    assert verdict.values() == {"small": None}
    assert "less than or equal to 5" in verdict.failures[0].why
    assert verdict.used.asks == 3
    assert not list(tmp_path.rglob("*.json"))


def test_a_failure_is_asked_again_by_the_next_run(tmp_path):
    judging(tmp_path, lambda _: "", rubrics=[SMALL], sampling=ONCE)[0].judge(subject())
    judge, _ = judging(tmp_path, rubrics=[SMALL], sampling=ONCE)
    assert judge.judge(subject()).values() == {"small": 3}


def test_one_failed_repeat_leaves_the_score_to_the_others(tmp_path):
    judge, _ = judging(
        tmp_path,
        lambda asked: "" if asked.seed == 1 else marks(["tone"], 3, 2 * asked.seed),
        rubrics=[SMALL],
    )
    verdict = judge.judge(subject())
    assert verdict.values() == {"small": 2}
    assert [failure.repeat for failure in verdict.failures] == [1]


def test_a_track_too_long_to_send_fails_where_it_should_be_heard_only(tmp_path):
    judge, client = judging(tmp_path, sampling=ONCE, hearing=Hearing(max_bytes=100))
    verdict = judge.judge(subject())
    assert verdict.values() == {
        "instruct": None, "reasoning": 3, "consistency": None, "coherence": None,
    }  # fmt: skip
    assert all("choose flac" in failure.why for failure in verdict.failures)
    assert len(client.asked) == 1


def test_what_a_loud_track_was_lowered_by_is_told(tmp_path):
    loud = subject()
    loud = dataclasses.replace(
        loud, waveform=dataclasses.replace(loud.waveform, samples=loud.waveform.samples * 4)
    )
    judge, _ = judging(tmp_path, rubrics=[SMALL], sampling=ONCE)
    assert judge.judge(loud).gain_db == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("num_threads", [1, 4])
def test_a_model_that_cannot_be_asked_ends_the_run_and_keeps_what_came(tmp_path, num_threads):
    calls = threading.Semaphore(5)

    def dying(asked):
        if not calls.acquire(blocking=False):
            raise ChatUnavailableError("the API is gone")
        return answer_to(asked)

    judge, _ = judging(tmp_path, dying, num_threads=num_threads)
    with pytest.raises(ChatUnavailableError, match=f"is gone. Answers so far .*{tmp_path.name}"):
        judge.judge(subject())
    assert len(list(tmp_path.rglob("*.json"))) == 5
    again, client = judging(tmp_path)
    again.judge(subject())
    assert len(client.asked) == 12 - 5


def test_a_budget_ends_the_run_before_it_is_passed(tmp_path):
    budget = Budget(max_requests=5)
    judge, client = judging(tmp_path, budget=budget, num_threads=1)
    with pytest.raises(BudgetError, match="max_requests=5"):
        judge.judge(subject())
    assert len(client.asked) == 3  # a fourth might take three asks
    again, client = judging(tmp_path, budget=Budget(max_requests=100))
    again.judge(subject())
    assert len(client.asked) == 12 - 3


def test_what_was_answered_before_counts_towards_the_limit(tmp_path):
    judging(tmp_path, sampling=ONCE)[0].judge(subject())
    judge, client = judging(tmp_path, budget=Budget(max_requests=6), num_threads=1)
    with pytest.raises(BudgetError, match="4 answers came"):
        judge.judge(subject("b", "snow falls"))
    assert client.asked == []


def test_what_is_kept_is_recalled_without_asking(tmp_path):
    first, _ = judging(tmp_path, lambda asked: "" if asked.seed == 1 else answer_to(asked))
    before = first.judge(subject())
    judge, client = judging(tmp_path, [])
    recalled = judge.recall(subject())
    assert client.asked == []
    assert recalled.values() == before.values()
    assert (recalled.used.asks, recalled.kept.asks) == (0, 8)
    assert [one.repeat for one in recalled.failures] == [1] * 4
    assert {one.why for one in recalled.failures} == {NOT_ANSWERED}


def test_kept_answers_cost_no_budget(tmp_path):
    judging(tmp_path)[0].judge(subject())
    judge, _ = judging(tmp_path, [], budget=Budget(max_requests=0))
    assert judge.judge(subject()).values()["instruct"] == 3


def test_a_budget_is_never_passed_by_answers_under_way(tmp_path):
    budget = Budget(max_requests=7)
    judge, client = judging(tmp_path, lambda _: "", budget=budget, num_threads=8)
    with pytest.raises(BudgetError):
        judge.judge(subject())
    assert len(client.asked) == budget.spent.asks <= 7


def test_an_answer_that_cannot_be_kept_is_not_lost_silently(tmp_path):
    (tmp_path / "file").write_text("")
    judge, _ = judging(tmp_path / "file", rubrics=[SMALL], sampling=ONCE)
    with pytest.raises(OutputError):
        judge.judge(subject())


@pytest.mark.parametrize(
    "options", [{"rubrics": []}, {"rubrics": [SMALL, SMALL]}, {"num_threads": 0}]
)
def test_a_judge_that_could_not_score_is_refused(tmp_path, options):
    with pytest.raises(ConfigError):
        judging(tmp_path, **options)
