"""The commands of those who measure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.apps.measuring import captions_in, composed_texts
from audiostory.errors import CorpusError
from audiostory.evaluate import solver_distance
from audiostory.generate.renderer import SamplingSettings
from audiostory.models.model_folder import save_pretrained
from tests.data.corpus import write_corpus
from tests.tiny import tiny_model, tiny_tokenizer


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *(str(word) for word in words)])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "model")
    return tmp_path / "model"


def test_instructions_of_ones_own_are_planned_and_reported(tmp_path: Path, model: Path) -> None:
    own = tmp_path / "own.jsonl"
    row = {"id": "own-1", "text": "Rain, then a dog", "sounds": [["rain"], ["dog"]]}
    own.write_text(json.dumps(row) + "\n")
    told = run("reserve", "-o", tmp_path / "report", "--model", model, "--instructions", own)
    assert told.exit_code == 0, told.stderr
    (result,) = json.loads((tmp_path / "report" / "reserve.json").read_text())["results"]
    assert result["id"] == "own-1"


def test_ways_of_sampling_are_compared_and_reported(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver_distance, "options_of", few_options)
    told = run("solvers", "-o", tmp_path / "report", "--model", model, "--clips", 1)
    assert told.exit_code == 0, told.stderr
    assert "| euler 50 | 50 |" in told.stdout
    assert (tmp_path / "report" / "solvers.json").is_file()


def few_options(own: SamplingSettings) -> dict[str, SamplingSettings]:
    return {"euler 50": replace(own, steps=50)}


def test_a_kind_that_nobody_hears_is_told_in_a_line(tmp_path: Path, model: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    told = run(
        "recognisability", "--corpus", corpus, "--group", "dragon", "-o", tmp_path,
        "--model", model,
    )  # fmt: skip
    assert told.exit_code == 2
    assert "does not know dragon" in told.stderr
    assert "Traceback" not in told.output


def test_a_missing_corpus_is_told_in_a_line(tmp_path: Path) -> None:
    told = run("train-evaluator", "--corpus", tmp_path / "none", "-o", tmp_path / "evaluator")
    assert told.exit_code == 2
    assert "none" in told.stderr


def test_captions_are_read_sentence_by_sentence_and_bad_lines_are_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(json.dumps({"caption": "Rain falls. A dog barks."}) + "\n")
    bad.write_text(json.dumps({"text": "Rain"}) + "\n")
    assert captions_in([good]) == ["Rain falls", "A dog barks."]
    with pytest.raises(CorpusError, match="bad.jsonl:1: no field caption"):
        captions_in([bad])


def test_composed_stories_give_texts_without_a_corpus() -> None:
    texts = composed_texts(3)
    assert len(texts) > 6
    assert texts == composed_texts(3)


def test_a_teacher_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    told = run(
        *("train-evaluator", "--corpus", corpus, "-o", tmp_path / "out", "--stories", 1),
        *("--teacher", tmp_path / "none", "--runs", tmp_path / "runs"),
    )
    assert told.exit_code == 2
    assert "tokenizer.json" in told.stderr


@pytest.mark.parametrize("option", [("--stories", 1), ("--texts", "captions.jsonl")])
def test_what_words_learn_from_needs_a_teacher(tmp_path: Path, option) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    told = run("train-evaluator", "--corpus", corpus, "-o", tmp_path / "out", *option)
    assert told.exit_code == 2
    assert "name a --teacher" in told.stderr
