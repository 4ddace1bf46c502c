"""The commands of those who train, from composing to a model that tells a story."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.apps.training import config_for
from audiostory.errors import CheckpointError
from audiostory.models import audiostory as sizes
from audiostory.models.model_folder import from_pretrained, save_pretrained
from audiostory.train import materials, workbench
from tests.data.corpus import write_corpus
from tests.tiny import TINY_EARS, tiny_config, tiny_model, tiny_tokenizer


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sizes.SIZES, "tiny", tiny_config())
    monkeypatch.setattr(materials, "FIT_CLIPS", 6)
    return tmp_path / "runs"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_recipes_are_listed_with_their_stages() -> None:
    told = run("recipes").stdout
    for name in ("paper-main", "paper-appendix", "release", "nano", "nano/stage3"):
        assert name in told
    assert "25 epochs" in told
    assert "6800 steps" in told
    assert re.search(r"nano/stage2 .*  size nano-hearing\n", told)


def test_a_stage_is_shown_with_where_its_values_come_from() -> None:
    told = run("recipes", "paper-main/stage1-whole").stdout
    assert re.search(r"weights.flow: 0.2 +\[Eq. 6 with lambda_2 = 0.2", told)
    assert re.search(r"optim.betas: 0.9, 0.95 +\[TangoFlux's training", told)
    assert re.search(r"optim.warmup_steps: 200 +\[our choice\]", told)
    assert "[" not in run("recipes", "nano/dit").stdout


def test_a_recipe_is_shown_stage_by_stage() -> None:
    told = run("recipes", "paper-appendix").stdout
    assert "Qwen2.5-VL-3B-Instruct" in told
    assert told.index("paper-appendix/stage1-warm") < told.index("paper-appendix/stage3\n")


def test_two_stages_are_compared_field_by_field() -> None:
    told = run("recipes", "nano/stage1-warm", "nano/stage3").stdout
    assert "  batch_size: 48 | 8\n" in told
    assert "objective" not in told
    assert "no difference" in run("recipes", "nano/dit", "nano/dit").stdout


def test_two_recipes_are_compared_stage_by_stage() -> None:
    told = run("recipes", "paper-main", "paper-appendix").stdout
    assert "stage1-whole\n  weights.semantic: 1 | 5\n" in told
    assert "mixed.understanding.ratio: 2 | 0.5" in told
    assert "starts_from" not in told


def test_an_unknown_recipe_or_stage_names_the_known_ones() -> None:
    for words, known in (
        (("recipes", "tune"), "paper-main"),
        (("recipes", "nano/voice"), "nano/codec"),
        (("recipes", "nano", "nano/dit"), "no recipe 'nano/dit'"),
        (("train", "nano/voice"), "nano/codec"),
    ):
        told = run(*words)
        assert told.exit_code == 2
        assert known in " ".join(told.stderr.split())


def test_a_stage_of_the_paper_says_all_it_lacks_without_making_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("train", "paper-main/stage1-warm", "--size", "3b")
    assert told.exit_code == 2
    said = " ".join(told.stderr.split())
    assert "give --foundation, --corpus, --teacher" in said
    assert not list(tmp_path.iterdir())


def test_composed_stories_are_trained_on_and_exported(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanings = torch.randn(400, 24, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(materials.Materials, "token_meanings", lambda materials: meanings)
    stories = tmp_path / "stories.jsonl"
    assert run("compose", "-o", stories, "--count", 5, "--seed", 3).exit_code == 0
    assert len(stories.read_text().splitlines()) == 5
    given = ("--runs", runs, "--size", "tiny", "--stories", stories)
    trained = run("train", "nano/llm", *given, "--steps", 1, "--batch-size", 2)
    assert trained.exit_code == 0, trained.stderr
    model = tmp_path / "model"
    exported = run("export", "nano/llm", "-o", model, "--runs", runs, "--size", "tiny")
    assert exported.exit_code == 0, exported.stderr
    assert from_pretrained(model).model.config == tiny_config()


def test_a_run_stopped_early_says_how_to_go_on(tmp_path: Path, runs: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    given = ("--runs", runs, "--size", "tiny", "--corpus", corpus)
    stopped = run("train", "nano/codec", *given, "--batch-size", 2, "--minutes", 0)
    assert stopped.exit_code == 0, stopped.stderr
    assert "run again" in stopped.stdout


def test_what_a_recipe_lacks_is_told_with_its_option(runs: Path) -> None:
    told = run("train", "nano/dit", "--runs", runs, "--size", "tiny")
    assert told.exit_code == 2
    assert "--corpus" in told.stderr


def test_a_size_there_is_none_of_is_told(runs: Path) -> None:
    told = run("train", "nano/llm", "--runs", runs, "--size", "huge")
    assert told.exit_code == 2
    assert "nano" in told.stderr


def test_a_plan_is_told_without_any_material() -> None:
    told = run("train", "nano/stage3", "--size", "3b", "--shard", "--estimate", 16)
    assert told.exit_code == 0, told.stderr
    assert "of memory in each process" in told.stdout


def test_an_execution_reaches_the_run(tmp_path: Path, runs: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    given = ("--runs", runs, "--size", "tiny", "--corpus", corpus, "--steps", 1, "--batch-size", 2)
    done = run("train", "nano/codec", *given, "--tensorboard")
    assert done.exit_code == 0, done.stderr
    assert list((runs / "codec" / "tensorboard").iterdir())
    assert (runs / "codec" / "losses.png").exists()
    again = run("train", "nano/codec", *given[:-4], "--steps", 2, "--accumulate", 2)
    assert again.exit_code == 2
    assert "another schedule" in again.stderr
    fresh = ("--runs", runs.parent / "fresh", *given[2:])
    refused = run("train", "nano/codec", *fresh, "--accumulate", 2)
    assert "cannot be split" in refused.stderr


def test_what_a_stage_learns_from_can_be_made_beforehand(tmp_path: Path, runs: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    given = ("--runs", runs, "--size", "tiny", "--corpus", corpus)
    made = run("train", "nano/codec", *given, "--prepare")
    assert made.exit_code == 0, made.stderr
    assert "nano/codec learns from; 7 samples" in made.stdout
    assert list((runs / "cache").iterdir())
    assert not (runs / "codec" / "stage.json").exists()


def test_a_run_has_the_sizes_of_the_model_it_begins_with(tmp_path: Path) -> None:
    own = replace(tiny_config(), name="own")
    tuned = replace(own, preferred_by=("somebody",))
    save_pretrained(tiny_model(config=tuned), tiny_tokenizer(), tmp_path / "own")
    assert config_for(["nano/stage3"], None, tmp_path / "own") == own
    assert config_for(["nano/stage3"], "nano", tmp_path / "own").name == "nano"
    assert config_for(["nano/stage3"], None, None).name == "nano"
    with pytest.raises(CheckpointError, match="has no config.json"):
        config_for(["nano/stage3"], None, tmp_path)


def test_a_deaf_model_gets_the_ears_that_a_stage_is_meant_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearing = replace(tiny_config(), name="nano-hearing", audio_encoder=TINY_EARS)
    monkeypatch.setitem(sizes.SIZES, "nano-hearing", hearing)
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "deaf")
    assert config_for(["nano/stage2"], None, tmp_path / "deaf") == hearing


def test_a_list_of_questions_that_cannot_be_read_is_told(tmp_path: Path, runs: Path) -> None:
    given = ("nano/stage2", "--runs", runs, "--corpus", tmp_path, "--questions")
    for words, known in (
        (f"films={tmp_path}", "no list 'films'; there are audiosetcaps"),
        (f"musiccaps={tmp_path / 'none'}", "of the list 'musiccaps'"),
        (tmp_path, "write NAME=FOLDER"),
    ):
        told = run("train", *given, words)
        assert told.exit_code == 2
        assert known in " ".join(told.stderr.split())


def test_a_beginning_of_another_size_is_refused_before_a_model_is_made(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    save_pretrained(tiny_model(), tiny_tokenizer(), model)

    def made(*arguments: object, **options: object) -> None:
        pytest.fail("a model was made")

    monkeypatch.setattr(workbench, "AudioStoryModel", made)
    monkeypatch.setattr(workbench, "from_pretrained", made)
    stories = tmp_path / "stories.jsonl"
    stories.touch()
    given = ("--runs", runs, "--size", "nano", "--from", model)
    for words in (
        ("train", "nano/llm", *given, "--stories", stories),
        ("export", "nano/llm", *given, "-o", tmp_path / "exported"),
    ):
        told = run(*words)
        assert told.exit_code == 2, told.output
        assert "holds a 'tiny' of other sizes than 'nano'" in " ".join(told.stderr.split())


def test_tangoflux_and_a_finished_model_are_refused_together(tmp_path: Path, runs: Path) -> None:
    model = tmp_path / "model"
    save_pretrained(tiny_model(), tiny_tokenizer(), model)
    given = ("--runs", runs, "--size", "tiny", "--from", model, "--tangoflux", tmp_path)
    told = run("train", "nano/llm", *given, "--stories", tmp_path / "stories.jsonl")
    assert told.exit_code == 2
    assert "overwrite the DiT of" in " ".join(told.stderr.split())
    assert not runs.exists()
