from __future__ import annotations

import json
import subprocess
import sys

import pytest

from audiostory.baselines.catalogue import (
    BASELINES,
    BuildOptions,
    build_baseline,
    build_text_to_audio,
)
from audiostory.baselines.diffusers_tta import DiffusersTextToAudio
from audiostory.baselines.external import CommandTextToAudio, HttpTextToAudio
from audiostory.baselines.noise import NoiseTextToAudio
from audiostory.baselines.planned import PlannedTextToAudio
from audiostory.baselines.planners import WholeInstruction
from audiostory.baselines.retrieval import RetrievalTextToAudio
from audiostory.baselines.tangoflux import TangoFluxGenerator
from audiostory.baselines.windowed import WindowedTangoFlux
from audiostory.errors import CheckpointError, ConfigError, CorpusError
from tests.baselines.pipelines import audioldm2, stable_audio, stable_audio_3
from tests.data.corpus import write_corpus
from tests.released_folder import write_tangoflux

NAMES = (
    "tangoflux", "tangoflux-windowed", "audioldm2", "audioldm2-large", "stable-audio-open",
    "stable-audio-3", "make-an-audio", "codi", "next-gpt", "retrieval", "noise",
)  # fmt: skip
PIPELINES = {
    "audioldm2": audioldm2,
    "audioldm2-large": audioldm2,
    "stable-audio-open": stable_audio,
    "stable-audio-3": stable_audio_3,
}


def test_the_catalogue_has_the_baselines_of_table_1_and_the_floors():
    assert tuple(BASELINES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_entry_says_whom_to_cite_and_under_which_licence(name):
    entry = BASELINES[name]
    assert entry.name == name
    assert entry.licence
    assert "arXiv:" in entry.citation or "a floor" in entry.citation
    assert entry.max_duration_s is None or entry.max_duration_s >= 10


@pytest.mark.parametrize("name", [name for name in NAMES if name != "noise"])
def test_without_a_location_the_error_says_what_to_give(name):
    with pytest.raises(CheckpointError, match=f"{name} needs") as caught:
        build_text_to_audio(name)
    assert BASELINES[name].location in str(caught.value)


@pytest.mark.parametrize("name", ["tangoflux", "tangoflux-windowed", *PIPELINES])
def test_a_folder_that_is_not_there_is_told_with_the_way_to_the_weights(name, tmp_path):
    with pytest.raises(CheckpointError, match="hf download|convert"):
        build_text_to_audio(name, str(tmp_path / "none"))


@pytest.mark.parametrize("name", PIPELINES)
def test_models_of_diffusers_are_built_from_their_folders(name, tmp_path):
    PIPELINES[name]().save_pretrained(tmp_path / "p", safe_serialization=True)
    model = build_text_to_audio(name, str(tmp_path / "p"), BuildOptions(long_captions="cut"))
    assert isinstance(model, DiffusersTextToAudio)
    assert model.long_captions == "cut"
    assert model.model.max_duration_s == BASELINES[name].max_duration_s


def test_tangoflux_is_built_from_its_folder(tmp_path):
    folder = write_tangoflux(tmp_path / "TangoFlux")
    assert isinstance(build_text_to_audio("tangoflux", str(folder)), TangoFluxGenerator)


def test_a_planner_and_a_baseline_are_one_generator(tmp_path):
    folder = str(write_tangoflux(tmp_path / "TangoFlux"))
    clips = build_baseline("tangoflux", WholeInstruction(), folder)
    assert isinstance(clips, PlannedTextToAudio)
    assert (clips.name, clips.sounded_by) == ("direct + TangoFlux", "TangoFlux")
    windows = build_baseline("tangoflux-windowed", WholeInstruction(), folder)
    assert isinstance(windows, WindowedTangoFlux)
    assert (windows.name, windows.sounded_by) == (
        "direct + TangoFlux, windowed",
        "TangoFlux, windowed",
    )
    for name, wanted in (("guess", ConfigError), ("tangoflux-windowed", CheckpointError)):
        with pytest.raises(wanted, match=name):
            build_baseline(name, WholeInstruction())


@pytest.mark.parametrize("name", ["make-an-audio", "codi", "next-gpt"])
def test_models_with_an_installation_of_their_own_are_commands_or_addresses(name):
    command = build_text_to_audio(name, "python 'my wrapper.py' --gpu 0")
    assert isinstance(command, CommandTextToAudio)
    assert command.command == ("python", "my wrapper.py", "--gpu", "0")
    url = "http://localhost:8091/v1/audio/generate"
    served = build_text_to_audio(name, url, BuildOptions(timeout_s=9))
    assert isinstance(served, HttpTextToAudio)
    assert (served.max_duration_s, served.sample_rate_hz) == (10.0, 16_000)
    assert served.config.timeout_s == 9


def test_floors_are_built(tmp_path):
    assert isinstance(build_text_to_audio("noise"), NoiseTextToAudio)
    corpus = write_corpus(tmp_path / "corpus")
    assert isinstance(build_text_to_audio("retrieval", str(corpus)), RetrievalTextToAudio)
    with pytest.raises(CorpusError):
        build_text_to_audio("retrieval", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "location", "options"),
    [
        ("audiogen", "x", BuildOptions()),
        ("noise", "weights", BuildOptions()),
        ("codi", "python 'unclosed", BuildOptions()),
        ("tangoflux", "x", BuildOptions(dtype="int8")),
        ("tangoflux", "x", BuildOptions(dtype="nn")),
    ],
)
def test_what_cannot_be_built_is_refused(name, location, options):
    with pytest.raises(ConfigError):
        build_text_to_audio(name, location, options)


def test_looking_at_the_catalogue_loads_nothing_heavy():
    code = (
        "import sys, audiostory.baselines.catalogue\n"
        "assert not {'torch', 'diffusers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_retrieval_plays_what_the_evaluator_never_heard(tmp_path):
    rows = [
        {"file": f"{number}.wav", "seconds": 1.0, "caption": "a bell", "group": "bell"}
        | {"split": "train", "recording": f"take {number}", "license": "CC0-1.0"}
        for number in range(40)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metadata.jsonl").write_text(lines)
    model = build_text_to_audio("retrieval", str(tmp_path))
    assert isinstance(model, RetrievalTextToAudio)
    assert 0 < len(model.rows) < 40
    assert all(row.is_kept_back for row in model.rows)
