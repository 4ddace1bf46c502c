"""PaSST, through the package hear21passt: the classifier behind KL-PaSST.

Source: Koutini et al., arXiv:2110.05069; use as in stable-audio-metrics: mono at 32 kHz, peaks at
-1 dBFS, windows of 10 s every 5 s. Run here with a stand-in of the package's interface; neither the
package nor its weights can be had where this was written.

Shapes: ``K`` windows, ``N`` samples, ``D`` width of an embedding, ``G`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.encoders.labels import NUM_CLASSES, audioset_labels
from audiostory.evaluate.encoders.layout import digest_of_tensors
from audiostory.evaluate.encoders.outside import fetched_by, outside_module
from audiostory.evaluate.encoders.windows import Heard, NetworkEncoder, at_peak, at_rate

FILE = "passt-s-f128-p16-s10-ap.476-swa.pt"
WAY_OUT = (
    "in an environment with torchaudio and torchvision of your torch's version, pip install "
    "hear21passt; or leave KL (PaSST) out"
)


@dataclass(frozen=True, kw_only=True)
class PasstConfig:
    """Which PaSST, and how tracks are cut for it."""

    name: str = "passt"
    arch: str = "passt_s_swa_p16_128_ap476"
    """The package's default, mAP 0.476 on AudioSet."""
    sample_rate_hz: int = 32_000
    dimension: int = 768
    window_s: float = 10.0
    """Length it was trained on; a shorter track is followed by silence."""
    hop_s: float = 5.0
    """Time from window to window."""
    peak_dbfs: float | None = -1.0
    """Level that each track's peak is brought to; None leaves tracks as they are."""


class Passt(nn.Module):
    """The package's model, its one output taken apart into logits and features."""

    def __init__(self, model: nn.Module, config: PasstConfig) -> None:
        super().__init__()
        self.model = model
        self._dimension = config.dimension

    def forward(self, samples_KN: Tensor) -> Heard:
        """Embeddings (K, D) and probabilities (K, G): sigmoids.

        KL-PaSST takes a softmax of the mean logits of all windows; a logit is log(p / (1 - p)).
        """
        joined = self.model(samples_KN)
        if joined.shape[1] != NUM_CLASSES + self._dimension:
            raise CheckpointError(
                f"PaSST answered with {joined.shape[1]} numbers, not with {NUM_CLASSES} classes "
                f"and {self._dimension} features: use hear21passt 0.0.26"
            )
        return joined[:, NUM_CLASSES:], joined[:, :NUM_CLASSES].sigmoid()


def load_passt(
    config: PasstConfig | None = None,
    given: Path | str | None = None,
    *,
    device: torch.device | str = "cpu",
) -> NetworkEncoder:
    """PaSST with the weights that hear21passt fetches into torch's cache.

    Args:
        config: which one; None is the package's default.
        given: refused: the package knows its own weights.
        device: where it computes.

    Raises:
        MissingExtraError: if the package or what it needs is not installed.
        CheckpointError: if it cannot fetch its weights, or ``given`` is not None.
    """
    config = config or PasstConfig()
    place = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    by_hand = (
        "put https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset/"
        f"{FILE} at {place}; or leave KL (PaSST) out"
    )
    if given is not None:
        raise CheckpointError(f"hear21passt loads its own weights, not {given}: {by_hand}")
    base: Any = outside_module("hear21passt.base", way_out=WAY_OUT)
    model = fetched_by(
        "hear21passt", lambda: base.get_basic_model(mode="all", arch=config.arch), way_out=by_hand
    )
    card = EncoderCard(
        name=config.name,
        checkpoint=config.arch,
        digest=digest_of_tensors(model.state_dict())[:12],
        sample_rate_hz=config.sample_rate_hz,
        window_s=config.window_s,
        hop_s=config.hop_s,
        dimension=config.dimension,
        channels="mono (mean)" + level_of(config.peak_dbfs),
        labels=audioset_labels(),
    )
    return NetworkEncoder(
        Passt(model, config), card, device=device, at_once=4, prepare=partial(_levelled, config)
    )


def _levelled(config: PasstConfig, waveform: Waveform) -> Waveform:
    """The track as it is heard, its peak found after the change of rate, as toolkits do."""
    heard = at_rate(waveform, config.sample_rate_hz)
    return heard if config.peak_dbfs is None else at_peak(heard, config.peak_dbfs)


def level_of(peak_dbfs: float | None) -> str:
    """What a card says of the level that tracks are brought to."""
    return "" if peak_dbfs is None else f", peak {peak_dbfs:g} dBFS"
