from dataclasses import replace

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.folder import RunFolder, question_of
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


def test_notes_of_a_set_may_change_from_one_command_to_the_next(tmp_path):
    folder = RunFolder(tmp_path)
    folder.open(run_card(set_notes=("no references",)), ITEMS)
    folder.open(run_card(set_notes=()), ITEMS)
    assert folder.card().set_notes == ()


def test_a_folder_of_something_else_is_told_as_such(tmp_path):
    with pytest.raises(OutputError, match="not the folder of a benchmark run"):
        RunFolder(tmp_path).card()
