"""A clip's caption and duration, split as the released inference script splits them.

``draft.py`` reads more layouts and takes only durations that can be sounded; this is the released
reading to the letter, for comparing with the release.
"""

from __future__ import annotations

from audiostory.story.tokens import SpecialTokens


def split_caption(text: str) -> tuple[str, float | None]:
    """The caption without its first timestamp, and the seconds in it; None if they are no number.

    A number is whatever Python's ``float`` reads: ``-3``, ``1e1``, ``inf`` and ``nan`` too.
    Source: the released inference script.

    Args:
        text: what stands between ``<|gen|>`` and ``<t5>``.
    """
    before, opened, _ = text.partition(SpecialTokens.timestamp_open)
    close = text.find(SpecialTokens.timestamp_close)
    if not opened or close < len(before):
        return text.strip(), None
    inside = text[len(before) + len(opened) : close]
    caption = before + text[close + len(SpecialTokens.timestamp_close) :]
    return caption.strip(), _number(inside)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
