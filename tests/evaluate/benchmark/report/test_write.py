import csv
import json
import shutil
from dataclasses import replace

import pytest

from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.report.tables import markdown
from audiostory.evaluate.benchmark.report.write import report_json, write_report
from tests.evaluate.benchmark.report.reports import OURS, small_benchmark, small_results

TEXTS = ("report.md", "report.json", "numbers.csv", "scores.csv")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    root = tmp_path_factory.mktemp("benchmark")
    return (*small_benchmark(root, limit=3), root)


def test_a_report_is_texts_numbers_a_page_and_a_picture_of_every_track(benchmark, tmp_path):
    results, folders, _ = benchmark
    told = []
    write_report(results, folders, tmp_path, progress=lambda *news: told.append(news))
    found = sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file())
    pictures = [f"pictures/{name}/item-{k}.png" for name in folders for k in range(3)]
    pictures.remove("pictures/brief/item-1.png")  # refused
    assert found == sorted((*TEXTS, "index.html", *pictures))
    assert told[-1] == ("drawing", 1.0)
    assert (tmp_path / "report.md").read_text() == markdown(results)
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert [(row["system"], row["item"]) for row in rows] == [
        (name, f"item-{k}") for name in folders for k in range(3)
    ]
    assert rows[4]["peak"] == ""


def test_the_same_folders_give_the_same_bytes_wherever_they_lie(benchmark, tmp_path):
    _, folders, root = benchmark
    reports = []
    for name in ("one", "other"):
        shutil.copytree(root, tmp_path / name, ignore=shutil.ignore_patterns("report"))
        copied = {system: RunFolder(tmp_path / name / system) for system in folders}
        out = tmp_path / name / "report"
        for _ in range(2):
            write_report(small_results(copied), copied, out)
        reports.append(
            {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}
        )
    assert len(reports[0]) > 10
    assert reports[0] == reports[1]


def test_the_json_holds_all_that_is_known(benchmark):
    results, _, _ = benchmark
    found = json.loads(report_json(results))
    assert (found["format"], found["version"]) == ("audiostory.report", 2)
    assert [one["card"]["system"] for one in found["systems"]] == [OURS, "brief", "reference"]
    ours = found["systems"][0]
    assert ours["cells"]["peak"]["value"] == results.systems[0].cells["peak"].value
    assert ours["scores"]["peak"] == list(results.systems[0].scores["peak"])
    assert found["systems"][1]["scores"]["peak"][1] is None
    assert list(found["systems"][1]["refusals"]) == ["item-1"]
    peak = next(one for one in results.columns if one.key == "peak")
    assert found["best"]["peak"] == list(results.marks(peak).best)
    assert len(found["differences"]) == len(results.differences)
    assert [one["id"] for one in found["questions"]] == ["item-0", "item-1", "item-2"]
    assert found["not_finite"] == {}


def test_numbers_that_json_cannot_say_are_null_and_named(benchmark):
    results, _, _ = benchmark
    first = results.systems[0]
    broken = replace(first.cells["peak"], value=float("nan"), high=float("inf"))
    cells = dict(first.cells) | {"peak": broken}
    given = replace(results, systems=(replace(first, cells=cells), *results.systems[1:]))
    text = report_json(given)
    assert "NaN" not in text
    assert "Infinity" not in text
    found = json.loads(text)
    assert found["systems"][0]["cells"]["peak"]["value"] is None
    assert found["not_finite"] == {
        "/systems/0/cells/peak/value": "nan",
        "/systems/0/cells/peak/high": "inf",
    }


def test_without_a_page_there_is_none_that_shows_other_numbers(benchmark, tmp_path):
    results, folders, _ = benchmark
    tmp_path.joinpath("index.html").write_text("an earlier report")
    write_report(results, folders, tmp_path, with_page=False)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(TEXTS)


def test_folders_of_systems_that_are_not_in_the_report_are_left_alone(benchmark, tmp_path):
    results, folders, _ = benchmark
    fewer = replace(results, systems=results.systems[1:])
    write_report(fewer, folders, tmp_path)
    assert not (tmp_path / "pictures" / OURS).exists()


def test_a_system_without_a_folder_is_told_before_anything_is_drawn(benchmark, tmp_path):
    results, folders, _ = benchmark
    with pytest.raises(OutputError, match=r"no folder is given for the system 'ours \+ #1'"):
        write_report(results, {"brief": folders["brief"]}, tmp_path)
    assert not (tmp_path / "pictures").exists()


def test_a_place_that_cannot_be_written_to_is_told(benchmark, tmp_path):
    results, folders, _ = benchmark
    tmp_path.joinpath("taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(results, folders, tmp_path / "taken")
