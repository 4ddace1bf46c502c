from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audiostory.apps.systems import SystemOptions, SystemSpec, build_system, parse_system
from audiostory.data.sets.item import ItemSet
from audiostory.errors import CheckpointError, ConfigError, MeasureError
from tests.baselines.test_planned_story import ASKED, STORY
from tests.evaluate.sounds import write_corpus
from tests.evaluate.tracks import item

SET = ItemSet(
    name="storms",
    version="1",
    items=(replace(item("a"), instruction=ASKED, story=STORY),),
    has_references=False,
)


@pytest.mark.parametrize(
    ("text", "planner", "model", "location", "name"),
    [
        ("nano", None, "nano", None, "nano"),
        ("captions+nano", "captions", "nano", None, "captions+nano"),
        ("llm+tangoflux=/w/TangoFlux", "llm", "tangoflux", "/w/TangoFlux", "llm+tangoflux"),
        ("/models/mine", None, "/models/mine", None, "mine"),
        ("noise", "captions", "noise", None, "captions+noise"),
        ("reference", None, "reference", None, "reference"),
    ],
)
def test_a_name_is_taken_apart(text, planner, model, location, name):
    spec = parse_system(text)
    assert spec == SystemSpec(model=model, planner=planner, location=location)
    assert spec.name == name


@pytest.mark.parametrize(
    "text", ["", "=x", "captions+", "+nano", "guess+nano", "captions+reference"]
)
def test_names_that_mean_nothing_are_refused(text):
    with pytest.raises(ConfigError):
        parse_system(text)


def test_noise_is_asked_with_the_plan_of_the_truth():
    system = build_system(parse_system("noise"), SET, SystemOptions())
    waveform, plan = system.answer(SET.items[0])
    assert waveform.duration_s == pytest.approx(5.0, abs=0.01)
    assert [clip.caption for clip in plan.clips] == ["wind", "rain"]
    assert system.card.system == "captions+noise"
    assert not system.card.has_own_plan


def test_the_same_system_answers_alike():
    answers = [
        build_system(parse_system("noise"), SET, SystemOptions()).answer(SET.items[0])[0].samples
        for _ in range(2)
    ]
    assert np.array_equal(*answers)


def test_retrieval_pastes_clips_of_the_corpus(tmp_path):
    options = SystemOptions(corpus=write_corpus(tmp_path))
    waveform, _ = build_system(parse_system("retrieval"), SET, options).answer(SET.items[0])
    assert np.abs(waveform.samples).max() > 0


def test_what_is_missing_is_named():
    with pytest.raises(CheckpointError, match="tangoflux needs"):
        build_system(parse_system("tangoflux"), SET, SystemOptions())
    with pytest.raises(ConfigError, match="--chat"):
        build_system(parse_system("llm+noise"), SET, SystemOptions())
    with pytest.raises(MeasureError, match="--corpus"):
        build_system(parse_system("reference"), SET, SystemOptions())
    with pytest.raises(CheckpointError, match="no model 'nanu'"):
        build_system(parse_system("nanu"), SET, SystemOptions())


def test_a_folder_of_weights_is_called_by_its_last_name():
    assert parse_system(str(Path("/runs/best"))).name == "best"
