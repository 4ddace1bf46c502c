"""A track heard window by window, some at a time, so that its length costs no memory.

``NetworkEncoder`` is the encoder behind most names: a network, its card, and where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiostory.audio.waveform import Waveform, pad, resample, to_mono
from audiostory.errors import AudioError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, Floats, windows_of

Heard = tuple[Tensor, Tensor | None]
"""Embeddings (K, D) of windows and, where the network classifies, probabilities (K, G)."""


class NetworkEncoder:
    """Hears through a network of torch, in evaluation mode and without gradients.

    Args:
        network: from samples (K, N), or (K, 2, N) for two channels, to ``Heard``.
        card: what it is; its rate and windows are how tracks are cut.
        device: where it computes.
        at_once: windows heard together; changes memory and speed, and numbers by rounding only.
        channels: as in ``windows_of``.
        shortest_s: for networks that hear any length, the least they can: a track shorter than a
            window is then heard as long as it is, followed by silence up to this length only. None
            fills its one window up with silence.
        prepare: applied to every track first, such as a change of level.
    """

    def __init__(
        self,
        network: nn.Module,
        card: EncoderCard,
        *,
        device: torch.device | str = "cpu",
        at_once: int = 16,
        channels: int = 1,
        shortest_s: float | None = None,
        prepare: Callable[[Waveform], Waveform] | None = None,
    ) -> None:
        self.card = card
        self.network = network.eval().to(device)
        self._device = torch.device(device)
        self._at_once = at_once
        self._channels = channels
        self._shortest_s = shortest_s
        self._prepare = prepare

    def hear(self, waveform: Waveform) -> Features:
        """Features of a track of any length, rate and number of channels.

        Raises:
            AudioError: if the track holds no samples.
        """
        return hear_windows(
            waveform if self._prepare is None else self._prepare(waveform),
            self.card,
            self._forward,
            at_once=self._at_once,
            channels=self._channels,
            shortest_s=self._shortest_s,
        )

    @torch.inference_mode()
    def _forward(self, samples: Floats) -> Heard:
        return self.network(torch.from_numpy(np.ascontiguousarray(samples)).to(self._device))


def hear_windows(
    waveform: Waveform,
    card: EncoderCard,
    forward: Callable[[Floats], Heard],
    *,
    at_once: int,
    channels: int = 1,
    shortest_s: float | None = None,
) -> Features:
    """Features of a track, its windows passed to ``forward`` some at a time.

    Raises:
        AudioError: if the track holds no samples.
    """
    heard = at_rate(waveform, card.sample_rate_hz, channels=channels)
    if shortest_s is not None:
        card = replace(card, window_s=min(card.window_s, max(heard.duration_s, shortest_s)))
    embeddings: list[Floats] = []
    probabilities: list[Floats] = []
    starts: list[Floats] = []
    for pieces, starts_s in batches_of_windows(heard, card, at_once=at_once, channels=channels):
        embedding_KD, probability_KG = forward(pieces)
        embeddings.append(_numbers(embedding_KD))
        starts.append(starts_s)
        if probability_KG is not None:
            probabilities.append(_numbers(probability_KG))
    return Features(
        np.concatenate(embeddings),
        np.concatenate(starts),
        card.window_s,
        np.concatenate(probabilities) if probabilities else None,
    )


def batches_of_windows(
    waveform: Waveform, card: EncoderCard, *, at_once: int, channels: int = 1
) -> Iterator[tuple[NDArray[np.float32], Floats]]:
    """The windows that ``windows_of`` cuts, at most ``at_once`` of them together.

    Args:
        waveform: a track at the encoder's rate.
        card: rate, length and hop of the windows.
        at_once: windows to a batch.
        channels: as in ``windows_of``.
    """
    size = round(card.window_s * card.sample_rate_hz)
    hop = round(card.hop_s * card.sample_rate_hz)
    length = size + (at_once - 1) * hop
    first = 0
    while True:
        stretch = Waveform(waveform.samples[:, first : first + length], waveform.sample_rate_hz)
        pieces, starts_s = windows_of(stretch, card, channels=channels)
        yield pieces, starts_s + np.float32(first / card.sample_rate_hz)
        if first + length >= waveform.num_samples:
            return
        first = min(first + at_once * hop, waveform.num_samples - size)


def at_rate(waveform: Waveform, sample_rate_hz: int, *, channels: int = 1) -> Waveform:
    """The track as it is heard: at a rate, and as the mean of its channels where one is wanted.

    Raises:
        AudioError: if it holds no samples.
    """
    if not waveform.num_samples:
        raise AudioError("the track holds no samples: there is nothing to measure")
    heard = resample(waveform if channels > 1 else to_mono(waveform), sample_rate_hz)
    return heard if heard.num_samples else pad(heard, 1 / sample_rate_hz)  # was under a sample


def at_peak(waveform: Waveform, peak_dbfs: float) -> Waveform:
    """The track with its loudest sample at ``peak_dbfs``; silence stays as it is."""
    peak = float(np.abs(waveform.samples).max(initial=0.0))
    if not peak:
        return waveform
    gain = np.float32(10.0 ** (peak_dbfs / 20.0) / peak)
    return Waveform(waveform.samples * gain, waveform.sample_rate_hz)


def _numbers(tensor: Tensor) -> Floats:
    return tensor.detach().float().cpu().numpy()
