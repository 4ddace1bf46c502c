from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, save
from audiostory.data.manifest import Layer, Room, StoryRow
from audiostory.data.mixing import REFERENCE_DB, Mixer, filtered, in_room, mix_event, mix_story
from audiostory.errors import CorpusError
from audiostory.story.types import Event

RATE_HZ = 8_000


def tone(hertz: float, seconds: float, level: float = 0.3) -> np.ndarray:
    """A sine, mono."""
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * hertz * times_s)).astype(np.float32)


def level_db(samples: np.ndarray) -> float:
    """Root mean square level relative to full scale."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))


@pytest.fixture
def corpus(tmp_path):
    """Two tones, one long and one short."""
    save(Waveform(tone(440, 2.0)[None], RATE_HZ), tmp_path / "long.wav")
    save(Waveform(tone(1000, 0.2)[None], RATE_HZ), tmp_path / "short.wav")
    return tmp_path


def story(**changes) -> StoryRow:
    """Two events: the long tone looped, then the short one at 1 s."""
    row = StoryRow(
        id="s", seed=1, instruction="tones", duration_s=8.0, summary="Tones.",
        events=(
            Event(start_s=0.0, end_s=5.0, detail="A tone.", sounds="Tone."),
            Event(start_s=5.0, end_s=8.0, detail="A beep.", sounds="Beep."),
        ),
        captions=("A tone", "A beep"),
        layers=(
            (Layer(file="long.wav", duration_s=5.0),),
            (Layer(file="short.wav", start_s=1.0, duration_s=0.2),),
        ),
    )  # fmt: skip
    return replace(row, **changes)


def test_events_and_stories_are_as_long_as_asked_to_the_sample(corpus):
    mixer = Mixer(corpus, RATE_HZ)
    assert mixer.event(story(), 0).shape == (5 * RATE_HZ,)
    assert mixer.event(story(), 1, overlap_s=0.5).shape == (round(3.5 * RATE_HZ),)
    assert mixer.story(story()).shape == (8 * RATE_HZ,)


def test_a_short_clip_is_looped_without_a_gap(corpus):
    samples = mix_event(story(), 0, corpus, RATE_HZ)
    levels = [level_db(samples[at : at + 800]) for at in range(800, len(samples) - 1600, 800)]
    assert min(levels) > REFERENCE_DB - 4
    assert max(levels) < REFERENCE_DB + 4


def test_a_sound_comes_when_its_layer_says(corpus):
    samples = mix_event(story(), 1, corpus, RATE_HZ)
    assert np.abs(samples[: RATE_HZ - 1]).max() < 1e-6
    assert np.abs(samples[RATE_HZ : RATE_HZ + 1600]).max() > 0.05
    assert np.abs(samples[RATE_HZ + 1700 :]).max() < 1e-6


def test_the_same_row_gives_the_same_samples_and_another_seed_another_room(corpus):
    room = Room(name="hall", rt60_s=0.8, wet_db=-6.0, noise_db=-60.0)
    first = mix_story(story(room=room), corpus, RATE_HZ)
    np.testing.assert_array_equal(first, mix_story(story(room=room), corpus, RATE_HZ))
    assert np.abs(first - mix_story(story(room=room, seed=2), corpus, RATE_HZ)).max() > 1e-4


def test_gain_is_in_decibels(corpus):
    louder = story(
        layers=((Layer(file="long.wav", duration_s=5.0, gain_db=6.0),), story().layers[1])
    )
    gained_db = level_db(mix_event(louder, 0, corpus, RATE_HZ)) - level_db(
        mix_event(story(), 0, corpus, RATE_HZ)
    )
    assert gained_db == pytest.approx(6.0, abs=0.1)


def test_a_room_rings_on_after_the_sound():
    click = np.zeros(RATE_HZ, np.float32)
    click[0] = 1.0
    room = Room(name="hall", rt60_s=0.5, wet_db=-6.0)
    heard = in_room(click, room, RATE_HZ, seed=5)
    early, late = (level_db(heard[at : at + 800]) for at in (800, 3200))
    assert level_db(heard[400:800]) > -60
    assert early - late == pytest.approx(36, abs=6)  # 60 dB in 0.5 s: 36 dB in 0.3 s
    np.testing.assert_array_equal(in_room(click, Room(), RATE_HZ, seed=5), click)


def test_a_bed_goes_on_across_events(corpus):
    bed = Layer(file="long.wav", duration_s=8.0, gain_db=-20.0)
    samples = mix_event(story(bed=bed), 1, corpus, RATE_HZ)
    assert level_db(samples[: RATE_HZ // 2]) == pytest.approx(REFERENCE_DB - 20, abs=2)


def test_filters_keep_their_band():
    low, high = tone(200, 1.0), tone(3000, 1.0)
    kept = filtered(low + high, 0.0, 800.0, RATE_HZ)
    assert level_db(kept) == pytest.approx(level_db(low), abs=0.5)


def test_loud_mixes_do_not_clip(corpus):
    loud = story(
        layers=((Layer(file="long.wav", duration_s=5.0, gain_db=40.0),), story().layers[1])
    )
    assert np.abs(mix_event(loud, 0, corpus, RATE_HZ)).max() <= 0.951


def test_stories_in_words_and_wrong_offsets_say_so(corpus):
    with pytest.raises(CorpusError, match="words only"):
        mix_event(story(layers=()), 0, corpus, RATE_HZ)
    late = Layer(file="short.wav", offset_s=9.0, duration_s=1.0)
    with pytest.raises(CorpusError, match="ends before"):
        mix_event(story(layers=((late,), story().layers[1])), 0, corpus, RATE_HZ)
