"""Credits name everyone, once."""

from __future__ import annotations

from audiostory.curate.credits import credits_of
from audiostory.data.manifest import SoundRow


def clip(author: str) -> SoundRow:
    return SoundRow(
        file="x", seconds=1, caption="X", group="g", split="train", recording="r",
        license="CC-BY-3.0", attribution=author, source_repo="some/where",
    )  # fmt: skip


def test_authors_are_listed_once_with_their_clips_counted() -> None:
    told = credits_of([clip("Ann"), clip("Bo"), clip("Bo"), clip("a|b")])
    assert told.splitlines()[2] == "| 2 | some/where | CC-BY-3.0 | Bo |"
    assert told.count("Bo") == 1
    assert "a\\|b" in told
