"""The commands of those who train, from composing to a model that tells a story."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import T5Config, T5EncoderModel
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.apps.training import config_for
from audiostory.audio.waveform import load
from audiostory.errors import CheckpointError, ConfigError
from audiostory.generate.answering import Answerer
from audiostory.models import audiostory as sizes
from audiostory.models.model_folder import from_pretrained, save_pretrained
from audiostory.story.plan_file import load_plan
from audiostory.train import materials, teachers, workbench
from audiostory.train.recipes import catalogue
from audiostory.train.recipes.catalogue import stage
from audiostory.train.stages import Recipe
from tests.data.corpus import write_corpus
from tests.models.test_text_encoder import saved
from tests.tiny import TINY_EARS, tiny_config, tiny_model, tiny_tokenizer


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sizes.SIZES, "tiny", tiny_config())
    monkeypatch.setattr(materials, "FIT_CLIPS", 6)
    return tmp_path / "runs"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


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


def course_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe of two short stages, the second begun by the first."""
    first = replace(stage("nano/codec", steps=1, batch_size=2), name="brief/codec")
    second = replace(first, name="brief/again", starts_from=("brief/codec",))
    brief = Recipe(
        name="brief", about="", size="tiny", language_model="none", stages=(first, second)
    )
    monkeypatch.setitem(catalogue.RECIPES, "brief", brief)
    for each in brief.stages:
        monkeypatch.setitem(catalogue.STAGES, each.name, each)


def test_a_recipe_by_its_name_runs_all_its_stages_once_and_is_exported(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course_of_two(monkeypatch)
    given = ("--runs", runs, "--corpus", write_corpus(tmp_path / "corpus"))
    stopped = run("train", "brief", *given, "--minutes", 0, "--steps", 3)
    assert "stage 1 of 2: brief/codec stopped after 0.0 min" in stopped.stdout
    assert "run again to go on" in stopped.stdout
    done = run("train", "brief", *given, "--steps", 3)
    assert done.exit_code == 0, done.stderr
    told = done.stdout
    assert "stage 1 of 2: brief/codec begins, 3 steps\n" in told
    assert re.search(r"stage 2 of 2: brief/again ended after \d+\.\d min\n", told)
    assert f"next: audiostory export brief --runs {runs} -o MODEL" in told
    again = run("train", "brief", *given, "--steps", 3).stdout
    assert again.count("had ended before") == 2
    assert "begins" not in again
    refused = run("train", "brief", *given)
    assert refused.exit_code == 2
    assert "steps is 3 there and 1 here" in " ".join(refused.stderr.split())


def test_a_recipe_says_what_all_its_stages_lack_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("train", "miniature")
    assert told.exit_code == 2
    assert "miniature cannot run: give --corpus, --stories, --teacher" in told.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [("--from", "nano"), ("--tangoflux", "nano"), ("--prepare",)])
def test_what_one_stage_begins_with_is_refused_for_a_recipe(
    runs: Path, option: tuple[str, ...]
) -> None:
    told = run("train", "nano", *option, "--runs", runs)
    assert told.exit_code == 2
    said = " ".join(told.stderr.split())
    assert f"{option[0]} is for one stage, and 'nano' is a recipe of 10" in said


def test_a_plan_of_a_recipe_is_told_stage_by_stage() -> None:
    told = run("train", "miniature", "--estimate", 1)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.count("of memory in each process") == 9
    assert "miniature/stage3: " in told.stdout


def test_a_recipe_that_has_not_ended_is_not_exported(tmp_path: Path, runs: Path) -> None:
    told = run("export", "miniature", "-o", tmp_path / "model", "--runs", runs)
    assert told.exit_code == 2
    assert "audiostory train miniature/codec" in " ".join(told.stderr.split())


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


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a text encoder of the tiny bridge's width."""
    monkeypatch.setitem(teachers.TEACHERS_SHA256, "pooled_spans", None)
    config = T5Config(vocab_size=10, d_model=24, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return saved(tmp_path / "teacher", T5EncoderModel(config))


@pytest.mark.slow
def test_the_whole_miniature_is_trained_by_one_command_and_tells_a_story(
    tmp_path: Path, runs: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearing = replace(tiny_config(), name="tiny-hearing", audio_encoder=TINY_EARS)
    monkeypatch.setitem(sizes.SIZES, "tiny-hearing", hearing)
    corpus, stories = write_corpus(tmp_path / "corpus"), tmp_path / "stories.jsonl"
    assert run("compose", "-o", stories, "--count", 20, "--corpus", corpus).exit_code == 0
    given = ("--corpus", corpus, "--stories", stories, "--teacher", teacher)
    brief = ("--runs", runs, "--size", "tiny-hearing", "--steps", 4, "--batch-size", 2)
    done = run("train", "miniature", *given, *brief)
    assert done.exit_code == 0, done.stderr
    assert "miniature: all 9 stages have ended" in done.stdout
    model = tmp_path / "model"
    joined = run("export", "miniature", "-o", model, "--runs", runs, "--size", "tiny-hearing")
    assert joined.exit_code == 0, joined.stderr
    loaded = from_pretrained(model)
    assert loaded.model.config == hearing
    track = tmp_path / "storm.wav"
    told = run("generate", "A storm: rain, a bell", "--duration", 6, "--model", model, "-o", track)
    assert told.exit_code == 0, told.stderr
    assert load(track).duration_s == 6.0
    plan = load_plan(tmp_path / "storm.story.json")
    assert plan.clips
    sound = load(corpus / "bell-0.wav", 8000, mono=True)
    answerer = Answerer(loaded.model, loaded.tokenizer, max_tokens=2)
    assert answerer.answer(sound, "What is it?")


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
    with pytest.raises(ConfigError, match="a 'own' of other sizes than 'nano': leave --size out"):
        config_for(["nano/stage3"], "nano", tmp_path / "own")
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
