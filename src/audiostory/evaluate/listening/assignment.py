"""Who hears what, in which order: every instruction and every position equally often.

A participant hears whole instructions: all systems of one, one after the other, so that they are
judged against the same text. Participants draw instructions from a shuffled deck that is laid anew
when it is empty; each instruction's systems come in the rotations of a Latin square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiostory.errors import MeasureError


@dataclass(frozen=True, kw_only=True)
class Demand:
    """How much is to be heard, and by how many."""

    num_items: int
    """Instructions in the study."""
    num_systems: int
    participants: int
    per_participant: int
    """Instructions each participant hears, with all systems."""
    repeats: int = 0
    """Tracks each participant hears a second time at the end, without being told."""

    def __post_init__(self) -> None:
        """Refuse what no assignment can meet."""
        if min(self.num_items, self.num_systems, self.participants, self.per_participant) < 1:
            raise MeasureError("a study needs instructions, systems and participants: give >= 1")
        if self.per_participant > self.num_items:
            raise MeasureError(
                f"{self.per_participant} instructions per participant, but the study has "
                f"{self.num_items}: lower per_participant, or add instructions"
            )
        if self.participants * self.per_participant < self.num_items:
            least = -(-self.num_items // self.per_participant)
            raise MeasureError(
                f"{self.participants} participants with {self.per_participant} instructions each "
                f"leave some of {self.num_items} unheard: ask {least} people, give each more, or "
                "leave instructions out"
            )
        if not 0 <= self.repeats <= self.per_participant // 2:
            raise MeasureError(
                f"{self.repeats} hidden repeats in {self.per_participant} instructions: give 0 to "
                f"{self.per_participant // 2}, so that other tracks lie between both hearings"
            )


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One track that one participant hears and scores once."""

    item: int
    """Instruction, from 0."""
    system: int
    """System, from 0."""
    block: int
    """Tracks of one block share an instruction and follow one another."""
    is_repeat: bool = False
    """Whether the participant has scored this track before."""


def assign(demand: Demand, random: np.random.Generator) -> tuple[tuple[Trial, ...], ...]:
    """The trials of each participant, in order.

    Any two instructions are heard by numbers of participants that differ by at most one. For any
    one instruction, the times that a system is heard first (second, ...) differ by at most one
    between systems. Repeats are of the instructions heard first, and come last.

    Args:
        demand: how much is to be heard.
        random: decides the decks.
    """
    times_heard = [0] * demand.num_items
    offsets = random.permutation(demand.num_items)
    deck: list[int] = []
    sheets = []
    for participant in range(demand.participants):
        items, deck = _drawn(deck, demand, random)
        trials: list[Trial] = []
        for block, item in enumerate(items):
            order = system_order(demand.num_systems, int(offsets[item]), times_heard[item])
            times_heard[item] += 1
            trials += (Trial(item=item, system=system, block=block) for system in order)
        sheets.append((*trials, *_repeats(items, participant, demand)))
    return tuple(sheets)


def system_order(num_systems: int, offset: int, time: int) -> list[int]:
    """The order of systems when an instruction is heard for the ``time``-th time, from 0.

    Rotations of one row in which neighbours differ by all distances (0, 1, n-1, 2, ...), so that no
    system always follows the same other one. With an odd number of systems every second square is
    read backwards, which makes up for the distances that one row has twice.

    Source: E. J. Williams, Australian Journal of Scientific Research A 2 (1949), 149-168.

    Args:
        num_systems: size of the square.
        offset: a number of the instruction's own: where its rotations begin.
        time: how often the instruction was heard before.
    """
    row = [0]
    for step in range(1, num_systems):
        row.append((step + 1) // 2 if step % 2 else num_systems - step // 2)
    if num_systems % 2 and (time // num_systems + offset) % 2:
        row.reverse()
    return [(system + offset + time) % num_systems for system in row]


def _drawn(
    deck: list[int], demand: Demand, random: np.random.Generator
) -> tuple[list[int], list[int]]:
    """The instructions of one participant, and what is left of the deck."""
    items: list[int] = []
    while len(items) < demand.per_participant:
        if not deck:
            fresh = random.permutation(demand.num_items).tolist()
            deck = sorted(fresh, key=lambda item: item in items)  # nobody hears one twice
        items.append(deck.pop(0))
    random.shuffle(items)
    return items, deck


def _repeats(items: list[int], participant: int, demand: Demand) -> list[Trial]:
    """The hidden repeats of one participant; systems take turns."""
    return [
        Trial(
            item=item,
            system=(participant * demand.repeats + place) % demand.num_systems,
            block=demand.per_participant + place,
            is_repeat=True,
        )
        for place, item in enumerate(items[: demand.repeats])
    ]
