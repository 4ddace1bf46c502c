"""The words with which the release begins every instruction, and how it draws them.

Source: the released inference script, which puts one of twenty phrases before the user's caption
and the total length after it. The phrases are part of what the released model reads.
"""

from __future__ import annotations

import random

LEAD_PHRASES = (
    "Create a long-form audio composition that explores ",
    "I'd like an extended audio track with rich details of ",
    "Craft an immersive soundscape that slowly unfolds ",
    "Please produce a comprehensive recording capturing every aspect of ",
    "Generate a detailed, drawn-out audio that brings to life ",
    "Let's design a textured audio piece highlighting the nuances of ",
    "Kindly fashion a lengthy audio journey through ",
    "Devise a long-form audio narrative of ",
    "Develop a gradually developing audio with meticulous attention to ",
    "Imagine and produce a vivid audio experience of ",
    "Construct a detailed soundscape that tells the story of ",
    "Please generate a sustained audio track filled with ",
    "Produce an in-depth, multi-layered audio that portrays ",
    "Design a descriptive audio capturing the essence of ",
    "Create a nuanced, extended audio that conveys ",
    "I'd like to commission a long-form audio depicting ",
    "Fashion a richly detailed audio recording of ",
    "Propose a detailed, immersive audio that showcases ",
    "Generate an elaborate audio piece focusing on ",
    "Develop a comprehensive audio that fully represents ",
)


def lead_phrase(seed: int) -> str:
    """The phrase that the release's script begins with when it is called with ``--seed seed``."""
    return random.Random(seed).choice(LEAD_PHRASES)


def released_instruction(caption: str, duration_s: float, seed: int) -> str:
    """A caption as the release's script makes an instruction of it.

    Only the ends of phrase and caption together are stripped: spaces before the caption stay, and
    an empty caption leaves the phrase alone.

    Args:
        caption: what should be heard.
        duration_s: length of the track in seconds, told as Python prints a float.
        seed: draws the lead phrase, and nothing else.
    """
    words = (lead_phrase(seed) + caption).strip()
    return f"{words} The total duration is {float(duration_s)} seconds."
