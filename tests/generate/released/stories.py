"""Stories as a free-running model might write them, for the tiny model."""

from __future__ import annotations

import torch

from audiostory.generate.released.clips import ReleasedStory, extract
from audiostory.generate.released.decoding import Decoded, recite
from tests.tiny import tiny_config, tiny_tokenizer

BLOCK = tiny_config().tokens.bridge_block()
REASONING = (
    "The story can be divided into 2 points.\n\n1. [0.0, 2.0]\n**Story Details**: Rain falls.\n"
    "**Sound Effects**: rain\n\n2. [2.0, 3.5]\n**Story Details**: A dog barks.\n"
    "**Sound Effects**: a dog"
)


def clip_text(caption: str, duration: str) -> str:
    """A whole clip."""
    return f"<|gen|>{caption}<timestamp>{duration}</timestamp>{BLOCK}<|/gen|>"


CLIPS = clip_text("Rain falls. ", "2.0") + clip_text("A dog barks.", "1.5")
STORY = f"{REASONING}<|/think|>{CLIPS}<|im_end|>"


def decoded_of(text: str, *, is_cut: bool = False) -> Decoded:
    """A text as what was written; the state at each token is the token's place."""
    ids = tuple(tiny_tokenizer().encode(text))
    hidden_LD = torch.arange(len(ids) - 1).float()[:, None]
    return Decoded(ids=ids, hidden_LD=hidden_LD, is_cut=is_cut)


def story_of(text: str, *, is_cut: bool = False) -> ReleasedStory:
    """The story in a text."""
    return extract(decoded_of(text, is_cut=is_cut), tiny_tokenizer(), tiny_config().tokens)


def writing(text: str):
    """A ``decode`` of a model that writes this text whatever it is told."""

    def decode(llm, prompt_ids, rules, ahead) -> Decoded:
        return recite(llm, prompt_ids, tiny_tokenizer().encode(text), rules, ahead)

    return decode
