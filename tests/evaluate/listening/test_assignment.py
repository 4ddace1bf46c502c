from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.assignment import Demand, assign, system_order

PAPER = Demand(num_items=50, num_systems=3, participants=30, per_participant=5)


def sheets_of(demand, seed=0):
    return assign(demand, np.random.default_rng(seed))


demands = st.builds(
    lambda items, systems, share, people: (items, systems, min(items, share), people),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(1, 12),
    st.integers(1, 25),
)


@settings(max_examples=60, deadline=None)
@given(demands, st.integers(0, 5))
def test_everything_is_heard_equally_often_wherever_the_numbers_allow(numbers, seed):
    items, systems, share, people = numbers
    assume(people * share >= items)
    demand = Demand(
        num_items=items, num_systems=systems, participants=people, per_participant=share
    )
    sheets = sheets_of(demand, seed)
    heard = Counter(item for sheet in sheets for item in {trial.item for trial in sheet})
    assert max(heard.values()) - min(heard.values()) <= 1
    assert len(heard) == items
    places = Counter(
        (trial.item, trial.system, position % systems)
        for sheet in sheets
        for position, trial in enumerate(sheet)
    )
    for item in range(items):
        counts = [places[item, s, place] for s in range(systems) for place in range(systems)]
        assert max(counts) - min(counts) <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100))
def test_a_participant_hears_every_system_of_an_instruction_once_and_in_a_row(seed):
    for sheet in sheets_of(PAPER, seed):
        assert len(sheet) == 15
        assert len({trial.item for trial in sheet}) == 5
        for block in range(5):
            tracks = sheet[3 * block : 3 * block + 3]
            assert {trial.block for trial in tracks} == {block}
            assert len({trial.item for trial in tracks}) == 1
            assert {trial.system for trial in tracks} == {0, 1, 2}


def test_each_track_of_the_papers_study_is_scored_by_three_people():
    counts = Counter((t.item, t.system) for sheet in sheets_of(PAPER) for t in sheet)
    assert set(counts.values()) == {3}
    assert len(counts) == 150


@pytest.mark.parametrize("num_systems", [2, 3, 4, 5, 6])
def test_no_system_always_follows_the_same_other(num_systems):
    follows = Counter()
    for time in range(2 * num_systems):
        order = system_order(num_systems, 0, time)
        assert sorted(order) == list(range(num_systems))
        follows.update(zip(order, order[1:], strict=False))
    assert set(follows.values()) == {2}
    assert len(follows) == num_systems * (num_systems - 1)


def test_the_same_seed_gives_the_same_sheets_and_another_gives_others():
    assert sheets_of(PAPER, 1) == sheets_of(PAPER, 1)
    assert sheets_of(PAPER, 1) != sheets_of(PAPER, 2)


def test_instructions_do_not_come_in_the_same_order_for_everyone():
    demand = replace(PAPER, num_items=5)
    orders = {tuple(trial.item for trial in sheet) for sheet in sheets_of(demand)}
    assert len(orders) > 20


def test_hidden_repeats_come_last_and_are_of_tracks_heard_first():
    demand = replace(PAPER, repeats=2)
    systems = Counter()
    for sheet in sheets_of(demand):
        *firsts, one, two = sheet
        assert [trial.is_repeat for trial in sheet] == [False] * 15 + [True] * 2
        assert [one.item, two.item] == [firsts[0].item, firsts[3].item]
        assert len({one.block, two.block, *(trial.block for trial in firsts)}) == 7
        systems.update([one.system, two.system])
    assert set(systems.values()) == {20}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"per_participant": 51}, "lower per_participant"),
        ({"participants": 9}, "ask 10 people"),
        ({"repeats": 3}, "give 0 to 2"),
        ({"repeats": -1}, "give 0 to 2"),
        ({"num_systems": 0}, ">= 1"),
    ],
)
def test_what_cannot_be_met_is_refused_with_a_way_out(change, words):
    with pytest.raises(MeasureError, match=words):
        replace(PAPER, **change)
