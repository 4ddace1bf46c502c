from __future__ import annotations

from audiostory.curate.orchestra import instruments
from audiostory.curate.orchestra.instruments import DRUM_BANK, Instrument
from audiostory.curate.words import with_article

ALL = [each for each in vars(instruments).values() if isinstance(each, Instrument)]
GROUPS = {
    *("woodwind", "brass", "strings", "plucked", "percussion", "keyboard", "music_box", "cartoon")
}


def test_every_instrument_has_a_sound_of_its_own():
    sounds = [(each.bank, each.program, each.name) for each in ALL]
    assert len(set(sounds)) == len(ALL) > 30
    melodic = [each.program for each in ALL if each.bank != DRUM_BANK]
    assert len(set(melodic)) == len(melodic)


def test_ranges_are_those_of_midi_and_not_empty():
    assert all(0 <= each.low <= each.high <= 127 and 0 <= each.program <= 127 for each in ALL)


def test_an_article_before_the_name_fits_it():
    for each in ALL:
        if each.name.startswith(("a ", "an ")):
            assert each.name == with_article(each.name.split(" ", 1)[1])


def test_groups_are_those_of_the_corpus():
    assert {each.group for each in ALL} <= GROUPS
