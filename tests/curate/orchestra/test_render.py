from __future__ import annotations

import importlib
from random import Random

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, silence
from audiostory.curate.orchestra import render, solos
from audiostory.curate.orchestra.instruments import CLARINET, HARP, TIMPANI, TROMBONE
from audiostory.curate.orchestra.phrases import GESTURES
from audiostory.curate.orchestra.render import (
    LONGEST_S,
    SAMPLE_RATE_HZ,
    SHORTEST_S,
    SoundfontRenderer,
    events,
    finished,
)
from audiostory.curate.orchestra.score import Line, Score
from audiostory.curate.orchestra.soundfont import DEFAULT_SOUNDFONT
from audiostory.errors import AudioError, CorpusError, MissingExtraError
from tests.curate.orchestra.playing import tones


def score_of(line: Line) -> Score:
    return Score(gesture="run", parts=(line.part(),), tempo_bpm=60, mode="", noun="run")


def test_every_note_begins_and_ends_in_order():
    told = events(GESTURES["chase"].compose(Random(0), CLARINET))
    assert [event.at_s for event in told] == sorted(event.at_s for event in told)
    sounding: set[tuple[int, int]] = set()
    for event in told:
        key = (event.channel, event.pitch)
        if event.velocity:
            assert key not in sounding  # a note ends before its pitch is struck again
            sounding.add(key)
        else:
            sounding.remove(key)
    assert not sounding


def test_a_slide_moves_the_wheel_in_small_steps():
    score = solos.slide(Random(1), TROMBONE)
    wheel = [event.semitones for event in events(score) if event.semitones is not None]
    assert max(abs(step) for step in np.diff(wheel)) <= 9
    assert len(wheel) > 50


def test_a_clip_ends_where_nothing_is_heard_any_more_and_not_before():
    score = solos.tune(Random(0), CLARINET)
    clip = finished(tones(score), score)
    assert (clip.channels, clip.sample_rate_hz) == (1, SAMPLE_RATE_HZ)
    assert score.seconds - 0.5 < clip.duration_s <= score.seconds + 0.5
    assert SHORTEST_S <= clip.duration_s <= LONGEST_S
    assert clip.samples[0, -1] == pytest.approx(0, abs=1e-6)


def test_a_short_clip_is_a_second_long():
    score = score_of(Line(TIMPANI).play(45, 0.2))
    rung = Waveform(np.pad(tones(score).samples, ((0, 0), (0, SAMPLE_RATE_HZ))), SAMPLE_RATE_HZ)
    assert finished(rung, score).duration_s == SHORTEST_S


def test_louder_phrases_are_louder_clips_and_none_clips():
    soft, loud = (score_of(Line(CLARINET, velocity).play(60, 2)) for velocity in (50, 110))
    peaks = [np.abs(finished(tones(score), score).samples).max() for score in (soft, loud)]
    assert peaks[0] < 0.5 * peaks[1] < peaks[1] < 1


def test_a_phrase_nobody_hears_is_told():
    score = score_of(Line(HARP).play(60, 1))
    with pytest.raises(AudioError, match="a run of a harp came out silent"):
        finished(silence(2.0, SAMPLE_RATE_HZ), score)


def test_a_phrase_too_long_is_told():
    score = score_of(Line(HARP).play(60, 9))
    with pytest.raises(AudioError, match=r"lasts 9\.0 s"):
        finished(tones(score), score)


def failing(error: ImportError):
    def missing(name: str):
        raise error

    return missing


def test_a_missing_package_names_its_extra(monkeypatch, tmp_path):
    missing = failing(ModuleNotFoundError("no", name="fluidsynth"))
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"audiostory\[music\]"):
        SoundfontRenderer(tmp_path / "any.sf2")


def test_a_missing_library_names_its_package(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib, "import_module", failing(ImportError("no library")))
    with pytest.raises(MissingExtraError, match="apt-get install libfluidsynth3"):
        SoundfontRenderer(tmp_path / "any.sf2")


@pytest.fixture(scope="module")
def renderer() -> SoundfontRenderer:
    """The real thing."""
    if not DEFAULT_SOUNDFONT.is_file():
        pytest.skip(f"needs {DEFAULT_SOUNDFONT}, of Debian's package fluid-soundfont-gm")
    try:
        return SoundfontRenderer(DEFAULT_SOUNDFONT)
    except MissingExtraError as error:
        pytest.skip(str(error))


def test_what_was_played_before_leaves_no_trace(renderer):
    first, other = (solos.run(Random(seed), CLARINET) for seed in (0, 1))
    before = renderer(first).samples
    renderer(other)
    np.testing.assert_array_equal(renderer(first).samples, before)


def test_a_note_sounds_at_its_pitch(renderer):
    score = score_of(Line(CLARINET).play(69, 2))
    samples = finished(renderer(score), score).samples[0]
    spectrum = np.abs(np.fft.rfft(samples))
    loudest_hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)[spectrum.argmax()]
    assert loudest_hz == pytest.approx(440, rel=0.01)


def test_a_file_that_is_no_soundfont_is_told(renderer, tmp_path):
    (tmp_path / "any.sf2").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match="no soundfont that FluidSynth can read"):
        SoundfontRenderer(tmp_path / "any.sf2")


@pytest.mark.parametrize("name", sorted(GESTURES))
def test_every_gesture_is_heard_on_the_real_soundfont(renderer, name):
    gesture = GESTURES[name]
    score = gesture.compose(Random(0), gesture.players[0])
    clip = finished(renderer(score), score)
    assert score.seconds < clip.duration_s < score.seconds + render.RING_S + 1e-3
