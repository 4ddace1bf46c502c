"""OpenL3, through torchopenl3 or openl3: the space of FD-OpenL3, in stereo.

Source: Cramer et al., ICASSP 2019 (OpenL3); use as in stable-audio-metrics (Evans et al.,
arXiv:2404.10301): peaks at -1 dBFS, 48 kHz, left and right embedded apart and joined to 1,024
numbers, mono doubled, of more channels the first two; windows of 1 s every 0.5 s, the first centred
on the beginning. There the last window is filled up with silence, here it ends where the track
ends. Run here with stand-ins of the packages' interfaces; neither their weights nor openl3 itself
can be had where this was written.

Shapes: ``K`` windows, ``N`` samples, ``D`` width of one channel's embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError, MissingExtraError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, Floats
from audiostory.evaluate.encoders.layout import digest_of_tensors
from audiostory.evaluate.encoders.outside import fetched_by, outside_module
from audiostory.evaluate.encoders.passt import level_of
from audiostory.evaluate.encoders.windows import Heard, at_peak, at_rate, hear_windows

WAY_OUT = (
    "pip install torchopenl3 (with its librosa and resampy), or openl3 in an environment with its "
    "TensorFlow; or leave FD (OpenL3) out"
)
CHANNELS = {1: "mono (mean)", 2: "stereo (mono doubled, the first two of more)"}
"""What becomes of a track's channels, by how many are heard."""
Embed = Callable[[Floats], Floats]
"""Embeddings (K, D) of windows (K, N) of one channel at 48 kHz."""


@dataclass(frozen=True, kw_only=True)
class OpenL3Config:
    """Which OpenL3, and how tracks are cut for it."""

    name: str = "openl3"
    input_repr: Literal["mel256", "mel128", "linear"] = "mel256"
    content_type: Literal["env", "music"] = "env"
    """What it was trained on; stable-audio-metrics takes env for AudioCaps, music for MusicCaps."""
    embedding_size: Literal[512, 6144] = 512
    sample_rate_hz: int = 48_000
    window_s: float = 1.0
    hop_s: float = 0.5
    channels: Literal[1, 2] = 2
    peak_dbfs: float | None = -1.0
    """Level that each track's peak is brought to; None leaves tracks as they are."""

    @property
    def checkpoint(self) -> str:
        """What this choice is called."""
        return f"openl3-{self.input_repr}-{self.content_type}-{self.embedding_size}"


class OpenL3Encoder:
    """Hears each channel by itself, and joins what it heard."""

    def __init__(self, embed: Embed, card: EncoderCard, config: OpenL3Config) -> None:
        self.card = card
        self._embed = embed
        self._config = config

    def hear(self, waveform: Waveform) -> Features:
        """Embeddings (K, D) or, in stereo, (K, 2 * D); the first window begins at -0.5 s.

        Raises:
            AudioError: if the track holds no samples.
        """
        config = self._config
        if config.peak_dbfs is not None:
            waveform = at_peak(waveform, config.peak_dbfs)
        heard = at_rate(waveform, config.sample_rate_hz, channels=config.channels)
        lead = round(config.window_s * config.sample_rate_hz / 2)
        led = Waveform(np.pad(heard.samples, ((0, 0), (lead, 0))), heard.sample_rate_hz)
        features = hear_windows(led, self.card, self._forward, at_once=16, channels=config.channels)
        starts_s = features.starts_s - np.float32(lead / config.sample_rate_hz)
        return Features(features.embeddings, starts_s, features.window_s)

    def _forward(self, samples: Floats) -> Heard:
        sides = [samples] if samples.ndim == 2 else [samples[:, 0], samples[:, 1]]
        joined = np.concatenate([self._embed(side) for side in sides], axis=1)
        return torch.from_numpy(joined), None


def load_openl3(
    config: OpenL3Config | None = None,
    given: Path | str | None = None,
    *,
    device: torch.device | str = "cpu",
) -> OpenL3Encoder:
    """OpenL3 with the weights that the package fetches: torchopenl3 if it loads, else openl3.

    Which one it is stands in the card: that both give the same numbers was not checked here.

    Args:
        config: which one; None is what FD-OpenL3 on AudioCaps takes.
        given: refused: the packages know their own weights.
        device: where torchopenl3 computes; TensorFlow chooses for itself.

    Raises:
        MissingExtraError: if neither package loads.
        CheckpointError: if the package cannot fetch its weights, or ``given`` is not None.
    """
    config = config or OpenL3Config()
    if given is not None:
        raise CheckpointError(
            f"OpenL3's packages load their own weights, not {given}: leave it out"
        )
    try:
        embed, package, sha256 = _with_torch(config, device)
    except MissingExtraError:
        embed, package, sha256 = _with_tensorflow(config)
    card = EncoderCard(
        name=config.name,
        checkpoint=f"{config.checkpoint} ({package})",
        digest=sha256[:12],
        sample_rate_hz=config.sample_rate_hz,
        window_s=config.window_s,
        hop_s=config.hop_s,
        dimension=config.embedding_size * config.channels,
        channels=CHANNELS[config.channels] + level_of(config.peak_dbfs),
    )
    return OpenL3Encoder(embed, card, config)


def _with_torch(config: OpenL3Config, device: torch.device | str) -> tuple[Embed, str, str]:
    core: Any = outside_module("torchopenl3.core", way_out=WAY_OUT)
    asked = (config.input_repr, config.content_type, config.embedding_size)
    file = "torchopenl3_{}_{}_{}.pth.tar".format(*asked)
    place = Path(torch.hub.get_dir()) / "checkpoints" / file
    model: nn.Module = fetched_by(
        "torchopenl3",
        lambda: core.load_audio_embedding_model(*asked),
        way_out=f"put {core.get_model_path(*asked)} at {place}; or leave FD (OpenL3) out",
    )
    model = model.eval().to(device)

    @torch.inference_mode()
    def embed(samples: Floats) -> Floats:
        windows_K1N: Tensor = torch.from_numpy(np.ascontiguousarray(samples))[:, None].to(device)
        return model(windows_K1N).flatten(1).float().cpu().numpy()

    return embed, "torchopenl3", digest_of_tensors(model.state_dict())


def _with_tensorflow(config: OpenL3Config) -> tuple[Embed, str, str]:
    openl3: Any = outside_module("openl3", way_out=WAY_OUT)
    model: Any = fetched_by(
        "openl3",
        lambda: openl3.models.load_audio_embedding_model(
            input_repr=config.input_repr,
            content_type=config.content_type,
            embedding_size=config.embedding_size,
        ),
        way_out="install openl3 again, which brings them; or leave FD (OpenL3) out",
    )

    def embed(samples: Floats) -> Floats:
        rates = [config.sample_rate_hz] * len(samples)
        embeddings, _ = openl3.get_audio_embedding(
            list(samples), rates, model=model, center=False, hop_size=config.hop_s, verbose=False
        )
        return np.concatenate([np.asarray(one, np.float32)[:1] for one in embeddings])

    arrays = {f"{i:04}": torch.from_numpy(np.array(a)) for i, a in enumerate(model.get_weights())}
    return embed, "openl3", digest_of_tensors(arrays)
