from dataclasses import replace

import numpy as np
import pytest

from audiostory.errors import MeasureError, OutputError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.results import ReportConfig, read_results
from audiostory.evaluate.benchmark.run import answer_items, measure_items, reference_answers
from audiostory.evaluate.heard_classes import InceptionScore
from audiostory.evaluate.quality import FrechetDistance
from tests.evaluate.benchmark.systems import ITEMS, SET, NoiseSystem, Peak, run_card, suite

CONFIG = ReportConfig(resamples=100)


def set_metrics_of(card):
    return (
        FrechetDistance(card=card, key="fd", title="FD"),
        InceptionScore(card=card, key="is", title="IS"),
    )


def made(tmp_path, name, system, **fields):
    folder = RunFolder(tmp_path / name)
    folder.open(run_card(name, **fields), ITEMS)
    list(answer_items(system, ITEMS, folder))
    measure_items(suite(), SET, folder)
    return folder


@pytest.fixture
def folders(tmp_path):
    reference = made(tmp_path, "reference", reference_answers(SET), is_reference=True)
    same = made(tmp_path, "same", NoiseSystem())
    faint = made(tmp_path, "faint", NoiseSystem(gain=0.2, refused=("item-1",)))
    return [reference, same, faint], reference


def test_a_system_that_sounds_like_the_references_is_nearer_to_them(folders):
    results = read_results(*folders, set_metrics_of, CONFIG)
    reference, same, faint = results.systems
    assert reference.cells["fd"].value == pytest.approx(0, abs=1e-6)
    assert same.cells["fd"].value < faint.cells["fd"].value
    assert faint.cells["fd"].low < faint.cells["fd"].value < faint.cells["fd"].high
    assert results.best(next(c for c in results.columns if c.key == "fd")) == ("same",)


def test_scores_are_means_over_the_items_that_have_one(folders):
    results = read_results(*folders, set_metrics_of, CONFIG)
    same, faint = results.systems[1:]
    assert same.cells["peak"].num_items == 6
    assert faint.cells["peak"].num_items == 5
    assert faint.num_answered == 5
    assert list(faint.refusals) == ["item-1"]
    assert same.cells["peak"].value == pytest.approx(np.mean(same.scores["peak"]))
    assert set(same.cells["peak"].by_stratum) == {"easy", "hard"}


def test_systems_are_compared_on_the_items_both_answered(folders):
    results = read_results(*folders, set_metrics_of, CONFIG)
    peak = next(one for one in results.differences if one.column == "peak")
    assert {peak.first, peak.second} == {"same", "faint"}
    assert peak.num_items == 5
    assert peak.low <= peak.difference <= peak.high
    assert all("reference" not in (one.first, one.second) for one in results.differences)


def test_without_references_only_distances_to_them_are_missing(folders):
    results = read_results(folders[0][1:], None, set_metrics_of, CONFIG)
    assert "run the system `reference`" in results.systems[0].missing["fd"]
    assert "is" in results.systems[0].cells
    assert "peak" in results.systems[0].cells


def test_references_that_are_not_the_published_ones_are_named(tmp_path):
    folder = RunFolder(tmp_path / "reference")
    folder.open(run_card("reference", is_reference=True, set_notes=("mixed",)), ITEMS)
    remarks = {"item-2": "not the published samples"}
    answer = reference_answers(SET)
    list(answer_items(answer, ITEMS, folder, remark_of=lambda one: remarks.get(one.id, "")))
    notes = read_results([folder], folder, set_metrics_of, CONFIG).set_notes
    assert notes == ("mixed", "1 references: item-2: not the published samples")


def test_the_same_folders_give_the_same_numbers(folders):
    assert read_results(*folders, set_metrics_of, CONFIG) == read_results(
        *folders, set_metrics_of, CONFIG
    )


def test_a_score_that_most_items_lack_is_missing_with_a_reason(tmp_path):
    folder = RunFolder(tmp_path / "noise")
    folder.open(run_card(), ITEMS)
    list(answer_items(NoiseSystem(), ITEMS, folder))
    without = tuple(one.id for one in ITEMS[1:])
    measure_items(suite(item_metrics=(Peak(without=without),)), SET, folder)
    (system,) = read_results([folder], None, set_metrics_of, CONFIG).systems
    assert system.missing["peak"] == "1 items have a score"


def test_runs_on_different_sets_are_not_compared(folders, tmp_path):
    other = made(tmp_path, "other", NoiseSystem(), set_version="2")
    with pytest.raises(MeasureError, match=r"rains 1, rains 2"):
        read_results([folders[0][1], other], None, set_metrics_of, CONFIG)


def test_one_system_is_not_reported_twice(folders):
    with pytest.raises(MeasureError, match="two runs are of the system 'same'"):
        read_results([folders[0][1], folders[0][1]], None, set_metrics_of, CONFIG)


def test_nothing_is_no_report(tmp_path):
    with pytest.raises(MeasureError, match="no runs"):
        read_results([], None, set_metrics_of)
    with pytest.raises(OutputError, match="not the folder"):
        read_results([RunFolder(tmp_path)], None, set_metrics_of)


def test_a_column_measured_in_two_ways_is_refused(folders, tmp_path):
    class Other(Peak):
        columns = (replace(Peak.columns[0], detail="true peak"), Peak.columns[1])

    folder = RunFolder(tmp_path / "other")
    folder.open(run_card("other"), ITEMS)
    list(answer_items(NoiseSystem(), ITEMS, folder))
    measure_items(suite(item_metrics=(Other(),)), SET, folder)
    with pytest.raises(MeasureError, match="different ways"):
        read_results([folders[0][1], folder], None, set_metrics_of, CONFIG)
