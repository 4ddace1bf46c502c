import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.weights_file import WeightsFile, sha256_of
from audiostory.evaluate.encoders.yamnet import (
    SHIPPED_YAMNET,
    YAMNet,
    YAMNetConfig,
    load_yamnet,
)
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.tracks import noise

CLASSES_HEARD = (153, 382, 382, 382, 426)
"""What TensorFlow's release answers for ``chirp()``: the likeliest class of each window..."""
THEIR_SCORES = (0.5256, 0.2476, 0.6197, 0.4036, 0.6470)
SOME_NUMBERS = (909, 967, 272, 553, 700, 690)
"""...and these numbers of its embeddings."""
THEIR_EMBEDDINGS = (
    (0.726, 3.813, 3.478, 2.375, 0.618, 2.606),
    (1.752, 0.042, 1.749, 2.698, 0.752, 0.017),
    (0.844, 0.073, 1.623, 1.070, 0.932, 0.778),
    (2.289, 0.245, 2.412, 0.634, 0.834, 0.092),
    (4.885, 0.958, 4.358, 0.000, 3.333, 0.000),
)


def chirp() -> Waveform:
    """Three seconds: a tone that rises, and some noise."""
    moments = np.arange(3 * 16_000) / 16_000
    noise = np.random.default_rng(0).normal(size=len(moments)) * 0.01
    sweep = 0.3 * np.sin(2 * np.pi * (200 + 800 * moments) * moments)
    return Waveform((sweep + noise).astype(np.float32)[None], 16_000)


def small() -> YAMNet:
    config = YAMNetConfig(
        first_width=4, blocks=((8, 1), (8, 2), (8, 2), (8, 2), (12, 2)), num_classes=5
    )
    return YAMNet(config)


def test_it_answers_as_the_release_does():
    heard = load_yamnet().hear(chirp())
    assert heard.probabilities is not None
    assert heard.starts_s[:5].tolist() == pytest.approx([0.0, 0.48, 0.96, 1.44, 1.92])
    assert tuple(heard.probabilities[:5].argmax(axis=1)) == CLASSES_HEARD
    assert heard.probabilities[:5].max(axis=1) == pytest.approx(THEIR_SCORES, abs=0.004)
    assert heard.embeddings[:5][:, SOME_NUMBERS] == pytest.approx(
        np.array(THEIR_EMBEDDINGS), abs=0.02
    )


def test_its_classes_are_audiosets():
    labels = load_yamnet().card.labels
    assert len(labels) == 521
    assert labels[:3] == ("Speech", "Child speech, kid speaking", "Conversation")
    assert labels[CLASSES_HEARD[1]] == "Alarm"


def test_its_card_says_that_it_is_shipped():
    card = load_yamnet().card
    assert card.is_embedded
    assert card.digest == sha256_of(SHIPPED_YAMNET)[:12]


def test_it_keeps_the_laws_of_encoders():
    encoder = load_yamnet()
    check_encoder(encoder, long_s=3.7)
    check_odd_tracks(encoder)
    check_window_alone(encoder)


def test_even_images_are_padded_at_the_end_as_tensorflow_does():
    network = small()
    image = torch.zeros(1, 32, 64)
    image[0, -1, -1] = 1.0
    first = network.layers[0]
    with torch.inference_mode():
        found = first(image[:, None])[0, :, -1, -1]
        expected = torch.relu(first.conv.weight[:, 0, 1, 1] + first.conv.bias)
    assert torch.allclose(found, expected)


def test_other_weights_in_its_layout_can_be_used_and_others_are_refused(tmp_path):
    from safetensors.torch import save_file

    config = YAMNetConfig(
        first_width=4, blocks=((8, 1), (8, 2), (8, 2), (8, 2), (12, 2)), num_classes=5
    )
    path = tmp_path / "own.safetensors"
    save_file(YAMNet(config).state_dict(), path)
    weights = WeightsFile(path, sha256_of(path))
    own = load_yamnet(weights, config)
    assert own.card.checkpoint == "own.safetensors"
    assert own.card.labels == tuple(f"class {index}" for index in range(5))
    assert own.hear(noise(2.0)).embeddings.shape[1] == 12
    with pytest.raises(CheckpointError, match="another network"):
        load_yamnet(weights)
