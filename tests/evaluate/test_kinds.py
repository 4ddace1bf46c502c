from audiostory.data.sets.nano_stories import nano_stories
from audiostory.evaluate.embedded.evaluator import load_evaluator
from audiostory.evaluate.kinds import COMMON, EVERY, RARE


def test_there_are_24_common_kinds_and_12_rare_ones():
    assert (len(COMMON), len(RARE)) == (24, 12)
    assert len(set(EVERY)) == 36


def test_the_shipped_evaluator_knows_every_kind():
    assert set(EVERY) <= set(load_evaluator().config.detector.groups)


def test_stories_name_each_common_kind_at_least_seven_times():
    named = [{sound.group for sound in story.sounds} for story in nano_stories()]
    assert min(sum(kind in groups for groups in named) for kind in COMMON) >= 7
