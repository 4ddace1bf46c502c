from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.evaluate.embedded import examples as examples_module
from audiostory.evaluate.embedded.examples import (
    Mixture,
    clip_examples,
    clip_waves,
    evened_weights,
    joined,
    scene_examples,
)
from audiostory.evaluate.embedded.scenes import SceneConfig, SceneSampler
from tests.evaluate.embedded.small import WIDTH, hearing
from tests.evaluate.sounds import write_corpus

GROUPS = ("bell", "rain")


@pytest.fixture
def corpus(tmp_path):
    folder = write_corpus(tmp_path / "corpus")
    rows = [row for row in read_sounds(folder / "metadata.jsonl") if row.split == "train"]
    return rows, clip_waves(folder, rows, tmp_path / "cache")


@pytest.fixture
def sampler(corpus):
    rows, waves = corpus
    return SceneSampler(waves, rows, GROUPS, SceneConfig(moments=4), seed=5)


def test_a_clip_is_heard_as_its_kind_for_as_long_as_it_lasts(corpus):
    rows, waves = corpus
    clips = clip_examples(waves, rows, GROUPS, hearing(), 4)
    assert clips.features_XKD.shape == (len(rows), 4, WIDTH)
    assert clips.exists_XK.tolist() == [[True, True, False, False]] * len(rows)
    assert clips.heard_XKG[0, 0].tolist() == [True, False]
    assert not clips.heard_XKG[:, 2:].any()
    unnamed = next(index for index, row in enumerate(rows) if row.group == "toy")
    assert not clips.heard_XKG[unnamed].any()


def test_the_quiet_moments_of_a_clip_are_not_heard_as_its_kind(corpus):
    rows, waves = corpus
    faint = waves[0].copy()
    faint = np.concatenate([faint, faint * 0.001])
    clips = clip_examples([faint], rows[:1], GROUPS, hearing(), 4)
    assert clips.exists_XK[0].sum() >= 3
    assert clips.heard_XKG[0, :, 0].tolist()[0] is True
    assert not clips.heard_XKG[0, -2:].any()


def test_a_long_clip_is_several_examples(corpus):
    rows, waves = corpus
    clips = clip_examples(waves[:2], rows[:2], GROUPS, hearing(), 1)
    assert clips.clips_XC.tolist() == [[0], [0], [1], [1]]


def test_scenes_are_made_once_and_a_stopped_run_goes_on(sampler, tmp_path, monkeypatch):
    monkeypatch.setattr(examples_module, "BLOCK", 3)
    made = scene_examples(sampler, hearing(), 7, tmp_path / "bank")
    assert len(made) == 7
    assert len(list((tmp_path / "bank").glob("*.safetensors"))) == 3
    sampler.scene = None  # whoever asks for a scene again fails
    again = scene_examples(sampler, hearing(), 7, tmp_path / "bank")
    assert torch.equal(made.features_XKD, again.features_XKD)
    assert torch.equal(made.clips_XC, again.clips_XC)


def test_scenes_of_other_clips_are_other_files(sampler, corpus, tmp_path):
    rows, waves = corpus
    scene_examples(sampler, hearing(), 2, tmp_path)
    fewer = SceneSampler(waves[1:], rows[1:], GROUPS, sampler.config, seed=5)
    scene_examples(fewer, hearing(), 2, tmp_path)
    assert len(list(tmp_path.glob("scenes-*.safetensors"))) == 2


def test_a_step_draws_scenes_and_clips_by_its_generator_alone(sampler, corpus, tmp_path):
    rows, waves = corpus
    clips = clip_examples(waves, rows, GROUPS, hearing(), 4)
    scenes = scene_examples(sampler, hearing(), 5, tmp_path)
    mixture = Mixture(scenes, clips, evened_weights(clips, rows), 0.25)
    once, again = (mixture.at(8, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(once.features_XKD, again.features_XKD)
    assert once.features_XKD.dtype == torch.float32
    assert len(once) == 8
    assert int((~once.exists_XK.all(dim=1)).sum()) == 2  # the clips are shorter than scenes
    assert all(1 <= len(once.rows(index)) <= 3 for index in range(8))


def test_clips_of_crowded_recordings_are_drawn_less(corpus):
    rows, waves = corpus
    crowd = [rows[0]] * 8
    clips = clip_examples([waves[0]] * 8 + waves, [*crowd, *rows], GROUPS, hearing(), 4)
    weights = evened_weights(clips, [*crowd, *rows])
    assert weights[0] < weights[-1]


def test_clips_of_crowded_kinds_are_drawn_less(corpus):
    rows, waves = corpus
    many = [replace(rows[0], recording=f"take {number}") for number in range(8)]
    clips = clip_examples([waves[0]] * 8 + waves, [*many, *rows], GROUPS, hearing(), 4)
    weights = evened_weights(clips, [*many, *rows])
    assert rows[-1].group != rows[0].group
    assert weights[0] < weights[-1]


def test_joined_examples_keep_their_order(sampler, corpus, tmp_path):
    rows, waves = corpus
    clips = clip_examples(waves, rows, GROUPS, hearing(), 4)
    scenes = scene_examples(sampler, hearing(), 2, tmp_path)
    both = joined(scenes, clips)
    assert both.rows(0) == scenes.rows(0)
    assert both.rows(2) == clips.rows(0) == [0]
