from __future__ import annotations

import numpy as np
import pytest

from audiostory.baselines.tangoflux import TangoFluxGenerator
from audiostory.errors import CheckpointError, InstructionError
from audiostory.story.types import Instruction
from tests.baselines.tiny_tangoflux import tiny_tangoflux
from tests.released_folder import write_tangoflux


@pytest.fixture(scope="module")
def generator() -> TangoFluxGenerator:
    return TangoFluxGenerator(tiny_tangoflux())


def test_a_released_folder_is_read(tmp_path):
    folder = write_tangoflux(tmp_path / "TangoFlux", max_frames=40)
    model = TangoFluxGenerator.from_pretrained(str(folder))
    assert model.sound("Rain falls", 0.005, seed=0).samples.shape == (2, 220)


def test_a_text_becomes_a_sound_of_the_length_asked_for(generator):
    narration = generator.generate(Instruction(text="Rain falls", duration_s=1.0))
    assert narration.waveform.num_samples == 8_000
    assert narration.waveform.samples.shape[0] == 2
    (clip,) = narration.plan.clips
    assert clip.caption == "Rain falls"


def test_the_same_seed_gives_the_same_sound(generator):
    asked = Instruction(text="A dog barks", duration_s=1.0)
    first, again, other = (generator.generate(asked, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.waveform.samples, again.waveform.samples)
    assert not np.array_equal(first.waveform.samples, other.waveform.samples)


def test_more_than_the_window_holds_is_refused(generator):
    with pytest.raises(InstructionError, match="TangoFlux makes at most 2.0 s"):
        generator.generate(Instruction(text="Rain falls", duration_s=3.0))


def test_as_a_text_to_audio_model_it_makes_the_clip_that_it_makes_of_an_instruction(generator):
    model = generator
    clip = model.sound("Rain falls", 1.5, seed=3)
    whole = model.generate(Instruction(text="Rain falls", duration_s=1.5), seed=3)
    assert clip.samples.shape == (2, 12_000)
    assert np.array_equal(clip.samples, whole.waveform.samples)
    assert (model.name, model.sample_rate_hz, model.max_duration_s) == ("TangoFlux", 8_000, 2.0)


def test_the_duration_told_to_the_model_changes_the_sound_before_it_is_cut(generator):
    short, long = (generator.sound("Rain falls", seconds, seed=3).samples for seconds in (1.0, 2.0))
    assert not np.allclose(short, long[:, : short.shape[1]], atol=1e-5)


def test_a_clip_longer_than_the_window_is_refused(generator):
    with pytest.raises(InstructionError, match="TangoFlux makes at most 2.0 s"):
        generator.sound("Rain", 2.1, seed=0)


def test_a_sound_to_go_on_from_is_refused(generator, tmp_path):
    with pytest.raises(InstructionError, match="takes text alone"):
        generator.generate(Instruction(text="go on", audio=tmp_path / "x.wav"))


def test_a_folder_that_is_not_there_is_told_with_the_way_to_get_it(tmp_path):
    with pytest.raises(CheckpointError, match="hf download declare-lab/TangoFlux"):
        TangoFluxGenerator.from_pretrained(str(tmp_path / "none"))
