"""What a report says of a model that was tuned to please its ears."""

from __future__ import annotations

from audiostory.evaluate.caption_fit import build_ranker
from audiostory.evaluate.metric import Column
from audiostory.evaluate.tuning import are_pleased, taste_warning, tuning_warning


def column(title: str, detail: str) -> Column:
    return Column(key=title, title=title, better="higher", detail=detail)


CLAP = "clap-htsat-unfused aaaaaaaaaaaa"
COLUMNS = (
    column("CLAP", f"{CLAP}, 48 kHz mono (mean), 10 s windows every 5 s; instruction"),
    column("FAD", "vggish.pth bbbbbbbbbbbb, 16 kHz mono (mean), 0.96 s windows every 0.96 s"),
    column("Joins", "share of joins"),
)


def test_columns_of_the_ears_that_ranked_are_named() -> None:
    told = tuning_warning("tuned", (CLAP,), COLUMNS)
    assert told.startswith(f"tuned was tuned on sounds that {CLAP} ranked")
    assert "its numbers in CLAP are no evidence" in told
    assert "FAD" not in told


def test_a_model_that_pleased_nobody_needs_no_warning() -> None:
    assert tuning_warning("plain", (), COLUMNS) == ""
    assert taste_warning("audiostory evaluator 2 c0ffee", ()) == ""


def test_other_ears_are_said_to_be_free() -> None:
    assert "no column here" in tuning_warning("tuned", ("other cccccccccccc",), COLUMNS)


def test_the_embedded_evaluator_taints_all_of_its_versions_and_yamnet() -> None:
    preferred_by = build_ranker("embedded").preferred_by
    yamnet = preferred_by[1]
    assert are_pleased("audiostory evaluator own 123456789abc, 16 kHz", preferred_by)
    assert are_pleased(f"{yamnet}, 16 kHz mono (mean)", preferred_by)
    assert are_pleased(f"yamnet.safetensors (x) {yamnet.rpartition(' ')[2]}, 16 kHz", preferred_by)
    assert not are_pleased(COLUMNS[1].detail, preferred_by)
    assert "no evidence" in taste_warning("audiostory evaluator 3 123456789abc", preferred_by)
