"""A run goes on with what it was begun with, wherever that lies, and with nothing else."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from audiostory.curate.compose import compose_stories
from audiostory.errors import CorpusError, TrainingError
from audiostory.models.model_folder import save_pretrained
from audiostory.train import materials as materials_module
from audiostory.train.execution import Execution
from audiostory.train.materials import Materials
from audiostory.train.origins import origins_of
from audiostory.train.paths import Paths
from audiostory.train.recipes.catalogue import stage as stage_called
from audiostory.train.stages import StageConfig
from audiostory.train.workbench import Workbench
from tests.data.corpus import write_corpus
from tests.tiny import TINY_EARS, tiny_config, tiny_model, tiny_tokenizer
from tests.train.test_workbench import Teacher

STAGE3 = replace(stage_called("nano/stage3", steps=3, batch_size=2), starts_from=())
RETOLD = replace(STAGE3, starts_from=("nano/llm",))
LATENTS = stage_called("nano/dit", steps=3, batch_size=2)
STOPPED = Execution(stop_after_s=0.0)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setattr(materials_module, "FIT_CLIPS", 8)
    monkeypatch.setattr(Materials, "teacher", Teacher())
    corpus, stories = write_corpus(tmp_path / "corpus"), tmp_path / "stories.jsonl"
    compose_stories(stories, 12, 0, corpus)
    paths = Paths(runs=tmp_path / "runs", corpus=corpus, stories=stories)
    weights = paths.run("nano/llm") / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    save_file({"llm.network.model.norm.weight": torch.ones(32)}, weights)
    return paths


def other_sound(paths: Paths) -> None:
    sound = paths.need("corpus") / "rain-1.wav"
    samples, rate_hz = soundfile.read(sound)
    soundfile.write(sound, 0.5 * np.asarray(samples), rate_hz)


def other_caption(paths: Paths) -> None:
    rows = paths.need("corpus") / "metadata.jsonl"
    rows.write_text(rows.read_text().replace("A dog barking", "A hound barking"))


def other_stories(paths: Paths) -> None:
    compose_stories(paths.need("stories"), 12, 1, paths.need("corpus"))


def other_tokenizer(paths: Paths) -> None:
    text = tiny_tokenizer().to_str()
    (paths.runs / "tokenizer.json").write_text(text)


def other_encoder(paths: Paths) -> None:
    path = paths.run("codec") / "encoder.safetensors"
    save_file({name: 1.01 * value for name, value in load_file(path).items()}, path)


def other_teacher(paths: Paths) -> None:
    Materials.teacher.mean_D = torch.ones(24)


def other_weights(paths: Paths) -> None:
    path = paths.run("nano/llm") / "weights.safetensors"
    save_file({name: 2 * value for name, value in load_file(path).items()}, path)


@pytest.mark.parametrize(
    ("stage", "change", "told"),
    [
        (LATENTS, other_sound, "--corpus: changed"),
        (LATENTS, other_caption, "--corpus: changed"),
        (LATENTS, other_encoder, "the codec's encoder: changed"),
        (LATENTS, other_teacher, "--teacher: changed"),
        (STAGE3, other_stories, "--stories: changed"),
        (STAGE3, other_tokenizer, "the tokenizer: changed"),
        (RETOLD, other_weights, "the weights of nano/llm: changed"),
    ],
)
def test_a_run_does_not_go_on_with_something_else(
    given: Paths, stage: StageConfig, change: Callable[[Paths], None], told: str
) -> None:
    assert Workbench(tiny_config(), given).train(stage, execution=STOPPED) is None
    change(given)
    with pytest.raises(TrainingError, match=rf"something else \({told}\): give what"):
        Workbench(tiny_config(), given).train(stage)


def test_a_run_goes_on_with_the_same_data_in_another_place(given: Paths, tmp_path: Path) -> None:
    assert Workbench(tiny_config(), given).train(RETOLD, execution=STOPPED) is None
    moved = tmp_path / "elsewhere"
    shutil.copytree(given.need("corpus"), moved)
    rows = (moved / "metadata.jsonl").read_text().splitlines()
    other_test_clip = [row.replace("A dog", "No dog") if '"test"' in row else row for row in rows]
    assert other_test_clip != rows
    (moved / "metadata.jsonl").write_text("\n".join(other_test_clip) + "\n")
    assert Workbench(tiny_config(), replace(given, corpus=moved)).train(RETOLD)


def test_other_lists_of_questions_are_told_wherever_they_lie(given: Paths, tmp_path: Path) -> None:
    stage = replace(stage_called("nano/stage2", steps=3, batch_size=2), starts_from=())
    config = replace(tiny_config(), audio_encoder=TINY_EARS)
    lists = write_corpus(tmp_path / "lists")
    asked = replace(given, questions=(("corpus", lists),))
    assert Workbench(config, asked).train(stage, execution=STOPPED) is None
    with pytest.raises(TrainingError, match="--questions: not given now"):
        Workbench(config, given).train(stage)
    moved = replace(asked, questions=(("corpus", Path(lists.rename(tmp_path / "moved"))),))
    assert Workbench(config, moved).train(stage, execution=STOPPED) is None
    other_sound(replace(moved, corpus=tmp_path / "moved"))
    with pytest.raises(TrainingError, match=r"--questions: changed"):
        Workbench(config, moved).train(stage)


def test_another_beginning_is_told(given: Paths, tmp_path: Path) -> None:
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "one")
    save_pretrained(tiny_model(1), tiny_tokenizer(), tmp_path / "two")
    begun = Workbench(tiny_config(), given)
    assert begun.train(RETOLD, execution=STOPPED, start=tmp_path / "one") is None
    with pytest.raises(TrainingError, match="--from: changed"):
        Workbench(tiny_config(), given).train(RETOLD, start=tmp_path / "two")
    told = "--from: not given now; .*the weights of nano/llm: not given then"
    with pytest.raises(TrainingError, match=told):
        Workbench(tiny_config(), given).train(RETOLD)


def test_a_checkpoint_that_says_nothing_of_its_origins_is_told_and_then_says_it(
    given: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    assert Workbench(tiny_config(), given).train(LATENTS, execution=STOPPED) is None
    (about,) = given.run("nano/dit").glob("checkpoint-*/about.json")
    kept = json.loads(about.read_text())
    assert kept.pop("origins")
    about.write_text(json.dumps(kept))
    with caplog.at_level(logging.WARNING):
        assert Workbench(tiny_config(), given).train(LATENTS)
    assert "does not say what it was begun with" in caplog.text
    other_sound(given)
    with pytest.raises(TrainingError, match="--corpus"):
        Workbench(tiny_config(), given).train(LATENTS)


def test_what_a_stage_does_not_read_is_none_of_its_origins(given: Paths) -> None:
    materials = Materials(tiny_model(), given, seed=0)
    codec = stage_called("nano/codec")
    assert materials.codec
    assert sorted(origins_of(codec, materials)) == [
        "--corpus",
        "the codec's encoder",
        "the seed of the first weights",
    ]
    (given.need("corpus") / "rain-1.wav").unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*rain-1\.wav: No such file"):
        origins_of(codec, Materials(materials.model, given, seed=0))
