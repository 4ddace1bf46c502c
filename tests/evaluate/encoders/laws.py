"""What holds of every encoder, whatever its network."""

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from tests.evaluate.tracks import noise


def check_encoder(encoder, *, long_s: float) -> None:
    """Assert what every encoder owes: shapes, finite numbers, and no trace of how it batches."""
    card = encoder.card
    rate_hz = card.sample_rate_hz
    heard = encoder.hear(noise(long_s, rate_hz=rate_hz))
    assert heard.embeddings.dtype == heard.starts_s.dtype == np.float32
    assert heard.embeddings.shape == (len(heard.starts_s), card.dimension)
    assert len(heard.starts_s) > 1
    assert np.isfinite(heard.embeddings).all()
    assert heard.starts_s[-1] + heard.window_s == pytest.approx(long_s, abs=2e-4)
    again = encoder.hear(noise(long_s, rate_hz=rate_hz))
    assert np.array_equal(heard.embeddings, again.embeddings)
    if card.labels:
        assert heard.probabilities.shape == (len(heard.starts_s), len(card.labels))
        assert ((heard.probabilities >= 0) & (heard.probabilities <= 1)).all()


def check_odd_tracks(encoder) -> None:
    """Assert that odd rates, stereo, silence and single samples give finite numbers."""
    rate_hz = encoder.card.sample_rate_hz
    one = noise(0.5, rate_hz=rate_hz)
    doubled = Waveform(np.repeat(one.samples, 2, axis=0), rate_hz)
    assert np.allclose(encoder.hear(doubled).embeddings, encoder.hear(one).embeddings, atol=1e-5)
    for track in (
        noise(0.3, rate_hz=11_025),
        Waveform(np.zeros((1, rate_hz), np.float32), rate_hz),
        Waveform(np.full((1, 1), 0.5, np.float32), rate_hz),
        Waveform(np.full((2, 1), 0.5, np.float32), 192_000),
    ):
        heard = encoder.hear(track)
        assert len(heard.embeddings) == len(heard.starts_s) >= 1
        assert np.isfinite(heard.embeddings).all()
    with pytest.raises(AudioError, match="no samples"):
        encoder.hear(Waveform(np.zeros((1, 0), np.float32), rate_hz))


def check_window_alone(encoder) -> None:
    """Assert that a window by itself gives what it gives among others."""
    card = encoder.card
    size = round(card.window_s * card.sample_rate_hz)
    track = noise(card.window_s * 3, rate_hz=card.sample_rate_hz)
    heard = encoder.hear(track)
    for index in (0, len(heard.starts_s) - 1):
        first = round(float(heard.starts_s[index]) * card.sample_rate_hz)
        piece = Waveform(track.samples[:, first : first + size], card.sample_rate_hz)
        alone = encoder.hear(piece)
        assert len(alone.embeddings) == 1
        assert alone.embeddings[0] == pytest.approx(heard.embeddings[index], rel=1e-3, abs=1e-5)
