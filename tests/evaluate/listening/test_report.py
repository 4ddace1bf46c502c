import csv
import io
import json
from dataclasses import replace

import pytest

from audiostory.config import from_json
from audiostory.errors import OutputError
from audiostory.evaluate.listening.key import write_key
from audiostory.evaluate.listening.report import markdown, means_csv, write_report
from audiostory.evaluate.listening.scoring import StudyReport, score_study
from tests.evaluate.listening.studies import answers, key, sent

ITEMS = tuple("uvwxyz")
MEANS = {"Our | own": 4, "Theirs": 2}


@pytest.fixture
def report(tmp_path):
    one = key(systems=tuple(MEANS), items=ITEMS, participants=("P01", "P02", "P03"), repeats=2)
    write_key(one, tmp_path / "key.json")

    def rule(system, item, criterion):
        return MEANS[system] + (ITEMS.index(item) % 2)

    def early(system, item, criterion):
        return None if item == "z" else rule(system, item, criterion)

    paths = [
        sent(tmp_path, answers(one, "P01", rule, comment="loud\nstreet")),
        sent(tmp_path, answers(one, "P02", early, device="loudspeakers")),
    ]
    judge = {s: {i: {"fidelity": rule(s, i, "")} for i in ITEMS} for s in MEANS}
    return score_study(tmp_path, paths, judge, resamples=100)


def rows_of(text, first):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(f"| {first}")
    ]


def test_table_8_has_the_papers_columns_and_a_row_for_each_system(report):
    text = markdown(report)
    (header,) = rows_of(text, "Method")
    assert header == ["Method", "Instruct-Follow", "Consist.", "Fidelity", "Reason. Logic"]
    ours = rows_of(text, "Our &#124; own")[0]
    theirs = rows_of(text, "Theirs")[0]
    assert [cell.split()[0] for cell in ours[1:]] == ["4.50"] * 4
    assert [cell.split()[0] for cell in theirs[1:]] == ["2.50"] * 4


def test_what_is_missing_is_said_in_words(report):
    text = markdown(report)
    assert "2 of 3 participants (1 headphones, 1 loudspeakers)" in text
    assert "No answers from P03." in text
    assert "P02 scored 12 of 14 tracks" in text
    assert "P01: loud street" in text


def test_every_part_of_the_study_has_its_heading(report):
    headings = [line[3:] for line in markdown(report).splitlines() if line.startswith("## ")]
    assert headings == [
        "Scores (Table 8)",
        "Differences",
        "Agreement between participants",
        "Agreement of participants with themselves",
        "Agreement with the judge (Table 9)",
        "Comments",
    ]


def test_both_weightings_of_kappa_are_printed(report):
    rows = rows_of(markdown(report), "models") + rows_of(markdown(report), "samples")
    assert [row[2] for row in rows] == ["none", "quadratic"] * 3
    assert rows[0][3] == "1.00"


def test_systems_that_a_kappa_says_nothing_of_are_named(report):
    without = tuple(replace(one, left_out=("Theirs",)) for one in report.judge)
    text = markdown(replace(report, judge=without))
    assert "- Fidelity: without Theirs, which the judge has no score of" in text
    assert "without Theirs" not in markdown(report)


def test_all_tables_have_as_many_cells_as_headings(report):
    widths = None
    for line in markdown(report).splitlines():
        if not line.startswith("|"):
            widths = None
            continue
        widths = widths or line.count("|")
        assert line.count("|") == widths


def test_the_csv_has_a_row_for_each_mean(report):
    rows = list(csv.DictReader(io.StringIO(means_csv(report))))
    assert len(rows) == 8
    assert {row["system"]: float(row["mean"]) for row in rows} == {"Our | own": 4.5, "Theirs": 2.5}


def test_the_json_holds_the_whole_report(report, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write_report(report, folder)
    assert sorted(p.name for p in folder.iterdir()) == ["report.csv", "report.json", "report.md"]
    text = (folder / "report.json").read_text()
    assert from_json(StudyReport, text) == report
    assert json.loads(text)["absent"] == ["P03"]


def test_reports_are_not_replaced_unless_asked(report, tmp_path):
    (tmp_path / "report.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"report\.csv exists"):
        write_report(report, tmp_path)
    assert not (tmp_path / "report.md").exists()
    write_report(report, tmp_path, overwrite=True)
    assert (tmp_path / "report.csv").read_text() == means_csv(report)
