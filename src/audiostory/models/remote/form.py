"""The form of an answer as APIs take it: a pydantic model to a plain JSON schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from audiostory.errors import ChatError


def json_schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a form as both APIs take it: no references, no fields forbidden.

    Raises:
        ChatError: if the form contains itself.
    """
    schema = form.model_json_schema()
    return _inlined(schema, schema.get("$defs", {}), ())


def response_format(form: type[BaseModel]) -> dict[str, Any]:
    """The ``response_format`` of chat completions; strict where every field must be there.

    OpenAI enforces a schema (strict) only if its objects need all their fields and take no others.
    """
    schema, is_strict = _closed(json_schema_of(form))
    named = {"name": form.__name__, "schema": schema, "strict": is_strict}
    return {"type": "json_schema", "json_schema": named}


def _inlined(node: Any, definitions: dict[str, Any], inside: tuple[str, ...]) -> Any:
    """A part of a schema with what it refers to written in its place."""
    if isinstance(node, list):
        return [_inlined(one, definitions, inside) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        name = node["$ref"].rpartition("/")[2]
        if name in inside:
            raise ChatError(f"the form {name} contains itself: APIs take no such schema")
        inside = (*inside, name)
        node = {**definitions[name], **{key: node[key] for key in node if key != "$ref"}}
    kept = {key: node[key] for key in node if key != "$defs"}
    if isinstance(kept.get("additionalProperties"), bool):  # Gemini refuses the word
        del kept["additionalProperties"]
    return {key: _inlined(value, definitions, inside) for key, value in kept.items()}


def _closed(node: Any) -> tuple[Any, bool]:
    """A schema whose objects take no other fields, and whether they need all they have."""
    if isinstance(node, list):
        parts = [_closed(one) for one in node]
        return [one for one, _ in parts], all(is_strict for _, is_strict in parts)
    if not isinstance(node, dict):
        return node, True
    fields = {key: _closed(value) for key, value in node.items()}
    closed = {key: value for key, (value, _) in fields.items()}
    is_strict = all(is_strict for _, is_strict in fields.values())
    if node.get("type") == "object":
        named = node.get("properties", {})
        is_strict &= bool(named) and set(named) == set(node.get("required", ()))
        if named:
            closed["additionalProperties"] = False
    return closed, is_strict
