"""Chat completions, through ``openai``: OpenAI's models, or any server that speaks the same.

Servers such as vLLM offer models that hear (Qwen2.5-Omni and its like) this way. OpenAI itself
takes sound as wav and mp3 only, and its audio models enforce no JSON schema: ask them with
``?structured=text``. Tried against a local server that answers in the API's shapes, not against
OpenAI or vLLM themselves.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from audiostory.chat import AudioPart, ChatAnswer, ChatRequest
from audiostory.errors import ChatError
from audiostory.models.remote.client import (
    RemoteClient,
    RemoteConfig,
    Sleep,
    Trouble,
    seconds_to_wait,
)
from audiostory.models.remote.form import response_format
from audiostory.optional import require

ADDRESS = "https://api.openai.com/v1"


class OpenAIClient(RemoteClient):
    """Asks a model of OpenAI's, or of a server that speaks its language."""

    api, key_variable = "openai", "OPENAI_API_KEY"

    def __init__(self, config: RemoteConfig, *, sleep: Sleep = time.sleep) -> None:
        super().__init__(config, sleep=sleep)
        self._openai = require("openai", extra="judge")
        self._sdk = self._openai.OpenAI(
            api_key=self.key(),
            base_url=config.base_url or ADDRESS,  # said, so that no environment variable says it
            timeout=config.timeout_s,
            max_retries=0,
        )

    def send(self, request: ChatRequest) -> ChatAnswer:
        """The answer to one request; see ``RemoteClient``."""
        if self.config.base_url is None and any(part.format == "flac" for part in request.audio):
            raise ChatError(f"{self.name} takes sound as wav or mp3, not flac: send one of those")
        body = self._body(request)
        try:
            response = self._sdk.chat.completions.create(**body)
        except self._openai.APIStatusError as error:
            raise _trouble(error) from error
        except self._openai.APIConnectionError as error:
            raise Trouble(f"no whole answer came ({error} {error.__cause__ or ''})") from error
        except (json.JSONDecodeError, self._openai.APIResponseValidationError) as error:
            raise Trouble(f"what came is no answer of this API ({error})") from error
        return self._read(response, request)

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        """The request as the API's JSON."""
        said = {"type": "text", "text": request.text}
        content = [*map(_sound, request.audio), said] if request.audio else request.text
        system = [{"role": "system", "content": request.system}] if request.system else []
        # OpenAI has replaced max_tokens, which every other server knows
        limit = "max_tokens" if self.config.base_url else "max_completion_tokens"
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [*system, {"role": "user", "content": content}],
            "temperature": request.temperature,
            limit: request.max_output_tokens,
        }
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None and self.config.structured == "schema":
            body["response_format"] = response_format(request.schema)
        if request.schema is not None and self.config.structured == "json":
            body["response_format"] = {"type": "json_object"}
        return body

    def _read(self, response: Any, request: ChatRequest) -> ChatAnswer:
        """The SDK's answer as ours."""
        usage, first = response.usage, next(iter(response.choices or ()), None)
        details = getattr(usage, "prompt_tokens_details", None)
        answer = ChatAnswer(
            text=self.found((first and first.message.content) or "", request),
            model=response.model or self.config.model,
            input_tokens=(usage and usage.prompt_tokens) or 0,
            audio_tokens=(details and details.audio_tokens) or 0,
            output_tokens=(usage and usage.completion_tokens) or 0,
            is_whole=first is None or first.finish_reason != "length",
        )
        refusal = first and getattr(first.message, "refusal", None)
        if refusal or (first and first.finish_reason == "content_filter"):
            raise self.refusal(refusal or "content_filter", answer)
        return answer


def _sound(part: AudioPart) -> dict[str, Any]:
    """A sound as a part of a message."""
    data = base64.b64encode(part.data).decode("ascii")
    return {"type": "input_audio", "input_audio": {"data": data, "format": part.format}}


def _trouble(error: Any) -> Trouble:
    """The SDK's error with the wait the server asks for."""
    # an empty account comes as a 429, but no waiting fills it
    status = 403 if error.code == "insufficient_quota" else int(error.status_code)
    wait_s = seconds_to_wait(error.response.headers.get("retry-after"))
    return Trouble(str(error.message)[:500], status=status, wait_s=wait_s)
