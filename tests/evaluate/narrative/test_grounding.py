import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import InstructionError, MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features
from audiostory.evaluate.narrative.distractors import DISTRACTORS
from audiostory.evaluate.narrative.grounding import Activity, LastHeard, TextGrounder
from tests.evaluate.narrative.stories import RATE_HZ, ScriptedGrounder, named, zeros
from tests.evaluate.tracks import noise, tone

WORDS = {"low tone": [1, 0, 0], "a deep tone": [0.9, 0.436, 0], "high tone": [0, 1, 0]}


class ToneEncoder:
    """Hears whether 200 or 2000 Hz sounds in each second; reads the texts above."""

    card = EncoderCard(
        name="tones",
        checkpoint="tones",
        digest="0" * 12,
        sample_rate_hz=RATE_HZ,
        window_s=1.0,
        hop_s=1.0,
        dimension=3,
    )

    def read(self, texts):
        vectors = np.array([WORDS.get(text, [0, 0, 1]) for text in texts], np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def hear(self, waveform):
        seconds = range(max(1, round(waveform.duration_s)))
        pieces = [waveform.samples[0, k * RATE_HZ : (k + 1) * RATE_HZ] for k in seconds]
        powers = [np.abs(np.fft.rfft(piece, RATE_HZ))[[200, 2_000]] for piece in pieces]
        rows = np.array([[*power, 1.0] for power in powers], np.float32)
        return Features(rows, np.arange(len(rows), dtype=np.float32), 1.0)


def two_tones():
    low, high = tone(3.0, 200.0).samples, tone(2.0, 2_000.0).samples
    return Waveform(np.concatenate([low, high], axis=1), RATE_HZ)


def test_a_text_is_present_where_its_sound_is():
    grounder = TextGrounder(ToneEncoder(), distractors=("silence", "speech"))
    activity = grounder.hear_sounds(two_tones(), named("low tone", "high tone"))
    assert activity.frames_per_s == 1.0
    assert activity.found_QT.tolist() == [[True] * 3 + [False] * 2, [False] * 3 + [True] * 2]


def test_presence_is_the_softmax_over_the_text_and_the_distractors():
    grounder = TextGrounder(ToneEncoder(), temperature=0.5, distractors=("silence", "speech"))
    activity = grounder.hear_sounds(noise(1.0), named("low tone"))
    heard = ToneEncoder().hear(noise(1.0)).embeddings[0]
    cosines = heard / np.linalg.norm(heard)
    own, other = np.exp(cosines[[0, 2]] / 0.5)
    assert activity.presence_QT[0, 0] == pytest.approx(own / (own + 2 * other), rel=1e-5)


def test_named_sounds_do_not_compete_with_each_other():
    grounder = TextGrounder(ToneEncoder(), distractors=("silence",))
    both = Waveform(tone(2.0, 200.0).samples + tone(2.0, 2_000.0).samples, RATE_HZ)
    activity = grounder.hear_sounds(both, named("low tone", "high tone"))
    assert activity.found_QT.all()


def test_a_distractor_that_reads_like_a_named_sound_is_left_out():
    bank = ("a deep tone", "silence")
    strict = TextGrounder(ToneEncoder(), alike=0.99, distractors=bank, threshold=0.99)
    lenient = TextGrounder(ToneEncoder(), alike=0.8, distractors=bank, threshold=0.99)
    both = Waveform(tone(1.0, 200.0).samples + 0.5 * tone(1.0, 2_000.0).samples, RATE_HZ)
    assert not strict.hear_sounds(both, named("low tone")).found_QT.any()
    assert lenient.hear_sounds(both, named("low tone")).found_QT.all()


def test_a_bank_of_nothing_but_other_wordings_is_refused():
    grounder = TextGrounder(ToneEncoder(), distractors=("a deep tone",))
    with pytest.raises(MeasureError, match="other distractors"):
        grounder.hear_sounds(noise(1.0), named("low tone"))


def test_nothing_is_present_in_silence():
    grounder = TextGrounder(ToneEncoder(), temperature=10.0, threshold=0.0, distractors=("speech",))
    half = Waveform(np.append(tone(2.0).samples, zeros(2.0).samples, axis=1), RATE_HZ)
    activity = grounder.hear_sounds(half, named("low tone"))
    assert activity.found_QT.tolist() == [[True, True, False, False]]
    assert not grounder.hear_sounds(zeros(0.1), named("low tone")).found_QT.any()


def test_one_sample_and_no_sounds_are_heard_without_complaint():
    grounder = TextGrounder(ToneEncoder(), distractors=("speech",))
    one = Waveform(np.full((2, 1), 0.5, np.float32), RATE_HZ)
    assert grounder.hear_sounds(one, named("low tone")).presence_QT.shape == (1, 1)
    assert grounder.hear_sounds(one, ()).presence_QT.shape == (0, 1)


def test_a_text_that_cannot_be_read_names_a_sound_that_cannot_be_heard():
    class Short(ToneEncoder):
        def read(self, texts):
            if any(len(text) > 20 for text in texts):
                raise InstructionError("a text of 600 tokens cannot be read whole")
            return super().read(texts)

    sounds = named("low tone", "a tone that is told at length")
    activity = TextGrounder(Short(), distractors=("speech",)).hear_sounds(two_tones(), sounds)
    assert activity.is_audible_Q.tolist() == [True, False]
    assert activity.found_QT.any(axis=1).tolist() == [True, False]
    only = TextGrounder(Short(), distractors=("speech",)).hear_sounds(two_tones(), sounds[1:])
    assert not only.is_audible_Q.any()


def test_the_card_tells_what_the_numbers_depend_on():
    one = TextGrounder(ToneEncoder()).card.checkpoint
    assert one != TextGrounder(ToneEncoder(), temperature=0.02).card.checkpoint
    assert one != TextGrounder(ToneEncoder(), distractors=("speech",)).card.checkpoint


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"threshold": 1}, {"distractors": ()}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(MeasureError):
        TextGrounder(ToneEncoder(), **wrong)


def test_the_distractors_differ():
    assert len({text.casefold() for text in DISTRACTORS}) == len(DISTRACTORS) > 50


def activity(presence, thresholds, frames_per_s=1.0):
    return Activity(
        presence_QT=np.array(presence, np.float32),
        frames_per_s=frames_per_s,
        thresholds_Q=np.array(thresholds, np.float32),
    )


def test_a_threshold_has_to_be_exceeded():
    assert activity([[0.5, 0.6]], [0.5]).found_QT.tolist() == [[False, True]]


def test_what_cannot_be_heard_is_never_found():
    one = activity([[1.0], [1.0]], [np.nan, 0.5])
    assert one.found_QT.tolist() == [[False], [True]]
    assert one.is_audible_Q.tolist() == [False, True]


@pytest.mark.parametrize(
    ("presence", "thresholds", "frames_per_s"),
    [([[0.5]], [0.5, 0.5], 1), ([[1.5]], [0.5], 1), ([[np.nan]], [0.5], 1), ([[0.5]], [2], 1),
     ([[0.5]], [0.5], 0), ([[]], [0.5], 1)],
)  # fmt: skip
def test_what_is_no_activity_is_refused(presence, thresholds, frames_per_s):
    with pytest.raises(MeasureError):
        activity(presence, thresholds, frames_per_s)


def test_a_track_is_heard_once_for_all_metrics():
    script = ScriptedGrounder({"rain": [(0, 1)]})
    grounder = LastHeard(script)
    track, sounds = noise(2.0), named("rain")
    first = grounder.hear_sounds(track, sounds)
    assert grounder.hear_sounds(track, sounds) is first
    assert script.num_asked == 1
    grounder.hear_sounds(track, named("wind"))
    grounder.hear_sounds(noise(2.0), named("wind"))
    assert script.num_asked == 3
    assert grounder.card is script.card
