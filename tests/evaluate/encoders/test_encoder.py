import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.encoders.encoder import EncoderCard, windows_of
from tests.evaluate.tracks import features, tone

CARD = EncoderCard(
    name="ear",
    checkpoint="ear.pt",
    digest="0" * 12,
    sample_rate_hz=16_000,
    window_s=1.0,
    hop_s=0.5,
    dimension=2,
)


@pytest.mark.parametrize(("length_s", "starts_s"), [(0.2, [0]), (1.0, [0]), (2.0, [0, 0.5, 1.0])])
def test_windows_follow_each_other_by_the_hop(length_s, starts_s):
    pieces, begins_s = windows_of(tone(length_s), CARD)
    assert begins_s.tolist() == pytest.approx(starts_s)
    assert pieces.shape == (len(starts_s), 16_000)


def test_the_last_window_ends_where_the_track_ends():
    track = tone(1.7)
    pieces, begins_s = windows_of(track, CARD)
    assert begins_s.tolist() == pytest.approx([0, 0.5, 0.7])
    assert np.array_equal(pieces[-1], track.samples[0, -16_000:])


def test_a_short_track_is_followed_by_silence():
    pieces, _ = windows_of(tone(0.25), CARD)
    assert np.abs(pieces[0, 4_000:]).max() == 0


def test_channels_are_averaged_or_kept():
    left, right = tone(1.0, 300.0), tone(1.0, 500.0)
    stereo = Waveform(np.concatenate([left.samples, right.samples]), 16_000)
    mono, _ = windows_of(stereo, CARD)
    assert mono[0] == pytest.approx(stereo.samples.mean(axis=0))
    kept, _ = windows_of(stereo, CARD, channels=2)
    assert np.array_equal(kept[0], stereo.samples)
    doubled, _ = windows_of(left, CARD, channels=2)
    assert np.array_equal(doubled[0, 0], doubled[0, 1])


def test_a_track_at_another_rate_is_resampled():
    assert windows_of(tone(1.0, rate_hz=44_100), CARD)[0].shape == (1, 16_000)


def test_nothing_cannot_be_heard():
    with pytest.raises(AudioError, match="no samples"):
        windows_of(Waveform(np.zeros((1, 0), np.float32), 16_000), CARD)


def test_a_header_names_what_makes_numbers_comparable():
    assert CARD.described == "ear.pt 000000000000, 16 kHz mono (mean), 1 s windows every 0.5 s"


def test_embeddings_of_a_span_are_those_whose_middle_lies_in_it():
    heard = features([[0.0], [1.0], [2.0], [3.0]])
    assert heard.within(1.0, 3.0).tolist() == [[1.0], [2.0]]
    assert heard.within(1.6, 1.7).tolist() == [[1.0]]
