from __future__ import annotations

import pytest

from audiostory.errors import CheckpointError
from audiostory.models.foreign import release_files
from audiostory.models.foreign.release_files import (
    PLAIN_DEFAULTS,
    find_release,
    plain_values,
    weights_in,
)
from tests.released_folder import PLAIN, write_release


def written(folder, text: str):
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_plain_values_are_found_wherever_they_stand(tmp_path):
    text = "a:\n  - {lora_alpha: 16, other: 3}\n  - b: {t5_feature_scale: 2.5}\nmodel_dims: 64\n"
    assert plain_values(written(tmp_path, text)) == {
        "lora_alpha": 16,
        "t5_feature_scale": 2.5,
        "model_dims": 64,
    }


@pytest.mark.parametrize("text", ["", "just words", "- 1\n- 2", "lora_alpha: null", "x: {y: 1}"])
def test_a_config_may_say_nothing(tmp_path, text):
    assert plain_values(written(tmp_path, text)) == {}


def test_a_missing_config_says_nothing(tmp_path):
    assert plain_values(tmp_path / "config.yaml") == {}


def test_no_class_of_a_config_is_built(tmp_path):
    text = "model: {_target_: os.system, model_dims: 7}\n"
    assert plain_values(written(tmp_path, text)) == {"model_dims": 7}
    with pytest.raises(CheckpointError, match="is no YAML"):
        plain_values(written(tmp_path, "a: !!python/object/apply:os.system ['true']"))


def test_a_value_given_twice_must_be_the_same(tmp_path):
    assert plain_values(written(tmp_path, "a: {lora_alpha: 8}\nb: {lora_alpha: 8.0}")) == {
        "lora_alpha": 8
    }
    with pytest.raises(CheckpointError, match="gives lora_alpha both 8 and 9|both 9 and 8"):
        plain_values(written(tmp_path, "a: {lora_alpha: 8}\nb: {lora_alpha: 9}"))


@pytest.mark.parametrize("value", ["ten", "'10'", "true", "2024-01-01", ".nan", "-3", "0", ".inf"])
def test_what_is_no_positive_number_is_refused(tmp_path, value):
    with pytest.raises(CheckpointError, match="t5_feature_scale is .*, not a"):
        plain_values(written(tmp_path, f"t5_feature_scale: {value}"))


@pytest.mark.parametrize("name", ["model_dims", "num_t5_out_tokens", "num_aud_out_tokens"])
def test_a_count_is_a_whole_number(tmp_path, name):
    assert plain_values(written(tmp_path, f"{name}: 8")) == {name: 8}
    with pytest.raises(CheckpointError, match=f"{name} is 8.5, not a"):
        plain_values(written(tmp_path, f"{name}: 8.5"))


def test_bytes_that_are_no_text_are_told(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"a: \xff")
    with pytest.raises(CheckpointError, match="is no YAML"):
        plain_values(path)


def test_a_release_is_found_with_its_companions(tmp_path):
    folder = write_release(tmp_path / "r")
    files = find_release(folder)
    assert weights_in(folder) == [folder / "pytorch_model.bin"]
    assert [file.path for file in files.weights] == weights_in(folder)
    assert set(files.companions) == {"base", "vae"}
    assert files.autoencoder.path == folder / "Flux_detokenizer" / "model.safetensors"
    assert files.whisper is None
    assert set(files.plain) == set(PLAIN_DEFAULTS)
    assert (
        files.plain["num_t5_out_tokens"]
        == PLAIN["train_dataset"]["datapipes"][0]["num_t5_out_tokens"]
    )


def test_options_replace_what_the_config_says(tmp_path):
    files = find_release(write_release(tmp_path / "r"), options={"t5_feature_scale": 7.0})
    assert files.plain["t5_feature_scale"] == 7.0
    assert files.plain["lora_alpha"] == 8


def test_a_folder_without_weights_is_no_release(tmp_path):
    assert weights_in(tmp_path) == []
    with pytest.raises(CheckpointError, match=r"holds no release \(pytorch_model\.bin is missing"):
        find_release(tmp_path)


def test_named_companions_and_fetching_are_passed_on(tmp_path, monkeypatch):
    folder = write_release(tmp_path / "r")
    asked = []

    def companions_of(where, given, *, fetch):
        asked.append((where, given, fetch))
        return {}

    monkeypatch.setattr(release_files, "companions_of", companions_of)
    given = {"vae": tmp_path}
    assert find_release(folder, given, may_fetch=True).may_fetch
    assert asked == [(folder, given, True)]


def test_a_reference_to_another_value_says_nothing_itself(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model_dims: 96\nagent_model:\n  model_dims: ${model_dims}\n")
    assert plain_values(path) == {"model_dims": 96}
