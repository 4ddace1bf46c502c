import pytest

from audiostory.chat import ChatRequest, ScriptedClient
from audiostory.errors import ChatError


def test_a_scripted_client_answers_in_order_and_then_refuses():
    client = ScriptedClient(["one", "two"])
    assert [client.ask(ChatRequest(text="?")).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ChatError, match="only 2 answers"):
        client.ask(ChatRequest(text="?"))


def test_a_scripted_client_can_answer_with_a_function_of_the_question():
    assert (
        ScriptedClient(lambda request: request.text.upper()).ask(ChatRequest(text="a")).text == "A"
    )
