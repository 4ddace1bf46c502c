"""Finds named sounds by their kinds, with a classifier of AudioSet's classes such as AST.

Shapes: ``Q`` named sounds, ``K`` windows, ``G`` classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files

import numpy as np
import torch

from audiostory.audio.waveform import Waveform
from audiostory.data.cache import key_of
from audiostory.data.sets.item import NamedSound
from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import AudioEncoder, EncoderCard
from audiostory.evaluate.encoders.windows import NetworkEncoder
from audiostory.evaluate.narrative.grounding import Activity, in_frames

WINDOW_S, HOP_S = 2.0, 1.0
"""How a track is cut to find sounds in it: AST's own 10.24 s would tell no order."""


def classes_by_kind() -> dict[str, list[str]]:
    """AudioSet's classes that a kind of sound consists of, for the kinds of our corpus.

    The choice is ours: classes that two kinds could be (an engine, a hiss) are in none.
    """
    return json.loads(
        (files("audiostory.evaluate") / "assets" / "group_classes.json").read_text("utf-8")
    )


def in_short_windows(
    encoder: NetworkEncoder, *, device: torch.device | str = "cpu"
) -> NetworkEncoder:
    """The same network, on windows of ``WINDOW_S``; for networks that hear any length."""
    card = replace(encoder.card, window_s=WINDOW_S, hop_s=HOP_S)
    return NetworkEncoder(encoder.network, card, device=device, at_once=4)


class ClassGrounder:
    """Finds sounds whose kind is made of classes that an encoder knows.

    The presence of a kind in a window is the greatest probability of its classes. Kinds without a
    class that the encoder knows, and sounds of no kind, cannot be heard at all: they have no
    threshold, and count nowhere. Sounds of one kind cannot be told apart.

    Not verified here on a released AST (its weights cannot be had offline): ``threshold`` is a
    starting point, to check on sounds of known times.

    Args:
        encoder: classifies windows; how short they are is how finely it tells time.
        threshold: probability above which a sound counts as found.
        classes: names of classes by kind; None is ``classes_by_kind()``.

    Raises:
        MeasureError: if the threshold is no probability, or the encoder has no classes.
    """

    def __init__(
        self,
        encoder: AudioEncoder,
        *,
        threshold: float = 0.3,
        classes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        labels = encoder.card.labels
        if not (labels and 0 <= threshold < 1):
            raise MeasureError(
                f"threshold {threshold}, {len(labels)} classes: give a value in [0, 1) and an "
                "encoder that classifies, such as ast"
            )
        classes = classes_by_kind() if classes is None else classes
        self._encoder, self._threshold = encoder, threshold
        self._digest = key_of({kind: list(names) for kind, names in classes.items()})[:8]
        self._places = {
            kind: places
            for kind, names in classes.items()
            if (places := [labels.index(name) for name in names if name in labels])
        }

    @property
    def card(self) -> EncoderCard:
        """The encoder's, with the settings that its numbers depend on beside the checkpoint."""
        card = self._encoder.card
        settings = f"threshold {self._threshold:g}, table of classes {self._digest}"
        return replace(card, checkpoint=f"{card.checkpoint} ({settings})")

    def hear_sounds(self, waveform: Waveform, sounds: Sequence[NamedSound]) -> Activity:
        """The probability of each sound's kind, window by window.

        Raises:
            AudioError: if the track holds no samples.
        """
        features = self._encoder.hear(waveform)
        assert features.probabilities is not None, "an encoder with classes tells of them"
        places = [self._places.get(sound.group or "") for sound in sounds]
        presence_QK = np.zeros((len(sounds), len(features.starts_s)), np.float32)
        for row_K, known in zip(presence_QK, places, strict=True):
            if known:
                row_K[:] = features.probabilities[:, known].max(axis=1)
        hop_s = self._encoder.card.hop_s
        return Activity(
            presence_QT=in_frames(presence_QK, features, waveform, hop_s),
            frames_per_s=1 / hop_s,
            thresholds_Q=np.array(
                [self._threshold if known else np.nan for known in places], np.float32
            ),
            resolution_s=max(features.window_s, hop_s),
        )
