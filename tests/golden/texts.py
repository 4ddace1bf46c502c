"""Strings: the vocabulary's added tokens, and captions with their durations."""

from __future__ import annotations

import math

from audiostory.story.captions import split_caption
from audiostory.story.draft import read_draft
from audiostory.story.tokens import SpecialTokens
from tests.golden.case import Case, Comparison


def added_token_ids(case: Case, compare: Comparison) -> None:
    recorded = case.about["tokens"]
    tokens = SpecialTokens(
        num_semantic_vocab=sum(token.startswith("<t5_") for token, *_ in recorded),
        num_residual_vocab=sum(token.startswith("<aud_") for token, *_ in recorded),
    ).added_tokens()
    first = case.about["base_tokenizer_length"]
    ours = [(token, first + index) for index, token in enumerate(tokens)]
    compare.equal("tokens", ours, [(token, identity) for token, identity, _ in recorded])
    compare.equal("total_length", first + len(tokens), case.about["total_length"])


def caption_parse(case: Case, compare: Comparison) -> None:
    for row in case.about["rows"]:
        caption, duration_s = split_caption(row["text"])
        compare.equal(f"{row['text']!r}: content", caption, row["content"])
        compare.equal(f"{row['text']!r}: duration", _as_json(duration_s), row["duration"])
        (clip,) = read_draft(f"<|/think|><|gen|>{row['text']}<|/gen|>").clips
        if clip.duration_s is not None and duration_s is not None:
            compare.equal(f"{row['text']!r}: draft", clip.duration_s, duration_s)


def _as_json(number: float | None) -> float | str | None:
    """Numbers that JSON cannot say are recorded as strings."""
    return number if number is None or math.isfinite(number) else str(number)


KINDS = {"added_token_ids": added_token_ids, "caption_parse": caption_parse}
