from dataclasses import replace

import numpy as np
import pytest

from audiostory.errors import CheckpointError, ConfigError
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
from tests.evaluate.embedded.small import evaluator_behind_yamnet
from tests.evaluate.encoders.random_weights import random_encoder
from tests.evaluate.tracks import tone


@pytest.fixture
def folder(tmp_path):
    save_evaluator(evaluator_behind_yamnet(), tmp_path)
    return tmp_path


def test_without_a_protocol_everything_needs_nothing_and_says_what_is_left_out(folder):
    suite = build_suite(SuiteOptions(evaluator=folder))
    assert set(suite.encoders) == {"embedded-tagger", "embedded-text-audio", "yamnet"}
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
    assert set(suite.encoders) == {"embedded-tagger", "embedded-text-audio", "yamnet"}


def test_encoders_that_can_be_had_take_part(folder, monkeypatch):
    def found(name, _):
        return Ear(replace(EAR, name=name)) if name == "vggish" else EncoderMissing(name, "", "")

    monkeypatch.setattr(choice, "find_encoder", found)
    suite = build_suite(SuiteOptions(evaluator=folder, protocol="standard"))
    assert "vggish" in suite.encoders
    assert "FAD" not in {one.metric for one in suite.skipped}


class Reader(Ear):
    """Hears as an ear does, and reads every text alike."""

    def read(self, texts):
        return np.tile(np.array([[1.0, 0.0]], np.float32), (len(texts), 1))


def details(suite):
    return {column.key: column.detail for column in suite.columns}


def test_sounds_are_found_by_the_embedded_evaluator_unless_it_is_said_otherwise(
    folder, monkeypatch
):
    clap = Reader(replace(EAR, name="clap", checkpoint="a CLAP"))
    monkeypatch.setattr(choice, "find_encoder", lambda name, _: clap)
    silent = details(build_suite(SuiteOptions(evaluator=folder)))
    assert all("evaluator" in silent[key] for key in ("coverage", "order", "planned"))
    asked = details(build_suite(SuiteOptions(evaluator=folder, grounder="clap")))
    for key in ("coverage", "order", "order_defined", "groundable", "planned", "entity_pairs"):
        assert "a CLAP (temperature 0.01, bank" in asked[key]
        assert "a CLAP" not in silent[key]


def test_sounds_can_be_found_by_audiosets_classes(folder, monkeypatch, tmp_path):
    ast = random_encoder("ast", tmp_path / "ast")
    monkeypatch.setattr(choice, "find_encoder", lambda name, _: ast)
    asked = details(build_suite(SuiteOptions(evaluator=folder, grounder="ast")))
    assert "table of classes" in asked["coverage"]
    assert "2 s windows every 1 s" in asked["coverage"]


def test_sounds_can_be_found_by_the_yamnet_that_is_shipped(folder):
    asked = details(build_suite(SuiteOptions(evaluator=folder, grounder="yamnet")))
    assert "yamnet" in asked["coverage"]
    assert "threshold 0.5" in asked["coverage"]


def test_weights_for_a_yamnet_that_is_shipped_are_refused():
    with pytest.raises(ConfigError, match="weights"):
        SuiteOptions(grounder="yamnet", encoders={"yamnet": "x"})


def test_the_encoder_of_the_protocol_is_not_loaded_twice(folder, monkeypatch):
    loaded = []

    def found(name, options):
        loaded.append((name, options.weights))
        return Reader(replace(EAR, name=name)) if name == "clap" else EncoderMissing(name, "", "")

    monkeypatch.setattr(choice, "find_encoder", found)
    options = SuiteOptions(
        evaluator=folder, protocol="standard", encoders={"clap": "x"}, grounder="clap"
    )
    build_suite(options)
    assert [one for one in loaded if one[0] == "clap"] == [("clap", "x")]


@pytest.mark.parametrize("grounder", ["clap", "ast"])
def test_a_grounder_that_cannot_be_had_is_an_error_and_not_another_one(
    folder, monkeypatch, grounder
):
    monkeypatch.setattr(
        choice, "find_encoder", lambda name, _: EncoderMissing(name, "no weights", "fetch them")
    )
    with pytest.raises(CheckpointError, match=f"{grounder}: no weights. fetch them.*embedded"):
        build_suite(SuiteOptions(evaluator=folder, grounder=grounder))


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
    keys = {metric.column.key for metric in set_metrics_of(evaluator_behind_yamnet().tagger.card)}
    assert keys == {"embedded_kl", "embedded_is"}


def test_a_grounders_weights_may_be_given_without_a_protocol():
    assert SuiteOptions(grounder="ast", encoders={"ast": "x"}).encoders == {"ast": "x"}


@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": "mine"},
        {"protocol": "standard", "encoders": {"ear": "x"}},
        {"encoders": {"vggish": "x"}},
        {"protocol": "standard", "encoders": {"cnn14-16k": "x"}},
        {"protocol": "standard", "encoders": {"mert": "x"}},
        {"grounder": "clap", "encoders": {"ast": "x"}},
        {"grounder": "guess"},
    ],
)
def test_options_that_mean_nothing_are_refused(fields):
    with pytest.raises(ConfigError):
        SuiteOptions(**fields)
