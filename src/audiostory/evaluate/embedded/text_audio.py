"""A network that puts sounds and words into one space, where what belongs together is close.

Sounds go through convolutions over time and frequency, words through ``WordVectors``; both end in
vectors of unit length, whose cosine is the embedded counterpart of a CLAP score (contrastive
learning of sound and language: Elizalde et al. 2206.04769, Wu et al. 2211.06687).

Shapes: ``B`` windows, ``T`` mel frames, ``M`` bands, ``Q`` texts, ``D`` width of the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.embedded.spectrum import (
    WIDE,
    MelConfig,
    mel_power,
    reference_of,
    scaled,
)
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.evaluate.tagger import ImageBlock


@dataclass(frozen=True, kw_only=True)
class TextAudioConfig:
    """How the network is built."""

    mel: MelConfig = field(default=WIDE)
    widths: tuple[int, ...] = (24, 48, 96, 160)
    """Channels of the convolutions."""
    word_width: int = 128
    """Width of the word pieces' vectors."""
    hidden_width: int = 256
    """Width inside the two projections."""
    dimension: int = 128
    """Width of the common space."""
    window_s: float = 5.12
    """Length of what is heard at once."""
    hop_s: float = 2.56
    """Time from window to window."""

    @property
    def window_frames(self) -> int:
        """Mel frames of one window."""
        return round(self.window_s * self.mel.frames_per_s)

    @property
    def hop_frames(self) -> int:
        """Mel frames from window to window."""
        return round(self.hop_s * self.mel.frames_per_s)


def _projection(width_in: int, config: TextAudioConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width_in, config.hidden_width),
        nn.GELU(),
        nn.Linear(config.hidden_width, config.dimension),
    )


class TextAudioNetwork(nn.Module):
    """Sounds and words in one space.

    Args:
        config: sizes.
        words: the text encoder; it stays as it is while the rest learns.
    """

    def __init__(self, config: TextAudioConfig, words: WordVectors) -> None:
        super().__init__()
        self.config = config
        self.words = words.requires_grad_(requires_grad=False)
        first = config.widths[0]
        self.stem = nn.Conv2d(1, first, 5, stride=2, padding=2)
        pairs = zip((first, *config.widths), config.widths, strict=False)
        self.blocks = nn.Sequential(*(ImageBlock(before, after) for before, after in pairs))
        self.sound_side = _projection(2 * config.widths[-1], config)
        self.word_side = _projection(config.word_width, config)
        self.log_scale = nn.Parameter(torch.tensor(2.5))
        # Twice as fast on a CPU; pyright's stubs lack this overload.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def hear(self, mel_BTM: Tensor) -> Tensor:
        """Unit vectors (B, D) of windows."""
        image = mel_BTM[:, None].contiguous(memory_format=torch.channels_last)
        hidden = self.blocks(self.stem(image))
        pooled = torch.cat([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3))], dim=1)
        return nn.functional.normalize(self.sound_side(pooled), dim=1)

    def read(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (Q, D) of texts.

        Raises:
            MeasureError: if a text has no word.
        """
        return nn.functional.normalize(self.word_side(self.words(texts)), dim=1)

    @torch.inference_mode()
    def windows(self, waveform: Waveform, *, batch: int = 32) -> tuple[Tensor, Tensor]:
        """Unit vectors (B, D) of a track's windows, and where each begins in seconds (B,).

        A track shorter than a window is followed by silence; the last window of a longer one ends
        where the track ends.

        Raises:
            AudioError: if the track holds no samples.
        """
        if not waveform.num_samples:
            raise AudioError("the track holds no samples: there is nothing to hear")
        config, power_TM = self.config, mel_power(waveform, self.config.mel)
        size, peak = config.window_frames, float(power_TM.max())
        power_TM = nn.functional.pad(power_TM, (0, 0, 0, max(0, size - len(power_TM))))
        starts = list(range(0, len(power_TM) - size + 1, config.hop_frames))
        if starts[-1] + size < len(power_TM):
            starts.append(len(power_TM) - size)
        heard = []
        for first in range(0, len(starts), batch):
            places = starts[first : first + batch]
            power_BTM = torch.stack([power_TM[place : place + size] for place in places])
            reference_B = reference_of(power_BTM, peak)
            heard.append(self.hear(scaled(power_BTM, reference_B, config.mel.floor_db)))
        return torch.cat(heard), torch.tensor(starts) / config.mel.frames_per_s
