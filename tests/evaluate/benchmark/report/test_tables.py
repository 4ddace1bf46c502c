import csv
import io
from dataclasses import replace

import pytest

from audiostory.evaluate.benchmark.folder import Question
from audiostory.evaluate.benchmark.marks import Difference
from audiostory.evaluate.benchmark.report.tables import (
    EMBEDDED_WARNING,
    comma_separated,
    markdown,
    scores_comma_separated,
)
from audiostory.evaluate.benchmark.results import (
    Cell,
    ReportConfig,
    Results,
    Stratum,
    SystemResults,
)
from audiostory.evaluate.benchmark.suite import Skipped
from audiostory.evaluate.metric import Column
from tests.evaluate.benchmark.systems import run_card

FAD = Column(key="fad", title="FAD", better="lower", detail="vggish.pth 123", source="Eq. 1")
COVERAGE = Column(key="coverage", title="Coverage", better="higher", section="narrative")
OWN = Column(key="fd_own", title="FD (embedded)", better="lower", section="embedded")


def system(name, fad, coverage, **fields):
    cells = {
        "fad": Cell(value=fad, low=fad - 0.1, high=fad + 0.1, num_items=4),
        "coverage": Cell(
            value=coverage,
            low=0.1,
            high=0.9,
            num_items=3,
            by_stratum={
                "easy": Stratum(value=0.9, num_items=2, low=0.8, high=1.0),
                "hard": Stratum(value=0.2, num_items=1),
            },
        ),
    }
    given = {
        "num_answered": 4,
        "refusals": {},
        "duration_s": 120.0,
        "cells": cells,
        "missing": {"fd_own": "0 items were heard"},
        "scores": {"coverage": (0.5, None, 1.0, coverage)},
    }
    return SystemResults(card=run_card(name), **(given | fields))


def results(**fields):
    pair = Difference(
        column="fad",
        first="ours",
        second="theirs",
        difference=-1.0,
        low=-2.0,
        high=0.5,
        p_value=0.4,
        num_items=4,
        least_p_value=0.001,
    )
    given = {
        "set_name": "rains",
        "set_version": "1",
        "set_notes": ("composed, not recorded",),
        "questions": tuple(
            Question(id=f"q{index}", text="rain", stratum="easy" if index < 2 else "hard")
            for index in range(4)
        ),
        "columns": (FAD, COVERAGE, OWN),
        "systems": (
            system("ours", 1.0, 0.75),
            system("theirs", 2.0, 0.25, refusals={"q3": "too\nlong | to make"}),
        ),
        "differences": (pair, replace(pair, column="coverage")),
        "skipped": (Skipped(metric="KL_passt", reason="pip install hear21passt"),),
        "encoders": (),
        "config": ReportConfig(),
    }
    return Results(**(given | fields))


def row(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_the_paper_columns_stand_in_the_papers_order_with_dashes_for_what_is_not_measured():
    text = markdown(results())
    title = row(text, "| Table 1")
    assert title.split(" | ")[1:3] == ["Instruct. ↑", "CLAP ↑"]
    assert title.endswith("FAD ↓ | Max. Duration ↑ |")
    lines = text.splitlines()
    ours = lines[lines.index(title) + 2]
    assert ours == "| ours | – | – | – | – | – | – | **1.000** (0.900 to 1.100) | any |"


def test_a_system_that_cannot_be_told_from_the_best_is_marked():
    assert "2.000†" in markdown(results())
    differs = replace(results().differences[0], p_value=0.01)
    assert "2.000†" not in markdown(results(differences=(differs,)))


def test_a_mark_that_does_not_go_by_the_means_shown_says_so_and_none_says_why():
    pair = replace(results().differences[0], difference=1.0, num_items=2)
    text = markdown(results(differences=(pair,)))
    assert "**2.000**" in text
    assert "1.000†" in text
    assert "marks go by the items that both of two systems have" in text
    alone = markdown(results(differences=()))
    assert "**2.000**" not in alone
    assert "no system is marked: ours and theirs cannot be compared" in alone


def test_what_no_test_can_decide_is_said_with_what_it_takes():
    pairs = tuple(replace(one, least_p_value=0.06) for one in results().differences)
    text = markdown(results(differences=pairs))
    assert (
        "No two systems can be told apart in FAD: with 1000 draws and 1 pair of systems no p can "
        "be below 0.06: report with --resamples 20 or more, or compare fewer systems." in text
    )
    assert "in Coverage: with so few items and 1 pair of systems" in text
    assert "can be told apart in" not in markdown(results())


def test_a_column_of_the_paper_says_which_of_ours_stands_for_it():
    mert = replace(FAD, key="fd_mert", title="FD (MERT)")
    head = row(markdown(results(columns=(mert, FAD))), "| Table 3")
    assert "| FD: FD (MERT) ↓ |" in head
    assert "| FAD ↓ |" in head
    panns = replace(FAD, key="fd", title="FD (PANNs)")
    head = row(markdown(results(columns=(mert, panns))), "| Table 3")
    assert "| FD: FD (PANNs) ↓ |" in head


def test_items_that_are_not_answered_or_measured_yet_are_counted():
    late = system("late", 1.0, 0.5, num_answered=3, unmeasured={"coverage": 2, "fad": 2})
    text = markdown(results(systems=(late,)))
    assert "late has not answered 1 of 4 items yet" in text
    assert "late: 2 of 3 answers are not measured yet in Coverage, FAD: run it again" in text


def test_every_column_says_how_many_items_and_what_it_is():
    assert "- FAD: N = 4; vggish.pth 123 [Eq. 1]" in markdown(results())


def test_numbers_of_the_embedded_evaluator_are_told_apart():
    text = markdown(results())
    assert text.index("## Shipped ears") < text.index(EMBEDDED_WARNING)
    assert "FD (embedded)" not in text[: text.index("## Shipped ears")]


def test_nothing_that_is_missing_goes_unsaid():
    text = markdown(results())
    assert "KL_passt is not measured: pip install hear21passt" in text
    assert "theirs did not answer q3: too long / to make" in text
    assert "ours has no FD (embedded): 0 items were heard" in text


def test_scores_are_broken_down_by_kind_of_question():
    text = markdown(results())
    assert "| system | Coverage easy | Coverage hard |" in text
    assert "| ours | 0.900 (0.800 to 1.000, N = 2) | 0.200 (N = 1) |" in text


def test_tables_of_numbers_can_be_read_by_programs():
    rows = list(csv.DictReader(io.StringIO(comma_separated(results()))))
    assert {(one["system"], one["column"]) for one in rows} == {
        (name, key) for name in ("ours", "theirs") for key in ("fad", "coverage")
    }
    assert float(rows[0]["value"]) == pytest.approx(1.0)
    scores = list(csv.DictReader(io.StringIO(scores_comma_separated(results()))))
    assert len(scores) == 8
    assert [one["coverage"] for one in scores[:4]] == ["0.5", "", "1.0", "0.75"]
