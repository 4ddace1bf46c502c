from dataclasses import asdict, replace

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.data.cache import key_of
from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.folder import RunFolder, card_digest, question_of, write_text
from audiostory.evaluate.benchmark.suite import Skipped
from tests.evaluate.benchmark.systems import EAR, ITEMS, Ear, Peak, plan, run_card, suite
from tests.evaluate.tracks import noise, tone


def test_an_answer_is_read_as_it_was_kept(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_answer(ITEMS[0], noise(2.0), plan(), seconds=1.5)
    waveform, kept = folder.answer(ITEMS[0])
    assert np.abs(waveform.samples - noise(2.0).samples).max() < 1e-4
    assert kept == plan()
    record = folder.record(ITEMS[0])
    assert (record.has_track, record.duration_s, record.seconds) == (True, 2.0, 1.5)


def test_a_track_over_full_scale_is_turned_down_and_says_so(tmp_path):
    folder = RunFolder(tmp_path)
    loud = Waveform(tone(1.0).samples * 4, 16_000)
    folder.keep_answer(ITEMS[0], loud, None, seconds=0)
    assert folder.record(ITEMS[0]).attenuated_db == pytest.approx(6.02, abs=0.01)
    assert np.abs(folder.answer(ITEMS[0])[0].samples).max() == pytest.approx(1.0, abs=1e-3)


def test_an_item_asked_otherwise_is_not_answered(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_answer(ITEMS[0], noise(1.0), None, seconds=0)
    assert folder.record(replace(ITEMS[0], seed=99)) is None
    assert question_of(ITEMS[0]) != question_of(replace(ITEMS[0], seed=99))


def test_a_record_whose_track_is_gone_does_not_count(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_answer(ITEMS[0], noise(1.0), None, seconds=0)
    folder.track(ITEMS[0].id).unlink()
    assert folder.record(ITEMS[0]) is None


@pytest.fixture
def measured(tmp_path):
    """A run of one item with all that can lie on disk of it."""
    folder = RunFolder(tmp_path)
    folder.keep_answer(ITEMS[0], noise(1.0), plan(), seconds=0)
    folder.keep_features(EAR, ITEMS[0].id, Ear().hear(noise(1.0)))
    folder.keep_scores(ITEMS[0].id, {"digest": {"peak": 0.5}})
    return folder


def test_a_new_answer_leaves_nothing_of_what_was_measured_of_the_one_before(measured):
    asked = replace(ITEMS[0], seed=99)
    measured.keep_answer(asked, noise(2.0), None, seconds=0)
    assert measured.record(asked).duration_s == 2.0
    assert measured.scores(asked.id) == {}
    assert measured.features(EAR, asked.id) is None
    assert measured.answer(asked)[1] is None


def test_a_refusal_leaves_nothing_of_an_earlier_answer(measured):
    measured.keep_refusal(ITEMS[0], "too long")
    assert not measured.track(ITEMS[0].id).exists()
    assert measured.scores(ITEMS[0].id) == {}


def test_refused_items_can_be_asked_again_and_others_are_not(measured):
    measured.keep_refusal(ITEMS[1], "too long")
    measured.forget_refusals(ITEMS)
    assert measured.record(ITEMS[1]) is None
    assert measured.record(ITEMS[0]).has_track
    assert measured.scores(ITEMS[0].id)


def test_a_refusal_is_an_end_without_a_track(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_refusal(ITEMS[0], "too long")
    assert not folder.record(ITEMS[0]).has_track


def test_features_are_those_of_the_same_encoder_only(tmp_path):
    folder = RunFolder(tmp_path)
    heard = Ear().hear(noise(2.0))
    folder.keep_features(EAR, "a", heard)
    kept = folder.features(EAR, "a")
    assert np.array_equal(kept.embeddings, heard.embeddings)
    assert np.array_equal(kept.probabilities, heard.probabilities)
    assert folder.features(replace(EAR, digest="1" * 12), "a") is None
    assert folder.features(EAR, "b") is None
    assert folder.encoders() == (EAR,)


def test_a_card_of_whole_numbers_is_the_one_that_is_read_again(tmp_path):
    whole = replace(EAR, window_s=1, hop_s=1)
    folder = RunFolder(tmp_path)
    folder.keep_features(whole, "a", Ear().hear(noise(2.0)))
    (kept,) = folder.encoders()
    assert folder.features(kept, "a") is not None
    assert card_digest(EAR) == key_of(asdict(EAR)), "what was kept before is still known"


def test_scores_are_kept_with_those_that_do_not_exist(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_scores("a", {"digest": {"peak": 0.5, "order": None}})
    assert folder.scores("a") == {"digest": {"peak": 0.5, "order": None}}
    assert folder.scores("b") == {}


def test_a_folder_belongs_to_one_system_and_set(tmp_path):
    folder = RunFolder(tmp_path)
    folder.open(run_card(), ITEMS)
    folder.open(run_card(), ITEMS)
    with pytest.raises(OutputError, match="holds noise on rains 1 .*choose another folder"):
        folder.open(run_card(set_version="2"), ITEMS)


def test_a_folder_says_what_was_asked_and_measured(tmp_path):
    folder = RunFolder(tmp_path)
    folder.open(run_card(), ITEMS)
    assert [one.id for one in folder.questions()] == [one.id for one in ITEMS]
    assert folder.questions()[3].stratum == "hard"
    assert folder.measures().columns == {}
    folder.keep_measures(suite(skipped=(Skipped(metric="FAD", reason="no weights"),)))
    (columns,) = folder.measures().columns.values()
    assert columns == Peak.columns
    assert folder.measures().skipped[0].metric == "FAD"


class OtherPeak(Peak):
    columns = (replace(Peak.columns[0], detail="true peak"), Peak.columns[1])


class Silence(Peak):
    columns = (replace(Peak.columns[0], key="silence"),)


def test_a_metric_takes_the_place_of_what_had_its_columns_and_of_nothing_else(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_measures(suite(item_metrics=(Peak(), Silence())))
    folder.keep_measures(suite(item_metrics=(OtherPeak(),)))
    measures = folder.measures()
    assert list(measures.columns.values()) == [OtherPeak.columns, Silence.columns]
    assert list(measures.earlier.values()) == [Peak.columns]
    folder.keep_measures(suite(item_metrics=(Peak(),)))
    measures = folder.measures()
    assert list(measures.columns.values()) == [Peak.columns, Silence.columns]
    assert list(measures.earlier.values()) == [OtherPeak.columns]


def test_an_embedded_evaluator_takes_the_place_of_the_one_before_whatever_its_encoders(tmp_path):
    folder = RunFolder(tmp_path)
    old, new = (Ear(replace(EAR, name=name, is_embedded=True)) for name in ("old", "new"))
    folder.keep_measures(suite(encoders={"old": old, "ear": Ear()}))
    folder.keep_measures(suite(encoders={"new": new}))
    assert [card.name for card in folder.encoders()] == ["ear", "new"]
    folder.keep_measures(suite(encoders={}))
    assert [card.name for card in folder.encoders()] == ["ear", "new"]
    changed = Ear(replace(EAR, digest="1" * 12))
    folder.keep_measures(suite(encoders={"ear": changed}))
    assert folder.encoders() == (changed.card, new.card)


def test_a_folder_from_before_encoders_were_listed_has_those_that_heard_its_tracks(tmp_path):
    folder = RunFolder(tmp_path)
    old = replace(EAR, name="old", is_embedded=True)
    for card in (EAR, old):
        folder.keep_features(card, "a", Ear().hear(noise(2.0)))
    write_text(tmp_path / "measures.json", '{"columns": {}, "skipped": []}')
    assert folder.encoders() == (EAR, old)
    new = Ear(replace(EAR, name="new", is_embedded=True))
    folder.keep_measures(suite(encoders={"new": new}))
    assert folder.encoders() == (EAR, new.card)


def test_a_run_does_not_go_on_with_other_weights_and_tells_what_differs(tmp_path):
    folder = RunFolder(tmp_path)
    folder.open(run_card(), ITEMS)
    folder.open(run_card(fingerprint="a" * 20), ITEMS)  # from before there were any
    with pytest.raises(OutputError, match=f"fingerprint {'a' * 12}.*fingerprint {'b' * 12}"):
        folder.open(run_card(fingerprint="b" * 20), ITEMS)
    with pytest.raises(OutputError, match="choose another folder"):
        folder.open(run_card(), ITEMS)


def test_notes_of_a_set_may_change_from_one_command_to_the_next(tmp_path):
    folder = RunFolder(tmp_path)
    folder.open(run_card(set_notes=("no references",)), ITEMS)
    folder.open(run_card(set_notes=()), ITEMS)
    assert folder.card().set_notes == ()


def test_a_folder_of_something_else_is_told_as_such(tmp_path):
    with pytest.raises(OutputError, match="not the folder of a benchmark run"):
        RunFolder(tmp_path).card()
