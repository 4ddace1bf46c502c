"""Different ways to say what one clip sounds like, so that wording varies more than sound.

A model that has only ever read "A dog barking" does not know what "dog bark, close and clear"
means. The decorations say nothing a clip contradicts: they teach the model to look past them.
"""

from __future__ import annotations

import random
import re

from audiostory.data.manifest import SoundRow

DECORATIONS = (
    "close and clear", "clear and present", "heard outdoors", "heard indoors", "soft and even",
    "strong and full", "with a short echo", "in a quiet place", "sudden and distinct",
    "slow and deliberate", "quick and lively", "filling the scene", "in the background",
    "in the distance", "building tension", "creating a calm mood", "rough in texture",
    "with fine detail", "dry and near", "echoing slightly",
)  # fmt: skip
OPENINGS = ("the sound of {}", "{} can be heard", "we hear {}", "sound of {}", "{} is heard")
ARTICLE = re.compile(r"^(a|an|the)\s+", re.IGNORECASE)
VAGUE_GROUPS = {"misc", "object", "human", "household", "mechanism", "music", "impact", "metal"}


def wordings(row: SoundRow, *, decorated: int = 4) -> list[str]:
    """The caption first, then the same in other words; the same list for the same row.

    Args:
        row: the clip.
        decorated: how many wordings carry a decoration from ``DECORATIONS``.
    """
    rng = random.Random(row.caption)
    caption = row.caption.strip().rstrip(".")
    lowered = caption[0].lower() + caption[1:]
    bare = ARTICLE.sub("", lowered)
    found = [caption, bare, rng.choice(OPENINGS).format(lowered)]
    if row.group not in VAGUE_GROUPS:
        found.append(row.group.replace("_", " "))
    for decoration in rng.sample(DECORATIONS, decorated):
        found.append(f"{rng.choice((caption, bare))}, {decoration}")
    return list(dict.fromkeys(found))
