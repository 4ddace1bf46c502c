"""The seam of everything that finds named sounds in a track: what is heard, and when.

Shapes: ``Q`` named sounds, ``T`` frames, ``K`` windows of an encoder, ``D`` width of its space,
``P`` distractor texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import NamedSound
from audiostory.errors import InstructionError, MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, Floats, TextAudioEncoder
from audiostory.evaluate.narrative.distractors import DISTRACTORS

SILENCE_DBFS = -70.0
"""Root mean square under which a stretch holds no sound: the absolute gate of ITU-R BS.1770."""


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How surely each named sound is heard in each frame of a track.

    Raises:
        MeasureError: if shapes do not fit together, or values are no probabilities.
    """

    presence_QT: Floats
    """In [0, 1]; frame ``t`` lasts from ``t / frames_per_s`` to ``(t + 1) / frames_per_s``."""
    frames_per_s: float
    thresholds_Q: Floats
    """Level in [0, 1] that has to be exceeded for a sound to count as found; NaN where this
    instrument cannot hear such a sound at all, so that no score counts it."""
    resolution_s: float | None = None
    """Time from which two moments can be told apart; None where that is one frame."""

    def __post_init__(self) -> None:
        """Refuse what is no activity."""
        shape = self.presence_QT.shape
        if len(shape) != 2 or self.thresholds_Q.shape != shape[:1] or not shape[1]:
            raise MeasureError(
                f"presence of shape {shape} with thresholds of shape {self.thresholds_Q.shape}: "
                "give one row per sound, at least one frame, and one threshold per row"
            )
        known_Q = self.thresholds_Q[~np.isnan(self.thresholds_Q)]
        for name, values in (("presence", self.presence_QT), ("thresholds", known_Q)):
            if not bool(((values >= 0) & (values <= 1)).all()):
                raise MeasureError(f"{name} of a grounder leave [0, 1]: give probabilities")
        if not self.frames_per_s > 0:
            raise MeasureError(f"{self.frames_per_s} frames a second: give more than 0")

    @property
    def finest_s(self) -> float:
        """The resolution in seconds."""
        return 1 / self.frames_per_s if self.resolution_s is None else self.resolution_s

    @property
    def found_QT(self) -> NDArray[np.bool_]:  # noqa: N802 - its shape
        """(Q, T): which sounds are found in which frames."""
        return self.presence_QT > np.nan_to_num(self.thresholds_Q, nan=1.0)[:, None]

    @property
    def is_audible_Q(self) -> NDArray[np.bool_]:  # noqa: N802 - its shape
        """(Q,): which sounds this instrument can hear at all."""
        return ~np.isnan(self.thresholds_Q)


class Grounder(Protocol):
    """Finds named sounds in a track."""

    @property
    def card(self) -> EncoderCard:
        """What has to be known of it to compare its numbers."""
        ...

    def hear_sounds(self, waveform: Waveform, sounds: Sequence[NamedSound]) -> Activity:
        """How surely each sound is heard, over the whole track; rows in the order of ``sounds``.

        Sounds that it cannot tell apart get equal rows.

        Raises:
            AudioError: if the track holds no samples.
        """
        ...


class LastHeard:
    """A grounder that remembers the last track, for metrics that ask the same of it in turn."""

    def __init__(self, grounder: Grounder) -> None:
        self._grounder = grounder
        self._last: tuple[Waveform, tuple[NamedSound, ...], Activity] | None = None

    @property
    def card(self) -> EncoderCard:
        """The grounder's own."""
        return self._grounder.card

    def hear_sounds(self, waveform: Waveform, sounds: Sequence[NamedSound]) -> Activity:
        """What the grounder hears, computed once for one track and the same sounds."""
        last = self._last
        if last is not None and last[0] is waveform and last[1] == tuple(sounds):
            return last[2]
        activity = self._grounder.hear_sounds(waveform, sounds)
        self._last = (waveform, tuple(sounds), activity)
        return activity


class TextGrounder:
    """Finds sounds by their text, with any encoder that hears audio and reads text.

    The presence of sound ``q`` in a window is the probability of its text beside distractors::

        presence = exp(a.t_q / temperature) / (exp(a.t_q / temperature) + sum_p exp(a.d_p / ...))

    with ``a`` the window's embedding and ``t_q``, ``d_p`` those of the sound's text and of the
    distractors, all of unit length. A raw similarity has no threshold that holds for all texts;
    this has: above 0.5 the sound's own text is likelier than all distractors together. Named
    sounds do not compete with each other, for they may sound at once; distractors that read like
    any of an item's sounds (similarity above ``alike``) are left out for that item.

    Moments are known to about a window's length (``in_frames``). A text that the encoder cannot
    read, too long for it or without a word it knows, names a sound that it cannot hear at all.

    Not verified here on a released CLAP (its weights cannot be had offline): the defaults of
    ``temperature`` and ``alike`` are starting points to check on sounds of known times.

    Args:
        encoder: hears windows and reads texts.
        temperature: of the softmax; a CLAP's own is ``1 / exp(logit_scale)``, near 0.01 for many.
        threshold: presence above which a sound counts as found.
        alike: cosine between texts from which a distractor is another wording of a sound.
        distractors: the bank; numbers with different banks are not comparable, so the card's
            checkpoint names its digest.

    Raises:
        MeasureError: if a value is out of its range, or there are no distractors.
    """

    def __init__(
        self,
        encoder: TextAudioEncoder,
        *,
        temperature: float = 0.01,
        threshold: float = 0.5,
        alike: float = 0.8,
        distractors: Sequence[str] = DISTRACTORS,
    ) -> None:
        if not (temperature > 0 and 0 <= threshold < 1 and -1 <= alike <= 1):
            raise MeasureError(
                f"temperature {temperature}, threshold {threshold}, alike {alike}: give more than "
                "0, a value in [0, 1) and a cosine in [-1, 1]"
            )
        if not distractors:
            raise MeasureError("a probability needs something to compare with: give distractors")
        self._encoder = encoder
        self._temperature = temperature
        self._threshold = threshold
        self._alike = alike
        self._distractors_PD = encoder.read(distractors)
        self._digest = hashlib.sha256("\n".join(distractors).encode()).hexdigest()[:8]

    @property
    def card(self) -> EncoderCard:
        """The encoder's, with the settings that its numbers depend on beside the checkpoint."""
        card = self._encoder.card
        settings = f"temperature {self._temperature:g}, bank {self._digest}"
        return replace(card, checkpoint=f"{card.checkpoint} ({settings})")

    def hear_sounds(self, waveform: Waveform, sounds: Sequence[NamedSound]) -> Activity:
        """The probability of each sound's text, window by window.

        Raises:
            AudioError: if the track holds no samples.
            MeasureError: if no distractor is left for these sounds.
        """
        features = self._encoder.hear(waveform)
        texts_QD = np.concatenate([self._read(sound.text) for sound in sounds] or [self._nothing])
        is_read_Q = ~np.isnan(texts_QD).any(axis=1)
        presence_QK = np.zeros((len(sounds), len(features.embeddings)))
        presence_QK[is_read_Q] = self._presence(features.embeddings, texts_QD[is_read_Q], sounds)
        hop_s = self._encoder.card.hop_s
        return Activity(
            presence_QT=in_frames(presence_QK, features, waveform, hop_s),
            frames_per_s=1 / hop_s,
            thresholds_Q=np.where(is_read_Q, self._threshold, np.nan).astype(np.float32),
            resolution_s=max(features.window_s, hop_s),
        )

    @property
    def _nothing(self) -> Floats:
        """Embeddings (0, D) of no texts."""
        return self._distractors_PD[:0]

    def _read(self, text: str) -> Floats:
        """The embedding (1, D) of a text; NaN where it cannot be read."""
        try:
            return self._encoder.read([text])
        except (InstructionError, MeasureError):
            return np.full_like(self._distractors_PD[:1], np.nan)

    def _presence(
        self, embeddings_KD: Floats, texts_QD: Floats, sounds: Sequence[NamedSound]
    ) -> NDArray[np.float64]:
        if not len(texts_QD):
            return np.zeros((0, len(embeddings_KD)))
        is_other_P = (texts_QD @ self._distractors_PD.T).max(axis=0) < self._alike
        if not is_other_P.any():
            raise MeasureError(
                f"every distractor reads like one of {[sound.text for sound in sounds]}: raise "
                f"alike above {self._alike:g}, or give other distractors"
            )
        lengths_K = np.linalg.norm(embeddings_KD, axis=1, keepdims=True)
        heard_KD = embeddings_KD / np.maximum(lengths_K, 1e-9)
        own_QK = texts_QD @ heard_KD.T.astype(np.float64) / self._temperature
        others_PK = self._distractors_PD[is_other_P] @ heard_KD.T.astype(np.float64)
        against_K = np.logaddexp.reduce(others_PK / self._temperature, axis=0)
        return np.exp(-np.logaddexp(0.0, against_K - own_QK))


def in_frames(
    presence_QK: NDArray[np.floating], features: Features, waveform: Waveform, hop_s: float
) -> Floats:
    """Presence (Q, T) in frames of ``hop_s`` seconds, from presence in windows.

    A frame takes that of the window whose middle is nearest, so moments are known to about a
    window's length; frames quieter than ``SILENCE_DBFS`` hold nothing.
    """
    frames_per_s = 1 / hop_s
    num_frames = max(1, int(np.ceil(waveform.duration_s * frames_per_s)))
    middles_s = (np.arange(num_frames) + 0.5) / frames_per_s
    nearest_T = _nearest(features.starts_s + features.window_s / 2, middles_s)
    presence_QT = presence_QK[:, nearest_T] * _sounds_at(waveform, num_frames, frames_per_s)
    return presence_QT.astype(np.float32)


def _nearest(places: NDArray[np.floating], moments: NDArray[np.floating]) -> NDArray[np.int64]:
    """Index of the rising place that is nearest to each moment."""
    between = (places[1:] + places[:-1]) / 2
    return np.searchsorted(between, moments)


def _sounds_at(waveform: Waveform, num_frames: int, frames_per_s: float) -> NDArray[np.bool_]:
    """Whether each frame is louder than ``SILENCE_DBFS`` in any channel."""
    starts = np.round(np.arange(num_frames) / frames_per_s * waveform.sample_rate_hz).astype(int)
    ends = np.minimum(np.append(starts[1:], waveform.num_samples), waveform.num_samples)
    limit = 10 ** (SILENCE_DBFS / 10)
    return np.array(
        [
            np.square(waveform.samples[:, start:end], dtype=np.float64).mean(axis=1).max() > limit
            if end > start
            else False
            for start, end in zip(starts, ends, strict=True)
        ]
    )
