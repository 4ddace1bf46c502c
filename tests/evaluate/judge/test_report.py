import dataclasses
import json

import pytest

from audiostory.chat import ChatUnavailableError, ScriptedClient
from audiostory.errors import OutputError
from audiostory.evaluate.judge.cost import Budget
from audiostory.evaluate.judge.hearing import Hearing
from audiostory.evaluate.judge.judge import Judge
from audiostory.evaluate.judge.question import Sampling
from audiostory.evaluate.judge.report import estimate, judge_subjects, report_on, save_report
from audiostory.models.remote.catalogue import build_client
from tests.chat_server import Reply, chat_server
from tests.evaluate.judge.bench import answer_to, subject
from tests.evaluate.judge.test_cost import PRICE

TRACKS = [subject(f"item-{n}", f"rain falls {n} times", hertz=400.0 + n) for n in range(4)]
TWICE = Sampling(repeats=2)
QUESTIONS = len(TRACKS) * 4 * 2


def remote(server, api, folder, **options):
    client = build_client(server.spec(api), sleep=lambda _: None)
    return Judge(client, folder, sampling=TWICE, **options)


@pytest.fixture
def server():
    with chat_server(lambda asked: Reply(text=answer_to(asked, score=4, overall=3))) as server:
        yield server


@pytest.mark.parametrize("api", ["gemini", "openai"])
def test_an_api_that_dies_halfway_is_asked_only_the_rest_by_the_next_run(server, api, tmp_path):
    healthy = server.default

    def dying(asked):
        return healthy(asked) if len(server.asked) <= 11 else Reply(status=503)

    server.default = dying
    with pytest.raises(ChatUnavailableError, match="run again to go on"):
        judge_subjects(remote(server, api, tmp_path, num_threads=1), TRACKS[:2])
    assert len(list(tmp_path.rglob("*.json"))) == 11

    server.default = healthy
    server.asked.clear()
    report = judge_subjects(remote(server, api, tmp_path), TRACKS[:2])
    assert len(server.asked) == 16 - 11
    assert (report.used.asks, report.kept.asks) == (16 - 11, 11)
    assert [summary.score for summary in report.summaries] == [3] * 4
    assert report.failures == ()


def test_a_server_that_misbehaves_in_every_way_changes_no_score(server, tmp_path):
    server.script = [
        Reply(status=429, headers=(("Retry-After", "2"),)),
        Reply(status=500),
        Reply(is_dropped=True),
        Reply(has_candidates=False),
        Reply(text='{"meaning": {"reason": "cut'),
        Reply(status=503),
    ]
    report = judge_subjects(remote(server, "gemini", tmp_path, num_threads=1), TRACKS[:1])
    assert len(server.asked) == 8 + 6
    assert report.used.asks == 8 + 2
    assert report.failures == ()
    assert {summary.score for summary in report.summaries} == {3}


def test_refusals_are_listed_and_the_other_tracks_still_scored(server, tmp_path):
    healthy = server.default
    server.default = lambda asked: (
        Reply(refusal="no") if "falls 2 times" in asked.text else healthy(asked)
    )
    report = judge_subjects(remote(server, "openai", tmp_path), TRACKS)
    instruct, reasoning, consistency, _ = report.summaries
    assert (instruct.num_scored, reasoning.num_scored, consistency.num_scored) == (3, 3, 4)
    assert {(one.item, one.rubric) for one in report.failures} == {
        ("item-2", "instruction_following"),
        ("item-2", "reasoning_logic"),
    }
    assert len(report.failures) == 4


def test_an_estimate_sends_nothing_and_counts_what_is_answered_already(server, tmp_path):
    judge = remote(server, "gemini", tmp_path, budget=Budget(price=PRICE))
    judge_subjects(judge, TRACKS[:1])
    server.asked.clear()
    told = estimate(judge, TRACKS)
    assert server.asked == []
    assert (told.num_questions, told.num_kept) == (QUESTIONS, 8)
    assert told.audio_s == pytest.approx(3 * 3 * 2 * 0.2)
    assert told.usage.audio_tokens == pytest.approx(told.audio_s * 32)
    assert told.cost == pytest.approx(PRICE.of(told.usage))
    assert "24 questions to ask (8 more are answered already)" in told.in_words()
    assert "prices of 2026-01-02 (a test)" in told.in_words()


def test_an_unknown_price_is_told_and_not_taken_for_nothing(server, tmp_path):
    told = estimate(remote(server, "gemini", tmp_path), TRACKS)
    assert told.cost is None
    assert "cost unknown" in told.in_words()
    assert judge_subjects(remote(server, "gemini", tmp_path), TRACKS[:1]).cost is None


def test_tracks_that_cannot_be_sent_are_told_beforehand(server, tmp_path):
    judge = remote(server, "gemini", tmp_path, hearing=Hearing(max_bytes=100))
    assert "12 cannot be asked" in estimate(judge, TRACKS).in_words()


def test_the_bill_is_what_the_api_counted(server, tmp_path):
    report = judge_subjects(
        remote(server, "openai", tmp_path, budget=Budget(price=PRICE)), TRACKS[:1]
    )
    # 8 answers of 100 tokens in, 64 of them sound, and 10 out
    assert report.cost == pytest.approx(8 * (36 * 1.0 + 64 * 7.0 + 10 * 4.0) / 1e6)


def test_what_the_kept_answers_cost_is_told_beside_what_was_asked_now(server, tmp_path):
    judge_subjects(remote(server, "openai", tmp_path, budget=Budget(price=PRICE)), TRACKS[:1])
    judge = remote(server, "openai", tmp_path, budget=Budget(price=PRICE))
    report = report_on(judge, [judge.recall(track) for track in TRACKS[:1]])
    assert (report.cost, report.used.asks) == (0, 0)
    assert report.cost_of_kept == pytest.approx(8 * (36 * 1.0 + 64 * 7.0 + 10 * 4.0) / 1e6)
    assert "0 answers came now, 8 stand behind the scores: 0.00 and 0.00 USD" in report.in_words()
    unpriced = report_on(remote(server, "openai", tmp_path), report.verdicts)
    assert "cost unknown" in unpriced.in_words()


def test_progress_is_told_after_each_track(tmp_path):
    seen = []
    judge = Judge(ScriptedClient(answer_to), tmp_path, sampling=TWICE)
    judge_subjects(judge, TRACKS, on_verdict=lambda verdict: seen.append(verdict.item))
    assert seen == [track.item.id for track in TRACKS]


def test_a_report_is_a_file_with_the_words_that_were_asked(tmp_path):
    judge = Judge(ScriptedClient(answer_to), tmp_path / "answers", sampling=TWICE)
    verdicts = [judge.judge(track) for track in TRACKS[:2]]
    path = tmp_path / "judge.json"
    save_report(report_on(judge, verdicts), path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert (kept["judge"], kept["settings"]["sampling"]["repeats"]) == ("scripted", 2)
    assert kept["rubrics"]["coherence"]["score"] == 3
    assert set(kept["rubrics"]["coherence"]["criteria"].values()) == {4}
    assert "Does this track flow" in kept["rubrics"]["coherence"]["text"]
    assert [verdict["item"] for verdict in kept["verdicts"]] == ["item-0", "item-1"]
    with pytest.raises(OutputError, match="exists"):
        save_report(report_on(judge, verdicts), path)


def test_systems_without_plans_have_no_reasoning_in_their_report(tmp_path):
    judge = Judge(ScriptedClient(answer_to), tmp_path)
    report = judge_subjects(judge, [dataclasses.replace(track, plan=None) for track in TRACKS])
    reasoning = report.summaries[1]
    assert (reasoning.rubric.column, reasoning.score, reasoning.num_scored) == (
        "reasoning",
        None,
        0,
    )
    assert report.failures == ()
