from __future__ import annotations

import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform, resample
from audiostory.errors import AudioError, CheckpointError
from audiostory.evaluate.tagger import (
    OTHER,
    REPORTING,
    TUNING,
    Tagger,
    load_tagger,
    log_mel,
    mel_bank,
    save_tagger,
    windows,
)
from tests.evaluate.sounds import RATE_HZ, TINY, bell, rain


@pytest.mark.parametrize("config", [TUNING, REPORTING])
def test_every_mel_band_hears_something_and_none_hears_above_the_narrowest_sources(config):
    bank = mel_bank(config)
    assert (bank.amax(dim=0) > 0).all()
    bins_hz = np.linspace(0, config.sample_rate_hz / 2, len(bank))
    assert not bank[bins_hz > 3_500].any()


@pytest.mark.parametrize("config", [TUNING, REPORTING])
def test_level_is_not_heard(config):
    loud, quiet = log_mel(rain(1, level=0.1), config), log_mel(rain(1, level=0.001), config)
    assert torch.allclose(loud, quiet, atol=1e-3)


@pytest.mark.parametrize("config", [TUNING, REPORTING])
def test_bandwidth_above_four_kilohertz_is_not_heard(config):
    noise = np.random.default_rng(0).standard_normal((1, 12_000)).astype(np.float32) * 0.1
    wide = Waveform(noise, 24_000)
    narrow = resample(resample(wide, 8_000), 24_000)
    assert (log_mel(wide, config) - log_mel(narrow, config)).abs().mean() < 0.01


def test_silence_around_a_sound_is_not_heard():
    sound = bell(3).samples
    padded = np.pad(sound, ((0, 0), (RATE_HZ, RATE_HZ)))
    bare_TM, padded_TM = log_mel(bell(3), TINY), log_mel(Waveform(padded, RATE_HZ), TINY)
    assert abs(len(bare_TM) - len(padded_TM)) <= 3


def test_silence_is_refused():
    with pytest.raises(AudioError, match="silent"):
        log_mel(Waveform(np.zeros((1, 800), np.float32), RATE_HZ), TINY)


def test_long_clips_are_judged_in_overlapping_windows_and_quiet_tails_are_left_out():
    frames = TINY.window_frames
    loud_TM = torch.ones(3 * frames, TINY.num_mels)
    assert windows(loud_TM, TINY).shape == (5, frames, TINY.num_mels)
    loud_TM[frames:] = 0.1
    assert len(windows(loud_TM, TINY)) == 2
    assert windows(torch.ones(3, TINY.num_mels), TINY).shape == (1, frames, TINY.num_mels)


@pytest.mark.parametrize("config", [TUNING, REPORTING, TINY])
def test_tags_are_probabilities_over_groups_and_other(config):
    tagger = Tagger(config)
    tags = tagger.tags(bell(0))
    assert tagger.classes[-1] == OTHER
    assert tags.probabilities.shape == (len(config.groups) + 1,)
    assert tags.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert tags.embedding.shape == (config.embedding_width,)


def test_a_saved_tagger_says_the_same(tmp_path):
    tagger = Tagger(TINY)
    save_tagger(tagger, tmp_path / "t", report={"seconds": 1.0})
    loaded = load_tagger(tmp_path / "t")
    assert loaded.config == TINY
    np.testing.assert_array_equal(
        loaded.tags(rain(2)).probabilities, tagger.tags(rain(2)).probabilities
    )


def test_a_missing_or_damaged_tagger_is_a_clear_error(tmp_path):
    with pytest.raises(CheckpointError, match="train one first"):
        load_tagger(tmp_path / "none")
    save_tagger(Tagger(TINY), tmp_path)
    (tmp_path / "tagger.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError):
        load_tagger(tmp_path)
    save_tagger(Tagger(TINY), tmp_path)
    text = (tmp_path / "tagger.json").read_text(encoding="utf-8").replace('"bell",', "")
    (tmp_path / "tagger.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match="damaged"):
        load_tagger(tmp_path)
