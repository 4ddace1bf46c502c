"""The client that a line names: ``gemini:gemini-2.0-flash``, ``openai:MODEL@URL``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import parse_qsl

from audiostory.chat import ChatClient
from audiostory.errors import ConfigError
from audiostory.models.remote.client import RemoteClient, RemoteConfig, Sleep, Structured
from audiostory.models.remote.gemini import GeminiClient
from audiostory.models.remote.openai import OpenAIClient

CLIENTS: dict[str, type[RemoteClient]] = {"gemini": GeminiClient, "openai": OpenAIClient}
"""APIs by the word before the colon."""

_OPTIONS: dict[str, Callable[[str], Any]] = {
    "structured": str,
    "key_variable": str,
    "timeout_s": float,
    "max_retries": int,
    "max_wait_s": float,
}


def build_client(spec: str, *, sleep: Sleep = time.sleep) -> ChatClient:
    """The client that a line names.

    Args:
        spec: ``gemini:gemini-2.0-flash``, ``openai:gpt-4o-audio-preview?structured=text`` or
            ``openai:Qwen2.5-Omni-7B@http://localhost:8000/v1``. After ``?`` may stand, with ``&``
            between them, ``structured``, ``key_variable``, ``timeout_s``, ``max_retries`` and
            ``max_wait_s`` of ``RemoteConfig``.
        sleep: waits between retries.

    Raises:
        ConfigError: if the line is none of these.
        ChatUnavailableError: if the API's key is not in the environment.
        MissingExtraError: if the API's package is not installed.
    """
    head, _, options = spec.partition("?")
    api, _, named = head.partition(":")
    model, at, url = named.partition("@http")
    if api not in CLIENTS or not model:
        raise ConfigError(
            f"{spec!r} names no chat model: write gemini:MODEL, openai:MODEL or openai:MODEL@URL"
        )
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ConfigError(
            "the address of a chat model holds a password, which would be written into reports: "
            "put it into the environment variable AUDIOSTORY_CHAT_KEY"
        )
    config = RemoteConfig(model=model, base_url=f"http{url}" if at else None)
    return CLIENTS[api](_with_options(config, options), sleep=sleep)


def _with_options(config: RemoteConfig, options: str) -> RemoteConfig:
    """The configuration with ``name=value&name=value`` set in it."""
    for name, value in parse_qsl(options, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ConfigError(f"no option {name!r} of a chat model: use {', '.join(_OPTIONS)}")
        try:
            config = replace(config, **{name: _OPTIONS[name](value)})
        except ValueError:
            raise ConfigError(f"{name}={value!r} of a chat model: give a number") from None
    ways = get_args(Structured)
    if config.structured not in ways:
        raise ConfigError(f"structured={config.structured!r}: use {', '.join(ways)}")
    return config
