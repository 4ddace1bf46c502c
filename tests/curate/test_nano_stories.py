import hashlib
import json
from dataclasses import replace

import pytest

from audiostory.curate import nano_stories as builder
from audiostory.curate.nano_stories import build_nano_stories, prominences_db, refuse_hidden
from audiostory.curate.scripted import Takes, clips_by_recording, plan
from audiostory.curate.scripts import Cue
from audiostory.data.mixing import Mixer
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.nano_stories import (
    SAMPLE_RATE_HZ,
    References,
    check_references,
    corpus_digests,
    nano_stories,
)
from audiostory.errors import CorpusError
from tests.curate.scripted_corpus import KINDS, event, script, write_corpus

SCRIPTS = (
    script("ns-easy-001", 6.0),
    script("ns-easy-002", 6.0, bed="rain"),
)


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


@pytest.fixture
def mixer(corpus):
    return Mixer(corpus, SAMPLE_RATE_HZ)


def planned(corpus, **changed):
    return plan(script(duration_s=6.0, **changed), KINDS, Takes(clips_by_recording(corpus)))


def with_gain(one, at, gain_db):
    quiet = tuple(replace(layer, gain_db=gain_db) for layer in one.row.layers[at])
    layers = (*one.row.layers[:at], quiet, *one.row.layers[at + 1 :])
    return replace(one, row=replace(one.row, layers=layers))


def build(corpus, folder, **options):
    folder.mkdir(exist_ok=True)
    return build_nano_stories(corpus, folder, kinds=KINDS, scripts=SCRIPTS, **options)


def test_what_is_built_is_read_and_mixed_alike(corpus, tmp_path):
    built = build(corpus, tmp_path / "out")
    read = nano_stories(tmp_path / "out" / "nano_stories.jsonl")
    _, digests = corpus_digests(tmp_path / "out" / "nano_stories_corpus.json")
    references = References(read, corpus, digests)
    items = tuple(story.item() for story in read)
    assert read == built
    assert (
        check_references(ItemSet(name="x", version="1", items=items, reference_of=references)) == ()
    )


def test_building_twice_gives_the_same_files(corpus, tmp_path):
    build(corpus, tmp_path / "one")
    build(corpus, tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_every_file_used_is_listed_with_its_digest(corpus, tmp_path):
    build(corpus, tmp_path / "out")
    listed = json.loads((tmp_path / "out" / "nano_stories_corpus.json").read_text())
    assert set(listed["files"]) == {
        "rain.wav", "dog-a.wav", "dog-b.wav", "slam-a.wav", "slam-b.wav"
    }  # fmt: skip
    expected = hashlib.sha256((corpus / "rain.wav").read_bytes()).hexdigest()
    assert listed["files"]["rain.wav"] == expected


def test_credits_name_the_makers_of_used_clips_alone(corpus, tmp_path):
    build(corpus, tmp_path / "out")
    page = (tmp_path / "out" / "nano_stories_credits.md").read_text()
    assert "maker of rain.wav" in page
    assert "maker of heard.wav" not in page


def test_progress_is_told_after_every_story(corpus, tmp_path):
    told = []
    build(corpus, tmp_path / "out", progress=lambda name, share: told.append((name, share)))
    assert told == [("ns-easy-001", 0.5), ("ns-easy-002", 1.0)]


def test_a_recording_in_too_many_stories_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "MOST_STORIES", 1)
    with pytest.raises(CorpusError, match="r:dog is in 2 stories"):
        build(corpus, tmp_path / "out")


def test_every_sound_and_the_bed_stand_out(corpus, mixer):
    one = planned(corpus, bed="rain")
    found = prominences_db(one, mixer)
    assert len(found) == 3
    assert min(found) > builder.LEAST_PROMINENCE_DB
    refuse_hidden(one, mixer)


def test_a_quieter_sound_stands_out_by_that_much_less(corpus, mixer):
    one = planned(corpus, bed="rain")
    loud = prominences_db(with_gain(one, 1, 0.0), mixer)[2]
    quiet = prominences_db(with_gain(one, 1, -30.0), mixer)[2]
    assert loud - quiet == pytest.approx(30, abs=0.5)


def test_a_sound_that_the_bed_hides_is_refused(corpus, mixer):
    hidden = with_gain(planned(corpus, bed="rain"), 1, -60.0)
    with pytest.raises(CorpusError, match="'a door slams' in event 2"):
        refuse_hidden(hidden, mixer)


def test_two_sounds_of_one_event_are_told_apart(corpus, mixer):
    both = planned(corpus, events=(event(Cue(sound="rain"), Cue(sound="slam")),))
    rain_db, slam_db = prominences_db(both, mixer)
    assert rain_db > 10
    assert slam_db > 10
