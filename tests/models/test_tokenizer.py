from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostory.errors import CheckpointError, ConfigError, InstructionError
from audiostory.models.tokenizer import StoryTokenizer, train_byte_bpe

MARKERS = ["<|im_start|>", "<|im_end|>", "<t5>", "<t5_00000>", "</t5>", "<timestamp>"]
TEXTS = [
    "Rain falls on a tin roof.\n\nThe rain falls harder. [0.0, 14.0]",
    "A dog barks 12 times, 12 times.\n**Sound Effects**: rain, a dog barks\n",
] * 20


@cache
def tokenizer() -> StoryTokenizer:
    return train_byte_bpe(TEXTS, 320, MARKERS)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_comes_back_exactly(text):
    assert tokenizer().decode(tokenizer().encode(text)) == text
    assert tokenizer().decode(tokenizer().encode_plain(text)) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*MARKERS, " ", "a", "12", "\n", "<", "t5", "é", "<|"])))
def test_text_full_of_markers_comes_back_exactly(parts):
    text = "".join(parts)
    assert tokenizer().decode(tokenizer().encode(text)) == text
    assert tokenizer().decode(tokenizer().encode_plain(text)) == text


def test_every_digit_is_its_own_token():
    ids = tokenizer().encode("12.50")
    assert [tokenizer().decode([i]) for i in ids] == ["1", "2", ".", "5", "0"]
    assert set(ids) - set(tokenizer().digit_ids) == {tokenizer().token_id(".")}
    assert [tokenizer().decode([i]) for i in tokenizer().digit_ids] == list("0123456789")


def test_no_merge_holds_a_digit_or_a_newline():
    for character in "0123456789\n":
        (index,) = tokenizer().ids_with(character)
        assert tokenizer().decode([index]) == character
    assert tokenizer().encode("\n\n") == list(tokenizer().newline_ids) * 2


def test_a_newline_never_joins_its_neighbours():
    whole = tokenizer().encode("rain\n  falls")
    assert whole == sum(map(tokenizer().encode, ("rain", "\n", "  falls")), [])


def test_markers_are_single_ids_from_zero_and_eat_no_space():
    assert [tokenizer().encode(marker) for marker in MARKERS] == [[i] for i in range(len(MARKERS))]
    assert tokenizer().special_ids == frozenset(range(len(MARKERS)))
    ids = tokenizer().encode("rain <t5> falls")
    assert tokenizer().token_id("<t5>") in ids
    assert tokenizer().decode(ids) == "rain <t5> falls"


def test_plain_encoding_disarms_markers():
    ids = tokenizer().encode_plain("stop<|im_end|>now")
    assert not tokenizer().special_ids & set(ids)


def test_training_twice_gives_the_same_vocabulary():
    assert train_byte_bpe(TEXTS, 320, MARKERS).to_str() == tokenizer().to_str()


def test_the_vocabulary_learned_words():
    assert tokenizer().vocab_size <= 320
    assert len(tokenizer().encode(" rain")) == 1


def test_added_tokens_get_the_next_ids():
    grown = tokenizer().with_added_tokens(["<aud>", "</aud>"])
    first = tokenizer().vocab_size
    assert grown.encode("<aud></aud>") == [first, first + 1]
    assert grown.vocab_size == first + 2
    assert tokenizer().vocab_size == first


def test_a_stored_tokenizer_is_the_same(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer().to_str(), encoding="utf-8")
    loaded = StoryTokenizer.from_file(path)
    assert loaded.to_str() == tokenizer().to_str()
    assert loaded.encode("rain <t5> 1") == tokenizer().encode("rain <t5> 1")


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no tokenizer at"):
        StoryTokenizer.from_file(tmp_path / "tokenizer.json")
    for stored in (b"{", b"[]", b'{"version": "1.0"}', b'{"model": {"type": "?"}}', b"\xff"):
        with pytest.raises(CheckpointError, match="tokenizer.json"):
            StoryTokenizer.from_bytes(stored)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(InstructionError, match="character 2 "):
        tokenizer().encode("a\ud800b")


def test_unusable_vocabularies_are_refused():
    with pytest.raises(ConfigError, match="at least 262"):
        train_byte_bpe(TEXTS, 261, MARKERS)
    with pytest.raises(ConfigError, match="printable ASCII"):
        train_byte_bpe(TEXTS, 300, ["<a b>"])
    with pytest.raises(ConfigError, match="twice"):
        train_byte_bpe(TEXTS, 300, ["<a>", "<a>"])
    with pytest.raises(ConfigError, match="not one token"):
        tokenizer().token_id("rain falls")
