import json

import pytest
from typer.testing import CliRunner

from audiostory.apps.cli import app
from audiostory.data.sets.clotho import load_clotho
from audiostory.data.sets.clotho_aqa import load_clotho_aqa
from audiostory.evaluate.understanding.bill import Bill, bill_beside
from audiostory.evaluate.understanding.predictions import read_predictions
from audiostory.models.model_folder import save_pretrained
from tests.chat_server import Reply, chat_server
from tests.data.sets.files import write_sound, write_text
from tests.data.sets.test_clotho import LIST
from tests.data.sets.test_clotho_aqa import BIRD, DOGS, HEAD, RAIN
from tests.tiny import hearing_model, tiny_tokenizer


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


def understand(*words):
    return CliRunner().invoke(app, ["evaluate", "understand", *map(str, words)])


def answered(asked):
    """What the model behind the server says."""
    return Reply(text="yes" if "Is it raining?" in asked.text else "rain falls")


@pytest.fixture
def server():
    with chat_server(answered) as server:
        yield server


@pytest.fixture
def prices(tmp_path):
    return write_text(
        tmp_path / "prices.toml",
        """[[price]]
model = "a-model"
input_per_million = 1.0
audio_per_million = 10.0
output_per_million = 5.0
audio_tokens_per_s = 32
date = "2026-01-01"
source = "a test"
""",
    )


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


@pytest.mark.parametrize("api", ["openai", "gemini"])
def test_a_chat_model_answers_a_set_and_its_file_is_scored(questions, server, monkeypatch, api):
    monkeypatch.setenv("AUDIOSTORY_CHAT_KEY", "k")
    path = questions / "said.jsonl"
    told = understand(server.spec(api), "--set", "clotho-aqa", "--corpus", questions, "-o", path)
    assert told.exit_code == 0, told.output
    asked, said = read_predictions(path)
    quiz = load_clotho_aqa(questions)
    assert (asked.task, asked.set, asked.version) == ("answers", quiz.name, quiz.version)
    assert asked.system.startswith(f"{api}:a-model@{server.url}")
    assert sorted(said) == sorted(one.id for one in quiz.questions)
    assert all(len(one.sounds) == 1 for one in server.asked)
    score = told.stdout.split("their scores: ")[1].strip().split("understanding ")[1]
    scored = call(*score.split())
    assert scored.exit_code == 0, scored.output
    assert f"# {asked.system}" in scored.stdout


def test_a_chat_model_captions_a_set(tmp_path, server, monkeypatch):
    write_text(tmp_path / "clotho_captions_evaluation.csv", LIST)
    write_sound(tmp_path / "sounds" / "Santa Motor.wav", 15.0)
    path = tmp_path / "said.jsonl"
    words = ("--set", "clotho?audio=sounds", "--corpus", tmp_path, "--max-missing", 1)
    told = understand(server.spec("openai"), *words, "-o", path)
    assert told.exit_code == 0, told.output
    asked, said = read_predictions(path)
    assert (asked.task, asked.set) == ("captions", "clotho")
    assert list(said.values()) == ["rain falls"]
    monkeypatch.setenv("PATH", "")
    scored = call(path, *words)
    assert scored.exit_code == 0, scored.output
    assert call(path, "--corpus", tmp_path).exit_code == 2


def test_what_it_will_take_is_said_before_and_what_it_took_after(questions, server, prices):
    path = questions / "said.jsonl"
    words = (
        *(server.spec("openai"), "--set", "clotho-aqa", "--corpus", questions, "-o", path),
        *("--prices", prices),
    )
    before = understand(*words, "--estimate")
    assert before.exit_code == 0, before.output
    assert "3 questions to ask" in before.stderr
    assert "USD" in before.stderr
    assert not server.asked
    assert not path.exists()
    after = understand(*words)
    # 3 answers of 36 tokens of text, 64 of sound and 10 out
    assert "3 answers came in all runs, 300 tokens in and 30 out: 0.0022 USD" in after.stdout
    again = understand(*words)
    assert "0 questions to ask (3 more are answered already)" in again.stderr
    assert len(server.asked) == 3


def test_a_run_that_broke_goes_on_and_pays_nothing_twice(questions, server):
    path = questions / "said.jsonl"
    words = (
        *(server.spec("openai", "?max_retries=0"), "--set", "clotho-aqa", "--corpus", questions),
        *("-o", path, "--threads", 1),
    )
    server.script = [Reply(text="yes"), Reply(status=401)]
    broke = understand(*words)
    assert broke.exit_code == 2
    assert "run again to go on" in " ".join(broke.stderr.split())
    assert len(read_predictions(path)[1]) == 1
    assert understand(*words).exit_code == 0
    assert len(server.asked) == 4
    assert len({(one.text, one.sounds[0][1]) for one in server.asked}) == 3
    assert Bill(bill_beside(path)).total.asks == 3


def test_a_limit_on_cost_holds_over_all_runs_into_a_file(questions, server, prices):
    server.default = lambda asked: Reply(output_tokens=4_000)  # 0.02 USD
    path = questions / "said.jsonl"
    words = (
        *(server.spec("openai"), "--set", "clotho-aqa", "--corpus", questions, "-o", path),
        *("--prices", prices, "--threads", 1),
    )
    for _ in range(2):
        told = understand(*words, "--max-cost", "0.1")
        assert told.exit_code == 2
        assert "max_cost" in told.stderr
        assert len(server.asked) == len(read_predictions(path)[1]) == 2
    assert understand(*words).exit_code == 0
    assert len(server.asked) == len(read_predictions(path)[1]) == 3


def test_refusals_are_asked_again_or_taken_for_no_answer(questions, server):
    path = questions / "said.jsonl"
    words = (server.spec("openai"), "--set", "clotho-aqa", "--corpus", questions, "-o", path)
    server.default = lambda asked: (
        Reply(refusal="I would rather not.") if "sings" in asked.text else answered(asked)
    )
    told = understand(*words)
    assert told.exit_code == 2
    assert "bird-q1: " in told.stdout
    assert "--keep-refusals" in told.stderr
    assert "bird-q1" not in read_predictions(path)[1]
    assert understand(*words).exit_code == 2
    assert len(server.asked) == 4
    assert understand(*words, "--keep-refusals").exit_code == 0
    assert read_predictions(path)[1]["bird-q1"] == ""
    assert call(path, "--corpus", questions).exit_code == 0


def test_another_model_does_not_go_on_with_the_file(questions, server):
    path = questions / "said.jsonl"
    words = ("--set", "clotho-aqa", "--corpus", questions, "-o", path)
    assert understand(server.spec("openai"), *words).exit_code == 0
    other = understand(server.spec("openai").replace("a-model", "b-model"), *words)
    assert other.exit_code == 2
    assert "write to another file" in " ".join(other.stderr.split())
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("system", "item_set", "told"),
    [
        ("nano", "clotho-aqa", "has no audio_encoder: take a model with ears"),
        ("nanno", "clotho-aqa", "chat models that hear are gemini:MODEL, openai:MODEL"),
        ("openai:m@http://127.0.0.1:9", "clotho?choice=all", "captioned once"),
        ("openai:m@http://127.0.0.1:9", "nano-stories?x=1", "no option x"),
        ("openai:m@http://127.0.0.1:9", "clothoaqa", "no test set 'clothoaqa'"),
    ],
)
def test_what_cannot_be_asked_is_told(questions, system, item_set, told):
    found = understand(
        system, "--set", item_set, "--corpus", questions, "-o", questions / "s.jsonl"
    )
    assert found.exit_code == 2
    assert told in " ".join(found.stderr.split())


def test_a_checkpoint_with_ears_is_asked_and_costs_nothing(questions, prices):
    folder, path = questions / "model", questions / "said.jsonl"
    save_pretrained(hearing_model(), tiny_tokenizer(), folder)
    words = (folder, "--set", "clotho-aqa", "--corpus", questions, "-o", path)
    assert "costs nothing" in understand(*words, "--prices", prices).stderr
    assert "3 questions to ask (0 more" in understand(*words, "--estimate").stderr
    told = understand(*words)
    assert told.exit_code == 0, told.output
    assert "answers of this run were cut at 96 tokens" in told.stdout
    asked, said = read_predictions(path)
    assert asked.system.startswith("tiny ")
    assert len(said) == 3
    again = understand(*words)
    assert "0 questions to ask (3 more are answered already)" in again.stderr
    assert call(path, "--corpus", questions).exit_code == 0


def test_a_file_is_scored_on_its_own_set_alone(questions):
    quiz = load_clotho_aqa(questions)
    path = predictions(questions, "answers", "clotho-aqa", quiz.version, {})
    told = call(path, "--corpus", questions, "--set", "clotho")
    assert "is about clotho-aqa, not clotho" in " ".join(told.stderr.split())
