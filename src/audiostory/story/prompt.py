"""From an instruction to the text the language model continues.

Source: the prompt of the released model: ChatML with its own system text, already inside the
think block; instructions end with "The total duration is 35.1 seconds." (Figs. 1, 3-10). Sounds
heard stand before the words they belong to, a placeholder for each token; neither that place nor
the prompt of a question is known of the release.
"""

from __future__ import annotations

from audiostory.story.stated import stated_duration
from audiostory.story.tokens import MARKER, SpecialTokens
from audiostory.story.types import Instruction

SYSTEM_TEXT = "You are a helpful assistant."
SAME_DURATION_S = 0.05
"""A stated total this close to the asked one is the same: the text has one decimal."""


def instruction_text(instruction: Instruction) -> str:
    """The instruction as the model reads it: its own words, and the total length if it lacks it.

    A text that already states ``duration_s`` is used word for word; otherwise the sentence of the
    paper's instructions is added. Markers are spelled with spaces.
    """
    text = without_markers(instruction.text.strip())
    asked = instruction.duration_s
    stated = stated_duration(text)
    if asked is None or (stated is not None and abs(stated - asked) <= SAME_DURATION_S):
        return text
    return f"{text} The total duration is {float(asked)} seconds."


def without_markers(text: str) -> str:
    """The text with markers of the chat and of the story spelled with spaces, as mere characters.

    So no instruction can close its own message.
    """
    return MARKER.sub(lambda marker: f"< {marker[0][1:-1]} >", text)


def chat_prompt(text: str, *, num_heard: int = 0) -> str:
    """The whole prompt for an instruction's text, ending with ``<|think|>``.

    Args:
        text: without markers.
        num_heard: tokens of sounds that come with it.
    """
    return f"{heard_opening(num_heard)}{asked(text)}{SpecialTokens.think_open}"


def heard_opening(num_heard: int) -> str:
    """A prompt up to where the user's words begin, with placeholders of the sounds before them.

    What is asked of the same sounds goes on from there with ``asked``.
    """
    tokens = SpecialTokens
    heard = f"{tokens.video_padding * num_heard}\n" if num_heard else ""
    system = f"{tokens.message_open}system\n{SYSTEM_TEXT}{tokens.message_close}\n"
    return f"{system}{tokens.message_open}user\n{heard}"


def asked(text: str) -> str:
    """The user's words, up to where the answer begins: there, not in a think block."""
    tokens = SpecialTokens
    return f"{text}{tokens.message_close}\n{tokens.message_open}assistant\n"
