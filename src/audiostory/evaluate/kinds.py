"""The kinds of sound that a small model is measured on: groups of its corpus (docs/nano.md)."""

from __future__ import annotations

# fmt: off
COMMON = (
    "rain", "thunder", "wind", "water", "fire", "dog", "cat", "birds", "insects", "footsteps",
    "doors", "glass", "bell", "clock", "vehicle", "train", "aircraft", "explosion", "gun",
    "speech", "singing", "keyboard", "woodwind", "strings",
)
"""What stories most often name."""
RARE = (
    "human", "impact", "metal", "paper_plastic", "percussion", "plucked", "monster", "scifi",
    "tool", "machine", "animals_farm", "cartoon",
)
"""What they name now and then, of which the test split has several recordings."""
# fmt: on
EVERY = (*COMMON, *RARE)
"""All of them."""
