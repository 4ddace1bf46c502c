import json
from collections import Counter

import pytest

from audiostory.curate.lexicon import parsed
from audiostory.curate.recordings import SPACES
from audiostory.curate.scripts import Kind, Moment, read_kinds, read_scripts
from audiostory.errors import CorpusError


def test_there_are_fifty_scripts_of_each_difficulty():
    assert Counter(script.stratum for script in read_scripts()) == {
        "easy": 50,
        "medium": 50,
        "hard": 50,
    }


def test_scripts_name_known_sounds_and_spaces_only():
    kinds = read_kinds()
    for script in read_scripts():
        cues = [cue.sound for moment in script.events for cue in moment.sounds]
        assert {*cues, *filter(None, [script.bed])} <= set(kinds), script.id
        assert script.space in SPACES


def test_no_moment_names_a_sound_twice_or_that_of_the_bed():
    for script in read_scripts():
        for moment in script.events:
            names = [cue.sound for cue in moment.sounds]
            assert len(set(names)) == len(names), script.id
            assert script.bed not in names, script.id


def test_steady_sounds_are_not_counted():
    kinds = read_kinds()
    for script in read_scripts():
        for moment in script.events:
            for cue in moment.sounds:
                assert cue.times is None or kinds[cue.sound].usual != "steady", script.id


def test_every_kind_is_used_and_can_be_said():
    asked = {cue.sound for one in read_scripts() for moment in one.events for cue in moment.sounds}
    asked |= {script.bed for script in read_scripts() if script.bed}
    kinds = read_kinds()
    assert asked == set(kinds)
    for kind in kinds.values():
        assert parsed(kind.caption, "").clause()
        assert kind.recordings


def test_stated_times_rise():
    for script in read_scripts():
        stated = [moment.starts_s for moment in script.events if moment.starts_s is not None]
        assert stated == sorted(stated)
        assert not stated or stated[-1] < script.duration_s


def test_a_line_that_is_no_kind_is_named(tmp_path):
    path = tmp_path / "kinds.jsonl"
    path.write_text(json.dumps({"name": "dog", "colour": "brown"}) + "\n")
    with pytest.raises(CorpusError, match=r"kinds\.jsonl:1"):
        read_kinds(path)


def test_a_line_that_is_no_script_is_named(tmp_path):
    path = tmp_path / "scripts.jsonl"
    path.write_text(json.dumps({"id": "x", "events": [{"sounds": [{"noise": "dog"}]}]}) + "\n")
    with pytest.raises(CorpusError, match=r"scripts\.jsonl:1"):
        read_scripts(path)


def test_lists_of_a_kind_are_read_as_tuples(tmp_path):
    path = tmp_path / "kinds.jsonl"
    entry = {
        "name": "dog",
        "caption": "A dog barking",
        "usual": "repeated",
        "words": ["dog"],
        "recordings": ["r:1", "r:2"],
        "takes_s": [0.5, 2.0],
    }
    path.write_text(json.dumps(entry) + "\n")
    (kind,) = read_kinds(path).values()
    assert kind == Kind(
        name="dog",
        caption="A dog barking",
        usual="repeated",
        words=("dog",),
        recordings=("r:1", "r:2"),
        takes_s=(0.5, 2.0),
    )


def test_moments_keep_what_the_text_says():
    timed = next(script for script in read_scripts() if script.style == "timed")
    assert isinstance(timed.events[0], Moment)
    assert timed.events[1].starts_s == 12.0
