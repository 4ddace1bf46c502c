from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.errors import ConfigError
from audiostory.story.tokens import MARKER, SpecialTokens, clean_field
from tests.story.strategies import NANO, relaxed
from tests.tiny import tiny_config, tiny_tokenizer


def test_added_tokens_stand_in_the_order_of_the_release():
    tokens = SpecialTokens().added_tokens()
    ids = {token: 151665 + index for index, token in enumerate(tokens)}
    released = {
        "</t5>": 151665,
        "<video_padding>": 151666,
        "<timestamp>": 151667,
        "</timestamp>": 151668,
        "<t5>": 151669,
        "<t5_00000>": 151670,
        "<t5_00063>": 151733,
        "<t5_00099>": 151769,
        "<aud>": 151770,
        "</aud>": 151771,
        "<aud_00000>": 151772,
        "<aud_00007>": 151779,
        "<aud_00500>": 152272,
        "<|gen|>": 152273,
        "<|/gen|>": 152274,
        "<|think|>": 152275,
        "<|/think|>": 152276,
    }
    assert {token: ids[token] for token in released} == released
    assert len(tokens) == len(set(tokens)) == 612


def test_bridge_block_names_every_bridge_token_of_a_clip_once():
    assert SpecialTokens(num_semantic=2, num_residual=1).bridge_block() == (
        "<t5><t5_00000><t5_00001></t5><aud><aud_00000></aud>"
    )


def test_a_gap_stands_after_each_run_of_bridge_tokens():
    tokens = SpecialTokens(num_semantic=1, num_residual=1, block_gap="\n")
    assert tokens.bridge_block() == "<t5><t5_00000></t5>\n<aud><aud_00000></aud>\n"


@pytest.mark.parametrize("block_gap", ["", "\n"])
@pytest.mark.parametrize("num_semantic", [1, 4])
def test_the_residual_offset_points_at_the_first_residual_token(num_semantic, block_gap):
    tokens = replace(tiny_config().tokens, num_semantic=num_semantic, block_gap=block_gap)
    ids = tiny_tokenizer().encode(tokens.bridge_block())
    assert ids[tokens.residual_offset] == tiny_tokenizer().token_id(tokens.residual(0))


@pytest.mark.parametrize(
    "counts", [{"num_semantic": 101}, {"num_residual": 502}, {"num_semantic": 0}]
)
def test_more_bridge_tokens_than_the_vocabulary_holds_are_refused(counts):
    with pytest.raises(ConfigError, match="tokens of a vocabulary"):
        SpecialTokens(**counts)


def test_unknown_bridge_token_is_an_index_error():
    with pytest.raises(IndexError, match="8"):
        NANO.semantic(8)
    with pytest.raises(IndexError):
        NANO.residual(-1)


def test_every_added_token_is_recognised_as_a_marker():
    for token in [*SpecialTokens().added_tokens(), "<|im_end|>", "<|endoftext|>", "<\\timestamp>"]:
        assert MARKER.fullmatch(token), token


def test_clean_field_takes_markers_and_line_breaks_away():
    assert clean_field(" rain\n\nfalls <|gen|>softly</timestamp>\u2028 <t5_00001>now ") == (
        "rain falls softly now"
    )


def test_markers_cannot_be_assembled_from_the_pieces_around_a_marker():
    assert clean_field("<time<|gen|>stamp>") == "<time stamp>"


@relaxed
@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    once = clean_field(text)
    assert clean_field(once) == once
    assert len(once.splitlines()) <= 1
    assert not MARKER.search(once)
