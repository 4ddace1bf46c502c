import json

import numpy as np
import pytest

from audiostory.data.sets.item import NamedSound
from audiostory.errors import CheckpointError
from audiostory.evaluate.embedded.evaluator import (
    UNNAMED,
    load_evaluator,
    save_evaluator,
)
from audiostory.evaluate.embedded.moments import MomentHearing
from tests.evaluate.embedded.small import DETECTOR, evaluator, hearing
from tests.evaluate.tracks import noise, tone


def test_an_evaluator_is_the_same_after_it_was_written_and_read(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    own, read = evaluator(), load_evaluator(tmp_path, hearing())
    assert read.config == own.config
    track = noise(3.0)
    assert np.allclose(
        own.tagger.hear(track).probabilities, read.tagger.hear(track).probabilities, atol=5e-3
    )
    texts = ["a bell rings", "rain"]
    assert np.allclose(own.shared_space.read(texts), read.shared_space.read(texts), atol=2e-2)


def test_what_is_read_twice_is_exactly_the_same(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    one, other = load_evaluator(tmp_path, hearing()), load_evaluator(tmp_path, hearing())
    assert one.digest == other.digest
    assert np.array_equal(
        one.shared_space.hear(tone(2.0)).embeddings, other.shared_space.hear(tone(2.0)).embeddings
    )


def test_its_cards_say_that_it_is_embedded():
    own = evaluator()
    assert own.tagger.card.is_embedded
    assert own.shared_space.card.is_embedded
    assert own.tagger.card.labels == (*DETECTOR.groups, UNNAMED)


@pytest.mark.parametrize("length_s", [0.1, 1.28, 5.0])
def test_the_tagger_gives_probabilities_for_each_window(length_s):
    heard = evaluator().tagger.hear(noise(length_s))
    assert heard.probabilities is not None
    assert heard.probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert heard.embeddings.shape == (len(heard.starts_s), DETECTOR.width)


def test_the_grounder_finds_no_sound_of_a_kind_it_does_not_know():
    sounds = (
        NamedSound(text="a bell", event=0, group="bell"),
        NamedSound(text="a dragon", event=1, group="dragon"),
        NamedSound(text="something", event=1),
    )
    activity = evaluator().grounder.hear_sounds(noise(3.0), sounds)
    assert activity.presence_QT.shape == (3, 7)
    assert activity.is_audible_Q.tolist() == [True, False, False]
    assert activity.thresholds_Q[0] == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["evaluator.json", "evaluator.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(tmp_path, name):
    save_evaluator(evaluator(), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_evaluator(tmp_path, hearing())


def test_damaged_files_are_told_as_such(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    entry = json.loads((tmp_path / "evaluator.json").read_text())
    entry["config"]["detector"]["width"] = 32
    (tmp_path / "evaluator.json").write_text(json.dumps(entry))
    with pytest.raises(CheckpointError, match="damaged"):
        load_evaluator(tmp_path, hearing())


def test_an_evaluator_is_heard_through_the_yamnet_it_learnt_behind(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    with pytest.raises(CheckpointError, match="learnt behind the YAMNet small, here is other"):
        load_evaluator(tmp_path, MomentHearing(hearing().network, "other"))


def test_a_sound_is_found_where_its_own_kind_is_heard():
    own, track = evaluator(), noise(3.0)
    presence_KG, _ = own.detector.presence(own.hearing(track))
    sounds = [NamedSound(text=group, event=0, group=group) for group in ("toy", "bell")]
    activity = own.grounder.hear_sounds(track, sounds)
    assert np.allclose(activity.presence_QT, presence_KG[:, [2, 0]].T)
    assert activity.thresholds_Q == pytest.approx([0.6, 0.4])


def test_an_evaluator_of_version_1_is_told_from_a_damaged_one(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    entry = json.loads((tmp_path / "evaluator.json").read_text())
    del entry["config"]["hearing"]
    (tmp_path / "evaluator.json").write_text(json.dumps(entry))
    with pytest.raises(CheckpointError, match="earlier version.*anew"):
        load_evaluator(tmp_path, hearing())


@pytest.mark.parametrize(("name", "text"), [("tokenizer.json", "{"), ("evaluator.json", "[]")])
def test_what_is_not_what_it_should_be_is_damaged(tmp_path, name, text):
    save_evaluator(evaluator(), tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError, match="damaged"):
        load_evaluator(tmp_path, hearing())


def test_other_thresholds_are_another_evaluator(tmp_path):
    save_evaluator(evaluator(), tmp_path)
    digest = load_evaluator(tmp_path, hearing()).digest
    entry = json.loads((tmp_path / "evaluator.json").read_text())
    entry["config"]["thresholds"][0] = 0.41
    (tmp_path / "evaluator.json").write_text(json.dumps(entry))
    assert load_evaluator(tmp_path, hearing()).digest != digest
