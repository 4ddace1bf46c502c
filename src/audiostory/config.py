"""Configurations: frozen dataclasses to JSON and back, strictly, with dotted overrides.

A configuration is a frozen dataclass whose fields are numbers, strings, booleans, ``None``, paths,
``Literal`` names, tuples, string-keyed dicts and other such dataclasses. ``from_dict`` refuses
unknown keys and ill-typed values and names the field; nothing is converted silently except what
JSON cannot say: lists become tuples, strings become paths, and whole numbers serve as floats.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from audiostory.errors import ConfigError

Config = TypeVar("Config")


def to_dict(config: Any) -> dict[str, Any]:
    """The configuration as a dict that JSON can hold; ``from_dict`` undoes it.

    Raises:
        ConfigError: if ``config`` is not a dataclass, or a field holds a value JSON cannot say.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ConfigError(f"{config!r} is not a configuration: it must be a dataclass instance")
    return _to_plain(config, "")


def from_dict(config_type: type[Config], values: Mapping[str, Any], *, path: str = "") -> Config:
    """A ``config_type`` with these field values; fields not named keep their defaults.

    Args:
        config_type: the dataclass to build.
        values: field names to plain values, as ``to_dict`` or a JSON file gives them.
        path: dotted name of this configuration inside a larger one, for messages.

    Raises:
        ConfigError: for unknown fields, missing fields without a default, and wrong types.
    """
    hints = field_types(config_type)
    for name in values:
        _check_known(name, config_type, path)
    built = {
        name: _convert(value, hints[name], _join(path, name)) for name, value in values.items()
    }
    if missing := _missing(config_type, built):
        raise ConfigError(f"{_where(path)} misses {', '.join(missing)}: give a value for each")
    return config_type(**built)


def to_json(config: Any) -> str:
    """The configuration as indented JSON text ending in a newline."""
    return json.dumps(to_dict(config), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(config_type: type[Config], text: str) -> Config:
    """The configuration written by ``to_json``.

    Raises:
        ConfigError: if the text is not a JSON object, or does not describe a ``config_type``.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"not JSON (line {error.lineno}, column {error.colno}): {error.msg}"
        ) from error
    if (fields := _as_mapping(values)) is None:
        raise ConfigError(f"a configuration is a JSON object, not {_describe(values)}")
    return from_dict(config_type, fields)


def override(config: Config, assignments: Iterable[str]) -> Config:
    """A copy of ``config`` with dotted fields replaced: ``override(config, ["flow.steps=25"])``.

    The right-hand side is read as JSON (``25``, ``0.5``, ``true``, ``null``, ``[1, 2]``), or else
    as a string. Assignments are made in order; each result is checked as a whole.

    Raises:
        ConfigError: for text without ``=``, unknown fields and values of the wrong type.
    """
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{assignment!r} sets nothing: write it as field.name=value")
        config = _assign(config, name.strip().split("."), text.strip(), "")
    return config


def differences(left: Any, right: Any, *, path: str = "") -> list[tuple[str, Any, Any]]:
    """Dotted fields in which two configurations differ, with both values, in field order.

    Configurations nested in both are compared field by field; anything else as a value. A field
    that only one side has is compared with ``None``.
    """
    names = list(dict.fromkeys(f.name for side in (left, right) for f in dataclasses.fields(side)))
    found: list[tuple[str, Any, Any]] = []
    for name in names:
        here, there = getattr(left, name, None), getattr(right, name, None)
        if dataclasses.is_dataclass(here) and dataclasses.is_dataclass(there):
            found += differences(here, there, path=_join(path, name))
        elif here != there:
            found.append((_join(path, name), here, there))
    return found


@functools.cache
def field_types(config_type: type[Any]) -> dict[str, Any]:
    """Every field of a dataclass with its type, forward references resolved.

    Raises:
        ConfigError: if ``config_type`` is not a dataclass.
    """
    if not dataclasses.is_dataclass(config_type):
        raise ConfigError(f"{config_type!r} is not a configuration: it must be a dataclass")
    hints = get_type_hints(config_type)
    return {f.name: hints[f.name] for f in dataclasses.fields(config_type) if f.init}


def _assign(config: Any, names: list[str], text: str, path: str) -> Any:
    """``config`` with the field at the end of ``names`` replaced by ``text``, read by its type."""
    name, *rest = names
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ConfigError(f"{path} is {_describe(config)}: it has no field {name!r}")
    _check_known(name, type(config), path)
    full = _join(path, name)
    if rest:
        value = _assign(getattr(config, name), rest, text, full)
    else:
        value = _convert_text(text, field_types(type(config))[name], full)
    return dataclasses.replace(config, **{name: value})


def _convert_text(text: str, wanted: Any, path: str) -> Any:
    """The value a person typed, as JSON if that fits the field, else as a plain string."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return _convert(text, wanted, path)
    try:
        return _convert(value, wanted, path)
    except ConfigError:
        if _takes_text(wanted):
            return _convert(text, wanted, path)
        raise


def _takes_text(wanted: Any) -> bool:
    """Whether a field of this type may hold free text (so that ``name=1`` is the text "1")."""
    if get_origin(wanted) in (Union, types.UnionType):
        return any(_takes_text(option) for option in get_args(wanted))
    return wanted in (str, Path)


def _convert(value: Any, wanted: Any, path: str) -> Any:
    """``value`` as the type ``wanted``, or a ConfigError that names the field."""
    origin = get_origin(wanted)
    if wanted is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, get_args(wanted), path)
    if origin is Literal:
        return _convert_literal(value, get_args(wanted), path)
    if origin is tuple:
        return _convert_tuple(value, get_args(wanted), path)
    if origin in (dict, Mapping):
        return _convert_mapping(value, get_args(wanted), path)
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return _convert_config(value, wanted, path)
    return _convert_scalar(value, wanted, path)


def _convert_config(value: Any, wanted: type[Any], path: str) -> Any:
    """A nested configuration, from one of its kind or from a dict of its fields."""
    if isinstance(value, wanted):
        return value
    if (fields := _as_mapping(value)) is not None:
        return from_dict(wanted, fields, path=path)
    raise _wrong(value, wanted.__name__, path)


def _convert_scalar(value: Any, wanted: Any, path: str) -> Any:
    """A bool, int, float, string, path or None; a bool is never taken for a number."""
    if wanted is type(None) and value is None:
        return None
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ConfigError(f"{path} is {value}: it must be a finite number")
        return float(value)
    if wanted is Path and isinstance(value, str | Path):
        return Path(value)
    if wanted in (bool, int, str) and type(value) is wanted:
        return value
    raise _wrong(value, _name_of(wanted), path)


def _convert_union(value: Any, options: tuple[Any, ...], path: str) -> Any:
    """The first option that takes the value; with one option beside None, its own error."""
    if value is None and type(None) in options:
        return None
    real = [option for option in options if option is not type(None)]
    if len(real) == 1:
        return _convert(value, real[0], path)
    for option in real:
        try:
            return _convert(value, option, path)
        except ConfigError:
            continue
    raise _wrong(value, " or ".join(_name_of(option) for option in options), path)


def _convert_literal(value: Any, names: tuple[Any, ...], path: str) -> Any:
    """One of the names the field allows."""
    for name in names:
        if type(value) is type(name) and value == name:
            return name
    raise ConfigError(f"{path} is {value!r}: choose one of {', '.join(map(str, names))}")


def _convert_tuple(value: Any, kinds: tuple[Any, ...], path: str) -> tuple[Any, ...]:
    """A tuple from a tuple or a JSON list, each item checked."""
    items = _as_list(value)
    if items is None:
        raise _wrong(value, "a list", path)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(items)
    if len(kinds) != len(items):
        raise ConfigError(f"{path} has {len(items)} items: it needs exactly {len(kinds)}")
    pairs = zip(items, kinds, strict=True)
    return tuple(_convert(item, kind, f"{path}[{k}]") for k, (item, kind) in enumerate(pairs))


def _convert_mapping(value: Any, kinds: tuple[Any, ...], path: str) -> dict[str, Any]:
    """A dict with string keys, each value checked."""
    items = _as_mapping(value)
    if items is None:
        raise _wrong(value, "an object", path)
    wanted = kinds[1] if kinds else Any
    return {key: _convert(item, wanted, _join(path, key)) for key, item in items.items()}


def _to_plain(value: Any, path: str) -> Any:
    """A field's value in the words of JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.init]
        return {name: _to_plain(getattr(value, name), _join(path, name)) for name in names}
    if isinstance(value, Path):
        return str(value)
    if (items := _as_list(value)) is not None:
        return [_to_plain(item, f"{path}[{k}]") for k, item in enumerate(items)]
    if (fields := _as_mapping(value)) is not None:
        return {key: _to_plain(item, _join(path, key)) for key, item in fields.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path} is {value}: it must be a finite number")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"{path} holds {_describe(value)}: a configuration holds plain values only")


def _as_list(value: Any) -> list[Any] | None:
    """The items of a list or tuple; None for anything else."""
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None


def _as_mapping(value: Any) -> dict[str, Any] | None:
    """The entries of a mapping whose keys are all strings; None for anything else."""
    if not isinstance(value, Mapping):
        return None
    entries = dict(cast("Mapping[Any, Any]", value))
    return entries if all(isinstance(key, str) for key in entries) else None


def _check_known(name: str, config_type: type[Any], path: str) -> None:
    """Refuse a field the configuration does not have, and list those it has."""
    known = field_types(config_type)
    if name not in known:
        raise ConfigError(f"{_where(path)} has no field {name!r}; it has {', '.join(known)}")


def _missing(config_type: Any, given: Mapping[str, Any]) -> list[str]:
    """The fields with neither a given value nor a default."""
    unset = [f for f in dataclasses.fields(config_type) if f.init and f.name not in given]
    no_default = (dataclasses.MISSING, dataclasses.MISSING)
    return [f.name for f in unset if (f.default, f.default_factory) == no_default]


def _wrong(value: Any, wanted: str, path: str) -> ConfigError:
    return ConfigError(f"{path} is {_describe(value)}: it must be {wanted}")


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _name_of(wanted: Any) -> str:
    return "null" if wanted is type(None) else getattr(wanted, "__name__", str(wanted))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _where(path: str) -> str:
    return path or "the configuration"
