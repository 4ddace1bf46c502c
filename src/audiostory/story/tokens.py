"""Every marker of the story text, written once: strings, counts and their order in the vocabulary.

Source: AudioStory Sec. 4.1, Eq. 1 (BOT, EOT, BOG, EOG) and the released vocabulary, whose 612
added tokens follow the base tokenizer in the order of ``SpecialTokens.added_tokens``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from audiostory.errors import ConfigError

MARKER = re.compile(
    r"<\|/?\w+\|>"  # <|think|>, <|/gen|>, <|im_end|>
    r"|<[/\\]?timestamp>"  # Figs. 4 and 5 print the closing one with a backslash
    r"|<[/\\]?(?:t5|aud)(?:_[0-9]+)?>"
    r"|<video_padding>"
)
"""Text that a tokenizer or a reader of stories would take for a marker."""

_MAX_INDEX = 99_999  # bridge tokens are numbered with five digits


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """The markers of Eq. 1 and how many bridge tokens a clip has.

    Raises:
        ConfigError: if a clip would use more bridge tokens than the vocabulary holds.
    """

    num_semantic: int = 64
    """Semantic tokens per clip (the length of the padded Flan-T5 target)."""
    num_residual: int = 8
    """Residual tokens per clip; best of {1, 4, 8, 16} in Table 11."""
    num_semantic_vocab: int = 100
    """Semantic tokens in the vocabulary; the release has ``<t5_00000>`` to ``<t5_00099>``."""
    num_residual_vocab: int = 501
    """Residual tokens in the vocabulary; the release has ``<aud_00000>`` to ``<aud_00500>``."""
    caption_gap: Literal["", " "] = ""
    """What stands between a caption and its duration. The paper's figures show both; its longer
    stories, and what is taken for the release, a space."""
    block_gap: Literal["", "\n"] = ""
    """What stands after each of the two runs of bridge tokens; not known of the release."""
    target_text: Literal["caption", "caption_and_duration"] = "caption"
    """What of a clip the semantic tokens are regressed onto the features of; not known of the
    release, which strips the duration where it generates. ``audiostory doctor`` compares both."""

    think_open: ClassVar[str] = "<|think|>"
    """BOT of Eq. 1; the prompt ends with it."""
    think_close: ClassVar[str] = "<|/think|>"
    """EOT of Eq. 1."""
    gen_open: ClassVar[str] = "<|gen|>"
    """BOG of Eq. 1."""
    gen_close: ClassVar[str] = "<|/gen|>"
    """EOG of Eq. 1."""
    timestamp_open: ClassVar[str] = "<timestamp>"
    """Opens a clip's duration in seconds (a duration, in spite of its name)."""
    timestamp_close: ClassVar[str] = "</timestamp>"
    semantic_open: ClassVar[str] = "<t5>"
    semantic_close: ClassVar[str] = "</t5>"
    residual_open: ClassVar[str] = "<aud>"
    residual_close: ClassVar[str] = "</aud>"
    video_padding: ClassVar[str] = "<video_padding>"
    message_open: ClassVar[str] = "<|im_start|>"
    """Opens a chat message; part of the base vocabulary, not of the added tokens."""
    message_close: ClassVar[str] = "<|im_end|>"
    """Closes a chat message, and so ends a story; part of the base vocabulary."""

    def __post_init__(self) -> None:
        """Refuse counts that the vocabulary cannot hold."""
        counts = (
            ("semantic", self.num_semantic, self.num_semantic_vocab, 1),
            ("residual", self.num_residual, self.num_residual_vocab, 0),
        )
        for kind, used, available, least in counts:
            if not least <= used <= available <= _MAX_INDEX:
                raise ConfigError(
                    f"a clip uses {used} {kind} tokens of a vocabulary of {available}: "
                    f"use at least {least}, at most the vocabulary, and at most {_MAX_INDEX}"
                )

    def semantic(self, index: int) -> str:
        """The ``index``-th semantic token, counted from 0.

        Raises:
            IndexError: if the vocabulary has no such token.
        """
        return _numbered("t5", index, self.num_semantic_vocab)

    def residual(self, index: int) -> str:
        """The ``index``-th residual token, counted from 0.

        Raises:
            IndexError: if the vocabulary has no such token.
        """
        return _numbered("aud", index, self.num_residual_vocab)

    def added_tokens(self) -> list[str]:
        """All tokens added to the base vocabulary, in the order of the release's file."""
        return [
            self.semantic_close,
            self.video_padding,
            self.timestamp_open,
            self.timestamp_close,
            self.semantic_open,
            *map(self.semantic, range(self.num_semantic_vocab)),
            self.residual_open,
            self.residual_close,
            *map(self.residual, range(self.num_residual_vocab)),
            self.gen_open,
            self.gen_close,
            self.think_open,
            self.think_close,
        ]

    def bridge_block(self) -> str:
        """The bridge tokens of one clip between their markers: T_semantic T_residual of Eq. 1."""
        semantic = "".join(map(self.semantic, range(self.num_semantic)))
        residual = "".join(map(self.residual, range(self.num_residual)))
        return (
            f"{self.semantic_open}{semantic}{self.semantic_close}{self.block_gap}"
            f"{self.residual_open}{residual}{self.residual_close}{self.block_gap}"
        )

    @property
    def residual_offset(self) -> int:
        """Tokens from the bridge block's first marker to its first residual token."""
        return self.num_semantic + 3 + len(self.block_gap)  # a line break is one token


def _numbered(name: str, index: int, available: int) -> str:
    if not 0 <= index < available:
        raise IndexError(f"<{name}_{index}> is not among the {available} <{name}_...> tokens")
    return f"<{name}_{index:05d}>"


def clean_field(text: str) -> str:
    """``text`` as one line that a story can hold: no markers, no line breaks, single spaces.

    A text is *clean* if this returns it unchanged; free-text fields of a story must be clean, so
    that their story can be written down and read back.
    """
    encodable = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(MARKER.sub(" ", encodable).split())
