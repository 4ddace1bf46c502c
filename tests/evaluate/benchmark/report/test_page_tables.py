from __future__ import annotations

from dataclasses import replace

import pytest

from audiostory.evaluate.benchmark.folder import Question
from audiostory.evaluate.benchmark.marks import Difference
from audiostory.evaluate.benchmark.report.page_tables import (
    headings,
    section_columns,
    tables_html,
)
from audiostory.evaluate.benchmark.report.tables import EMBEDDED_WARNING, markdown
from audiostory.evaluate.benchmark.results import (
    Cell,
    ReportConfig,
    Results,
    Stratum,
    SystemResults,
)
from audiostory.evaluate.benchmark.suite import Skipped
from audiostory.evaluate.metric import Column
from tests.evaluate.benchmark.report.reports import Reader
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
    given = {"num_answered": 4, "refusals": {}, "duration_s": 120.0, "cells": cells}
    given |= {"missing": {"fd_own": "0 items were heard"}}
    return SystemResults(card=run_card(name), **(given | fields))


def results(**fields) -> Results:
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
        "set_notes": (),
        "questions": tuple(
            Question(id=str(k), text="rain", stratum="hard" if k else "easy") for k in range(4)
        ),
        "columns": (FAD, COVERAGE, OWN),
        "systems": (system("ours", 1.0, 0.8), system("theirs", 2.0, 0.9)),
        "differences": (pair, replace(pair, column="coverage")),
        "skipped": (Skipped(metric="KAD", reason="name --protocol standard"),),
        "encoders": (),
        "config": ReportConfig(),
    }
    return Results(**(given | fields))


def test_the_paper_s_columns_hold_our_numbers_with_intervals_and_marks():
    tables = Reader(tables_html(results())).tables
    head, ours, theirs = tables["Table 1 of the paper: its columns"]
    column = head.index("FAD ↓")
    assert ours[column] == "1.000 0.900 to 1.100"
    assert theirs[column] == "2.000† 1.900 to 2.100"
    assert ours[head.index("CLAP ↑")] == "–"
    assert "<strong>1.000</strong>" in tables_html(results())


def test_headings_say_what_makes_a_number_comparable():
    titles = Reader(tables_html(results())).titles
    assert titles["FAD ↓"] == "Lower is better. N = 4. vggish.pth 123. Source: Eq. 1."
    assert titles["CLAP ↑"] == "Not measured in this report."
    assert titles["Coverage ↑"] == (
        "Higher is better. N = 3. Systems have it for different items: marks go by the items that "
        "both of two systems have, not by the means shown."
    )


def test_embedded_numbers_stand_apart_under_a_warning_and_never_in_the_paper_s_tables():
    html = tables_html(results())
    section = html[html.index('<section class="embedded">') :].partition("</section>")[0]
    assert EMBEDDED_WARNING in section
    assert 'class="band"' in section
    assert html.count('class="band"') == 1
    assert "FD (embedded)" not in html.replace(section, "").partition("What is missing")[0]


def test_a_report_without_embedded_numbers_has_no_warning():
    assert 'class="band"' not in tables_html(results(columns=(FAD, COVERAGE)))


def test_columns_of_a_section_that_is_new_are_not_left_out():
    new = Column(key="words", title="Words", better="higher", section="understanding")
    given = results(columns=(FAD, new))
    assert list(headings(given))[-1] == "understanding"
    assert section_columns(given, "understanding") == [new]
    assert "Understanding" in Reader(tables_html(given)).tables


def test_an_absent_number_says_why_where_it_should_stand():
    reader = Reader(tables_html(results()))
    assert reader.titles["–"] == "0 items were heard"


def test_means_by_kind_stand_under_their_kind_and_system():
    groups, head, row = Reader(tables_html(results())).tables["Means by kind of question"]
    assert groups == ["", "easy", "hard"]
    assert head == ["column", "ours", "theirs", "ours", "theirs"]
    assert row == ["Coverage ↑", *["0.900 0.800 to 1.000, N = 2"] * 2, *["0.200 N = 1"] * 2]


def test_differences_of_two_systems_have_an_interval_and_a_p_value():
    _, row = Reader(tables_html(results())).tables[
        "Quality: every two systems on the items that both answered"
    ]
    assert row == ["FAD", "ours less theirs", "-1.000 -2.000 to 0.500", "0.400", "4"]


def test_the_page_says_what_no_test_can_decide():
    pairs = tuple(replace(one, least_p_value=0.06) for one in results().differences)
    assert "No two systems can be told apart in FAD" in tables_html(results(differences=pairs))


def test_what_is_missing_is_listed_once_for_each_reason():
    gaps = {"fad": "no references", "fd_own": "no references", "coverage": "no plan"}
    lost = system("ours", 1.0, 0.8, missing=gaps, refusals={"2": "too long"})
    html = tables_html(results(systems=(lost,)))
    assert "<li>ours has no FAD, FD (embedded): no references</li>" in html
    assert "<li>ours has no Coverage: no plan</li>" in html
    assert "<li>ours did not answer 2: too long</li>" in html
    assert "<li>KAD is not measured: name --protocol standard</li>" in html


def test_a_number_from_too_few_items_carries_its_warning():
    weak = Cell(value=1.0, low=0.9, high=1.1, num_items=4, warning="fewer samples than dimensions")
    one = system("ours", 1.0, 0.8)
    html = tables_html(results(systems=(replace(one, cells=dict(one.cells) | {"fad": weak}),)))
    assert Reader(html).titles["!"] == "Careful: fewer samples than dimensions"
    assert "Careful: fewer samples than dimensions." in Reader(html).titles["FAD ↓"]


@pytest.mark.parametrize("hostile", ["<script>x</script>", 'a" onmouseover="x', "</td></table>"])
def test_no_text_becomes_markup(hostile):
    column = replace(FAD, title=hostile, detail=hostile, source=hostile)
    one = system("ours", 1.0, 0.8, refusals={"2": hostile}, missing={"fad": hostile})
    one = replace(one, card=run_card(hostile, described=hostile))
    questions = tuple(Question(id=str(k), text="", stratum=f"{hostile} {k}") for k in range(4))
    skipped = (Skipped(metric=hostile, reason=hostile),)
    given = results(columns=(column,), systems=(one,), questions=questions, skipped=skipped)
    html = tables_html(given)
    assert hostile not in html
    plain = tables_html(results(columns=(FAD,), systems=(system("ours", 1.0, 0.8),)))
    assert Reader(html).tables.keys() - Reader(plain).tables.keys() == set()


def test_the_page_has_the_numbers_of_the_markdown():
    given = results()
    tables = Reader(tables_html(given)).tables
    for row in tables["Table 1 of the paper: its columns"][1:]:
        for cell in row:
            value = cell.partition(" ")[0].rstrip("†")
            assert value in markdown(given)
