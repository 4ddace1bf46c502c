import pytest
from pydantic import BaseModel, Field

from audiostory.chat import (
    ChatAnswer,
    ChatRequest,
    ChatUnavailableError,
    ScriptedClient,
    UnusableAnswerError,
    ask_until_it_fits,
)
from audiostory.errors import ChatError


class Verdict(BaseModel):
    score: int = Field(ge=0, le=5)


FITS = '{"score": 4}'


def test_a_scripted_client_answers_in_order_and_then_refuses():
    client = ScriptedClient(["one", "two"])
    assert [client.ask(ChatRequest(text="?")).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ChatError, match="only 2 answers"):
        client.ask(ChatRequest(text="?"))


def test_a_scripted_client_can_answer_with_a_function_of_the_question():
    assert (
        ScriptedClient(lambda request: request.text.upper()).ask(ChatRequest(text="a")).text == "A"
    )


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("", "it was empty"),
        ('{"score": 7}', "score Input should be less than or equal to 5"),
        ('{"score": 4', "Invalid JSON"),
        ('{"mark": 4}', "score Field required"),
    ],
)
def test_an_answer_out_of_form_is_asked_for_again_with_the_complaint(bad, complaint):
    client = ScriptedClient([bad, FITS])
    answer = client.ask(ChatRequest(text="How good?", schema=Verdict))
    assert (answer.text, answer.asks) == (FITS, 2)
    first, second = client.asked
    assert first.text == "How good?"
    assert second.text.startswith("How good?\n\n")
    assert complaint in second.text


def test_only_the_latest_complaint_is_told():
    client = ScriptedClient(["", '{"score": 9}', FITS])
    client.ask(ChatRequest(text="How good?", schema=Verdict))
    assert "empty" not in client.asked[2].text


def test_an_answer_that_never_fits_is_an_error_that_says_what_came():
    client = ScriptedClient(['{"score": 9}'] * 5)
    with pytest.raises(UnusableAnswerError, match=r"in 2 asks.*less than.*'\{\"score\": 9\}'"):
        client.ask(ChatRequest(text="?", schema=Verdict, max_asks=2))
    assert len(client.asked) == 2


def test_an_answer_that_was_cut_off_is_not_used_even_as_free_text():
    answers = iter([ChatAnswer(text="It was a", model="m", is_whole=False)] * 3)
    with pytest.raises(UnusableAnswerError, match="cut off .at most 50 tokens"):
        ask_until_it_fits(lambda _: next(answers), ChatRequest(text="?", max_output_tokens=50))


def test_tokens_of_unusable_answers_are_counted():
    answers = [
        ChatAnswer(text="", model="m", input_tokens=10, audio_tokens=8, output_tokens=1),
        ChatAnswer(text="yes", model="m", input_tokens=14, audio_tokens=8, output_tokens=2),
    ]
    given = iter(answers)
    answer = ask_until_it_fits(lambda _: next(given), ChatRequest(text="?"))
    assert (answer.input_tokens, answer.audio_tokens, answer.output_tokens) == (24, 16, 3)


@pytest.mark.parametrize("kind", [ChatUnavailableError, UnusableAnswerError])
def test_an_error_after_unusable_answers_still_knows_what_they_cost(kind):
    paid = ChatAnswer(text="", model="m", input_tokens=10)

    def once(request):
        if request.text != "?":
            raise kind("gone")
        return paid

    with pytest.raises(kind) as caught:
        ask_until_it_fits(once, ChatRequest(text="?"))
    assert caught.value.answers == (paid,)


def test_a_question_is_asked_at_least_once():
    with pytest.raises(ChatError, match="at least once"):
        ChatRequest(text="?", max_asks=0)
