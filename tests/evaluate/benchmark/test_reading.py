from dataclasses import replace

import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.reading import Run, check_keys, encoders_of, merged_columns
from audiostory.evaluate.benchmark.run import answer_items, measure_items
from tests.evaluate.benchmark.systems import (
    EAR,
    ITEMS,
    SET,
    Ear,
    NoiseSystem,
    Peak,
    run_card,
    suite,
)


class OtherPeak(Peak):
    columns = (replace(Peak.columns[0], detail="true peak"), Peak.columns[1])

    def measure(self, subject):
        return {"peak": 7.0, "level": 0.5}


def opened(path):
    folder = RunFolder(path)
    folder.open(run_card(path.name), ITEMS)
    list(answer_items(NoiseSystem(), ITEMS, folder))
    return folder


def test_a_metric_that_changed_is_read_as_it_was_measured_last(tmp_path):
    folder = opened(tmp_path / "noise")
    measure_items(suite(), SET, folder)
    first = Run(folder).scores["peak"]
    measure_items(suite(item_metrics=(OtherPeak(),)), SET, folder)
    assert Run(folder).scores["peak"] == (7.0,) * 6
    assert merged_columns([Run(folder)]) == OtherPeak.columns
    again = Peak()
    measure_items(suite(item_metrics=(again,)), SET, folder)
    assert Run(folder).scores["peak"] == first
    assert again.measured == []  # what was measured once is kept


def test_answers_that_a_changed_metric_has_not_reached_are_counted(tmp_path):
    folder = opened(tmp_path / "noise")
    measure_items(suite(), SET, folder)
    measure_items(suite(item_metrics=(OtherPeak(),)), replace(SET, items=ITEMS[:4]), folder)
    run = Run(folder)
    assert run.unmeasured["peak"] == 2
    assert run.scores["peak"] == (*(7.0,) * 4, None, None)


def test_systems_that_were_measured_differently_are_named_with_the_way_out(tmp_path):
    one, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    measure_items(suite(), SET, one)
    changed = Ear(replace(EAR, digest="1" * 12))
    measure_items(suite(encoders={"ear": changed}, item_metrics=(OtherPeak(),)), SET, other)
    runs = [Run(one), Run(other)]
    with pytest.raises(MeasureError, match=r"'Peak' .* of one \(\) and of other \(true peak\)"):
        merged_columns(runs)
    with pytest.raises(MeasureError, match=r"'ear', that of one .* that of other .*once more"):
        encoders_of(runs)
    measure_items(suite(encoders={"ear": changed}, item_metrics=(OtherPeak(),)), SET, one)
    runs = [Run(one), Run(other)]
    assert merged_columns(runs) == OtherPeak.columns
    assert encoders_of(runs) == (changed.card,)


def test_two_numbers_never_go_by_one_name():
    with pytest.raises(MeasureError, match="two numbers are called 'peak'"):
        check_keys([*Peak.columns, replace(Peak.columns[0], title="Other")])
    check_keys(Peak.columns)
