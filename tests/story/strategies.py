"""Random stories for property tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from audiostory.story.tokens import SpecialTokens, clean_field
from audiostory.story.types import Clip, Event, Story, Storyline

NANO = SpecialTokens(num_semantic=8, num_residual=8, num_semantic_vocab=8, num_residual_vocab=8)

# words that look like parts of the layout, so that free text tries to break out of its field
_TRAPS = [
    "",
    " ",
    "1. [0.0, 4.0]",
    "**Sound Effects**:",
    "**Story Details**: ",
    "The storyline is mainly about: ",
    "The story can be divided into 3 points.",
    "Sound effects:",
    "<|/think|>",
    "<|gen|>",
    "<timestamp>4.0</timestamp>",
    "</t5>",
    "\\n",
    "\n",
    "<",
    "timestamp>",
    "** [1.0, 2.0]",
    "] ",
]

# a busy machine is no reason to fail
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=25)

fields = st.builds(
    lambda before, trap, after: clean_field(before + trap + after) or "x",
    st.text(max_size=5),
    st.sampled_from(_TRAPS),
    st.text(max_size=5),
)


@st.composite
def spans(draw, *, gaps=False):
    """(start, end) of one to four events in tenths of a second."""
    position, result = 0, []
    for _ in range(draw(st.integers(1, 4))):
        start = position + (draw(st.integers(0, 30)) if gaps else 0)
        position = start + draw(st.integers(1, 400))
        result.append((start, position))
    return result


@st.composite
def stories(draw, *, gaps=False, titles=False, summaries=fields, own_durations=False):
    """A story on the time grid; by default one that the grammar can write."""
    events, clips = [], []
    for start, end in draw(spans(gaps=gaps)):
        events.append(
            Event(
                start_s=start / 10,
                end_s=end / 10,
                detail=draw(fields),
                sounds=draw(fields),
                title=draw(st.one_of(st.just(""), fields)) if titles else "",
            )
        )
        duration = draw(st.integers(1, 400)) if own_durations else end - start
        clips.append(Clip(caption=draw(fields), duration_s=duration / 10))
    return Story(
        storyline=Storyline(summary=draw(summaries), events=tuple(events)), clips=tuple(clips)
    )


any_stories = stories(
    gaps=True,
    titles=True,
    summaries=st.one_of(st.just(""), fields),
    own_durations=True,
)
