"""Other words for the same sound."""

from __future__ import annotations

from audiostory.data.wordings import DECORATIONS, wordings
from tests.data.test_sounds import row


def test_the_caption_comes_first_and_nothing_comes_twice() -> None:
    clip = row("rain", "1")
    found = wordings(clip)
    assert found[0] == clip.caption
    assert len(set(found)) == len(found) >= 6


def test_the_same_clip_gives_the_same_wordings() -> None:
    assert wordings(row("rain", "1")) == wordings(row("rain", "2"))


def test_a_vague_group_is_no_wording() -> None:
    assert "rain" in wordings(row("rain", "1"))
    assert "misc" not in wordings(row("misc", "1"))


def test_decorated_wordings_can_be_left_out() -> None:
    found = wordings(row("rain", "1"), decorated=0)
    assert not any(text.endswith(DECORATIONS) for text in found)
