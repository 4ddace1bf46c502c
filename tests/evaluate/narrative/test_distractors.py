from audiostory.evaluate.narrative.distractors import DISTRACTORS
from audiostory.story.clauses import stems


def test_every_distractor_names_something_of_its_own():
    named = [frozenset(stems(text)) for text in DISTRACTORS]
    assert all(named)
    assert len(set(named)) == len(DISTRACTORS)
