"""Subjects, judges and answers that tests of the judge share."""

import json

from audiostory.evaluate.judge.rubric import Criterion, Rubric
from audiostory.evaluate.metric import Subject
from tests.evaluate.tracks import features, item, tone
from tests.story.plans import plan_from, two_events

SMALL = Rubric(
    key="small",
    title="Small",
    column="small",
    column_title="Small",
    source="a test",
    shown=("audio", "instruction"),
    question="Is it good?",
    criteria=(Criterion(key="tone", name="Tone", asks="Is the tone good?"),),
    anchors=("no", "hardly", "partly", "mostly", "nearly", "yes"),
)


def subject(name="a", text="rain falls", *, hertz=440.0, has_plan=True, duration_s=0.2):
    return Subject(
        item=item(name, text),
        waveform=tone(duration_s, hertz),
        plan=plan_from(two_events()) if has_plan else None,
        features_of=lambda _: features([[1.0]]),
    )


def marks(criteria, score=4, overall=3, reason="as heard"):
    one = {key: {"reason": reason, "score": score} for key in criteria}
    return json.dumps({**one, "overall": {"reason": reason, "score": overall}})


def answer_to(asked, *, score=4, overall=3):
    """A fitting answer to whatever rubric is asked about, found in its text."""
    lines = asked.text.splitlines()
    keys = [line[2:].partition(" (")[0] for line in lines if line.startswith("- ")]
    return marks(keys, score, overall)
