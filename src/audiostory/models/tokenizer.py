"""Text to token ids and back, for every size of the model.

A thin wrapper over a ``tokenizers`` byte-level BPE. Nano's own vocabulary comes from
``train_byte_bpe``; the release's is Qwen2.5's with the story's markers appended
(``with_added_tokens``). Both keep three promises that the grammar builds on: every text comes back
exactly, marker strings are single ids, and (nano) digits and newlines are never merged into longer
tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from audiostory.errors import CheckpointError, ConfigError, InstructionError

MAX_TOKEN_CHARS = 24
"""Longest piece ``train_byte_bpe`` may learn, in bytes: rare whole phrases are no vocabulary."""


class StoryTokenizer:
    """Exact text to ids and ids to text, with the story's markers as single ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._marked = tokenizer
        self._plain = Tokenizer.from_str(tokenizer.to_str())
        self._plain.encode_special_tokens = True

    @classmethod
    def from_file(cls, path: Path) -> StoryTokenizer:
        """The tokenizer stored at ``path`` (a ``tokenizer.json``).

        Raises:
            CheckpointError: if the file is missing or is no tokenizer.
        """
        if not path.is_file():
            raise CheckpointError(f"no tokenizer at {path}: the model's folder is incomplete")
        return cls.from_bytes(path.read_bytes(), source=str(path))

    @classmethod
    def from_bytes(cls, stored: bytes, *, source: str = "tokenizer.json") -> StoryTokenizer:
        """The tokenizer in the bytes of a ``tokenizer.json``.

        Raises:
            CheckpointError: if the bytes are no tokenizer; ``source`` names them.
        """
        try:
            return cls(Tokenizer.from_buffer(stored))
        except Exception as error:
            if type(error) not in (Exception, ValueError):  # tokenizers has no narrower type
                raise
            raise CheckpointError(f"{source} is no tokenizer ({error}): fetch it again") from error

    def to_str(self) -> str:
        """The JSON text of ``tokenizer.json``; equal tokenizers give equal text."""
        return self._marked.to_str(pretty=True)

    def with_added_tokens(self, strings: Sequence[str]) -> StoryTokenizer:
        """A tokenizer with ``strings`` appended in this order, each as one new id.

        Source: the release appends the keys of its ``added_tokens.json`` in file order.
        """
        grown = Tokenizer.from_str(self._marked.to_str())
        grown.add_special_tokens(_special(strings))
        return StoryTokenizer(grown)

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, where marker strings are their single ids. Nothing is added around it.

        Raises:
            InstructionError: if the text holds half a surrogate pair, which no file can store.
        """
        return self._encode(self._marked, text)

    def encode_plain(self, text: str) -> list[int]:
        """Ids of ``text`` as mere characters: a marker string in it does not act as a marker.

        For what people type, so that an instruction cannot end its own turn.
        """
        return self._encode(self._plain, text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, markers included; half a character becomes U+FFFD."""
        return self._marked.decode(list(ids), skip_special_tokens=False)

    def token_id(self, string: str) -> int:
        """The single id of a marker or of any vocabulary entry.

        Raises:
            ConfigError: if no single token is written so.
        """
        found = self._marked.token_to_id(string)
        if found is None:
            ids = self.encode(string)
            if len(ids) != 1:
                raise ConfigError(f"'{string}' is not one token of this vocabulary: {ids}")
            found = ids[0]
        return found

    @property
    def vocab_size(self) -> int:
        """Number of ids, markers included."""
        return self._marked.get_vocab_size(with_added_tokens=True)

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids of the marker strings."""
        return frozenset(self._marked.get_added_tokens_decoder())

    @cached_property
    def newline_ids(self) -> frozenset[int]:
        """Ids whose text contains a line break: a free single-line text must not use them."""
        return self.ids_with("\n")

    @cached_property
    def digit_ids(self) -> tuple[int, ...]:
        """Ids of "0" to "9", in order."""
        return tuple(self.token_id(digit) for digit in "0123456789")

    def ids_with(self, character: str) -> frozenset[int]:
        """Ids of all ordinary tokens whose text contains the ASCII ``character``."""
        (unit,) = (piece for piece, _ in _BYTES.pre_tokenize_str(character))
        return frozenset(
            index
            for string, index in self._marked.get_vocab(with_added_tokens=False).items()
            if unit in string and index not in self.special_ids
        )

    @staticmethod
    def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InstructionError(
                f"character {error.start + 1} of the text is half a surrogate pair "
                "(U+D800-U+DFFF): remove it"
            ) from error
        return tokenizer.encode(text, add_special_tokens=False).ids


_BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def train_byte_bpe(
    texts: Iterable[str], vocab_size: int, special_tokens: Sequence[str]
) -> StoryTokenizer:
    """A byte-level BPE of at most ``vocab_size`` ids learned from ``texts``.

    Ids start with ``special_tokens`` in order, then the 256 bytes, then merges by frequency. Line
    breaks and decimal digits stand alone, so a line or a number is spelled in one way only.

    Raises:
        ConfigError: if the special tokens are unusable or leave no room for the bytes.
    """
    if vocab_size < len(special_tokens) + 256:
        raise ConfigError(
            f"a vocabulary of {vocab_size} cannot hold {len(special_tokens)} special tokens and "
            f"256 bytes: ask for at least {len(special_tokens) + 256}"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\n"), behavior="isolated"),
            pre_tokenizers.Split(Regex("[0-9]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=_special(special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        max_token_length=MAX_TOKEN_CHARS,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return StoryTokenizer(tokenizer)


def _special(strings: Sequence[str]) -> list[AddedToken]:
    """Atomic, unnormalised added tokens that eat no neighbouring space."""
    for string in strings:
        if not (string.isascii() and string.isprintable() and string and " " not in string):
            raise ConfigError(f"a special token must be printable ASCII without space: {string!r}")
    if len(set(strings)) != len(strings):
        raise ConfigError("a special token is named twice")
    return [AddedToken(string, special=True, normalized=False) for string in strings]
