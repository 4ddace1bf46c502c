from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.cnn14 import (
    CNN14_16K,
    CNN14_32K,
    CNN14_WEIGHTS,
    Cnn14,
    fourier_kernels,
    load_cnn14,
)
from audiostory.evaluate.encoders.labels import NUM_CLASSES
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.encoders.random_weights import (
    SMALL_CNN14,
    cnn14_state,
    random_encoder,
    weights,
    write_cnn14,
)
from tests.evaluate.tracks import noise, tone

CONFIGS = [CNN14_32K, CNN14_16K]
NAMES = list(CNN14_WEIGHTS)


def slaney_mel(hertz):
    """Slaney's scale: linear below 1 kHz, 27 steps to a factor of 6.4 above it."""
    hertz = np.asarray(hertz, dtype=np.float64)
    above = 15.0 + 27.0 * np.log(np.maximum(hertz, 1.0) / 1_000.0) / np.log(6.4)
    return np.where(hertz < 1_000.0, 3.0 * hertz / 200.0, above)


def slow_bands(config) -> np.ndarray:
    """Triangles of unit area between band edges that are equally spaced in Slaney's mel."""
    grid = np.linspace(0.0, config.sample_rate_hz / 2, 2_000_001)
    wanted = np.linspace(slaney_mel(config.min_hz), slaney_mel(config.max_hz), config.num_mels + 2)
    edges = np.interp(wanted, slaney_mel(grid), grid)
    bins = np.arange(config.fft_size // 2 + 1) * config.sample_rate_hz / config.fft_size
    bands = np.zeros((len(bins), config.num_mels))
    for band in range(config.num_mels):
        low, middle, high = edges[band : band + 3]
        rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
        bands[:, band] = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)
    return bands


def slow_log_mel(samples: np.ndarray, config) -> np.ndarray:
    """The front end by its definition: mirrored edges, a direct Fourier sum, decibels."""
    size, half = config.fft_size, config.fft_size // 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(half + 1), np.arange(size)) / size)
    mirrored = np.pad(samples, half, mode="reflect")
    starts = range(0, len(mirrored) - size + 1, config.hop)
    frames = np.stack([mirrored[start : start + size] for start in starts])
    power = np.abs((frames * window) @ fourier.T) ** 2
    return 10.0 * np.log10(np.maximum(power @ slow_bands(config), 1e-10))


def slow_norm(image: np.ndarray, state, name: str) -> np.ndarray:
    """Batch normalisation of (C, H, W) with what was learnt in training."""
    deviation = np.sqrt(state[f"{name}.running_var"] + 1e-5)
    scale = state[f"{name}.weight"] / deviation
    shift = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
    return image * scale[:, None, None] + shift[:, None, None]


def slow_block(image: np.ndarray, state, name: str) -> np.ndarray:
    height, width = image.shape[1:]
    for number in (1, 2):
        weight, padded = (
            state[f"{name}.conv{number}.weight"],
            np.pad(image, ((0, 0), (1, 1), (1, 1))),
        )
        image = sum(
            np.einsum("oc,chw->ohw", weight[:, :, i, j], padded[:, i : i + height, j : j + width])
            for i in range(3)
            for j in range(3)
        )
        image = np.maximum(slow_norm(image, state, f"{name}.bn{number}"), 0.0)
    return image


def halved(image: np.ndarray) -> np.ndarray:
    even = image[:, : image.shape[1] // 2 * 2, : image.shape[2] // 2 * 2]
    channels, height, width = even.shape
    return even.reshape(channels, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def slow_cnn14(samples: np.ndarray, state, config) -> tuple[np.ndarray, np.ndarray]:
    """The whole network in numpy, from the published names of its weights."""
    bands = slow_log_mel(samples, config)
    image = slow_norm(bands.T[:, :, None], state, "bn0")[:, :, 0].T[None]
    for index in range(1, 7):
        image = slow_block(image, state, f"conv_block{index}")
        image = halved(image) if index < 6 else image
    over_time = image.mean(axis=2)
    pooled = over_time.max(axis=1) + over_time.mean(axis=1)
    embedding = np.maximum(state["fc1.weight"] @ pooled + state["fc1.bias"], 0.0)
    logits = state["fc_audioset.weight"] @ embedding + state["fc_audioset.bias"]
    return embedding, 1.0 / (1.0 + np.exp(-logits))


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_the_front_end_is_that_of_the_paper(config):
    with torch.device("cpu"):
        network = Cnn14(replace(config, widths=(2,) * 6))
    track = tone(0.1, 2_000.0, config.sample_rate_hz).samples
    samples = (track + noise(0.1, rate_hz=config.sample_rate_hz).samples)[0]
    heard = network.log_mel(torch.from_numpy(samples)[None])[0].numpy()
    assert heard.shape == (11, 64)
    assert heard == pytest.approx(slow_log_mel(samples.astype(np.float64), config), abs=0.02)


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_the_mel_bands_are_slaneys(config):
    found = Cnn14(replace(config, widths=(2,) * 6)).logmel_extractor.melW.numpy()
    assert found == pytest.approx(slow_bands(config), abs=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_the_kernels_are_the_transform_that_is_computed(config):
    kernels = fourier_kernels(config)
    real, imag = (kernels[f"spectrogram_extractor.stft.conv_{p}.weight"] for p in ("real", "imag"))
    samples = torch.from_numpy(noise(0.2, rate_hz=config.sample_rate_hz).samples)[:, None]
    padded = torch.nn.functional.pad(samples, (config.fft_size // 2,) * 2, mode="reflect")
    by_kernels = sum(
        torch.nn.functional.conv1d(padded, kernel, stride=config.hop).square()
        for kernel in (real, imag)
    )
    spectrum = torch.stft(
        samples[:, 0],
        config.fft_size,
        hop_length=config.hop,
        window=torch.hann_window(config.fft_size),
        return_complex=True,
    )
    assert torch.allclose(by_kernels, spectrum.abs().square(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_the_published_one(tmp_path, name):
    encoder = random_encoder(name, tmp_path)
    config = SMALL_CNN14[name]
    state = {k: v.double().numpy() for k, v in encoder.network.state_dict().items()}
    track = noise(0.9, seed=3, rate_hz=config.sample_rate_hz)
    embedding, probabilities = slow_cnn14(track.samples[0].astype(np.float64), state, config)
    assert (embedding > 0.01).any()
    heard = encoder.hear(track)
    assert heard.embeddings[0] == pytest.approx(embedding, abs=1e-3)
    assert heard.probabilities[0] == pytest.approx(probabilities, abs=1e-3)


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_the_full_network_has_the_published_names_and_size(config):
    with torch.device("meta"):
        network = Cnn14(config)
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = {f"bn0.{part}" for part in norm} | {"logmel_extractor.melW"}
    for block in range(1, 7):
        for number in (1, 2):
            names.add(f"conv_block{block}.conv{number}.weight")
            names |= {f"conv_block{block}.bn{number}.{part}" for part in norm}
    names |= {f"{layer}.{part}" for layer in ("fc1", "fc_audioset") for part in ("weight", "bias")}
    assert network.state_dict().keys() == names
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters == 80_753_615  # as arXiv:1912.10211 counts
    assert network.state_dict()["fc_audioset.weight"].shape == (527, 2_048)
    assert network.state_dict()["logmel_extractor.melW"].shape == (config.fft_size // 2 + 1, 64)


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_laws_of_encoders(tmp_path, name):
    config = replace(SMALL_CNN14[name], window_s=1.0, hop_s=0.5)
    encoder = load_cnn14(config, write_cnn14(tmp_path / "ear.pth", config))
    check_encoder(encoder, long_s=5.8)
    check_odd_tracks(encoder)
    check_window_alone(encoder)
    assert len(encoder.card.labels) == NUM_CLASSES


def test_a_clip_shorter_than_ten_seconds_is_heard_as_it_is(tmp_path):
    encoder = random_encoder("cnn14-16k", tmp_path)
    assert encoder.hear(noise(4.0)).window_s == 4.0
    assert encoder.hear(noise(0.1)).window_s == pytest.approx(0.32)
    assert len(encoder.hear(noise(10.0)).embeddings) == 1


def test_the_weights_give_the_card_its_digest(tmp_path):
    config = SMALL_CNN14["cnn14-32k"]
    stored = write_cnn14(tmp_path / "ear.pth", config)
    card = load_cnn14(config, stored).card
    assert (card.checkpoint, card.digest) == ("ear.pth", stored.sha256[:12])


def test_weights_for_another_rate_are_refused(tmp_path):
    stored = write_cnn14(tmp_path / "ear.pth", SMALL_CNN14["cnn14-16k"])
    with pytest.raises(CheckpointError, match=r"32000 Hz is Cnn14_mAP=0\.431\.pth"):
        load_cnn14(SMALL_CNN14["cnn14-32k"], stored)


def test_weights_with_another_transform_are_refused(tmp_path):
    config = SMALL_CNN14["cnn14-16k"]
    state = cnn14_state(config)
    state["spectrogram_extractor.stft.conv_imag.weight"] *= 1.01
    torch.save({"model": state}, tmp_path / "ear.pth")
    with pytest.raises(CheckpointError, match="another Fourier transform"):
        load_cnn14(config, weights(tmp_path / "ear.pth"))
    del state["spectrogram_extractor.stft.conv_imag.weight"]
    torch.save({"model": state}, tmp_path / "ear.pth")
    with pytest.raises(CheckpointError, match=r"lacks spectrogram_extractor\.stft"):
        load_cnn14(config, weights(tmp_path / "ear.pth"))


def test_the_bands_are_those_of_the_checkpoint(tmp_path):
    config = SMALL_CNN14["cnn14-16k"]
    state = cnn14_state(config)
    state["logmel_extractor.melW"] = 2.0 * state["logmel_extractor.melW"]
    torch.save({"model": state}, tmp_path / "ear.pth")
    encoder = load_cnn14(config, weights(tmp_path / "ear.pth"))
    usual = random_encoder("cnn14-16k", tmp_path)
    samples = torch.from_numpy(noise(0.5).samples)
    louder = encoder.network.log_mel(samples) - usual.network.log_mel(samples)
    assert louder.numpy() == pytest.approx(10 * np.log10(2.0), abs=1e-3)
