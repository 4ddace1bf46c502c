from __future__ import annotations

from dataclasses import replace

import pytest

from audiostory.audio.waveform import Waveform, save
from audiostory.data.manifest import Layer
from audiostory.data.mixing import Mixer
from audiostory.data.stories import prompt_of
from audiostory.data.understanding.continuation import Continuation, continuations
from audiostory.errors import CorpusError
from tests.data.test_mixing import RATE_HZ, tone
from tests.data.test_stories import ROW

SOUNDING = replace(
    ROW,
    layers=(
        (Layer(file="a.wav", duration_s=6.5),),
        (Layer(file="a.wav", duration_s=3.5),),
    ),
)


def test_the_rest_is_a_story_from_zero_on_asked_for_as_in_the_paper():
    rest = Continuation(SOUNDING, 1, 0).rest
    assert [(event.start_s, event.end_s) for event in rest.events] == [(0.0, 3.5)]
    assert rest.captions == ("A dog barking close by",)
    assert rest.duration_s == 3.5
    assert not rest.has_audio
    assert (
        "Understand the input audio, infer the subsequent events, and generate the continued audio "
        "of rain and a dog. The total duration is 3.5 seconds."
    ) in prompt_of(rest)


def test_what_is_heard_is_the_storys_own_beginning(tmp_path):
    save(Waveform(tone(440, 2.0)[None], RATE_HZ), tmp_path / "a.wav")
    mixer = Mixer(tmp_path, RATE_HZ)
    heard_N = Continuation(SOUNDING, 1, 0).heard(mixer)
    assert len(heard_N) == 6.5 * RATE_HZ
    assert (heard_N.numpy() == mixer.story(SOUNDING)[: len(heard_N)]).all()


def test_stories_are_cut_at_random_events_by_seed():
    rows = [replace(SOUNDING, id=str(n)) for n in range(4)]
    cut = continuations([ROW, *rows], 0)
    assert [(one.index, one.num_heard) for one in cut] == [(n, 1) for n in range(1, 5)]
    contents = {one.content for one in continuations(rows, 0)}
    assert len(contents) == 4


def test_stories_without_sounds_cannot_be_heard():
    with pytest.raises(CorpusError, match="none of 2 stories"):
        continuations([ROW, ROW], 0)
