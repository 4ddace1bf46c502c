import io

import pytest
import soundfile

from audiostory.audio.waveform import silence
from audiostory.chat import ChatUnavailableError, ScriptedClient, UnusableAnswerError
from audiostory.errors import AudioError, ConfigError
from audiostory.evaluate.judge.cost import Budget, BudgetError, Price, Usage
from audiostory.evaluate.judge.hearing import Hearing
from audiostory.evaluate.understanding import listener as module
from audiostory.evaluate.understanding.bill import Bill
from audiostory.evaluate.understanding.listener import ChatListener
from audiostory.models.remote.catalogue import build_client
from tests.chat_server import Reply, chat_server

PRICE = Price(
    model="a-model",
    input_per_million=1.0,
    audio_per_million=10.0,
    output_per_million=5.0,
    audio_tokens_per_s=32,
    date="2026-01-01",
    source="a test",
)
SOUND = silence(2.0, 8_000)


@pytest.fixture
def server():
    with chat_server() as server:
        yield server


@pytest.fixture
def bill(tmp_path):
    return Bill(tmp_path / "bill")


@pytest.fixture
def listener(server, bill):
    client = build_client(server.spec("openai", "?max_retries=0"), sleep=lambda _: None)
    return ChatListener(client, bill, budget=Budget(price=PRICE))


def test_the_whole_recording_is_sent_and_the_answer_is_one_line(server, listener):
    server.script = [Reply(text=" Rain falls\n on a roof. ")]
    assert listener.caption(SOUND) == "Rain falls on a roof."
    ((kind, data),) = server.asked[0].sounds
    assert kind == "wav"
    assert soundfile.info(io.BytesIO(data)).duration == pytest.approx(2.0)
    assert "caption" in server.asked[0].text


def test_a_question_is_asked_in_its_own_words(server, listener):
    assert listener.answer(SOUND, "Is it raining?") == "yes"
    assert server.asked[0].text.endswith("Question: Is it raining?")


def test_all_that_is_paid_for_is_on_the_bill(server, listener, bill):
    server.script = [Reply(refusal="I would rather not."), Reply(text=""), Reply()]
    with pytest.raises(UnusableAnswerError):
        listener.caption(SOUND)
    listener.caption(SOUND)
    assert bill.total == Usage(asks=3, input_tokens=300, audio_tokens=192, output_tokens=30)
    assert Bill(bill.path).total == bill.total


def test_what_brought_no_answer_is_not_on_the_bill(server, listener, bill):
    server.default = lambda _: Reply(status=503)
    with pytest.raises(ChatUnavailableError):
        listener.caption(SOUND)
    assert bill.total == Usage()
    assert not bill.path.exists()


def test_what_earlier_runs_spent_counts_towards_the_limit(server, bill):
    client = build_client(server.spec("openai"))
    budget = Budget(max_cost=0.1, price=PRICE)
    ChatListener(client, bill, budget=budget).caption(SOUND)
    bill.add(Usage(asks=1, input_tokens=90_000))
    with pytest.raises(BudgetError, match="max_cost"):
        ChatListener(client, bill, budget=Budget(max_cost=0.1, price=PRICE)).caption(SOUND)
    assert len(server.asked) == 1


def test_a_limit_without_a_price_is_refused():
    with pytest.raises(ConfigError, match="price"):
        Budget(max_cost=1.0)


def test_what_a_question_will_take_grows_with_its_recording(listener):
    short, long = listener.expected(1.0), listener.expected(11.0)
    assert long.audio_tokens - short.audio_tokens == pytest.approx(320)
    asked = listener.expected(1.0, "Is it raining?")
    assert asked.input_tokens != short.input_tokens


def test_a_recording_that_is_too_long_to_be_sent_is_not_cut(bill):
    client = ScriptedClient(["never"])
    listener = ChatListener(client, bill, hearing=Hearing(max_bytes=1_000))
    with pytest.raises(AudioError, match="nothing is cut off"):
        listener.caption(SOUND)
    assert not client.asked


def test_the_name_changes_with_model_prompts_and_hearing(bill, monkeypatch):
    def name(model="m", **hearing):
        return ChatListener(ScriptedClient([], name=model), bill, hearing=Hearing(**hearing)).name

    names = {name(), name("n"), name(format="flac")}
    monkeypatch.setattr(module, "CAPTION", "What is it?")
    assert len({*names, name()}) == 4
