import numpy as np
import pytest

from audiostory.errors import InstructionError, MeasureError
from audiostory.evaluate.clap_score import ClapScore
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.metric import Subject
from audiostory.story.types import Clip, Event, Story, Storyline
from tests.evaluate.tracks import features, item, tone

WORDS = {"rain falls": [1.0, 0.0], "a dog barks": [0.0, 3.0], "thunder": [-1.0, 0.0]}
CARD = EncoderCard(
    name="tiny-clap",
    checkpoint="tiny",
    digest="0" * 12,
    sample_rate_hz=16_000,
    window_s=1.0,
    hop_s=1.0,
    dimension=2,
)


def read(texts):
    return np.array([WORDS[text] for text in texts], dtype=np.float32)


def story(*captions, length_s=2.0):
    events = tuple(
        Event(start_s=place * length_s, end_s=(place + 1) * length_s, detail="", sounds="")
        for place in range(len(captions))
    )
    clips = tuple(Clip(caption=caption, duration_s=length_s) for caption in captions)
    return Story(storyline=Storyline(summary="", events=events), clips=clips)


def score(windows, truth=None, duration_s=None, asked_for="rain falls", **fields):
    asked = item("one", asked_for, story=truth)
    heard = features(windows)
    subject = Subject(
        item=asked,
        waveform=tone(len(windows) if duration_s is None else duration_s),
        plan=None,
        features_of=lambda name: {"tiny-clap": heard}[name],
    )
    return ClapScore(**{"card": CARD, "read": read, **fields}).measure(subject)


def test_the_track_is_compared_window_by_window_whatever_their_length():
    found = score([[5.0, 0.0], [0.0, 0.1], [1.0, 1.0]])
    assert found["clap"] == pytest.approx((1.0 + 0.0 + np.sqrt(0.5)) / 3)


def test_louder_embeddings_are_no_nearer():
    assert score([[1.0, 2.0]])["clap"] == pytest.approx(score([[100.0, 200.0]])["clap"])


def test_an_item_without_a_story_has_no_score_of_events():
    assert score([[1.0, 0.0]])["clap_events"] is None


def test_events_are_heard_in_their_own_span():
    right = score([[1, 0], [1, 0], [0, 1], [0, 1]], story("rain falls", "a dog barks"))
    swapped = score([[0, 1], [0, 1], [1, 0], [1, 0]], story("rain falls", "a dog barks"))
    assert right["clap_events"] == pytest.approx(1.0)
    assert swapped["clap_events"] == pytest.approx(0.0)
    assert right["clap"] == pytest.approx(swapped["clap"])


def test_an_event_that_the_track_does_not_reach_scores_nothing():
    found = score([[1, 0], [1, 0]], story("rain falls", "rain falls"))
    assert found["clap_events"] == pytest.approx(0.5)


def test_an_event_shorter_than_a_window_is_heard_in_the_nearest():
    found = score([[0, 1], [1, 0]], story("a dog barks", "rain falls", length_s=0.3))
    assert found["clap_events"] == pytest.approx(0.5)


def test_what_sounds_like_the_opposite_counts_against_it():
    assert score([[1, 0], [1, 0]], story("thunder"))["clap_events"] == pytest.approx(-1.0)


def test_a_window_without_direction_is_similar_to_nothing():
    assert score([[0.0, 0.0], [1.0, 0.0]])["clap"] == pytest.approx(0.5)


def test_an_embedding_that_is_no_number_is_refused():
    with pytest.raises(MeasureError, match="NaN"):
        score([[np.nan, 1.0]])


def test_a_story_whose_captions_belong_to_no_event_is_refused():
    truth = Story(storyline=story("thunder").storyline, clips=story("thunder", "thunder").clips)
    with pytest.raises(MeasureError, match="1 events and 2 clips"):
        score([[1, 0]], truth)


@pytest.mark.parametrize("kind", [InstructionError, MeasureError])
def test_a_text_that_cannot_be_read_whole_has_no_score_and_is_told(caplog, kind):
    def read_short(texts):
        if "a long story" in texts:
            raise kind("a text of 600 tokens cannot be read whole")
        return read(texts)

    truth = story("rain falls")
    whole = score([[1, 0], [1, 0]], truth, asked_for="a long story", read=read_short)
    assert whole == {"clap": None, "clap_events": pytest.approx(1.0)}
    assert "one has no CLAP score: a text of 600 tokens" in caplog.text
    events = score([[1, 0], [1, 0]], story("rain falls", "a long story"), read=read_short)
    assert events == {"clap": pytest.approx(1.0), "clap_events": None}


def test_columns_carry_the_checkpoint_and_their_own_keys():
    whole, events = ClapScore(card=CARD, read=read, key="clap_tiny", title="CLAP").columns
    assert (whole.key, events.key) == ("clap_tiny", "clap_tiny_events")
    assert (whole.title, events.title) == ("CLAP", "CLAP events")
    assert "tiny 000000000000" in whole.detail
    assert set(score([[1.0, 0.0]], key="clap_tiny")) == {whole.key, events.key}
