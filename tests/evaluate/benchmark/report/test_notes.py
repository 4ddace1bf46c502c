from dataclasses import replace

import pytest

from audiostory.evaluate.benchmark.choice import PreparedEncoder
from audiostory.evaluate.benchmark.report.notes import (
    ENCODER,
    by_source,
    detail_of,
    encoder_list,
    encoder_numbers,
    of_source,
    tuning_warnings,
)
from audiostory.evaluate.benchmark.report.page_tables import tables_html
from audiostory.evaluate.benchmark.report.tables import comma_separated, markdown
from audiostory.evaluate.metric import Column
from audiostory.evaluate.protocols import PROTOCOLS
from tests.evaluate.benchmark.report.reports import Reader
from tests.evaluate.benchmark.report.test_tables import results, system
from tests.evaluate.benchmark.systems import EAR, Ear

SHARP = replace(EAR, name="sharp", sample_rate_hz=44_100, is_random=True)
UNKNOWN = replace(EAR, name="elsewhere", checkpoint="other.pt", window_s=5.12, hop_s=0.02)


def column(key, *parts, **fields):
    given = {"title": key.upper(), "better": "higher", "detail": "; ".join(parts)}
    return Column(key=key, **(given | fields))


COLUMNS = (
    column("fad", "within 1 s", EAR.described, source="Eq. 1"),
    column("coverage", EAR.described),
    column("pairs", "sharp", UNKNOWN.described),
    column("joins", "share of joins"),
)


def heard(**fields):
    return results(columns=COLUMNS, encoders=(EAR, SHARP), **fields)


@pytest.mark.parametrize(
    "preparation",
    [each for protocol in PROTOCOLS.values() for each in protocol.preparations.values()],
)
def test_every_encoder_is_known_by_its_line(preparation):
    for card in (EAR, SHARP, UNKNOWN):
        prepared = PreparedEncoder(Ear(card=card), preparation).card
        for line in (card.described, prepared.described):
            assert ENCODER.fullmatch(line)
            assert line.split("; ") == [line]


@pytest.mark.parametrize("part", ["share of joins, 60 ms under -60 dBFS", "x100, 10 s windows", ""])
def test_other_parts_of_a_detail_are_no_encoder(part):
    assert not ENCODER.fullmatch(part)


def test_columns_refer_to_encoders_by_number_whether_a_line_or_a_name_means_them():
    numbers = encoder_numbers(heard())
    assert [detail_of(one, numbers) for one in COLUMNS] == [
        "within 1 s; encoder 1",
        "encoder 1",
        "encoder 2; encoder 3",
        "share of joins",
    ]


def test_every_number_stands_for_the_whole_line():
    assert encoder_list(heard()) == [
        ("encoder 1", f"{EAR.described} (ear)"),
        ("encoder 2", f"{SHARP.described} (sharp)"),
        ("encoder 3", UNKNOWN.described),
    ]
    assert "RANDOM WEIGHTS" in SHARP.described


def test_encoders_that_are_described_alike_share_a_number():
    twin = replace(EAR, name="twin")
    assert encoder_list(results(columns=COLUMNS[:2], encoders=(EAR, twin))) == [
        ("encoder 1", f"{EAR.described} (ear, twin)")
    ]


def test_a_source_that_many_share_is_named_once_after_them():
    columns = [column(key, source="Eq. 1") for key in "abc"] + [column("d", source="Eq. 2")]
    (shared, run), (own, last) = by_source(columns)
    assert (shared, own) == ("Eq. 1", "")
    assert ([one.key for one in run], [one.key for one in last]) == (["a", "b", "c"], ["d"])
    assert of_source(run) == "Source of these 3"
    assert by_source(columns[:2]) == [("", columns[:2])]


def test_a_report_says_each_encoder_once_and_every_note_which_it_is():
    text = markdown(heard())
    for card in (EAR, SHARP, UNKNOWN):
        assert text.count(card.described) == 1
    assert text.index("## Encoders") < text.index("- FAD: N = 4; within 1 s; encoder 1 [Eq. 1]")
    assert "resampled" in text
    assert "- COVERAGE: N = 3; encoder 1\n" in text


def test_the_page_lists_encoders_and_its_headings_keep_the_whole_line():
    html = tables_html(heard())
    titles = Reader(html).titles
    visible = html.replace(f'title="{titles["FAD ↑"]}"', "")
    assert EAR.described in titles["FAD ↑"]
    assert f"<dt>encoder 1</dt><dd>{EAR.described} (ear)</dd>" in visible
    assert "within 1 s; encoder 1. Source: Eq. 1.</dd>" in visible


def test_a_report_without_encoders_has_no_list_of_them():
    given = results(columns=COLUMNS[3:])
    assert "Encoders" not in markdown(given)
    assert "Encoders" not in tables_html(given)


def test_programs_read_the_whole_line_beside_each_number():
    given = heard(systems=(system("ours", 1.0, 0.75),))
    rows = comma_separated(given).splitlines()[1:]
    assert len(rows) == 2
    assert all(EAR.described in row for row in rows)


def test_a_system_tuned_to_please_the_ears_is_marked_in_the_report():
    taste = (f"{EAR.checkpoint} {EAR.digest}",)
    tuned = system("tuned", 1.0, 0.75)
    tuned = replace(tuned, card=replace(tuned.card, preferred_by=taste))
    given = heard(systems=(tuned, system("theirs", 2.0, 0.25)))
    (warning,) = tuning_warnings(given)
    assert warning.startswith("tuned was tuned on sounds that")
    assert "FAD, COVERAGE" in warning
    assert "JOINS" not in warning
    assert f"> **careful**: {warning}" in markdown(given)
    assert tuning_warnings(heard()) == []
