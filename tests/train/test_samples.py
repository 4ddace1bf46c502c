"""What a run sounds like on its way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from audiostory.audio.waveform import load, silence
from audiostory.errors import TrainingError
from audiostory.train.execution import Execution
from audiostory.train.samples import NUM_CAPTIONS, SamplesEvery
from tests.train.test_workbench import bench, paths, short  # noqa: F401 - a fixture
from tests.train.tiny_run import STAGE, trainer, weights_of


def test_samples_come_at_their_steps_and_change_no_weight(tmp_path: Path) -> None:
    stage = replace(STAGE, steps=3)
    plain, heard = trainer(tmp_path / "a", stage), trainer(tmp_path / "b", stage)
    modes: list[bool] = []

    def render():
        modes.append(heard.model.training)
        for name, value in heard.parameters.items():
            assert torch.equal(value, heard.averaged.values[name])
        return {"one": silence(0.1, 8000)}

    heard.watchers = [SamplesEvery(2, render)]
    plain.train()
    heard.train()
    assert modes == [False]
    assert heard.model.training
    assert [path.parent.name for path in tmp_path.glob("b/samples/*/*.wav")] == ["step-000002"]
    for name, value in weights_of(plain).items():
        assert torch.equal(heard.parameters[name], value)


@pytest.mark.parametrize("name", ["nano/dit", "nano/stage1-whole"])
def test_a_few_captions_are_heard(paths, name: str) -> None:  # noqa: F811
    for earlier in ("codec", "llm", "dit", "stage1-warm", "stage1-stories", "stage1-bridged"):
        if name == "nano/dit" and earlier != "codec":
            continue
        bench(paths).train(short(f"nano/{earlier}", 1))
    made = bench(paths)
    made.train(short(name), execution=Execution(samples_every=2))
    found = sorted((paths.run(name) / "samples" / "step-000002").glob("*.wav"))
    assert len(found) == NUM_CAPTIONS
    sounds = [load(path) for path in found]
    assert all(sound.duration_s == pytest.approx(4.0) for sound in sounds)


def test_without_a_decoder_there_is_nothing_to_hear(paths) -> None:  # noqa: F811
    with pytest.raises(TrainingError, match="run 'audiostory train nano/codec' first"):
        bench(paths).train(short("nano/dit"), execution=Execution(samples_every=1))


def test_a_recipe_without_sound_renders_none(paths) -> None:  # noqa: F811
    with pytest.raises(TrainingError, match="objective 'text' renders no samples"):
        bench(paths).train(short("nano/llm"), execution=Execution(samples_every=1))
