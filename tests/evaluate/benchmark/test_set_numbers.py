from dataclasses import replace

import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.run import answer_items, measure_items, reference_answers
from audiostory.evaluate.benchmark.set_numbers import SetNumbers
from audiostory.evaluate.heard_classes import InceptionScore
from audiostory.evaluate.quality import FrechetDistance
from tests.evaluate.benchmark.systems import EAR, ITEMS, SET, NoiseSystem, run_card, suite

NAMES = tuple(one.id for one in ITEMS)
ALL = np.arange(len(ITEMS))
DISTANCE = FrechetDistance(card=EAR, key="fd", title="FD")
INCEPTION = InceptionScore(card=EAR, key="is", title="IS")


def heard(path, system, items=ITEMS, **fields):
    folder = RunFolder(path)
    folder.open(run_card(path.name, **fields), items)
    list(answer_items(system, items, folder))
    measure_items(suite(), SET, folder)
    return folder


@pytest.fixture
def run(tmp_path):
    return heard(tmp_path / "noise", NoiseSystem())


@pytest.fixture
def references(tmp_path):
    return heard(tmp_path / "reference", reference_answers(SET), is_reference=True)


def numbers(run, references):
    return SetNumbers({"noise": run}, references, (DISTANCE, INCEPTION), (EAR,))


def test_the_number_of_all_items_is_that_of_the_metric_itself(run, references):
    found = numbers(run, references).statistic("fd", "noise", NAMES)(ALL)
    own, theirs = ([folder.features(EAR, name) for name in NAMES] for folder in (run, references))
    assert found == pytest.approx(DISTANCE.value(own, theirs))


def test_only_items_that_both_were_heard_of_are_compared(run, tmp_path):
    some = heard(tmp_path / "reference", reference_answers(SET), ITEMS[:4], is_reference=True)
    sets = numbers(run, some)
    assert sets.items("fd", "noise", NAMES) == NAMES[:4]
    assert sets.items("is", "noise", NAMES) == NAMES
    assert sets.items("is", "noise", NAMES[2:]) == NAMES[2:]


def test_a_distance_needs_references_and_other_numbers_do_not(run):
    sets = numbers(run, None)
    with pytest.raises(MeasureError, match="--corpus"):
        sets.items("fd", "noise", NAMES)
    assert np.isfinite(sets.statistic("is", "noise", NAMES)(ALL))
    assert sets.warning("fd", "noise", NAMES) == ""


def test_features_of_another_encoder_of_the_name_do_not_count_and_are_told(run, references):
    other = replace(EAR, digest="1" * 12)
    sets = SetNumbers({"noise": run}, references, (DISTANCE, INCEPTION), (other,))
    with pytest.raises(MeasureError, match="0 items were heard"):
        sets.items("is", "noise", NAMES)
    assert sets.num_unheard("is", "noise", NAMES) == 6
    assert numbers(run, references).num_unheard("is", "noise", NAMES) == 0


def test_references_that_nobody_heard_yet_are_counted(run, references):
    (references.path / "features" / "ear" / "item-4.npz").unlink()
    sets = numbers(run, references)
    assert sets.num_unheard("fd", "noise", NAMES) == 1
    assert sets.num_unheard("is", "noise", NAMES) == 0


def test_one_item_is_no_set(run, references):
    with pytest.raises(MeasureError, match="1 items were heard by ear"):
        numbers(run, references).items("fd", "noise", NAMES[:1])


def test_a_distance_of_too_few_samples_carries_a_warning(run, references):
    sets = SetNumbers(
        {"noise": run},
        references,
        (FrechetDistance(card=EAR, key="fd", title="FD", pooling="items"),),
        (EAR,),
    )
    assert sets.warning("fd", "noise", NAMES[:2])
    assert numbers(run, references).warning("is", "noise", NAMES) == ""


def test_what_was_computed_once_is_kept(run, references):
    class Counted(InceptionScore):
        drawn = 0

        def prepared(self, own, reference):
            statistic = super().prepared(own, reference)

            def counted(items):
                Counted.drawn += 1
                return statistic(items)

            return counted

    counted = (Counted(card=EAR, key="is", title="IS"),)
    sets = SetNumbers({"noise": run}, references, counted, (EAR,))
    first, again = (sets.statistic("is", "noise", NAMES)(ALL) for _ in range(2))
    assert first == again
    assert Counted.drawn == 1
