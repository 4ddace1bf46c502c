from __future__ import annotations

import numpy as np
import pytest

from audiostory.baselines.tangoflux import TangoFluxGenerator
from audiostory.errors import InstructionError
from audiostory.story.types import Instruction
from tests.released_folder import write_tangoflux


@pytest.fixture(scope="module")
def generator(tmp_path_factory) -> TangoFluxGenerator:
    folder = write_tangoflux(tmp_path_factory.mktemp("t") / "TangoFlux", max_frames=6000)
    return TangoFluxGenerator.from_pretrained(str(folder))


def test_a_text_becomes_a_sound_of_the_length_asked_for(generator):
    narration = generator.generate(Instruction(text="Rain falls", duration_s=1.0))
    assert narration.waveform.num_samples == 44_100
    assert narration.waveform.samples.shape[0] == 2
    (clip,) = narration.plan.clips
    assert clip.caption == "Rain falls"


def test_the_same_seed_gives_the_same_sound(generator):
    asked = Instruction(text="A dog barks", duration_s=1.0)
    first, again, other = (generator.generate(asked, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.waveform.samples, again.waveform.samples)
    assert not np.array_equal(first.waveform.samples, other.waveform.samples)


def test_more_than_the_window_holds_is_refused(generator):
    with pytest.raises(InstructionError, match="TangoFlux makes at most 1.1 s"):
        generator.generate(Instruction(text="Rain falls", duration_s=2.0))
