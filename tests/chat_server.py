"""A server on this machine that answers, or fails, in the shapes of the two chat APIs."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server does with one request."""

    text: str = "yes"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"
    refusal: str | None = None
    has_candidates: bool = True
    error: dict = field(default_factory=lambda: {"message": "out of order"})
    raw: bytes | None = None
    is_dropped: bool = False
    input_tokens: int = 100
    audio_tokens: int = 64
    output_tokens: int = 10


@dataclass(frozen=True)
class Asked:
    """One request the server got, whichever API it came through."""

    path: str
    headers: dict[str, str]
    body: dict

    @property
    def text(self) -> str:
        if "messages" in self.body:
            content = self.body["messages"][-1]["content"]
            return content if isinstance(content, str) else content[-1]["text"]
        return self.body["contents"][0]["parts"][-1]["text"]

    @property
    def system(self) -> str:
        if "messages" in self.body:
            return "".join(
                one["content"] for one in self.body["messages"] if one["role"] == "system"
            )
        return self.body["systemInstruction"]["parts"][0]["text"]

    @property
    def sounds(self) -> list[tuple[str, bytes]]:
        if "messages" in self.body:
            content = self.body["messages"][-1]["content"]
            parts = [one["input_audio"] for one in content if "input_audio" in one]
            return [(one["format"], base64.b64decode(one["data"])) for one in parts]
        parts = [one["inlineData"] for one in self.body["contents"][0]["parts"][:-1]]
        kinds = [(one.get("mimeType") or one["mime_type"]).partition("/")[2] for one in parts]
        data = [base64.urlsafe_b64decode(one["data"]) for one in parts]
        return list(zip(kinds, data, strict=True))


class ChatServer:
    """Replies in order, then with ``default``; knows all it was asked."""

    def __init__(self, default: Callable[[Asked], Reply]) -> None:
        self.default = default
        self.script: list[Reply] = []
        self.asked: list[Asked] = []
        self.url = ""
        self._lock = threading.Lock()

    def spec(self, api: str, options: str = "") -> str:
        place = f"{self.url}/v1" if api == "openai" else self.url
        return f"{api}:a-model@{place}{options}"

    def reply_to(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if self.script:
                return self.script.pop(0)
        return self.default(asked)


def _openai(reply: Reply) -> dict:
    message = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    return {
        "id": "1", "object": "chat.completion", "created": 1, "model": "a-model-0606",
        "choices": [{"index": 0, "finish_reason": reply.finish, "message": message}]
        if reply.has_candidates else [],
        "usage": {
            "prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
            "prompt_tokens_details": {"audio_tokens": reply.audio_tokens},
        },
    }  # fmt: skip


def _gemini(reply: Reply) -> dict:
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "other": "OTHER"}
    candidate = {
        "content": {"role": "model", "parts": [{"text": reply.text}]},
        "finishReason": reasons[reply.finish],
    }
    thoughts = min(3, reply.output_tokens)
    answer = {
        "candidates": [candidate], "modelVersion": "a-model-0606",
        "usageMetadata": {
            "promptTokenCount": reply.input_tokens,
            "candidatesTokenCount": reply.output_tokens - thoughts,
            "thoughtsTokenCount": thoughts,
            "promptTokensDetails": [
                {"modality": "AUDIO", "tokenCount": reply.audio_tokens},
                {"modality": "TEXT", "tokenCount": reply.input_tokens - reply.audio_tokens},
            ],
        },
    }  # fmt: skip
    if reply.refusal or not reply.has_candidates:
        del answer["candidates"]
    if reply.refusal:
        answer["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer takes 40 ms longer
    chat: ChatServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.chat.reply_to(Asked(self.path, headers, body))
        if reply.raw is not None:
            data = reply.raw
        elif reply.status != 200:
            data = json.dumps({"error": {"code": reply.status, **reply.error}}).encode()
        else:
            shape = _gemini if self.path.endswith(":generateContent") else _openai
            data = json.dumps(shape(reply)).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in reply.headers:
            self.send_header(name, value)
        with suppress(ConnectionError):  # the client of a test of patience has gone
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if reply.is_dropped else data)
        self.close_connection = reply.is_dropped


@contextmanager
def chat_server(default: Callable[[Asked], Reply] = lambda _: Reply()) -> Iterator[ChatServer]:
    chat = ChatServer(default)
    handler = type("Handler", (_Handler,), {"chat": chat})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    chat.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
