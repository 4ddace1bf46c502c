import pytest

from audiostory.data.sets.item import SEED_BITS, Item, ItemSet, seed_of
from audiostory.errors import CorpusError
from audiostory.story.types import Instruction


def item(name: str) -> Item:
    return Item(id=name, instruction=Instruction(text="rain falls"))


def test_a_set_without_audio_has_no_references():
    one = ItemSet(name="words", version="1", items=(item("a"),), has_references=False)
    assert one.reference_of(one.items[0]) is None


def test_an_empty_set_is_refused():
    with pytest.raises(CorpusError, match="empty"):
        ItemSet(name="words", version="1", items=())


def test_two_items_of_one_name_are_refused():
    with pytest.raises(CorpusError, match="two items called 'a'"):
        ItemSet(name="words", version="1", items=(item("a"), item("b"), item("a")))


def test_items_of_one_set_are_asked_with_different_seeds_that_never_change():
    seeds = [seed_of("clotho", f"rain-{number}") for number in range(200)]
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**SEED_BITS for seed in seeds)
    assert seeds == [seed_of("clotho", f"rain-{number}") for number in range(200)]
    assert seed_of("clotho", "rain") != seed_of("audiocaps", "rain")
