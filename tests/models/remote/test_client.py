import datetime
import email.utils

import pytest
from pydantic import BaseModel

from audiostory.chat import ChatAnswer, ChatRequest, ChatUnavailableError
from audiostory.errors import ChatError
from audiostory.models.remote.client import (
    RemoteClient,
    RemoteConfig,
    Trouble,
    seconds_to_wait,
)


class Form(BaseModel):
    word: str


class Flaky(RemoteClient):
    api, key_variable = "flaky", "FLAKY_API_KEY"

    def __init__(self, troubles, answer="yes", **config):
        self.slept = []
        super().__init__(RemoteConfig(model="m", **config), sleep=self.slept.append)
        self.troubles, self.answer, self.sent = list(troubles), answer, []

    def send(self, request):
        self.sent.append(request)
        if self.troubles:
            raise self.troubles.pop(0)
        return ChatAnswer(text=self.found(self.answer, request), model="m")


def failing(*statuses, **config):
    return Flaky([Trouble("broken", status=status) for status in statuses], **config)


def test_waits_double_until_an_answer_comes():
    client = failing(500, None, 429, first_wait_s=0.5)
    assert client.ask(ChatRequest(text="?")).text == "yes"
    assert client.slept == [0.5, 1.0, 2.0]


def test_no_wait_is_longer_than_the_longest():
    client = failing(*[503] * 5, max_wait_s=3.0)
    client.ask(ChatRequest(text="?"))
    assert client.slept == [1.0, 2.0, 3.0, 3.0, 3.0]


def test_the_servers_own_wait_is_kept_to():
    client = Flaky([Trouble("slow down", status=429, wait_s=17.0)])
    client.ask(ChatRequest(text="?"))
    assert client.slept == [17.0]


def test_a_wait_too_long_ends_the_attempt_at_once():
    client = Flaky([Trouble("come back tomorrow", status=429, wait_s=86_400.0)])
    with pytest.raises(ChatUnavailableError, match=r"86400 s .*max_wait_s=120"):
        client.ask(ChatRequest(text="?"))
    assert client.slept == []


def test_retries_are_bounded():
    client = failing(*[500] * 9, max_retries=2)
    with pytest.raises(ChatUnavailableError, match="asked 3 times; the last: broken"):
        client.ask(ChatRequest(text="?"))
    assert len(client.sent) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_is_not_asked_twice(status):
    client = failing(status)
    with pytest.raises(ChatUnavailableError, match=f"HTTP {status}.*check the key"):
        client.ask(ChatRequest(text="?"))
    assert len(client.sent) == 1


def test_a_question_that_is_not_taken_does_not_stop_others():
    client = failing(400)
    with pytest.raises(ChatError, match="does not take the question") as caught:
        client.ask(ChatRequest(text="?"))
    assert not isinstance(caught.value, ChatUnavailableError)
    assert client.ask(ChatRequest(text="?")).text == "yes"


def test_a_form_is_told_in_words_where_no_schema_is_sent():
    client = Flaky([], '{"word": "rain"}', structured="json")
    client.ask(ChatRequest(text="?", schema=Form))
    assert client.sent[0].text.startswith("?\n\nAnswer with one JSON object")
    assert '"word"' in client.sent[0].text


def test_json_in_a_fence_is_found_where_it_was_asked_for_in_words():
    fenced = 'Here it is:\n```json\n{"word": "rain"}\n```\nGood luck.'
    found = Flaky([], fenced, structured="text").ask(ChatRequest(text="?", schema=Form))
    assert found.text == '{"word": "rain"}'
    with pytest.raises(ChatError, match="Invalid JSON"):
        Flaky([], fenced).ask(ChatRequest(text="?", schema=Form))


def test_a_companys_key_goes_to_no_other_server(monkeypatch):
    monkeypatch.setenv("FLAKY_API_KEY", "secret")
    assert failing().key() == "secret"
    assert failing(base_url="http://elsewhere").key() == "none"
    monkeypatch.setenv("AUDIOSTORY_CHAT_KEY", "for elsewhere")
    assert failing(base_url="http://elsewhere").key() == "for elsewhere"


def test_a_key_variable_that_was_named_must_be_set():
    with pytest.raises(ChatUnavailableError, match="variable MY_KEY"):
        failing(base_url="http://elsewhere", key_variable="MY_KEY").key()


def test_a_wait_may_be_told_in_seconds_or_as_a_date():
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    assert seconds_to_wait("7") == 7.0
    assert seconds_to_wait(email.utils.format_datetime(soon, usegmt=True)) == pytest.approx(
        60, abs=3
    )
    assert seconds_to_wait("-3") == 0.0
    assert seconds_to_wait("in a while") is None
    assert seconds_to_wait(None) is None
