import numpy as np
import pytest
import torch

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.vggish import (
    VGGISH_WEIGHTS,
    LogMel,
    VGGish,
    VGGishConfig,
    load_vggish,
)
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.encoders.random_weights import SMALL_VGGISH, random_encoder, write_vggish
from tests.evaluate.tracks import noise, tone

SAMPLES = 15_600
"""Of one window."""


def mel(hertz):
    return 1_127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


def slow_log_mel(samples: np.ndarray) -> np.ndarray:
    """The front end by its definition: a direct Fourier sum, and triangles on the mel axis."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    frames = np.stack([samples[start : start + 400] for start in range(0, len(samples) - 399, 160)])
    magnitudes = np.abs((frames * window) @ fourier.T)
    edges = np.linspace(mel(125.0), mel(7_500.0), 66)
    bins = mel(np.arange(257) * 16_000 / 512)
    bands = np.zeros((257, 64))
    for band in range(64):
        low, middle, high = edges[band : band + 3]
        rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
        bands[:, band] = np.maximum(0.0, np.minimum(rising, falling))
    return np.log(magnitudes @ bands + 0.01)


def slow_convolution(image: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(O, H, W) from (C, H, W) by nine shifted sums, then ReLU."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    height, width = image.shape[1:]
    total = np.zeros((len(weight), height, width)) + bias[:, None, None]
    for down in range(3):
        for right in range(3):
            shifted = padded[:, down : down + height, right : right + width]
            total += np.einsum("oc,chw->ohw", weight[:, :, down, right], shifted)
    return np.maximum(total, 0.0)


def slow_vggish(samples: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """The whole network in numpy, from the published names of its weights."""
    image = slow_log_mel(samples)[None]
    for index in (0, 3, 6, 8, 11, 13):
        image = slow_convolution(
            image, state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        )
        if index in (0, 3, 8, 13):
            channels, height, width = image.shape
            image = image.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
    hidden = np.moveaxis(image, 0, -1).ravel()  # time, frequency, channel: as TensorFlow has them
    for index in (0, 2, 4):
        hidden = state[f"embeddings.{index}.weight"] @ hidden + state[f"embeddings.{index}.bias"]
        hidden = np.maximum(hidden, 0.0) if index < 4 else hidden
    return hidden


def test_the_front_end_is_that_of_the_release():
    samples = (tone(0.975, 1_000.0).samples + noise(0.975).samples)[0]
    heard = LogMel()(torch.from_numpy(samples)[None])[0].numpy()
    assert heard.shape == (96, 64)
    assert heard == pytest.approx(slow_log_mel(samples.astype(np.float64)), abs=2e-4)


def test_a_tone_is_loudest_in_the_band_around_it():
    heard = LogMel()(torch.from_numpy(tone(0.975, 1_000.0).samples))[0].numpy()
    middles = np.linspace(mel(125.0), mel(7_500.0), 66)[1:-1]
    assert set(heard.argmax(axis=1)) == {int(np.abs(middles - mel(1_000.0)).argmin())}
    # half of 400 Hann-weighted samples of amplitude 0.5 is 50; 1 kHz is a whole bin, and its two
    # neighbours have half as much: what the band holds lies between
    assert 50 * 0.5 < np.exp(heard.max(axis=1)).mean() < 50 * 2


def test_silence_is_the_logarithm_of_the_offset():
    heard = LogMel()(torch.zeros(1, SAMPLES))
    assert heard.numpy() == pytest.approx(np.log(0.01))


def test_the_network_is_the_published_one(tmp_path):
    encoder = random_encoder("vggish", tmp_path)
    state = {k: v.double().numpy() for k, v in encoder.network.state_dict().items()}
    samples = noise(0.975, seed=3).samples[0]
    expected = slow_vggish(samples.astype(np.float64), state)
    assert np.abs(expected).max() > 0.01
    found = encoder.hear(noise(0.975, seed=3)).embeddings[0]
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_full_network_has_the_published_names_shapes_and_size():
    with torch.device("meta"):
        state = VGGish(VGGishConfig()).state_dict()
    convolutions = {
        0: (64, 1),
        3: (128, 64),
        6: (256, 128),
        8: (256, 256),
        11: (512, 256),
        13: (512, 512),
    }
    shapes = {f"features.{i}.weight": (*size, 3, 3) for i, size in convolutions.items()}
    shapes |= {f"features.{i}.bias": size[:1] for i, size in convolutions.items()}
    linear = {0: (4_096, 12_288), 2: (4_096, 4_096), 4: (128, 4_096)}
    shapes |= {f"embeddings.{i}.weight": size for i, size in linear.items()}
    shapes |= {f"embeddings.{i}.bias": size[:1] for i, size in linear.items()}
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes
    assert sum(tensor.numel() for tensor in state.values()) == 72_141_184


def test_the_published_file_bears_its_digest_in_its_name():
    assert VGGISH_WEIGHTS.name == f"vggish-{VGGISH_WEIGHTS.sha256[:8]}.pth"


def test_it_keeps_the_laws_of_encoders(tmp_path):
    encoder = random_encoder("vggish", tmp_path)
    check_encoder(encoder, long_s=3.7)
    check_odd_tracks(encoder)
    check_window_alone(encoder)


def test_windows_stand_side_by_side(tmp_path):
    heard = random_encoder("vggish", tmp_path).hear(noise(2.0))
    assert heard.starts_s.tolist() == pytest.approx([0.0, 0.96, 2.0 - 0.975])


def test_embeddings_are_taken_before_the_last_relu_unless_asked_for_after_it(tmp_path):
    weights = write_vggish(tmp_path / "ear.pth")
    before = load_vggish(weights, SMALL_VGGISH)
    config = VGGishConfig(
        output="after_relu",
        widths=SMALL_VGGISH.widths,
        hidden_width=SMALL_VGGISH.hidden_width,
        dimension=SMALL_VGGISH.dimension,
    )
    after = load_vggish(weights, config)
    track = noise(3.0)
    signed = before.hear(track).embeddings
    assert signed.min() < 0
    assert np.array_equal(after.hear(track).embeddings, np.maximum(signed, 0.0))
    assert before.card.checkpoint == "ear.pth"
    assert after.card.checkpoint == "ear.pth after ReLU"
    assert before.card.digest == weights.sha256[:12]


def test_weights_of_another_size_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="another network"):
        load_vggish(
            write_vggish(tmp_path / "ear.pth"), VGGishConfig(widths=(2,) * 6, hidden_width=2)
        )
