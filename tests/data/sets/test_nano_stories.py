import hashlib
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, save
from audiostory.data.manifest import Layer, StoryRow
from audiostory.data.mixing import Mixer
from audiostory.data.sets.item import Item, ItemSet, NamedSound
from audiostory.data.sets.nano_stories import (
    ASSETS,
    SAMPLE_RATE_HZ,
    STRATA,
    Deviation,
    NanoStory,
    References,
    check_references,
    corpus_digests,
    levels_of,
    load_nano_stories,
    nano_stories,
    pcm_digest,
    pcm_of,
)
from audiostory.errors import CorpusError
from audiostory.evaluate.reserve import names, reserve_rows
from audiostory.story.stated import stated_duration
from audiostory.story.types import Event, Instruction

# fmt: off
MAIN_GROUPS = (
    "rain", "thunder", "wind", "water", "fire", "dog", "cat", "birds", "insects", "footsteps",
    "doors", "glass", "bell", "clock", "vehicle", "train", "aircraft", "explosion", "gun",
    "speech", "singing", "keyboard", "woodwind", "strings",
)
# fmt: on
EVENTS = {"easy": (2, 3), "medium": (3, 5), "hard": (5, 8)}
SECONDS = {"easy": (10, 30), "medium": (30, 60), "hard": (60, 150)}

stories = cache(nano_stories)


def in_stratum(name):
    return [story for story in stories() if story.stratum == name]


def by_event(story):
    own = [sound for sound in story.sounds if not is_bed(story, sound)]
    return Counter(sound.event for sound in own)


def is_bed(story, sound):
    return story.row.bed is not None and sound is story.sounds[0]


@pytest.mark.parametrize("stratum", STRATA)
def test_each_difficulty_has_fifty_stories_of_its_size(stratum):
    (fewest, most), (shortest, longest) = EVENTS[stratum], SECONDS[stratum]
    assert len(in_stratum(stratum)) == 50
    for story in in_stratum(stratum):
        assert fewest <= len(story.row.events) <= most, story.row.id
        assert shortest <= story.row.duration_s <= longest, story.row.id


def test_easy_stories_have_one_sound_at_a_time():
    for story in in_stratum("easy"):
        assert story.row.bed is None
        assert set(by_event(story).values()) == {1}


def test_medium_stories_have_sounds_that_overlap():
    for story in in_stratum("medium"):
        assert story.row.bed is not None or max(by_event(story).values()) > 1, story.row.id


def test_hard_stories_have_sounds_that_overlap_or_return():
    for story in in_stratum("hard"):
        texts = {sound.text for sound in story.sounds}
        is_more = max(by_event(story).values()) > 1 or len(texts) < len(story.sounds)
        assert story.row.bed is not None or is_more, story.row.id


def test_every_event_names_a_sound():
    for story in stories():
        assert set(by_event(story)) == set(range(len(story.row.events))), story.row.id


def test_instructions_use_a_word_for_every_sound():
    for story in stories():
        for sound, words in zip(story.sounds, story.words, strict=True):
            assert names(story.row.instruction, words), (story.row.id, sound.text)


def test_instructions_mostly_say_it_in_words_that_captions_do_not_use():
    said = [
        sound.text.lower() in " ".join(story.row.instruction.lower().split())
        for story in stories()
        for sound in story.sounds
    ]
    assert sum(said) / len(said) < 0.1


def test_instructions_are_unique_and_new():
    texts = [story.row.instruction for story in stories()]
    known = {row.text for row in reserve_rows()}
    known |= {
        row.text
        for row in reserve_rows(ASSETS.parents[2] / "evaluate" / "assets" / "second_reserve.jsonl")
    }
    assert len(set(texts)) == 150
    assert not known & set(texts)


def test_no_two_stories_have_the_same_sounds():
    assert len({tuple(sorted(sound.text for sound in story.sounds)) for story in stories()}) == 150


def test_ids_are_file_names_that_tell_the_stratum():
    for story in stories():
        assert re.fullmatch(rf"ns-{story.stratum}-\d{{3}}", story.row.id)
    assert len({story.row.id for story in stories()}) == 150
    assert len({story.row.seed for story in stories()}) == 150


def test_every_main_group_is_asked_for_in_several_stories():
    found = Counter(
        group for story in stories() for group in {sound.group for sound in story.sounds}
    )
    assert min(found[group] for group in MAIN_GROUPS) >= 7
    assert len(found) >= 45


def test_no_clip_is_over_used():
    found = Counter(
        file
        for story in stories()
        for file in {layer.file for event in story.row.layers for layer in event}
        | {story.row.bed.file if story.row.bed else ""} - {""}
    )
    assert max(found.values()) <= 14


def test_sounds_lie_inside_their_events_and_the_track():
    for story in stories():
        for sound in story.sounds:
            event = story.row.events[sound.event]
            assert sound.start_s is not None
            assert sound.end_s is not None
            assert sound.end_s - sound.start_s >= 0.15
            if is_bed(story, sound):
                assert (sound.start_s, sound.end_s) == (0.0, story.row.duration_s)
            else:
                assert event.start_s <= sound.start_s < sound.end_s <= event.end_s + 0.01


def test_a_sound_starts_when_the_text_says():
    timed = [sound for story in stories() for sound in story.sounds if sound.asked_s is not None]
    assert len(timed) >= 40
    for sound in timed:
        assert sound.start_s == pytest.approx(sound.asked_s, abs=0.05)


def test_stated_times_stand_in_the_instruction():
    for story in stories():
        for sound in story.sounds:
            if sound.asked_s:
                minutes, seconds = divmod(round(sound.asked_s), 60)
                forms = (f"{minutes}:{seconds:02}", f"{seconds} s", f"{seconds} to")
                words = {10: "first ten seconds", 15: "first fifteen seconds"}
                said = (*forms, words.get(seconds, forms[0]))
                assert any(form in story.row.instruction for form in said), story.row.id


def test_named_sounds_are_no_quieter_than_what_lies_under_them():
    for story in stories():
        if story.row.bed is not None:
            loudest = [max(layer.gain_db for layer in event) for event in story.row.layers]
            assert min(loudest) >= story.row.bed.gain_db


def test_lengths_are_said_where_the_set_claims_it():
    for story in stories():
        found_s = stated_duration(story.row.instruction)
        asked_s = story.item().instruction.duration_s
        assert asked_s == (story.row.duration_s if story.duration_said == "field" else None)
        assert found_s in (None, story.row.duration_s), story.row.id
        if story.duration_said == "text":
            assert re.search(r"minute|seconds?\b", story.row.instruction)
        if story.duration_said == "nowhere":
            assert found_s is None
    said = Counter(story.duration_said for story in stories())
    assert said["field"] > 100
    assert said["text"] >= 12
    assert said["nowhere"] >= 5


def test_some_instructions_leave_the_order_open():
    assert 5 <= sum(not story.is_ordered for story in stories()) <= 20


def test_every_corpus_file_used_has_a_digest():
    used = {layer.file for story in stories() for event in story.row.layers for layer in event}
    used |= {story.row.bed.file for story in stories() if story.row.bed}
    version, digests = corpus_digests()
    assert version == "1.0"
    assert used == set(digests)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests.values())


def test_every_track_has_a_digest_and_a_level_for_each_second():
    for story in stories():
        assert re.fullmatch(r"[0-9a-f]{64}", story.pcm_sha256)
        assert len(story.levels_db) == int(np.ceil(story.row.duration_s))
        assert max(story.levels_db) < 0


def test_the_set_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in ASSETS.glob("nano_stories*")) < 1_500_000


def test_a_story_survives_being_written(tmp_path):
    path = tmp_path / "stories.jsonl"
    path.write_text("".join(story.to_json() + "\n" for story in stories()[:60]), encoding="utf-8")
    assert nano_stories(path) == stories()[:60]


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "stories.jsonl"
    path.write_text(json.dumps({"stratum": "easy"}) + "\n")
    with pytest.raises(CorpusError, match="stories.jsonl:1"):
        nano_stories(path)


def test_items_load_without_the_corpus_and_say_what_is_missing():
    found = load_nano_stories()
    assert len(found.items) == 150
    assert not found.has_references
    assert found.reference_of(found.items[0]) is None
    assert any("name its folder" in note for note in found.notes)


def test_the_home_advantage_is_told_in_every_report():
    assert any("nano learnt from" in note for note in load_nano_stories().notes)


def test_an_item_tells_the_story_of_its_row():
    item = load_nano_stories().items[0]
    assert item.story is not None
    assert item.story.duration_s == pytest.approx(14.0)
    assert item.sounds[0].text == "a dog barks"


def test_a_folder_that_is_not_the_corpus_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="holds metadata.jsonl"):
        load_nano_stories(tmp_path)


def test_integers_reach_full_scale_and_no_further():
    samples = np.array([-2.0, -1.0, 0.0, 0.5 / 32_767, 1.0], np.float32)
    assert pcm_of(samples).tolist() == [-32_767, -32_767, 0, 0, 32_767]


def test_levels_of_a_constant_are_its_own():
    samples = np.concatenate([np.full(SAMPLE_RATE_HZ, 0.1), np.zeros(10)]).astype(np.float32)
    assert levels_of(samples) == (-20.0, -80.0)


@pytest.fixture
def corpus(tmp_path):
    noise = np.random.default_rng(0).standard_normal((1, 2 * SAMPLE_RATE_HZ)).astype(np.float32)
    save(Waveform(0.1 * noise, SAMPLE_RATE_HZ), tmp_path / "rain.wav")
    return tmp_path


@pytest.fixture
def story(corpus):
    row = StoryRow(
        id="one",
        seed=3,
        instruction="rain, please",
        duration_s=3.0,
        summary="It rains.",
        events=(Event(start_s=0.0, end_s=3.0, detail="It rains.", sounds="Rain."),),
        captions=("Rain falling",),
        layers=((Layer(file="rain.wav", duration_s=3.0),),),
    )
    track = Mixer(corpus, SAMPLE_RATE_HZ).story(row)
    return NanoStory(
        stratum="easy",
        style="request",
        duration_said="field",
        is_ordered=True,
        row=row,
        sounds=(NamedSound(text="rain falls", event=0, start_s=0.0, end_s=3.0),),
        words=(("rain",),),
        pcm_sha256=pcm_digest(track),
        levels_db=levels_of(track),
    )


def item_set(story, corpus):
    digests = {"rain.wav": hashlib.sha256((corpus / "rain.wav").read_bytes()).hexdigest()}
    references = References([story], corpus, digests)
    return ItemSet(name="x", version="1", items=(story.item(),), reference_of=references)


def test_a_reference_is_the_track_of_its_row(story, corpus):
    found = item_set(story, corpus)
    track = found.reference_of(found.items[0])
    assert track is not None
    assert track.duration_s == 3.0
    assert pcm_digest(track.samples[0]) == story.pcm_sha256
    assert check_references(found) == ()


def test_a_changed_corpus_file_is_named(story, corpus):
    found = References([story], corpus, {})
    assert found is not None
    with pytest.raises(CorpusError, match=r"rain\.wav is not the file"):
        References([story], corpus, {"rain.wav": "0" * 64})


def test_a_missing_corpus_file_is_named(story, corpus):
    with pytest.raises(CorpusError, match=r"snow\.wav"):
        References([story], corpus, {"snow.wav": "0" * 64})


def test_rounding_that_differs_is_reported_and_given(story, corpus):
    rounded = replace(story, pcm_sha256="0" * 64)
    found = item_set(rounded, corpus)
    assert found.reference_of(found.items[0]) is not None
    assert check_references(found) == (Deviation(id="one", level_db=0.0),)


def test_another_mix_is_refused(story, corpus):
    louder = tuple(level + 1.0 for level in story.levels_db)
    found = item_set(replace(story, pcm_sha256="0" * 64, levels_db=louder), corpus)
    with pytest.raises(CorpusError, match=r"1\.0 dB from the published"):
        found.reference_of(found.items[0])


def test_another_length_is_refused(story, corpus):
    found = item_set(replace(story, pcm_sha256="0" * 64, levels_db=(-20.0,)), corpus)
    with pytest.raises(CorpusError, match="3 s long"):
        found.reference_of(found.items[0])


def test_a_file_that_disappears_is_an_error_of_the_corpus(story, corpus):
    found = item_set(story, corpus)
    shutil.move(corpus / "rain.wav", corpus / "snow.wav")
    with pytest.raises(CorpusError, match="cannot be mixed"):
        found.reference_of(found.items[0])


def test_a_strange_item_has_no_reference(story, corpus):
    found = item_set(story, corpus)
    with pytest.raises(CorpusError, match="no item 'other'"):
        found.reference_of(Item(id="other", instruction=Instruction(text="wind")))


def test_a_set_without_corpus_has_nothing_to_check():
    with pytest.raises(CorpusError, match="without its corpus"):
        check_references(load_nano_stories())
