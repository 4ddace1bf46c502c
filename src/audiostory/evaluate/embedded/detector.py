"""A network that finds which kinds of sound are heard when.

Convolutions over patches of time and frequency, then over time alone; every 40 ms it says of each
kind of sound how likely it is being heard. Kinds are the groups of the corpus it learnt from, and
several may sound at once.

Shapes: ``B`` windows, ``T`` mel frames, ``F`` frames of answers (half as many), ``M`` mel bands,
``G`` groups, ``D`` width of the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.embedded.spectrum import (
    NARROW,
    MelConfig,
    mel_power,
    reference_of,
    scaled,
)

STRIDE = 2
"""Mel frames for each frame of answers."""


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """What a detector hears and how it is built."""

    groups: tuple[str, ...]
    """Kinds of sound it knows."""
    mel: MelConfig = field(default=NARROW)
    widths: tuple[int, int, int] = (24, 64, 80)
    """Channels of the convolutions over time and frequency."""
    width: int = 160
    """Channels of the convolutions over time; also of the embedding."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2)
    """Of the convolutions over time: how far each looks."""
    window_s: float = 5.12
    """Length of what is heard at once."""
    hop_s: float = 2.56
    """Time from window to window; where they overlap, their answers are averaged."""

    @property
    def window_frames(self) -> int:
        """Mel frames of one window."""
        return round(self.window_s * self.mel.frames_per_s)

    @property
    def frames_per_s(self) -> float:
        """Answers of one second."""
        return self.mel.frames_per_s / STRIDE


class TimeBlock(nn.Module):
    """A residual pair of convolutions over time, the first of them dilated."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, hidden_BDF: Tensor) -> Tensor:
        """The block's input plus what it adds."""
        return nn.functional.gelu(hidden_BDF + self.body(hidden_BDF))


def _patches(width_in: int, width: int, *, stride: tuple[int, int]) -> list[nn.Module]:
    return [
        nn.Conv2d(width_in, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.GELU(),
    ]


class SoundDetector(nn.Module):
    """Finds kinds of sound in mel levels, frame by frame."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.widths
        self.patches = nn.Sequential(
            nn.Conv2d(1, first, 5, stride=(STRIDE, 2), padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.GELU(),
            *_patches(first, second, stride=(1, 2)),
            *_patches(second, third, stride=(1, 2)),
        )
        self.stem = nn.Conv1d(third * -(-config.mel.num_mels // 8), config.width, 1)
        self.blocks = nn.Sequential(*(TimeBlock(config.width, one) for one in config.dilations))
        self.classify = nn.Conv1d(config.width, len(config.groups), 1)

    def forward(self, mel_BTM: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, F, G) and embeddings (B, F, D)."""
        patches = self.patches(mel_BTM[:, None])
        hidden_BDF = self.blocks(self.stem(patches.transpose(2, 3).flatten(1, 2)))
        return self.classify(hidden_BDF).transpose(1, 2), hidden_BDF.transpose(1, 2)

    @torch.inference_mode()
    def presence(self, waveform: Waveform, *, batch: int = 32) -> tuple[Tensor, Tensor]:
        """Probabilities (F, G) and embeddings (F, D) of a whole track, ``frames_per_s`` of them.

        Raises:
            AudioError: if the track holds no samples.
        """
        if not waveform.num_samples:
            raise AudioError("the track holds no samples: there is nothing to hear")
        config = self.config
        power_TM = mel_power(waveform, config.mel)
        size, hop = config.window_frames, round(config.hop_s * config.mel.frames_per_s)
        num_windows = max(1, -(-(len(power_TM) - size) // hop) + 1)
        missing = size + (num_windows - 1) * hop - len(power_TM)
        padded_TM = nn.functional.pad(power_TM, (0, 0, 0, max(0, missing)))
        peak = float(power_TM.max())
        num_answers = len(padded_TM) // STRIDE
        total_FG = torch.zeros(num_answers, len(config.groups))
        total_FD = torch.zeros(num_answers, config.width)
        weight_F1 = torch.zeros(num_answers, 1)
        fade_F1 = torch.hann_window(size // STRIDE + 2, periodic=False)[1:-1, None]
        for start in range(0, num_windows, batch):
            places = [hop * index for index in range(start, min(start + batch, num_windows))]
            power_BTM = torch.stack([padded_TM[place : place + size] for place in places])
            mel_BTM = scaled(power_BTM, reference_of(power_BTM, peak), config.mel.floor_db)
            logits_BFG, embedding_BFD = self(mel_BTM)
            for place, logits_FG, embedding_FD in zip(
                places, logits_BFG, embedding_BFD, strict=True
            ):
                span = slice(place // STRIDE, place // STRIDE + size // STRIDE)
                total_FG[span] += fade_F1 * logits_FG.sigmoid()
                total_FD[span] += fade_F1 * embedding_FD
                weight_F1[span] += fade_F1
        kept = max(1, len(power_TM) // STRIDE)
        return (total_FG / weight_F1)[:kept], (total_FD / weight_F1)[:kept]


def pooled(presence_FG: Tensor) -> Tensor:
    """Probability (G,) of each kind in a stretch: frames weighted by themselves."""
    return presence_FG.square().sum(dim=0) / presence_FG.sum(dim=0).clamp(min=1e-6)


def smoothed(presence_BFG: Tensor, width: float) -> Tensor:
    """Probabilities (B, F, G) averaged over ``width`` frames around each; at edges over fewer."""
    size = 2 * int(width / 2) + 1
    mean = nn.functional.avg_pool1d(
        presence_BFG.transpose(1, 2), size, 1, size // 2, count_include_pad=False
    )
    return mean.transpose(1, 2)
