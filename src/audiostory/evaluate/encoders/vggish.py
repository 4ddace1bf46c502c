"""VGGish: 128 numbers for every 0.96 s of sound, the space in which FAD was defined.

Source: Hershey et al., arXiv:1609.09430; front end and weights of the AudioSet release. Layout of
the checkpoint: ``vggish-10086976.pth`` of github.com/harritaylor/torchvggish, release v0.1. Checked
here against that layout and against the formulas, not against the published numbers themselves:
the file could not be fetched where this was written.

Shapes: ``K`` windows, ``N`` samples, ``T`` frames, ``M`` mel bands, ``D`` width of an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.encoders.layout import fill, read_tensors
from audiostory.evaluate.encoders.weights_file import PublishedFile, WeightsFile
from audiostory.evaluate.encoders.windows import Heard, NetworkEncoder
from audiostory.models.seeding import seeded

VGGISH_WEIGHTS = PublishedFile(
    name="vggish-10086976.pth",
    url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
    sha256="10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b",
)
FRAMES = 96
"""Frames of one window."""
FRAME = 400
"""Samples of one frame: 25 ms."""
HOP = 160
"""Samples from frame to frame: 10 ms."""
FFT_SIZE = 512
SAMPLE_RATE_HZ = 16_000
LOG_OFFSET = 0.01
"""Added to magnitudes before the logarithm."""


@dataclass(frozen=True, kw_only=True)
class VGGishConfig:
    """Sizes of the network, and which of its outputs is the embedding."""

    output: Literal["before_relu", "after_relu"] = "before_relu"
    """The 128 numbers before or after the last ReLU. Toolkits differ: frechet_audio_distance,
    fadtk and audioldm_eval take them before it by default. None here applies the PCA, whitening
    and quantisation to 8 bits that AudioSet's released embeddings went through."""
    hop_s: float = 0.96
    """Time from window to window; 0.96 is side by side, as in the release."""
    widths: tuple[int, ...] = (64, 128, 256, 256, 512, 512)
    """Channels of the six convolutions; pooled after the first, second, fourth and sixth."""
    hidden_width: int = 4_096
    """Width of the two linear layers before the last."""
    dimension: int = 128
    """Width of the embedding."""


class LogMel(nn.Module):
    """The release's front end: log of 64 mel bands of magnitudes, 100 frames a second.

    Periodic Hann over 25 ms at the beginning of a transform of 512; bands from 125 to 7,500 Hz,
    triangles on HTK's mel scale; log(magnitude + offset).

    Args:
        offset: added to magnitudes before the logarithm; 0.01 in VGGish.
    """

    window_F: Tensor
    mel_FM: Tensor

    def __init__(self, offset: float = LOG_OFFSET) -> None:
        super().__init__()
        self.offset = offset
        from transformers.audio_utils import mel_filter_bank  # slow to import

        window_F = torch.zeros(FFT_SIZE)
        window_F[:FRAME] = torch.hann_window(FRAME, periodic=True)
        mel_FM = mel_filter_bank(
            num_frequency_bins=FFT_SIZE // 2 + 1,
            num_mel_filters=64,
            min_frequency=125.0,
            max_frequency=7_500.0,
            sampling_rate=SAMPLE_RATE_HZ,
            mel_scale="htk",
            triangularize_in_mel_space=True,
        )
        self.register_buffer("window_F", window_F, persistent=False)
        self.register_buffer("mel_FM", torch.from_numpy(mel_FM).float(), persistent=False)

    def forward(self, samples_KN: Tensor) -> Tensor:
        """Log magnitudes (K, T, M) of all whole frames."""
        spectrum_KFT = torch.stft(
            nn.functional.pad(samples_KN, (0, FFT_SIZE - FRAME)),  # a frame ends with its window
            FFT_SIZE,
            hop_length=HOP,
            window=self.window_F,
            center=False,
            return_complex=True,
        )
        magnitudes_KTF = spectrum_KFT.abs().transpose(1, 2)
        return torch.log(magnitudes_KTF @ self.mel_FM + self.offset)


class VGGish(nn.Module):
    """Six convolutions and three linear layers, named as in the published checkpoint."""

    def __init__(self, config: VGGishConfig) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.features = nn.Sequential(*_convolutions(config.widths))
        hidden, pooled = config.hidden_width, (FRAMES // 16) * (64 // 16) * config.widths[-1]
        self.embeddings = nn.Sequential(
            nn.Linear(pooled, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, config.dimension),
        )
        self.last = nn.ReLU() if config.output == "after_relu" else nn.Identity()

    def forward(self, samples_KN: Tensor) -> Heard:
        """Embeddings (K, D) of windows of 15,600 samples."""
        hidden_KCTM = self.features(self.log_mel(samples_KN)[:, None])
        flat_KX = hidden_KCTM.permute(0, 2, 3, 1).flatten(1)  # channels vary fastest
        return self.last(self.embeddings(flat_KX)), None


def _convolutions(widths: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    before = 1
    for index, width in enumerate(widths):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
        if index in (0, 1, 3, 5):
            layers.append(nn.MaxPool2d(2))
        before = width
    return layers


def vggish_card(config: VGGishConfig, weights: WeightsFile) -> EncoderCard:
    """What is to be known of VGGish with these weights."""
    ending = " after ReLU" if config.output == "after_relu" else ""
    return EncoderCard(
        name="vggish",
        checkpoint=f"{weights.path.name}{ending}",
        digest=weights.digest,
        sample_rate_hz=SAMPLE_RATE_HZ,
        window_s=((FRAMES - 1) * HOP + FRAME) / SAMPLE_RATE_HZ,
        hop_s=config.hop_s,
        dimension=config.dimension,
    )


def load_vggish(
    weights: WeightsFile,
    config: VGGishConfig | None = None,
    *,
    device: torch.device | str = "cpu",
) -> NetworkEncoder:
    """VGGish with published weights.

    Windows are 0.975 s long (96 frames, the last of which reaches 15 ms beyond 0.96 s) and begin
    every 0.96 s, as in the release; the release leaves out what remains at the end of a track, here
    a last window ends where the track ends. A shorter track is followed by silence.

    Args:
        weights: the checkpoint.
        config: sizes and output; None is the published network before its last ReLU.
        device: where it computes.

    Raises:
        CheckpointError: if the file is damaged or holds another network.
    """
    config = config or VGGishConfig()
    tensors = read_tensors(weights.path)
    with seeded(torch.Generator()):  # numbers to be replaced: torch's own generator stays as it is
        network = VGGish(config)
    fill(network, tensors, weights.path)
    return NetworkEncoder(network, vggish_card(config, weights), device=device, at_once=32)
