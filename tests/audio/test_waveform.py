"""Waveforms, their files, and what must never happen to a file."""

from __future__ import annotations

import resource
import stat

import numpy as np
import pytest

from audiostory.audio import waveform as module
from audiostory.audio.waveform import (
    Waveform,
    atomic_output,
    load,
    pad,
    resample,
    save,
    silence,
    to_mono,
    trim,
)
from audiostory.errors import AudioError, OutputError
from tests.audio.sounds import tone


def test_a_waveform_knows_its_length():
    sound = silence(1.5, 24_000, channels=2)
    assert (sound.channels, sound.num_samples, sound.duration_s) == (2, 36_000, 1.5)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10, np.float32),
        np.zeros((0, 10), np.float32),
        np.zeros((1, 10)),
        np.full((1, 10), np.nan, np.float32),
        np.array([[np.inf, -np.inf]], np.float32),
    ],
)
def test_samples_that_are_no_sound_are_refused(samples):
    with pytest.raises(AudioError):
        Waveform(samples, 24_000)


@pytest.mark.parametrize("rate", [0, -1, 1_000_000, 44_100.0, True])
def test_rates_that_do_not_exist_are_refused(rate):
    with pytest.raises(AudioError, match="does not exist"):
        silence(1.0, rate)


def test_trim_takes_the_stretch_asked_for_and_no_other():
    sound = tone(duration_s=2.0)
    part = trim(sound, 0.5, 1.0)
    assert np.array_equal(part.samples, sound.samples[:, 12_000:36_000])
    with pytest.raises(AudioError, match="cannot take"):
        trim(sound, 1.5, 1.0)


def test_pad_adds_silence_after_the_sound():
    padded = pad(tone(duration_s=1.0), 1.25)
    assert padded.num_samples == 30_000
    assert not padded.samples[:, 24_000:].any()
    with pytest.raises(AudioError, match="cannot be padded"):
        pad(padded, 1.0)


@pytest.mark.parametrize("rates", [(24_000, 44_100), (44_100, 24_000), (48_000, 11_025)])
@pytest.mark.parametrize("num_samples", [1, 1_001, 24_001])
def test_resampling_keeps_the_length_to_the_nearest_sample(rates, num_samples):
    before, after = rates
    sound = Waveform(np.ones((2, num_samples), np.float32), before)
    assert resample(sound, after).num_samples == round(num_samples * after / before)


def test_resampling_keeps_the_tone():
    there_and_back = resample(resample(tone(440.0), 44_100), 24_000)
    middle = slice(2_000, 22_000)
    difference = there_and_back.samples[:, middle] - tone(440.0).samples[:, middle]
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", None, 1 / 32_767),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "FLOAT", 0.0),
        ("a.flac", None, 1 / 32_767),
        ("A.FLAC", "PCM_24", 1e-6),
    ],
)
def test_lossless_files_give_back_the_samples(tmp_path, name, subtype, tolerance):
    sound = tone(duration_s=0.3, channels=2)
    save(sound, tmp_path / name, subtype=subtype)
    read = load(tmp_path / name)
    assert read.sample_rate_hz == 24_000
    assert np.abs(read.samples - sound.samples).max() <= tolerance


@pytest.mark.parametrize("name", ["a.ogg", "a.opus", "a.mp3"])
def test_compressed_files_sound_alike(tmp_path, name):
    sound = tone(duration_s=1.0)
    save(sound, tmp_path / name)
    read = load(tmp_path / name, sample_rate_hz=24_000, mono=True)
    assert read.duration_s == pytest.approx(1.0, abs=0.1)
    assert np.std(read.samples) == pytest.approx(np.std(sound.samples), rel=0.1)


def test_files_longer_than_a_chunk_are_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 1_000)
    save(tone(), tmp_path / "a.wav", subtype="FLOAT")
    assert np.array_equal(load(tmp_path / "a.wav").samples, tone().samples)


def test_equal_waveforms_give_equal_bytes(tmp_path):
    save(tone(), tmp_path / "a.wav")
    save(tone(), tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_mono_is_the_mean_of_the_channels():
    stereo = Waveform(np.array([[1.0, 0.0], [0.0, 0.5]], np.float32), 24_000)
    assert np.array_equal(to_mono(stereo).samples, [[0.5, 0.25]])


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        save(tone(), path)
    assert path.read_bytes() == b"precious"
    save(tone(), path, overwrite=True)
    assert load(path).num_samples == 24_000


def test_a_full_disk_is_an_error_that_leaves_nothing_behind(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3"):
        noise = np.random.default_rng(0).uniform(-0.9, 0.9, (1, 240_000)).astype(np.float32)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            with pytest.raises(OutputError, match="cannot write"):
                save(Waveform(noise, 24_000), tmp_path / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_file_that_was_to_be_overwritten(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            save(tone(), path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"precious"]


def test_a_missing_folder_or_a_file_as_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for path in (tmp_path / "nowhere" / "a.wav", tmp_path / "file" / "a.wav"):
        with pytest.raises(OutputError, match="writable folder"):
            save(tone(), path)


def test_an_unwritable_folder_is_an_error(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.Path, "touch", refuse)  # root may write into any folder
    with pytest.raises(OutputError, match="Permission denied"):
        save(tone(), tmp_path / "a.wav")


def test_a_folder_is_no_output_file(tmp_path):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        save(tone(), tmp_path / "a.wav", overwrite=True)


def test_an_interrupted_write_leaves_nothing_behind(tmp_path):
    def interrupted() -> None:
        with atomic_output(tmp_path / "a.wav", overwrite=False) as partial:
            partial.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_files_get_the_usual_permissions(tmp_path):
    save(tone(), tmp_path / "a.wav")
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "b").stat().st_mode
    )


@pytest.mark.parametrize(
    ("name", "subtype", "rate"),
    [
        ("a.txt", None, 24_000),
        ("a", None, 24_000),
        ("a.wav", "VORBIS", 24_000),
        ("a.flac", "FLOAT", 24_000),
        ("a.opus", None, 44_100),
        ("a.mp3", None, 96_000),
    ],
)
def test_files_that_could_not_hold_the_sound_are_refused(tmp_path, name, subtype, rate):
    with pytest.raises(OutputError):
        save(silence(0.1, rate), tmp_path / name, subtype=subtype)
    assert list(tmp_path.iterdir()) == []


def test_samples_over_full_scale_are_refused_where_they_would_clip(tmp_path):
    loud = tone(level=1.5)
    with pytest.raises(AudioError, match=r"\+3\.5 dBFS"):
        save(loud, tmp_path / "a.wav")
    save(loud, tmp_path / "a.wav", subtype="FLOAT")
    assert np.array_equal(load(tmp_path / "a.wav").samples, loud.samples)


def test_a_wav_that_its_header_could_not_describe_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAV_BYTES", 10_000)
    with pytest.raises(OutputError, match="write flac"):
        save(tone(), tmp_path / "a.wav")


@pytest.mark.parametrize("content", [None, b"", b"this is no sound" * 10])
def test_files_that_are_no_sound_are_refused(tmp_path, content):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.wav"):
        load(path)


def test_an_empty_sound_is_neither_read_nor_written(tmp_path):
    with pytest.raises(AudioError, match="nothing to write"):
        save(silence(0.0, 24_000), tmp_path / "a.wav")
