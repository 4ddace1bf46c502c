from dataclasses import replace

import pytest

from audiostory.errors import ConfigError
from audiostory.evaluate.benchmark import choice
from audiostory.evaluate.benchmark.choice import (
    PreparedEncoder,
    SuiteOptions,
    build_suite,
    prepared_name,
    set_metrics_of,
)
from audiostory.evaluate.embedded.evaluator import save_evaluator
from audiostory.evaluate.encoders.catalogue import EncoderMissing
from audiostory.evaluate.protocols import PAPER_COMPAT, STANDARD, Preparation
from tests.evaluate.benchmark.systems import EAR, Ear
from tests.evaluate.embedded.small import evaluator
from tests.evaluate.tracks import tone


@pytest.fixture
def folder(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    return tmp_path


def test_without_a_protocol_everything_needs_nothing_and_says_what_is_left_out(folder):
    suite = build_suite(SuiteOptions(evaluator=folder))
    assert set(suite.encoders) == {"embedded-tagger", "embedded-text-audio"}
    assert all(encoder.card.is_embedded for encoder in suite.encoders.values())
    keys = {column.key for column in suite.columns}
    assert {"coverage", "order", "join_quality", "embedded_clap"} <= keys
    assert not {"fad", "clap", "instruct"} & keys
    assert ["--protocol" in one.reason for one in suite.skipped] == [True, False]


def test_encoders_that_cannot_be_had_are_listed_with_all_their_numbers(folder, monkeypatch):
    monkeypatch.setattr(
        choice, "find_encoder", lambda name, _: EncoderMissing(name, "no weights", "fetch them")
    )
    suite = build_suite(SuiteOptions(evaluator=folder, protocol="standard"))
    named = {one.metric for one in suite.skipped}
    assert {each.title for each in STANDARD.measurements} <= named
    assert set(suite.encoders) == {"embedded-tagger", "embedded-text-audio"}


def test_encoders_that_can_be_had_take_part(folder, monkeypatch):
    def found(name, _):
        return Ear(replace(EAR, name=name)) if name == "vggish" else EncoderMissing(name, "", "")

    monkeypatch.setattr(choice, "find_encoder", found)
    suite = build_suite(SuiteOptions(evaluator=folder, protocol="standard"))
    assert "vggish" in suite.encoders
    assert "FAD" not in {one.metric for one in suite.skipped}


def test_a_protocols_preparation_is_part_of_the_encoders_name_and_card():
    preparation = Preparation(through_hz=8_000)
    encoder = PreparedEncoder(Ear(), preparation)
    assert encoder.card.name == prepared_name("ear", preparation) != "ear"
    assert "through 8 kHz" in encoder.card.described
    bright = tone(1.0, 6_000.0)
    assert encoder.hear(bright).embeddings[0, 0] < 0.1 * Ear().hear(bright).embeddings[0, 0]


@pytest.mark.parametrize("protocol", [STANDARD, PAPER_COMPAT])
def test_every_number_of_a_protocol_is_made_of_what_its_encoder_heard(protocol):
    made = set()
    for name, preparation in protocol.preparations.items():
        card = replace(EAR, name=prepared_name(name, preparation))
        made |= {metric.column.key for metric in set_metrics_of(card)}
    assert made == {each.key for each in protocol.measurements if each.kind != "clap"}


def test_numbers_of_the_embedded_evaluator_are_only_its_own():
    keys = {metric.column.key for metric in set_metrics_of(evaluator().tagger.card)}
    assert keys == {"embedded_kl", "embedded_is"}


@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": "mine"},
        {"protocol": "standard", "encoders": {"ear": "x"}},
        {"encoders": {"vggish": "x"}},
    ],
)
def test_options_that_mean_nothing_are_refused(fields):
    with pytest.raises(ConfigError):
        SuiteOptions(**fields)
