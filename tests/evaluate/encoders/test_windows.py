import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.encoders.encoder import EncoderCard, windows_of
from audiostory.evaluate.encoders.windows import (
    NetworkEncoder,
    at_peak,
    batches_of_windows,
    hear_windows,
)
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.tracks import noise


def card_of(window_s: float, hop_s: float, rate_hz: int = 4_000) -> EncoderCard:
    return EncoderCard(
        name="ear",
        checkpoint="ear.pt",
        digest="0" * 12,
        sample_rate_hz=rate_hz,
        window_s=window_s,
        hop_s=hop_s,
        dimension=2,
    )


class Levels(nn.Module):
    """Mean and greatest sample of each window, and whether it was trained."""

    def forward(self, samples_KN):
        assert not self.training
        return torch.stack([samples_KN.mean(dim=1), samples_KN.amax(dim=1)], dim=1), None


@settings(deadline=None, max_examples=60)
@given(
    num_samples=st.integers(1, 400),
    size=st.integers(1, 60),
    hop=st.integers(1, 70),
    at_once=st.integers(1, 5),
)
def test_batches_hold_the_windows_of_the_whole_track(num_samples, size, hop, at_once):
    card = card_of(size / 4_000, hop / 4_000)
    track = Waveform(np.arange(num_samples, dtype=np.float32)[None], 4_000)
    whole, starts_s = windows_of(track, card)
    batches = list(batches_of_windows(track, card, at_once=at_once))
    assert all(len(pieces) <= at_once for pieces, _ in batches)
    assert np.array_equal(np.concatenate([pieces for pieces, _ in batches]), whole)
    assert np.concatenate([starts for _, starts in batches]) == pytest.approx(starts_s, abs=1e-6)


def test_an_hour_is_heard_without_copies_of_it():
    track = Waveform(np.zeros((1, 3_600 * 4_000), np.float32), 4_000)
    card = card_of(1.0, 0.5)
    tracemalloc.start()
    heard = hear_windows(
        track, card, lambda pieces: Levels().eval()(torch.tensor(pieces)), at_once=64
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(heard.embeddings) == (3_600 - 1) * 2 + 1
    assert peak < track.samples.nbytes / 10


def test_a_network_encoder_keeps_the_laws():
    encoder = NetworkEncoder(Levels(), card_of(0.5, 0.25), at_once=3)
    check_encoder(encoder, long_s=2.6)
    check_odd_tracks(encoder)
    check_window_alone(encoder)


def test_a_network_of_any_length_hears_a_short_track_as_it_is():
    encoder = NetworkEncoder(Levels(), card_of(1.0, 1.0), shortest_s=0.1)
    track = noise(0.4, rate_hz=4_000)
    heard = encoder.hear(track)
    assert heard.window_s == pytest.approx(0.4)
    assert heard.embeddings[0, 0] == pytest.approx(track.samples.mean(), abs=1e-6)
    assert encoder.hear(noise(0.05, rate_hz=4_000)).window_s == pytest.approx(0.1)
    assert encoder.hear(noise(1.5, rate_hz=4_000)).window_s == 1.0


def test_a_track_is_prepared_before_it_is_heard():
    encoder = NetworkEncoder(
        Levels(), card_of(1.0, 1.0), prepare=lambda track: at_peak(track, -6.0)
    )
    track = Waveform(np.full((1, 4_000), 0.1, np.float32), 4_000)
    assert encoder.hear(track).embeddings[0, 1] == pytest.approx(10 ** (-6 / 20), rel=1e-4)


def test_silence_has_no_peak_to_raise():
    silent = Waveform(np.zeros((2, 10), np.float32), 4_000)
    assert np.array_equal(at_peak(silent, -1.0).samples, silent.samples)


def test_nothing_cannot_be_heard():
    empty = Waveform(np.zeros((1, 0), np.float32), 48_000)
    with pytest.raises(AudioError, match="no samples"):
        NetworkEncoder(Levels(), card_of(1.0, 1.0)).hear(empty)
