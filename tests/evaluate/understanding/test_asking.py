from dataclasses import replace

import pytest

from audiostory.audio.waveform import Waveform, silence
from audiostory.chat import ChatUnavailableError, ScriptedClient
from audiostory.data.sets.item import ItemSet
from audiostory.errors import CorpusError
from audiostory.evaluate.understanding.asking import (
    answers_wanted,
    ask,
    captions_wanted,
    estimate,
)
from audiostory.evaluate.understanding.bill import Bill
from audiostory.evaluate.understanding.listener import ChatListener
from tests.evaluate.tracks import item
from tests.evaluate.understanding.test_run import QUIZ, SET


class Parrot:
    """Says how long a recording is, and the question."""

    name = "parrot"

    def caption(self, waveform: Waveform) -> str:
        return f"{waveform.duration_s:g} seconds of sound"

    def answer(self, waveform: Waveform, question: str) -> str:
        return f"{question} {waveform.duration_s:g}"


class Deaf(Parrot):
    """Has to say nothing."""

    def caption(self, waveform):
        raise AssertionError


def test_a_system_hears_each_reference(tmp_path):
    said = ask(Parrot(), captions_wanted(SET, "m"), tmp_path / "c.jsonl")
    assert said == {
        "rain": "5 seconds of sound",
        "wind": "5 seconds of sound",
        "dog": "4 seconds of sound",
    }


def test_a_system_hears_the_recording_with_the_question(tmp_path):
    said = ask(Parrot(), answers_wanted(QUIZ, "m"), tmp_path / "a.jsonl", num_threads=3)
    assert list(said) == [one.id for one in QUIZ.questions]
    assert said["q2"] == "Question 2? 3"


def test_a_run_that_is_whole_asks_nothing_again(tmp_path):
    path, inquiry = tmp_path / "c.jsonl", captions_wanted(SET, "m")
    assert ask(Parrot(), inquiry, path) == ask(Deaf(), inquiry, path)


def test_sets_that_cannot_be_captioned_are_refused(tmp_path):
    bare = ItemSet(name="bare", version="1", items=(item("rain"),))
    with pytest.raises(CorpusError, match="1 items of bare have no captions"):
        captions_wanted(bare, "m")
    silent = ItemSet(name="s", version="1", items=(item("rain", captions=("rain",)),))
    with pytest.raises(CorpusError, match="nothing can be heard"):
        ask(Parrot(), captions_wanted(silent, "m"), tmp_path / "c.jsonl")


def test_a_system_that_is_away_is_told_where_its_answers_are(tmp_path):
    class Away(Parrot):
        def caption(self, waveform):
            raise ChatUnavailableError("no connection")

    with pytest.raises(ChatUnavailableError, match=r"no connection\. Answers so far .*c\.jsonl"):
        ask(Away(), captions_wanted(SET, "m"), tmp_path / "c.jsonl")


def test_what_is_still_to_be_asked_is_estimated_without_asking(tmp_path):
    path = tmp_path / "a.jsonl"
    client = ScriptedClient([])
    listener = ChatListener(client, Bill(tmp_path / "bill"))
    whole = estimate(listener, answers_wanted(QUIZ, "m"), path)
    assert (whole.num_questions, whole.num_kept, whole.audio_s) == (4, 0, 10.0)
    assert whole.usage.asks == 4
    assert not path.exists()
    inquiry = answers_wanted(QUIZ, "m")
    ask(Parrot(), replace(inquiry, ids=inquiry.ids[:1], questions=inquiry.questions[:1]), path)
    rest = estimate(listener, inquiry, path)
    assert (rest.num_kept, rest.audio_s, rest.usage.asks) == (1, 9.0, 3)
    assert not client.asked


def test_the_length_of_a_reference_is_that_asked_for_or_its_own(tmp_path):
    assert captions_wanted(SET, "m").length_of(2) in (4.0, SET.items[2].instruction.duration_s)
    said = replace(SET, reference_of=lambda _: silence(3.0, 8_000))
    lengths = [captions_wanted(said, "m").length_of(index) for index in range(3)]
    asked = [one.instruction.duration_s for one in said.items]
    assert lengths == [3.0 if one is None else one for one in asked]
