import json

import pytest
from typer.testing import CliRunner

from audiostory.apps.cli import app
from audiostory.data.sets.clotho import load_clotho
from audiostory.data.sets.clotho_aqa import load_clotho_aqa
from tests.data.sets.files import write_sound, write_text
from tests.data.sets.test_clotho import LIST
from tests.data.sets.test_clotho_aqa import BIRD, DOGS, HEAD, RAIN


@pytest.fixture
def questions(tmp_path):
    write_text(tmp_path / "clotho_aqa_test.csv", HEAD + RAIN + DOGS + BIRD)
    for name in ("Santa Motor.wav", "bird.wav"):
        write_sound(tmp_path / "audio_files" / name)
    return tmp_path


def predictions(folder, task, name, version, said):
    path = folder / "said.jsonl"
    head = {"task": task, "set": name, "version": version, "system": "parrot"}
    lines = [head, *({"id": key, "text": text} for key, text in said.items())]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def call(*words):
    return CliRunner().invoke(app, ["evaluate", "understanding", *map(str, words)])


def test_answers_are_scored_with_their_intervals(questions):
    quiz = load_clotho_aqa(questions)
    said = {one.id: "yes" for one in quiz.questions}
    path = predictions(questions, "answers", "clotho-aqa", quiz.version, said)
    told = call(path, "--corpus", questions)
    assert told.exit_code == 0, told.output
    assert "# parrot on clotho-aqa" in told.stdout
    accuracy = next(line for line in told.stdout.splitlines() if line.startswith("| ACC"))
    assert accuracy.split(" | ")[1].startswith("33.3")


def test_captions_are_scored_and_what_is_missing_says_why(tmp_path, monkeypatch):
    write_text(tmp_path / "clotho_captions_evaluation.csv", LIST)
    for name in ("Santa Motor.wav", "20101026Rain&Thunder.flac"):
        write_sound(tmp_path / "evaluation" / name, 15.0)
    monkeypatch.setenv("PATH", "")
    items = load_clotho(tmp_path)
    said = {item.id: "rain" for item in items.items}
    path = predictions(tmp_path, "captions", "clotho", items.version, said)
    told = call(path, "--corpus", tmp_path)
    assert told.exit_code == 0, told.output
    assert "| SPIDEr | – |" in told.stdout
    assert "Java" in told.stdout


def test_predictions_for_another_version_are_refused(questions):
    path = predictions(questions, "answers", "clotho-aqa", "2019", {})
    told = call(path, "--corpus", questions)
    assert told.exit_code == 2
    assert "predictions for clotho-aqa 2019" in " ".join(told.stderr.split())


def test_unknown_protocols_and_missing_files_are_told(questions):
    quiz = load_clotho_aqa(questions)
    path = predictions(questions, "answers", "clotho-aqa", quiz.version, {})
    assert "no protocol 'vote'" in call(path, "--corpus", questions, "--protocol", "vote").stderr
    assert call(questions / "none.jsonl", "--corpus", questions).exit_code == 2
