"""Gemini, through ``google-genai``: generateContent, with sound sent inline.

Tried against a local server that answers in the API's shapes, not against the API itself.
Source: Gemini API, audio understanding: a second of sound is 32 tokens; wav, mp3 and flac are
taken; a request may hold 20 MB.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from typing import Any

from pydantic import ValidationError

from audiostory.chat import ChatAnswer, ChatRequest
from audiostory.models.remote.client import (
    RemoteClient,
    RemoteConfig,
    Sleep,
    Trouble,
    seconds_to_wait,
)
from audiostory.models.remote.form import json_schema_of
from audiostory.optional import require

ADDRESS = "https://generativelanguage.googleapis.com"
REFUSALS = ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")
"""Reasons for which Gemini ends an answer, and would again."""


class GeminiClient(RemoteClient):
    """Asks a Gemini model."""

    api, key_variable = "gemini", "GEMINI_API_KEY"

    def __init__(self, config: RemoteConfig, *, sleep: Sleep = time.sleep) -> None:
        super().__init__(config, sleep=sleep)
        genai = require("google.genai", extra="judge")
        self._types, self._errors = genai.types, genai.errors
        self._broken = _transport_errors()
        options = self._types.HttpOptions(
            base_url=config.base_url or ADDRESS,  # said, so that no environment variable says it
            api_version="v1beta",
            timeout=round(config.timeout_s * 1000),
        )
        self._sdk = genai.Client(api_key=self.key(), vertexai=False, http_options=options)

    def send(self, request: ChatRequest) -> ChatAnswer:
        """The answer to one request; see ``RemoteClient``."""
        sounds = [
            self._types.Part.from_bytes(data=part.data, mime_type=f"audio/{part.format}")
            for part in request.audio
        ]
        settings = self._settings(request)
        try:
            answer = self._sdk.models.generate_content(
                model=self.config.model, contents=[*sounds, request.text], config=settings
            )
        except self._errors.APIError as error:
            raise _trouble(error) from error
        except self._broken as error:
            raise Trouble(f"no whole answer came ({type(error).__name__}: {error})") from error
        except (json.JSONDecodeError, ValidationError) as error:
            raise Trouble(f"what came is no answer of this API ({error})") from error
        return self._read(answer, request)

    def _settings(self, request: ChatRequest) -> Any:
        """The request's settings as the SDK's."""
        form, structured = request.schema, self.config.structured
        asks_for_json = form is not None and structured != "text"
        return self._types.GenerateContentConfig(
            system_instruction=request.system or None,
            temperature=request.temperature,
            seed=request.seed,
            max_output_tokens=request.max_output_tokens,
            response_mime_type="application/json" if asks_for_json else None,
            response_schema=json_schema_of(form) if form and structured == "schema" else None,
        )

    def _read(self, response: Any, request: ChatRequest) -> ChatAnswer:
        """The SDK's answer as ours."""
        first = next(iter(response.candidates or ()), None)
        parts = (first and first.content and first.content.parts) or ()
        text = "".join(part.text for part in parts if part.text and not part.thought)
        reason = first.finish_reason.name if first and first.finish_reason else ""
        answer = ChatAnswer(
            text=self.found(text, request),
            model=response.model_version or self.config.model,
            is_whole=reason in ("", "STOP"),
            **_tokens(response.usage_metadata),
        )
        blocked = response.prompt_feedback and response.prompt_feedback.block_reason
        if blocked or reason in REFUSALS:
            raise self.refusal(blocked.name if blocked else reason, answer)
        return answer


def _tokens(usage: Any) -> dict[str, int]:
    """What was counted, thoughts with the output."""
    if usage is None:
        return {}
    heard = [
        part.token_count or 0
        for part in usage.prompt_tokens_details or ()
        if part.modality and part.modality.name == "AUDIO"
    ]
    return {
        "input_tokens": usage.prompt_token_count or 0,
        "audio_tokens": sum(heard),
        "output_tokens": (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
    }


def _trouble(error: Any) -> Trouble:
    """The SDK's error with the wait the server asks for, in a header or in its details."""
    is_key = error.code == 400 and "API_KEY_INVALID" in str(error.details)
    told = error.details.get("error") if isinstance(error.details, dict) else None
    details = told.get("details") if isinstance(told, dict) else None
    known = [one for one in details or () if isinstance(one, dict)]
    delays = [one["retryDelay"] for one in known if "retryDelay" in one]
    headers = getattr(error.response, "headers", None) or {}
    wait_s = seconds_to_wait(headers.get("retry-after"))
    if wait_s is None and delays:
        wait_s = seconds_to_wait(str(delays[0]).removesuffix("s"))
    status = 401 if is_key else int(error.code)
    return Trouble(str(error.message or error)[:500], status=status, wait_s=wait_s)


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the HTTP packages raise that ``google-genai`` may be built on."""
    names = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
    return tuple(importlib.import_module(name).TransportError for name in names)
