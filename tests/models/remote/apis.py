"""What is expected of both clients alike, asked through the stand-in for their API."""

import threading

import pytest
from pydantic import BaseModel, Field

from audiostory.chat import AudioPart, ChatRequest, ChatUnavailableError, UnusableAnswerError
from audiostory.models.remote.catalogue import build_client
from tests.chat_server import Reply, chat_server


class Verdict(BaseModel):
    reason: str
    score: int = Field(ge=0, le=5)


FITS = '{"reason": "clear", "score": 4}'
ASKED = ChatRequest(
    text="How good?",
    system="You judge.",
    audio=(AudioPart(data=b"\x00\xff\xfe-\x3e\x3f", format="wav"),),
    schema=Verdict,
    temperature=0.5,
    seed=3,
    max_output_tokens=99,
)


class BothApis:
    """Subclass with ``api``."""

    api: str

    @pytest.fixture
    def server(self):
        with chat_server(lambda _: Reply(text=FITS)) as server:
            yield server

    @pytest.fixture
    def slept(self):
        return []

    @pytest.fixture
    def client(self, server, slept):
        return build_client(server.spec(self.api), sleep=slept.append)

    def test_a_question_arrives_whole_and_its_answer_with_its_tokens(self, server, client):
        answer = client.ask(ASKED)
        assert (answer.text, answer.model) == (FITS, "a-model-0606")
        assert (answer.input_tokens, answer.audio_tokens, answer.output_tokens) == (100, 64, 10)
        (asked,) = server.asked
        assert (asked.text, asked.system) == ("How good?", "You judge.")
        assert asked.sounds == [("wav", ASKED.audio[0].data)]

    def test_a_server_that_asks_to_wait_is_waited_for(self, server, client, slept):
        server.script = [Reply(status=429, headers=(("Retry-After", "7"),))]
        assert client.ask(ASKED).text == FITS
        assert slept == [7.0]
        assert len(server.asked) == 2

    @pytest.mark.parametrize(
        "failure",
        [
            Reply(status=500),
            Reply(status=503, raw=b"<html>bad gateway</html>"),
            Reply(is_dropped=True),
            Reply(raw=b'{"candidates": [{"content": {"par'),
        ],
        ids=["500", "not json", "dropped halfway", "cut json"],
    )
    def test_what_passes_is_tried_again(self, server, client, slept, failure):
        server.script = [failure, failure]
        assert client.ask(ASKED).text == FITS
        assert slept == [1.0, 2.0]

    def test_a_dead_server_is_given_up_in_the_end(self, server, client):
        server.default = lambda _: Reply(status=503)
        with pytest.raises(ChatUnavailableError, match=r"asked 6 times.*out of order"):
            client.ask(ASKED)
        assert len(server.asked) == 6

    def test_a_server_that_is_not_there_is_told(self, server, slept):
        client = build_client(f"{self.api}:m@http://127.0.0.1:9?max_retries=1", sleep=slept.append)
        with pytest.raises(ChatUnavailableError, match="asked 2 times"):
            client.ask(ASKED)

    def test_a_server_that_hangs_is_not_waited_for(self, server, slept):
        client = build_client(
            server.spec(self.api, "?timeout_s=0.1&max_retries=0"), sleep=slept.append
        )
        waiting = threading.Event()
        server.default = lambda _: Reply(text=str(waiting.wait(5)))
        with pytest.raises(ChatUnavailableError, match="(?i)time"):
            client.ask(ASKED)
        waiting.set()

    @pytest.mark.parametrize(
        "bad",
        [
            Reply(text='{"reason": "cl'),
            Reply(text='{"reason": "loud", "score": 6}'),
            Reply(text='{"reason": "loud", "score": 4}', finish="length"),
            Reply(has_candidates=False),
        ],
        ids=["truncated", "out of range", "cut off", "no candidates"],
    )
    def test_an_unusable_answer_is_asked_for_again_and_paid_for(self, server, client, bad):
        server.script = [bad]
        answer = client.ask(ASKED)
        assert (answer.text, answer.asks, answer.input_tokens) == (FITS, 2, 200)
        assert "could not be used" in server.asked[1].text
        assert server.asked[1].sounds == server.asked[0].sounds

    @pytest.mark.parametrize(
        "refused", [Reply(refusal="I would rather not."), Reply(finish="content_filter")]
    )
    def test_a_refusal_is_not_argued_with(self, server, client, refused):
        server.script = [refused]
        with pytest.raises(UnusableAnswerError, match="refuses to answer") as caught:
            client.ask(ASKED)
        assert len(server.asked) == 1
        assert caught.value.answers[0].input_tokens == 100

    def test_without_a_schema_the_answer_is_free_text(self, server, client):
        server.script = [Reply(text="It is {fine}.")]
        assert client.ask(ChatRequest(text="How is it?")).text == "It is {fine}."
        assert not server.asked[0].sounds

    def test_a_wrong_key_is_told_at_once(self, server, client):
        server.script = [Reply(status=401)]
        with pytest.raises(ChatUnavailableError, match="check the key"):
            client.ask(ASKED)
        assert len(server.asked) == 1
