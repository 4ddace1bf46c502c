"""Configurations survive JSON, take dotted overrides, and refuse what they do not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.config import (
    differences,
    field_types,
    from_dict,
    from_json,
    override,
    to_dict,
    to_json,
)
from audiostory.errors import ConfigError, FormatError


@dataclass(frozen=True, kw_only=True)
class Flow:
    steps: int = 50
    guidance_scale: float = 4.0
    solver: Literal["euler", "midpoint"] = "euler"


@dataclass(frozen=True, kw_only=True)
class Model:
    name: str
    flow: Flow = field(default_factory=Flow)
    widths: tuple[int, ...] = (32, 64)
    span_s: tuple[float, float] = (0.0, 30.0)
    has_audio: bool = False
    folder: Path | None = None
    teacher: Flow | None = None
    weights: dict[str, float] = field(default_factory=dict)
    stages: tuple[Flow, ...] = ()
    threshold: int | str = 1

    def __post_init__(self) -> None:
        if not self.name:
            raise FormatError("a model needs a name")


MODELS = st.builds(
    Model,
    name=st.text(min_size=1),
    flow=st.builds(Flow, steps=st.integers(1, 99), solver=st.sampled_from(["euler", "midpoint"])),
    widths=st.lists(st.integers()).map(tuple),
    has_audio=st.booleans(),
    folder=st.none() | st.just(Path("a/b")),
    teacher=st.none() | st.just(Flow(steps=3)),
    weights=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    stages=st.lists(st.just(Flow(guidance_scale=1.0))).map(tuple),
    threshold=st.integers() | st.text(),
)


@given(MODELS)
def test_a_configuration_survives_json(model):
    assert from_json(Model, to_json(model)) == model


def test_fields_left_out_keep_their_defaults():
    assert from_dict(Model, {"name": "nano"}) == Model(name="nano")


def test_whole_numbers_serve_as_floats():
    value = from_dict(Flow, {"guidance_scale": 3}).guidance_scale
    assert (value, type(value)) == (3.0, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a", "flwo": 1}, "no field 'flwo'; it has name, flow"),
        ({"name": "a", "flow": {"stepz": 1}}, "flow has no field 'stepz'; it has steps"),
        ({}, "misses name"),
        ({"name": 3}, r"name is 3 \(int\): it must be str"),
        ({"name": "a", "flow": {"steps": 2.5}}, r"flow.steps is 2.5 \(float\): it must be int"),
        ({"name": "a", "flow": {"steps": True}}, r"flow.steps is True \(bool\): it must be int"),
        ({"name": "a", "flow": 7}, "flow is 7 .*: it must be Flow"),
        ({"name": "a", "flow": {"solver": "heun"}}, "solver is 'heun': choose one of euler, mid"),
        ({"name": "a", "flow": {"guidance_scale": float("nan")}}, "must be a finite number"),
        ({"name": "a", "widths": [1, "2"]}, r"widths\[1\] is '2' \(str\): it must be int"),
        ({"name": "a", "widths": 3}, "widths is 3 .*: it must be a list"),
        ({"name": "a", "span_s": [1.0]}, "span_s has 1 items: it needs exactly 2"),
        ({"name": "a", "has_audio": 1}, "has_audio is 1 .*: it must be bool"),
        ({"name": "a", "folder": 4}, "folder is 4 .*: it must be Path"),
        ({"name": "a", "weights": []}, "weights is .*: it must be an object"),
        ({"name": "a", "weights": {"flow": "x"}}, "weights.flow is 'x' .*: it must be float"),
        ({"name": "a", "stages": [{"steps": "x"}]}, r"stages\[0\].steps is 'x'"),
        ({"name": "a", "threshold": None}, "threshold is None .*: it must be int or str"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(values, message):
    with pytest.raises(ConfigError, match=message):
        from_dict(Model, values)


@pytest.mark.parametrize(("text", "message"), [("{", "line 1, column 2"), ("[1]", "JSON object")])
def test_text_that_is_no_configuration_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        from_json(Model, text)


@pytest.mark.parametrize(
    ("assignment", "changed"),
    [
        ("flow.steps=25", ("flow.steps", 50, 25)),
        ("flow.guidance_scale = 2", ("flow.guidance_scale", 4.0, 2.0)),
        ("flow.solver=midpoint", ("flow.solver", "euler", "midpoint")),
        ("name=7", ("name", "nano", "7")),
        ("folder=runs/a=b", ("folder", None, Path("runs/a=b"))),
        ("folder=null", None),
        ("widths=[8]", ("widths", (32, 64), (8,))),
        ("has_audio=true", ("has_audio", False, True)),
        ('teacher={"steps": 4}', ("teacher", None, Flow(steps=4))),
    ],
)
def test_an_override_changes_exactly_one_field(assignment, changed):
    before = Model(name="nano")
    after = override(before, [assignment])
    assert differences(before, after) == ([] if changed is None else [changed])


def test_overrides_are_made_in_order():
    assert override(Flow(), ["steps=1", "steps=2"]).steps == 2


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("flwo.steps=3", "no field 'flwo'; it has name, flow"),
        ("flow.stepz=3", "flow has no field 'stepz'"),
        ("flow.steps=many", "flow.steps is 'many'"),
        ("flow.steps", "write it as field.name=value"),
        ("=3", "write it as field.name=value"),
        ("teacher.steps=3", "teacher is None .*: it has no field 'steps'"),
    ],
)
def test_an_override_that_fits_nothing_is_refused(assignment, message):
    with pytest.raises(ConfigError, match=message):
        override(Model(name="nano"), [assignment])


def test_an_override_passes_the_checks_of_the_configuration_itself():
    with pytest.raises(FormatError, match="needs a name"):
        override(Model(name="nano"), ["name="])


def test_a_value_json_cannot_say_is_refused():
    broken: Any = object()
    with pytest.raises(ConfigError, match="name holds .*plain values only"):
        to_dict(Model(name=broken))
    with pytest.raises(ConfigError, match="guidance_scale is inf"):
        to_json(Flow(guidance_scale=float("inf")))


def test_only_dataclasses_are_configurations():
    with pytest.raises(ConfigError, match="must be a dataclass"):
        field_types(int)
    with pytest.raises(ConfigError, match="must be a dataclass instance"):
        to_dict({"a": 1})
