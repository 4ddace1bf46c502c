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
    assert results.marks(next(c for c in results.columns if c.key == "fd")).best == ("same",)


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


def test_how_finely_means_are_told_apart_depends_on_flips_not_on_draws(tmp_path):
    runs = [made(tmp_path, f"gain-{gain}", NoiseSystem(gain=gain)) for gain in (0.2, 0.8)]

    def p_value(config):
        found = read_results(runs, None, lambda card: (), config).differences
        return next(one.p_value for one in found if one.column == "peak")

    assert p_value(CONFIG) == pytest.approx(2 / 2**6)  # six items that differ the same way
    assert p_value(replace(CONFIG, flips=10)) >= 1 / 11


def test_without_references_only_distances_to_them_are_missing(folders):
    results = read_results(folders[0][1:], None, set_metrics_of, CONFIG)
    assert "--corpus" in results.systems[0].missing["fd"]
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


def scored(tmp_path, name, score_of, refused=()):
    """A run with a column of scores that are functions of the items."""

    class Scored(Peak):
        columns = (replace(Peak.columns[0], key="quality", better="higher"),)

        def measure(self, subject):
            return {"quality": score_of(subject.item)}

    folder = RunFolder(tmp_path / name)
    folder.open(run_card(name), ITEMS)
    list(answer_items(NoiseSystem(refused=refused), ITEMS, folder))
    measure_items(suite(encoders={}, item_metrics=(Scored(),)), SET, folder)
    return folder


def test_a_system_that_refuses_the_hard_items_is_not_the_best_for_it(tmp_path):
    hard = tuple(one.id for one in ITEMS if one.stratum == "hard")

    def quality(item):
        return (4.0 if item.stratum == "easy" else 1.0) + 0.01 * item.seed

    runs = [
        scored(tmp_path, "all", lambda item: quality(item) + 0.5),
        scored(tmp_path, "easy-only", quality, refused=hard),
    ]
    results = read_results(runs, None, lambda card: (), CONFIG)
    every, easy = (one.cells["quality"] for one in results.systems)
    assert easy.value > every.value
    marks = results.marks(results.columns[0])
    assert marks.best == ("all", "easy-only")  # three items alone cannot tell them apart
    assert "not by the means shown" in marks.remark
    (why,) = results.too_few()
    assert "no p can be below 0.25" in why


def test_systems_without_items_in_common_are_told_as_not_compared(tmp_path):
    ids = [one.id for one in ITEMS]
    runs = [
        scored(tmp_path, "early", lambda _: 1.0, refused=ids[3:]),
        scored(tmp_path, "late", lambda _: 2.0, refused=ids[:3]),
    ]
    results = read_results(runs, None, lambda card: (), CONFIG)
    (lost,) = results.uncompared
    assert (lost.first, lost.second) == ("early", "late")
    assert "0 item(s)" in lost.why
    assert results.marks(results.columns[0]).best == ()


def test_few_draws_cannot_tell_whole_sets_apart_and_that_is_said(tmp_path):
    runs = [made(tmp_path, f"gain-{k}", NoiseSystem(gain=0.1 * (k + 1))) for k in range(4)]
    results = read_results(runs, None, set_metrics_of, CONFIG)
    told = {one.title: why for why, columns in results.too_few().items() for one in columns}
    assert "with 100 draws and 6 pairs of systems" in told["IS"]
    assert "--resamples 120" in told["IS"]
    assert "Peak" in told  # six items: 2 / 64, times six pairs
    enough = read_results(runs, None, set_metrics_of, replace(CONFIG, resamples=120))
    assert "IS" not in {one.title for columns in enough.too_few().values() for one in columns}


def test_kinds_of_questions_have_intervals_and_a_number_of_items(tmp_path):
    run = scored(tmp_path, "some", lambda item: item.seed if item.seed < 4 else None)
    (system,) = read_results([run], None, lambda card: (), CONFIG).systems
    kinds = system.cells["quality"].by_stratum
    assert kinds["easy"].num_items == 3
    assert kinds["easy"].value == pytest.approx(1.0)
    assert kinds["easy"].low < 1.0 < kinds["easy"].high
    assert (kinds["hard"].num_items, kinds["hard"].low, kinds["hard"].high) == (1, None, None)


def test_answers_that_are_not_measured_yet_are_counted_by_column(folders):
    reference, same, _ = folders[0]
    (same.path / "scores" / "item-0.json").unlink()
    (reference.path / "features" / "ear" / "item-5.npz").unlink()
    results = read_results(*folders, set_metrics_of, CONFIG)
    assert results.systems[1].unmeasured == {"peak": 1, "level": 1, "fd": 1}
    assert results.systems[0].unmeasured == {"fd": 1, "is": 1}


def test_two_set_metrics_of_one_name_are_refused(folders):
    def twice(card):
        return (*set_metrics_of(card), InceptionScore(card=card, key="fd", title="Other"))

    with pytest.raises(MeasureError, match="two numbers are called 'fd'"):
        read_results(*folders, twice, CONFIG)


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
