from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from audiostory.audio.waveform import load
from audiostory.data.manifest import read_sounds
from audiostory.evaluate.embedded.moments import STEP, mono
from audiostory.evaluate.embedded.scenes import (
    FRAME,
    SceneConfig,
    SceneSampler,
    frame_powers,
    reverberation,
    sounding,
)
from tests.evaluate.sounds import write_corpus

CONFIG = SceneConfig(moments=4)
CLEAR = SceneConfig(
    moments=4,
    foregrounds=(1.0,),
    bed_share=0,
    stretched_share=0,
    tilted_share=0,
    dull_share=0,
    room_share=0,
    noise_share=0,
)


@pytest.fixture
def make(tmp_path):
    corpus = write_corpus(tmp_path)
    rows = [row for row in read_sounds(corpus / "metadata.jsonl") if row.split == "train"]
    waves = [mono(load(corpus / row.file)) for row in rows]
    return lambda config: SceneSampler(waves, rows, ("bell", "rain"), config, seed=5)


def test_a_scene_is_a_function_of_its_number(make):
    once, again, other = make(CONFIG).scene(3), make(CONFIG).scene(3), make(CONFIG).scene(4)
    assert np.array_equal(once.samples_N, again.samples_N)
    assert np.array_equal(once.heard_KG, again.heard_KG)
    assert not np.array_equal(once.samples_N, other.samples_N)


def test_scenes_are_as_long_and_as_loud_as_asked(make):
    for number in range(20):
        scene = make(CONFIG).scene(number)
        assert scene.samples_N.shape == (4 * STEP,)
        assert scene.heard_KG.shape == (4, 2)
        peak_db = 20 * np.log10(np.abs(scene.samples_N).max())
        assert CONFIG.peak_db[0] - 0.1 <= peak_db <= CONFIG.peak_db[1] + 0.1


def test_what_is_said_to_be_heard_is_a_kind_in_the_scene(make):
    sampler = make(CLEAR)
    for number in range(40):
        scene = sampler.scene(number)
        kinds = {sampler.rows[index].group for index in scene.clips}
        columns = zip(sampler.groups, scene.heard_KG.T, strict=True)
        assert {group for group, column in columns if column.any()} <= kinds


def test_a_sound_is_heard_in_the_moments_in_which_it_sounds(make):
    sampler = make(CLEAR)
    for number in range(40):
        scene = sampler.scene(number)
        loud_K = np.abs(scene.samples_N).reshape(4, -1).max(axis=1) > 0
        assert (loud_K | ~scene.heard_KG.any(axis=1)).all()
    heard = [sampler.scene(number) for number in range(40)]
    named = [one for one in heard if sampler.rows[one.clips[0]].group != "toy"]
    assert sum(bool(one.heard_KG.any()) for one in named) > 0.9 * len(named)


def test_moments_in_which_a_sound_is_heard_are_the_very_ones_in_which_it_sounds(make):
    sampler = make(CLEAR)
    burst = np.zeros(sampler.config.num_samples, np.float32)
    burst[2 * STEP : 3 * STEP] = 1.0
    assert sampler._heard([("bell", burst)])[:, 0].tolist() == [0, 0, 1, 0]


def test_scenes_of_other_sounds_kinds_or_seeds_have_other_digests(make):
    own, other = make(CLEAR), make(CONFIG)
    assert own.digest == make(CLEAR).digest != other.digest
    other = make(CLEAR)
    other.rows = [replace(row, group="rain") for row in other.rows]
    assert own.digest != other.digest
    other = make(CLEAR)
    other.waves = [wave * 2 for wave in other.waves]
    assert own.digest != other.digest


def test_a_drowned_sound_is_not_expected_to_be_heard(make):
    sampler = make(CLEAR)
    loud = np.ones(sampler.config.num_samples, np.float32)
    heard = sampler._heard([("bell", loud * 0.1), ("rain", loud)])
    assert heard.tolist() == [[0.0, 1.0]] * 4
    heard = sampler._heard([("bell", loud * 0.3), ("rain", loud)])
    assert heard.tolist() == [[1.0, 1.0]] * 4


def test_foregrounds_come_as_often_as_asked(make):
    sampler = make(CONFIG)
    counts = Counter(len(sampler.scene(number).clips) for number in range(300))
    assert [counts[k] / 300 for k in (1, 2, 3)] == pytest.approx(CONFIG.foregrounds, abs=0.1)


def test_short_pauses_belong_to_a_sound_and_long_ones_do_not():
    power = np.zeros(120, np.float32)
    power[[10, 11, 30, 31, 90]] = 1.0
    active = sounding(power)
    assert active[10:32].all()
    assert not active[32:90].any()
    assert not active[:10].any()


def test_a_quiet_rest_of_a_sound_does_not_count():
    power = np.ones(10, np.float32)
    power[5:] = 1e-4
    assert sounding(power).tolist() == [True] * 5 + [False] * 5


def test_the_power_of_a_frame_is_a_mean_over_thirty_milliseconds():
    samples = np.zeros(5 * FRAME)
    samples[2 * FRAME : 3 * FRAME] = 3.0
    assert frame_powers(samples).tolist() == pytest.approx([0, 3, 3, 3, 0])


def test_reverberation_decays():
    tail = reverberation(np.random.default_rng(0))
    first, last = np.array_split(np.square(tail), 2)
    assert first.sum() > 100 * last.sum()
