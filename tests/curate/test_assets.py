from __future__ import annotations

import pytest

from audiostory.curate.assets import lines, phrase_list, table, word_list


def test_comments_and_blanks_are_left_out():
    assert all(line and not line.startswith("#") for line in lines("sounds.txt"))


def test_phrases_and_words_are_split():
    assert "loud, continuous" in phrase_list("degrees.txt")
    assert "rocking chair" in word_list("nouns.txt")


@pytest.mark.parametrize("name", ["phrases.json", "descriptors.json", "foreign.json", "music.json"])
def test_tables_are_json(name):
    assert table(name)
