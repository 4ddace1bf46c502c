from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.evaluate.solver_distance import (
    REFERENCE,
    captioned,
    measure_solvers,
    options_of,
    relative_error,
    spectral_distance_db,
)
from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.generate.renderer import SamplingSettings
from tests.tiny import tiny_model, tiny_tokenizer

OWN = SamplingSettings(steps=2, guidance_scale=2.0, solver="euler")
WAYS = ("euler 8", "adams_bashforth 8, shift 2", "midpoint 4, shift 2", "euler 16, cache 2")


@pytest.fixture(scope="module")
def pipeline():
    return AudioStoryPipeline(tiny_model(), tiny_tokenizer(), name="tiny", fingerprint="tiny")


@pytest.fixture(scope="module")
def report(pipeline, tmp_path_factory):
    every = options_of(OWN)
    options = {name: every[name] for name in (REFERENCE, *WAYS)}
    folder = tmp_path_factory.mktemp("report")
    report = measure_solvers(pipeline, folder, num_clips=1, options=options)
    assert json.loads((folder / "solvers.json").read_text())["num_clips"] == 1
    assert (folder / "solvers.md").read_text() == report.to_markdown()
    return report


def noise(scale: float = 1.0) -> Waveform:
    samples = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
    return Waveform(scale * samples, 8000)


def test_the_reference_has_no_distance_from_itself(report):
    first = report.rows[0]
    assert (first.option, first.evaluations, first.passes) == (REFERENCE, 50, 100)
    assert (first.latent_error, first.spectral_distance_db, first.time_ratio) == (0, 0, 1)
    assert first.path_error > 0


def test_options_are_counted_as_they_ran(report):
    counted = {row.option: (row.evaluations, row.passes) for row in report.rows[1:]}
    assert list(counted.values()) == [(8, 16), (8, 16), (8, 16), (9, 18)]
    assert all(row.latent_error_worst >= row.latent_error > 0 for row in report.rows[1:])


def test_the_table_has_a_line_for_every_option(report):
    for row in report.rows:
        assert f"| {row.option} | {row.evaluations:g} |" in report.to_markdown()


def test_measured_again_everything_but_the_times_is_the_same(pipeline, report, tmp_path):
    options = {row.option: row.settings for row in report.rows}
    again = measure_solvers(pipeline, tmp_path, num_clips=1, options=options)
    timeless = [[replace(row, time_ratio=0.0) for row in one.rows] for one in (report, again)]
    assert timeless[0] == timeless[1]


def test_every_option_keeps_the_models_guidance():
    options = options_of(OWN)
    assert {settings.guidance_scale for settings in options.values()} == {2.0}
    assert len(set(options.values())) == len(options)


def test_clips_are_of_as_many_kinds_as_there_are(pipeline):
    jobs = captioned(pipeline, 2)
    assert [job.take.clip_index for job in jobs] == [0, 1]
    assert jobs[0].take.seed != jobs[1].take.seed
    assert not torch.equal(jobs[0].condition.tokens_BSD, jobs[1].condition.tokens_BSD)


def test_the_relative_error_is_that_of_rms():
    truth = torch.tensor([[3.0, 4.0]])
    assert relative_error(1.1 * truth, truth) == pytest.approx(0.1, rel=1e-5)


def test_twice_the_amplitude_is_six_decibels_away():
    assert spectral_distance_db(noise(2.0), noise()) == pytest.approx(6.02, abs=0.01)
    assert spectral_distance_db(noise(), noise()) == 0


def test_what_lies_far_below_the_loudest_bin_does_not_count():
    half = Waveform(noise().samples * np.repeat([1.0, 0.0], 4000).astype(np.float32), 8000)
    faint = Waveform(half.samples + 1e-5 * noise().samples, 8000)
    assert spectral_distance_db(faint, half) < 0.01
