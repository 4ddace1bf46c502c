import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError, InstructionError
from audiostory.evaluate.encoders.clap import CLAP, load_clap
from audiostory.evaluate.encoders.hub_folder import find_folder
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.encoders.random_weights import random_encoder, write_clap
from tests.evaluate.tracks import noise


@pytest.fixture(scope="module")
def clap(tmp_path_factory):
    return random_encoder("clap", tmp_path_factory.mktemp("clap"))


def lengths(embeddings):
    return np.linalg.norm(embeddings, axis=1)


def test_it_keeps_the_laws_of_encoders(clap):
    check_encoder(clap, long_s=11.0)


def test_it_hears_odd_tracks(clap):
    check_odd_tracks(clap)


def test_a_window_by_itself_is_what_it_is_among_others(clap):
    check_window_alone(clap)


def test_sound_and_text_lie_on_one_sphere(clap):
    heard = clap.hear(noise(21.0, rate_hz=48_000))
    read = clap.read(["rain falls", "a dog barks", "thunder"])
    assert lengths(heard.embeddings) == pytest.approx(1.0, abs=1e-5)
    assert lengths(read) == pytest.approx(1.0, abs=1e-5)
    assert read.shape[1] == heard.embeddings.shape[1] == clap.card.dimension
    assert heard.starts_s.tolist() == [0.0, 5.0, 10.0, 11.0]


def test_a_text_reads_the_same_among_longer_ones(clap):
    alone = clap.read(["rain falls"])
    among = clap.read(["a dog barks a dog barks thunder", "rain falls"])
    assert among[1] == pytest.approx(alone[0], abs=1e-5)
    assert not np.allclose(among[0], among[1], atol=1e-3)
    many = clap.read(["rain falls"] * 65 + ["thunder"])
    assert many[-1] == pytest.approx(clap.read(["thunder"])[0], abs=1e-5)


def test_no_text_is_no_row(clap):
    assert clap.read([]).shape == (0, clap.card.dimension)


def test_a_text_too_long_to_be_read_whole_is_refused(clap):
    most = 20 - 1 - 1  # positions, less the padding's and the one before it
    fits = " ".join(["rain"] * (most - 2))
    assert clap.read([fits]).shape[0] == 1
    with pytest.raises(InstructionError, match=f"a text of {most + 1} tokens"):
        clap.read([fits + " rain"])


def test_a_short_track_is_repeated_whole_times(clap):
    one = noise(3.0, rate_hz=48_000)
    thrice = Waveform(np.tile(one.samples, (1, 3)), 48_000)  # 9 s: then a second of silence
    assert np.array_equal(clap.hear(one).embeddings, clap.hear(thrice).embeddings)
    assert clap.hear(one).window_s == 10.0


def test_hearing_draws_nothing_at_random(clap, monkeypatch):
    for name in ("randint", "choice"):  # what its feature extractor would crop with
        monkeypatch.setattr(np.random, name, lambda *_: pytest.fail("drew at random"))
    assert len(clap.hear(noise(12.0, rate_hz=48_000)).embeddings) == 2


def test_it_hears_what_its_feature_extractor_says_of_ten_seconds(clap, tmp_path):
    from transformers import ClapFeatureExtractor, ClapModel

    folder = write_clap(tmp_path / "again")
    track = noise(10.0, rate_hz=48_000)
    mel = ClapFeatureExtractor.from_pretrained(folder)(
        track.samples[0], sampling_rate=48_000, return_tensors="pt"
    )["input_features"]
    model = ClapModel.from_pretrained(folder).eval()
    expected = model.get_audio_features(mel).pooler_output[0].detach().numpy()
    assert clap.hear(track).embeddings[0] == pytest.approx(expected, abs=1e-5)


def test_the_card_names_checkpoint_and_digest(clap):
    assert clap.card.checkpoint == "random-clap"
    assert clap.card.sample_rate_hz == 48_000
    assert len(clap.card.digest) == 12
    assert "RANDOM WEIGHTS" in clap.card.described


def test_positions_that_an_older_checkpoint_leaves_out_are_computed(clap, tmp_path):
    file = write_clap(tmp_path) / "model.safetensors"
    kept = {k: v for k, v in load_file(file).items() if v.is_floating_point()}
    assert len(kept) < len(load_file(file))
    save_file(kept, file, metadata={"format": "pt"})
    older = load_clap(CLAP, find_folder(tmp_path, CLAP.repo))
    assert older.read(["a dog barks"]) == pytest.approx(clap.read(["a dog barks"]), abs=1e-6)
    track = noise(2.0, rate_hz=48_000)
    heard = older.hear(track).embeddings
    assert heard == pytest.approx(clap.hear(track).embeddings, abs=1e-6)


def test_a_model_with_fusion_is_refused(tmp_path):
    folder = find_folder(write_clap(tmp_path, fusion=True), CLAP.repo)
    with pytest.raises(CheckpointError, match=r"random crops.*laion/clap-htsat-unfused"):
        load_clap(CLAP, folder)


def test_a_folder_without_its_tokenizer_is_refused(tmp_path):
    write_clap(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match="tokenizer"):
        load_clap(CLAP, find_folder(tmp_path, CLAP.repo))
