from __future__ import annotations

import io

import pytest

from audiostory.apps.options import (
    OPTION_NAMES,
    OPTIONS_OF_RELEASE,
    Join,
    check_release,
    given_settings,
    instruction_words,
    loudness_of,
    settings_from,
)
from audiostory.errors import ConfigError, InstructionError
from audiostory.story.plan import PlanSettings


def test_only_what_was_given_is_set():
    given = given_settings(steps=None, join=Join.LINEAR, loudness_lufs="none")
    assert given == {"join": "linear", "loudness_lufs": None}
    assert settings_from(given) == PlanSettings(join="linear", loudness_lufs=None)


def test_every_setting_of_a_plan_has_its_option():
    found = {"level"}  # by sounding; --loudness takes it out
    assert set(OPTION_NAMES) == set(PlanSettings.model_fields) - found


@pytest.mark.parametrize(("text", "lufs"), [("none", None), ("None", None), ("-16", -16.0)])
def test_loudness_is_a_number_or_none(text, lufs):
    assert loudness_of(text) == lufs


def test_a_loudness_that_is_neither_is_refused():
    with pytest.raises(ConfigError, match="such as -16, or none"):
        loudness_of("loud")


def test_a_value_out_of_range_is_refused_by_its_option():
    with pytest.raises(ConfigError, match="--steps is 0: it should be greater than"):
        settings_from({"steps": 0})
    with pytest.raises(ConfigError, match="--solver is dopri5: it should be 'euler', 'midpoint'"):
        settings_from({"solver": "dopri5"})


def test_a_dash_reads_standard_input(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO("Il pleut 🌧️".encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert instruction_words("-") == "Il pleut 🌧️"


def test_bytes_that_are_not_utf8_are_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9")))
    with pytest.raises(InstructionError, match=r"byte 4.*iconv"):
        instruction_words("-")


def test_options_that_the_release_has_not_are_refused_by_their_names():
    check_release(dict.fromkeys(OPTIONS_OF_RELEASE), resume=False)
    with pytest.raises(ConfigError, match="no --join, --temperature, --resume: leave it out"):
        check_release({"steps": 3, "join": "linear"}, resume=True, temperature=0.5)
