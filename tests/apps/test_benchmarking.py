import json

import pytest
from typer.testing import CliRunner

from audiostory.apps.benchmarking import REPORT, runs_in
from audiostory.apps.cli import app
from audiostory.chat import ChatUnavailableError, ScriptedClient
from audiostory.errors import OutputError
from audiostory.evaluate.embedded.evaluator import save_evaluator
from audiostory.models.remote import catalogue
from tests.evaluate.benchmark.test_judging import answered
from tests.evaluate.embedded.small import evaluator_behind_yamnet


@pytest.fixture
def place(tmp_path):
    save_evaluator(evaluator_behind_yamnet(), tmp_path / "evaluator")
    return tmp_path


def command(place, *more):
    given = ["--limit", "2", "--evaluator", str(place / "evaluator"), "--out", str(place / "out")]
    return CliRunner().invoke(app, ["evaluate", "run", *more, *given])


def test_a_run_needs_nothing_and_ends_with_its_numbers(place):
    done = command(place, "noise")
    assert done.exit_code == 0, done.output
    assert "# nano-stories 1.0-first-2" in done.stdout
    assert "no corpus was given" in done.stdout
    assert "only the first 2 of 150 items were asked" in done.stdout
    assert "--protocol standard" in done.stdout
    assert len(list((place / "out" / "captions+noise" / "tracks").iterdir())) == 2


def test_a_run_that_is_repeated_gives_the_same_numbers_and_asks_nothing_again(place):
    first = command(place, "noise")
    tracks = place / "out" / "captions+noise" / "tracks"
    times = [track.stat().st_mtime_ns for track in sorted(tracks.iterdir())]
    again = command(place, "noise")
    assert first.stdout == again.stdout
    assert times == [track.stat().st_mtime_ns for track in sorted(tracks.iterdir())]


def test_a_judge_takes_part_when_it_is_named(place, monkeypatch):
    client = ScriptedClient(answered)
    monkeypatch.setattr(catalogue, "build_client", lambda spec: client)
    done = command(place, "noise", "--judge", "openai:someone")
    assert done.exit_code == 0, done.output
    assert "Instruct." in done.stdout
    report = json.loads((place / "out" / "captions+noise" / "judge.json").read_text())
    assert report
    asked = len(client.asked)
    assert command(place, "noise", "--judge", "openai:someone").exit_code == 0
    assert len(client.asked) == asked


def reported(place):
    return json.loads((place / "out" / "captions+noise" / "judge.json").read_text())


def test_a_judge_that_dies_leaves_a_report_of_what_it_said(place, monkeypatch):
    def dying(request):
        if len(client.asked) > 4:
            raise ChatUnavailableError("the API is gone")
        return answered(request)

    client = ScriptedClient(dying)
    monkeypatch.setattr(catalogue, "build_client", lambda spec: client)
    done = command(place, "noise", "--judge", "openai:someone")
    assert done.exit_code == 2
    assert "the API is gone" in done.stderr
    report = reported(place)
    assert (report["used"]["asks"], report["kept"]["asks"]) == (4, 4)
    assert len(report["verdicts"]) == 2
    assert len(report["failures"]) == 2 * 3 - 4  # noise has no plan of its own


def test_a_resumed_run_reports_all_that_was_ever_judged(place, monkeypatch):
    for told_now in (6, 0):
        client = ScriptedClient(answered)
        monkeypatch.setattr(catalogue, "build_client", lambda spec, client=client: client)
        done = command(place, "noise", "--judge", "openai:someone")
        assert done.exit_code == 0, done.output
        assert f"{told_now} answers came now, 6 stand behind the scores" in done.stdout
        assert len(reported(place)["verdicts"]) == 2
        assert reported(place)["failures"] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nanu"], "no model 'nanu'"),
        (["guess+nano"], "no planner 'guess'"),
        (["noise", "--set", "mine"], "no test set 'mine'"),
        (["noise", "--set", "clotho"], "name the folder"),
        (["noise", "--corpus", "/nowhere"], "/nowhere"),
        (["reference"], "--corpus"),
        (["noise", "--protocol", "mine"], "no protocol 'mine'"),
        (["noise", "--protocol", "standard", "--encoder", "vggish"], "NAME=PATH"),
        (["noise", "--judge", "guess"], "guess"),
        (["tangoflux"], "tangoflux needs"),
        (["tangoflux-windowed"], "tangoflux-windowed needs"),
        (["tangoflux-windowed=/nowhere"], "hf download"),
        (["direct+tangoflux-windowed"], "which is one window"),
    ],
)
def test_mistakes_are_told_with_a_way_out(place, arguments, told):
    done = command(place, *arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_a_folder_without_runs_has_no_report(tmp_path):
    with pytest.raises(OutputError, match="evaluate run SYSTEM"):
        runs_in(tmp_path)
    done = CliRunner().invoke(app, ["evaluate", "report", str(tmp_path)])
    assert done.exit_code == 2


def test_systems_stand_side_by_side_in_the_report(place):
    command(place, "noise")
    command(place, "direct+noise")
    done = CliRunner().invoke(app, ["evaluate", "report", str(place / "out"), "--no-page"])
    assert done.exit_code == 0, done.output
    assert "| captions+noise |" in done.stdout
    report = place / "out" / REPORT
    assert (report / "report.md").read_text() in done.stdout
    assert (report / "numbers.csv").exists()
