from __future__ import annotations

import json

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, save
from audiostory.errors import ConfigError
from audiostory.evaluate.embedded.detector import pooled
from audiostory.evaluate.recognisability import (
    SILENCE,
    Ears,
    Heard,
    HeardSet,
    Report,
    recognisability,
    run_recognisability,
)
from audiostory.evaluate.samples import Sample
from tests.evaluate.embedded.small import evaluator
from tests.evaluate.sounds import RATE_HZ, bell, rain, write_corpus

EARS = Ears(evaluator(), ("bell", "rain"))


def _heard(group, answer, point, source):
    return Heard(group, source, answer, False, np.array([point, 0.0]))


def _report(generated):
    real = [_heard("bell", "bell", 0.0, "a"), _heard("bell", "bell", 4.0, "b")]
    real += [_heard("rain", "rain", 0.0, "c"), _heard("rain", "bell", 2.0, "d")]
    return Report(
        "tiny", ("bell", "rain"), {"real": HeardSet(real), "generated": HeardSet(generated)}
    )


def test_accuracy_and_its_ratio_to_real_clips():
    generated = [_heard("bell", "bell", 0.0, "x"), _heard("bell", "rain", 1.0, "y")]
    generated += [_heard("rain", "rain", 0.0, "z")]
    report = _report(generated)
    assert report.sets["real"].macro(report.groups) == pytest.approx(0.75)
    assert report.sets["generated"].accuracy("bell") == 0.5
    assert report.ratio("bell") == 0.5
    assert report.ratio("rain") == 2.0
    assert report.ratio() == pytest.approx(1.0)
    low, high = report.ratio_interval()
    assert low <= report.ratio() <= high


def test_one_good_sound_again_and_again_has_no_spread():
    generated = [_heard("bell", "bell", 1.0, f"{seed}") for seed in range(5)]
    generated += [_heard("rain", "rain", float(seed), f"{seed}") for seed in (0, 2)]
    report = _report(generated)
    assert report.spread_ratio("bell") == 0.0
    assert report.spread_ratio("rain") == pytest.approx(1.0)
    assert report.spread_ratio("rain", recognised=True) is None


def test_spread_leaves_out_pairs_from_one_recording():
    clips = [
        _heard("bell", "bell", point, source) for point, source in ((0, "a"), (0, "a"), (6, "b"))
    ]
    spread = HeardSet(clips).spread("bell")
    assert spread is not None
    assert spread.mean == 6.0
    assert spread.is_across_sources
    single = HeardSet(clips[:2]).spread("bell")
    assert single is not None
    assert not single.is_across_sources


def test_silent_clips_are_wrong_and_said_to_be_silent():
    quiet = Waveform(np.full((1, RATE_HZ // 2), 1e-5, np.float32), RATE_HZ)
    heard = EARS.hear([Sample(quiet, "bell", "x")])
    assert heard.accuracy("bell") == 0.0
    assert heard.confusion("bell") == {SILENCE: 1}


def test_the_same_clips_have_ratio_and_spread_one():
    clips = [Sample(bell(seed), "bell", f"b{seed}") for seed in range(3)]
    clips += [Sample(rain(seed), "rain", f"r{seed}") for seed in range(3)]
    report = recognisability(EARS, clips, clips, clips)
    assert report.sets["generated"].confusion("bell") == report.sets["real"].confusion("bell")
    assert report.mean_spread_ratio(which="reconstructed") == pytest.approx(1.0)


def test_run_writes_a_table_for_rendered_captions(tmp_path):
    (tmp_path / "corpus").mkdir()
    corpus = write_corpus(tmp_path / "corpus", per_split=1)
    asked = []

    def render(caption, seed):
        asked.append((caption, seed))
        return bell(seed)

    report = run_recognisability(
        EARS, corpus, render, tmp_path / "out", reconstruct=lambda one: one
    )
    assert len(asked) == 16
    assert len(set(asked)) == 16
    assert asked[0][0] == "A bell, take 0"
    entry = json.loads((tmp_path / "out/recognisability.json").read_text(encoding="utf-8"))
    assert entry["summary"]["generated"]["clips"] == 16
    text = (tmp_path / "out/recognisability.md").read_text(encoding="utf-8")
    assert "| bell |" in text
    assert set(report.sets) == {"real", "reconstructed", "generated"}


def test_a_folder_of_clips_by_group_can_be_measured(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "clips/bell").mkdir(parents=True)
    save(bell(0), tmp_path / "clips/bell/one.wav")
    report = run_recognisability(
        EARS,
        write_corpus(tmp_path / "corpus", per_split=1),
        tmp_path / "clips",
        tmp_path / "out",
    )
    assert report.sets["generated"].accuracy("rain") is None


def test_doubted_answers_count_but_not_as_sure_and_groups_at_half_are_counted():
    doubted = Heard("bell", "x", "bell", True, np.zeros(2))
    report = _report([doubted, _heard("rain", "bell", 0.0, "y")])
    assert report.sets["generated"].accuracy("bell") == 1.0
    assert report.sets["generated"].accuracy("bell", sure=True) == 0.0
    assert report.groups_at_half() == (1, 2)


def test_groups_without_generated_clips_do_not_count_in_the_ratio_of_all():
    report = _report([_heard("bell", "bell", 0.0, "x")])
    assert report.ratio() == pytest.approx(1.0)


def test_answers_are_the_likeliest_of_the_groups_asked_for_and_sure_where_found():
    heard = EARS.hear([Sample(bell(0), "bell", "x")]).by_group["bell"][0]
    own = evaluator()
    presence_KG, _ = own.detector.presence(own.hearing(bell(0)))
    column = int(pooled(presence_KG)[:2].argmax())
    assert heard.answer == ("bell", "rain")[column]
    assert heard.is_doubted == (
        float(presence_KG[:, column].max()) <= own.config.thresholds[column]
    )


def test_a_group_that_nobody_hears_is_refused():
    with pytest.raises(ConfigError, match="does not know dragon: choose from bell, rain, toy"):
        Ears(evaluator(), ("bell", "dragon"))


def test_a_generator_tuned_to_please_such_ears_is_no_witness(tmp_path):
    (tmp_path / "corpus").mkdir()
    corpus = write_corpus(tmp_path / "corpus", per_split=1)
    (tmp_path / "clips/bell").mkdir(parents=True)
    save(bell(0), tmp_path / "clips/bell/one.wav")
    taste = ("audiostory evaluator 1 000000000000",)
    report = run_recognisability(
        EARS, corpus, tmp_path / "clips", tmp_path / "out", preferred_by=taste
    )
    assert "no evidence" in report.warning
    text = (tmp_path / "out/recognisability.md").read_text(encoding="utf-8")
    assert f"> **careful**: {report.warning}" in text
    entry = json.loads((tmp_path / "out/recognisability.json").read_text(encoding="utf-8"))
    assert entry["warning"] == report.warning
    plain = run_recognisability(EARS, corpus, tmp_path / "clips", tmp_path / "plain")
    assert "careful" not in plain.to_markdown()
    assert "warning" not in plain.to_json()
