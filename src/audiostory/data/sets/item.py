"""One question to a system, with the truth its answer is compared with.

Every set is read into the same nouns, so that any system can be asked and any metric can look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from audiostory.audio.waveform import Waveform
from audiostory.errors import CorpusError
from audiostory.story.types import Instruction, Story

SEED_BITS = 31
"""Chat APIs take seeds of 32 bits with a sign."""


def seed_of(set_name: str, item_id: str) -> int:
    """The seed of an item whose set was published without seeds, from 0 to 2**31 - 1.

    It depends on both names alone, so that an item is asked alike whatever else is in the set, and
    differs from item to item: one seed for all would give every track the same noise.
    """
    digest = hashlib.sha256(f"{set_name}/{item_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 2**SEED_BITS


@dataclass(frozen=True, kw_only=True)
class NamedSound:
    """A sound that an instruction names, and when it is heard in the truth."""

    text: str
    """What is heard, in the reference's words: "a dog barks"."""
    event: int
    """The event it belongs to, from 0."""
    group: str | None = None
    """Its kind, as the corpus names kinds; None where nobody said."""
    start_s: float | None = None
    """When it begins in the reference; None where the reference does not say."""
    end_s: float | None = None
    """When it was last heard in the reference."""
    asked_s: float | None = None
    """When the instruction itself says it begins; None where it says no time."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question of a test set."""

    id: str
    """Unique in its set; also a file name: letters, digits, ``-``, ``_`` and ``.``."""
    instruction: Instruction
    seed: int = 0
    """Seed that every system is asked with; sets without seeds of their own take ``seed_of``."""
    asked_duration_s: float | None = None
    """Length that the instruction asks for, in its field or in words alone; None where nobody
    says."""
    stratum: str = ""
    """Kind of question, such as a difficulty, that reports are broken down by."""
    captions: tuple[str, ...] = ()
    """Descriptions of the whole reference, where a set has them (AudioCaps, Clotho)."""
    story: Story | None = None
    """The reference's events and clips; None where the set has none."""
    sounds: tuple[NamedSound, ...] = ()
    """Sounds that the instruction names."""
    is_ordered: bool = True
    """Whether the instruction puts its sounds in an order."""


@dataclass(frozen=True, kw_only=True)
class ItemSet:
    """A named, versioned set of questions."""

    name: str
    version: str
    items: tuple[Item, ...]
    reference_of: Callable[[Item], Waveform | None] = field(default=lambda _: None, repr=False)
    """The reference audio of an item; None where there is none.

    Raises:
        CorpusError: if the audio should be there but cannot be read.
    """
    remark_of: Callable[[Item], str] = field(default=lambda _: "", repr=False)
    """What has to be said of the reference audio that was last given for an item; empty where it
    is what was published."""
    has_references: bool = True
    """Whether ``reference_of`` gives audio at all; distances to references need it."""
    notes: tuple[str, ...] = ()
    """What a reader of a report made with this set has to know."""

    def __post_init__(self) -> None:
        """Refuse empty sets and items that share an id."""
        if not self.items:
            raise CorpusError(f"the set {self.name} is empty: nothing can be asked")
        ids = [item.id for item in self.items]
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise CorpusError(f"the set {self.name} has two items called {twice!r}")
