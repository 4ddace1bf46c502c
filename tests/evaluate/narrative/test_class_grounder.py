import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import NamedSound
from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features
from audiostory.evaluate.encoders.labels import audioset_labels
from audiostory.evaluate.kinds import COMMON
from audiostory.evaluate.narrative.class_grounder import (
    ClassGrounder,
    classes_by_kind,
    in_short_windows,
)
from tests.evaluate.encoders.random_weights import random_encoder
from tests.evaluate.narrative.stories import RATE_HZ, zeros
from tests.evaluate.tracks import noise, tone

KINDS = {"dog": ["Bark", "Howl"], "rain": ["Rain"], "glass": ["Shatter"]}
SOUNDS = tuple(
    NamedSound(text=f"a {kind}", event=event, group=kind)
    for event, kind in enumerate(("dog", "rain", "glass", "unicorn", None, "dog"))
)


class Classifier:
    """Hears Bark in the first second, Howl in the second and Rain in the third."""

    card = EncoderCard(
        name="classes",
        checkpoint="classes",
        digest="0" * 12,
        sample_rate_hz=RATE_HZ,
        window_s=1.0,
        hop_s=1.0,
        dimension=3,
        labels=("Rain", "Bark", "Howl"),
    )

    def hear(self, waveform):
        heard = np.full((4, 3), 0.1, np.float32)
        heard[0, 1], heard[1, 2], heard[2, 0] = 0.9, 0.8, 0.7
        return Features(heard, np.arange(4, dtype=np.float32), 1.0, heard)


def test_a_kind_is_heard_where_any_of_its_classes_is():
    activity = ClassGrounder(Classifier(), classes=KINDS).hear_sounds(noise(4.0), SOUNDS)
    assert activity.frames_per_s == 1.0
    assert activity.presence_QT[0] == pytest.approx([0.9, 0.8, 0.1, 0.1])
    assert activity.found_QT[:2].tolist() == [
        [True, True, False, False],
        [False, False, True, False],
    ]


def test_kinds_that_the_encoder_has_no_class_of_cannot_be_heard_at_all():
    activity = ClassGrounder(Classifier(), classes=KINDS).hear_sounds(noise(4.0), SOUNDS)
    assert activity.is_audible_Q.tolist() == [True, True, False, False, False, True]
    assert not activity.found_QT[2:5].any()


def test_sounds_of_one_kind_have_equal_rows():
    activity = ClassGrounder(Classifier(), classes=KINDS).hear_sounds(noise(4.0), SOUNDS)
    assert np.array_equal(activity.presence_QT[0], activity.presence_QT[5])


def test_nothing_is_heard_in_silence_and_no_sounds_are_no_trouble():
    grounder = ClassGrounder(Classifier(), classes=KINDS)
    half = Waveform(np.append(tone(1.0).samples, zeros(3.0).samples, axis=1), RATE_HZ)
    assert grounder.hear_sounds(half, SOUNDS).found_QT.sum(axis=1).tolist() == [1, 0, 0, 0, 0, 1]
    assert grounder.hear_sounds(half, ()).presence_QT.shape == (0, 4)


def test_a_transformer_hears_in_short_windows_what_it_would_alone(tmp_path):
    ast = random_encoder("ast", tmp_path)
    short = in_short_windows(ast)
    grounder = ClassGrounder(short, threshold=0.0, classes={"dog": ["class 3", "class 5"]})
    track = noise(4.0)
    activity = grounder.hear_sounds(track, SOUNDS[:2])
    assert (activity.frames_per_s, activity.finest_s) == (1.0, 2.0)
    assert activity.is_audible_Q.tolist() == [True, False]
    first = ast.hear(Waveform(track.samples[:, : 2 * RATE_HZ], RATE_HZ)).probabilities[0]
    assert activity.presence_QT[0, 0] == pytest.approx(max(first[3], first[5]), abs=1e-5)


def test_the_card_tells_what_the_numbers_depend_on():
    one = ClassGrounder(Classifier(), classes=KINDS).card.checkpoint
    assert one != ClassGrounder(Classifier(), threshold=0.5, classes=KINDS).card.checkpoint
    assert one != ClassGrounder(Classifier(), classes={"rain": ["Rain"]}).card.checkpoint


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(MeasureError, match="threshold 1"):
        ClassGrounder(Classifier(), threshold=1)
    deaf = Classifier()
    deaf.card = EncoderCard(**{**vars(Classifier.card), "labels": ()})
    with pytest.raises(MeasureError, match="such as ast"):
        ClassGrounder(deaf)


def test_the_table_names_classes_of_audioset_each_of_one_kind():
    names = [name for names in classes_by_kind().values() for name in names]
    assert set(names) <= set(audioset_labels())
    assert len(set(names)) == len(names)


def test_the_table_knows_all_common_kinds():
    assert set(classes_by_kind()) == set(COMMON)
