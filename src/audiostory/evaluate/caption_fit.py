"""How well a sound fits its caption, as ears that rank candidates say it.

The measure is that of ``clap_score``: the mean over a track's windows of their cosine with the
caption. What ranks sounds that a model is then tuned on is no measure of that model any more:
``preferred_by`` names the networks whose numbers are lost, and ``tuning`` warns of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from audiostory.audio.waveform import Waveform
from audiostory.errors import ConfigError
from audiostory.evaluate.clap_score import similarity
from audiostory.evaluate.embedded.evaluator import load_evaluator
from audiostory.evaluate.encoders.catalogue import build_encoder
from audiostory.evaluate.encoders.encoder import EncoderCard, TextAudioEncoder
from audiostory.evaluate.encoders.yamnet import load_yamnet
from audiostory.evaluate.statistics.samples import Rows, checked


@dataclass(frozen=True)
class CaptionFit:
    """Ranks sounds by their similarity to a caption."""

    encoder: TextAudioEncoder
    beneath: tuple[EncoderCard, ...] = ()
    """Networks that the encoder hears through."""

    @property
    def described(self) -> str:
        """Who ranks, as reports describe a column; the embedded evaluator says that it is that."""
        card = self.encoder.card
        kind = "embedded: " if card.is_embedded else ""
        return f"{kind}{card.described}; caption, mean over windows"

    @property
    def preferred_by(self) -> tuple[str, ...]:
        """The networks that rank, each with the digest of its weights."""
        return tuple(named(card) for card in (self.encoder.card, *self.beneath))

    def read(self, caption: str) -> Rows:
        """The embedding (D,) of a caption.

        Raises:
            InstructionError: if it is too long to be read whole.
            MeasureError: if it has no word that the checkpoint knows.
        """
        return checked(self.encoder.read([caption]))[0]

    def fit(self, waveform: Waveform, text: Rows) -> float:
        """Similarity of a sound and a text that was read, in [-1, 1].

        Raises:
            AudioError: if the sound holds no samples.
            MeasureError: if what is heard is no number.
        """
        return similarity(self.encoder.hear(waveform).embeddings, text)


def named(card: EncoderCard) -> str:
    """A network and the digest of its weights."""
    return f"{card.checkpoint} {card.digest}"


def _embedded(location: Path | None, device: torch.device | str) -> CaptionFit:
    return CaptionFit(load_evaluator(location).shared_space, (load_yamnet().card,))


def _clap(name: str) -> Callable[[Path | None, torch.device | str], CaptionFit]:
    def build(location: Path | None, device: torch.device | str) -> CaptionFit:
        encoder = build_encoder(name, location, device)
        assert hasattr(encoder, "read")
        return CaptionFit(encoder)  # pyright: ignore[reportArgumentType] - it reads

    return build


RANKERS: dict[str, Callable[[Path | None, torch.device | str], CaptionFit]] = {
    "embedded": _embedded,
    **{name: _clap(name) for name in ("clap", "clap-general", "clap-music-speech")},
}
"""Ears that can rank, by the names they are asked for with."""


def build_ranker(text: str, device: torch.device | str = "cpu") -> CaptionFit:
    """The ears that ``NAME`` or ``NAME=FOLDER`` asks for.

    Args:
        text: one of ``RANKERS``; a folder of CLAP's weights, or of an embedded evaluator. CLAP
            without a folder is that of its repository on the hub.
        device: where CLAP computes.

    Raises:
        ConfigError: if there are no such ears.
        CheckpointError: if their weights are missing or damaged.
    """
    name, equals, location = text.partition("=")
    if name not in RANKERS or (equals and not location):
        raise ConfigError(
            f"{text!r} names no ears that rank: give clap=FOLDER, or one of {', '.join(RANKERS)}"
        )
    return RANKERS[name](Path(location) if location else None, device)
