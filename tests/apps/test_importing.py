from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.models.model_folder import read_config
from tests.apps.test_cli import is_told
from tests.evaluate.test_doctor import put_text_encoder
from tests.foundation_parts import write_parts
from tests.released_folder import write_release


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """Nothing is written into it."""
    folder = write_release(tmp_path_factory.mktemp("apps") / "release")
    put_text_encoder(folder / "flan-t5-large")
    return folder


def test_a_release_is_imported_and_said_what_of(call, release):
    result = call("import-release", release, "-o", "ours")
    assert result.exit_code == 0, result.output
    first, *others = result.stdout.splitlines()
    assert first.startswith("ours: 0.00 GB of weights in bfloat16")
    assert "bridge: divides by 5 once" in others
    assert read_config(Path("ours")).bridge.feature_scale == 5.0


def test_an_import_is_a_model_that_the_other_commands_take(call, release):
    words = ("--dtype", "float32", "--feature-scale", "2", "--divides", "twice")
    assert call("import-release", release, "-o", "ours", *words).exit_code == 0
    bridge = read_config(Path("ours")).bridge
    assert (bridge.feature_scale, bridge.generation_divides) == (2.0, "twice")
    result = call("plan", "rain", "-d", "3", "-o", "a.json", "--model", "ours")
    assert result.exit_code == 0, result.output


def test_companions_may_be_named(call, release):
    words = ("--base", release / "Qwen2.5-3B-Instruct", "--vae", release / "Flux_detokenizer")
    result = call("import-release", release, "-o", "ours", *words)
    assert result.exit_code == 0, result.output
    assert f"vae: {release / 'Flux_detokenizer'}" in result.stdout


def test_an_import_replaces_nothing_unless_asked(call, release):
    assert call("import-release", release, "-o", "ours").exit_code == 0
    is_told(call("import-release", release, "-o", "ours"), "ours exists")
    assert call("import-release", release, "-o", "ours", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none",), "no model 'none'"),
        (("{model}",), "is a model folder of ours already"),
        ((".",), "holds no model"),
        (("{release}", "--vae", "none"), "none lacks vae.safetensors, config.json"),
        (("{release}", "--base", "{model}"), "lacks generation_config.json"),
        (("{release}", "--feature-scale", "0"), "feature_scale is 0.0"),
        (("{release}", "--feature-scale", "nan"), "feature_scale is nan"),
        (("{release}", "--feature-scale", "inf"), "feature_scale is inf"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_imported_is_told_in_a_line(call, release, model_dir, words, told):
    given = [word.format(release=release, model=model_dir) for word in words]
    is_told(call("import-release", *given, "-o", "ours"), told)
    assert not Path("ours").exists()


@pytest.mark.parametrize("words", [("--dtype", "int8"), ("--divides", "thrice"), ()])
def test_a_wrong_option_is_a_wrong_call(call, release, words):
    output = ("-o", "ours") if words else ()
    result = call("import-release", release, *output, *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_doctor_looks_a_release_over(call, release):
    result = call("doctor", release)
    assert result.exit_code == 0, result.output
    assert "every file, name and shape is as it should be" in result.stdout
    assert "semantic tokens of" in result.stdout


def test_the_doctor_looks_at_a_model_of_ours(call, model_dir):
    result = call("doctor", model_dir)
    assert result.exit_code == 0, result.output
    assert "tiny: " in result.stdout
    assert "scale: not checked" in result.stdout


def test_the_doctor_tells_what_is_wrong_in_a_line(call, release, tmp_path):
    is_told(call("doctor", "none"), "no model 'none'")
    broken = write_release(tmp_path / "broken", change=lambda state: state.popitem())
    is_told(call("doctor", broken), "is missing")
    is_told(call("doctor", release, "--text-encoder", tmp_path), "no config.json in")


def test_a_foundation_is_made_of_published_parts(call, tmp_path):
    parts = write_parts(tmp_path / "published")
    given = [word for role, path in parts.items() for word in (f"--{role}", path)]
    result = call("foundation", "-o", "begun", *given)
    assert result.exit_code == 0, result.output
    assert "the story's markers from 320 on" in result.stdout
    assert "paper-main/stage1-warm --foundation begun" in result.stdout
    assert read_config(Path("begun")).llm.lora is not None
    is_told(call("foundation", "-o", "begun", *given), "begun exists")
    given[1] = tmp_path / "none"
    is_told(call("foundation", "-o", "again", *given), "hf download Qwen/Qwen2.5-3B-Instruct")
    assert not Path("again").exists()
