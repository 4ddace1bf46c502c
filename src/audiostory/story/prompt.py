"""From an instruction to the text the language model continues.

Source: the prompt of the released model: ChatML with its own system text, already inside the
think block; instructions end with "The total duration is 35.1 seconds." (Figs. 1, 3-10).
"""

from __future__ import annotations

import re

from audiostory.story.tokens import MARKER, SpecialTokens
from audiostory.story.types import Instruction

SYSTEM_TEXT = "You are a helpful assistant."
SAME_DURATION_S = 0.05
"""A stated total this close to the asked one is the same: the text has one decimal."""

_LENGTH = (
    r"(?:total|overall|whole|full)\s+(?:duration|length|running\s+time|run\s*time)"
    r"|(?:duration|length)\s+of\s+the\s+(?:whole\s+)?(?:track|audio|story|recording)"
)
_CLOCK = r"(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]+):(?P<seconds>[0-9]{2}(?:\.[0-9]+)?)"
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_AMOUNT = (
    rf"(?:(?P<m>{_NUMBER})\s*(?:minutes|minute|mins|min|m)\b(?:\s*(?:and\s+)?"
    rf"(?P<ms>{_NUMBER})\s*(?:seconds|second|secs|sec|s)\b)?"
    rf"|(?P<s>{_NUMBER})\s*(?:seconds|second|secs|sec|s)\b)"
)
_STATED = re.compile(
    rf"\b(?:{_LENGTH})\s*(?:is|are|should\s+be|must\s+be|will\s+be|of|:|=)*\s*"
    rf"(?:exactly\s+|about\s+|around\s+)?(?:{_CLOCK}|{_AMOUNT})",
    re.IGNORECASE,
)


def stated_duration(text: str) -> float | None:
    """The total length in seconds that an instruction states, or None.

    Reads "The total duration is 41.6s.", "Total length: 1:30", "an overall length of 2 minutes and
    5 seconds". Lengths of single sounds ("rain for 10 seconds") are not totals. The last statement
    counts, as it does to a reader.
    """
    matches = list(_STATED.finditer(text))
    if not matches:
        return None
    part = matches[-1].groupdict()
    if part["minutes"] is not None:
        hours = float(part["hours"] or 0)
        return hours * 3600 + float(part["minutes"]) * 60 + float(part["seconds"])
    if part["m"] is not None:
        return float(part["m"]) * 60 + float(part["ms"] or 0)
    return float(part["s"])


def instruction_text(instruction: Instruction) -> str:
    """The instruction as the model reads it: its own words, and the total length if it lacks it.

    A text that already states ``duration_s`` is used word for word; otherwise the sentence of the
    paper's instructions is added. Markers of the chat and of the story are spelled with spaces, so
    that no instruction can close its own message.
    """
    text = MARKER.sub(lambda marker: f"< {marker[0][1:-1]} >", instruction.text.strip())
    asked = instruction.duration_s
    stated = stated_duration(text)
    if asked is None or (stated is not None and abs(stated - asked) <= SAME_DURATION_S):
        return text
    return f"{text} The total duration is {float(asked)} seconds."


def chat_prompt(text: str) -> str:
    """The whole prompt for an instruction's text, ending with ``<|think|>``."""
    tokens = SpecialTokens
    messages = (("system", SYSTEM_TEXT), ("user", text))
    told = "".join(
        f"{tokens.message_open}{role}\n{words}{tokens.message_close}\n" for role, words in messages
    )
    return f"{told}{tokens.message_open}assistant\n{tokens.think_open}"
