import json

import numpy as np
import pytest
import torch

from audiostory.errors import CheckpointError, MeasureError
from audiostory.evaluate.encoders.hub_folder import find_folder
from audiostory.evaluate.encoders.mert import MertConfig, layers_of, load_mert
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.encoders.random_weights import random_encoder, small_hubert, write_mert
from tests.evaluate.tracks import noise

REPO = MertConfig().repo


@pytest.fixture(scope="module")
def mert(tmp_path_factory):
    return random_encoder("mert", tmp_path_factory.mktemp("mert"))


def test_it_keeps_the_laws_of_encoders(mert):
    check_encoder(mert, long_s=5.0)
    check_odd_tracks(mert)
    check_window_alone(mert)


def test_a_row_is_the_time_average_of_every_layer(mert):
    track = noise(1.5, rate_hz=24_000)
    samples = torch.from_numpy(track.samples)
    level = (samples - samples.mean()) / samples.std(correction=0)
    with torch.inference_mode():
        layers = small_hubert().eval()(level, output_hidden_states=True).hidden_states
    expected = np.stack([layer[0].mean(dim=0).numpy() for layer in layers])
    heard = layers_of(mert.hear(track).embeddings)
    assert heard.shape == (1, 13, 8)
    assert heard[0] == pytest.approx(expected, abs=1e-4)


def test_the_positional_convolution_is_the_checkpoints(mert):
    own, stored = mert.network.model.state_dict(), small_hubert().state_dict()
    parts = [name for name in own if "pos_conv_embed.conv.parametrizations" in name]
    assert len(parts) == 2
    assert all(torch.equal(own[name], stored[name]) for name in parts)


def test_level_does_not_matter(mert):
    track = noise(1.0, rate_hz=24_000)
    louder = type(track)(track.samples * 3, 24_000)
    assert np.allclose(mert.hear(louder).embeddings, mert.hear(track).embeddings, atol=1e-4)


def test_the_card_counts_all_layers(mert):
    assert mert.card.dimension == 13 * 8
    assert mert.card.sample_rate_hz == 24_000


@pytest.mark.parametrize(
    "change", [{"feature_extractor_cqt": True}, {"deepnorm": True}, {"attention_relax": 32.0}]
)
def test_a_mert_with_parts_of_its_own_is_refused(tmp_path, change):
    folder = find_folder(write_mert(tmp_path, **change), REPO)
    with pytest.raises(CheckpointError, match=next(iter(change))):
        load_mert(MertConfig(), folder)


def test_weights_that_do_not_fit_are_listed(tmp_path):
    folder = write_mert(tmp_path)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    state["final_proj.weight"] = state.pop("encoder.layer_norm.weight")
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"lacks encoder\.layer_norm.*not know final_proj"):
        load_mert(MertConfig(), find_folder(folder, REPO))


def test_a_folder_without_its_rate_is_refused(tmp_path):
    (write_mert(tmp_path) / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json is missing"):
        load_mert(MertConfig(), find_folder(tmp_path, REPO))


def test_tracks_keep_their_level_where_the_checkpoint_says_so(tmp_path):
    folder = write_mert(tmp_path)
    processor = {"do_normalize": False, "sampling_rate": 24_000}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    raw = load_mert(MertConfig(), find_folder(folder, REPO))
    track = noise(1.0, rate_hz=24_000)
    louder = type(track)(track.samples * 3, 24_000)
    assert not np.allclose(raw.hear(louder).embeddings, raw.hear(track).embeddings, atol=1e-4)


def test_embeddings_of_another_encoder_have_no_layers():
    with pytest.raises(MeasureError, match="no 13 layers"):
        layers_of(np.zeros((2, 128), np.float32))
