"""Cnn14 of PANNs: 2,048 numbers and the probabilities of AudioSet's 527 classes.

Source: Kong et al., arXiv:1912.10211. Layout of the checkpoints: ``Cnn14_mAP=0.431.pth`` (32 kHz)
and ``Cnn14_16k_mAP=0.438.pth`` (16 kHz) of doi:10.5281/zenodo.3987831. Checked here against that
layout and against the formulas, not against the published numbers themselves: the files could not
be fetched where this was written.

The checkpoints store their Fourier transform as kernels of a convolution. Here ``torch.stft``
computes it: the kernels are compared with what it does, and refused if they differ; the mel bands
are those of the checkpoint.

Shapes: ``K`` windows, ``N`` samples, ``T`` frames, ``F`` frequencies, ``M`` mel bands, ``D`` width
of an embedding, ``G`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.encoders.labels import NUM_CLASSES, audioset_labels
from audiostory.evaluate.encoders.layout import Tensors, fill, read_tensors
from audiostory.evaluate.encoders.weights_file import PublishedFile, WeightsFile
from audiostory.evaluate.encoders.windows import Heard, NetworkEncoder
from audiostory.models.seeding import seeded

FLOOR = 1e-10
"""Least power told apart."""
SHORTEST_S = 0.32
"""Five halvings of time need 32 frames, 10 ms apart."""
KERNELS = "spectrogram_extractor.stft.conv_{}.weight"
"""Where checkpoints keep the kernels of their Fourier transform, real and imag."""
KERNEL_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Cnn14Config:
    """What Cnn14 hears, and its sizes."""

    name: str
    sample_rate_hz: int
    fft_size: int
    """Samples of one frame, under a periodic Hann window."""
    hop: int
    """Samples from frame to frame: 10 ms."""
    min_hz: float
    """Lower edge of the mel bands."""
    max_hz: float
    """Upper edge of the mel bands."""
    num_mels: int = 64
    widths: tuple[int, ...] = (64, 128, 256, 512, 1_024, 2_048)
    """Channels of the six blocks; the embedding is as wide as the last."""
    num_classes: int = NUM_CLASSES
    window_s: float = 10.0
    """Length of AudioSet's clips, which it was trained on; a shorter track is heard as it is."""
    hop_s: float = 10.0
    """Time from window to window."""


CNN14_32K = Cnn14Config(
    name="cnn14-32k", sample_rate_hz=32_000, fft_size=1_024, hop=320, min_hz=50, max_hz=14_000
)
CNN14_16K = Cnn14Config(
    name="cnn14-16k", sample_rate_hz=16_000, fft_size=512, hop=160, min_hz=50, max_hz=8_000
)
ZENODO = "https://zenodo.org/records/3987831/files"
CNN14_WEIGHTS = {
    "cnn14-32k": PublishedFile(
        name="Cnn14_mAP=0.431.pth",
        url=f"{ZENODO}/Cnn14_mAP%3D0.431.pth?download=1",
        sha256="0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
    ),
    "cnn14-16k": PublishedFile(
        name="Cnn14_16k_mAP=0.438.pth",
        url=f"{ZENODO}/Cnn14_16k_mAP%3D0.438.pth?download=1",
        sha256="e2ee543a27919542c2ea03eabaa70b24dcd4e6c8e05621de6b67a94e4c5058e6",
    ),
}


class MelBands(nn.Module):
    """Decibels of mel bands, Slaney's until a checkpoint brings its own."""

    melW: Tensor

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        from transformers.audio_utils import mel_filter_bank  # slow to import

        bands = mel_filter_bank(
            num_frequency_bins=config.fft_size // 2 + 1,
            num_mel_filters=config.num_mels,
            min_frequency=config.min_hz,
            max_frequency=config.max_hz,
            sampling_rate=config.sample_rate_hz,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("melW", torch.from_numpy(bands).float())

    def forward(self, power_KTF: Tensor) -> Tensor:
        """Decibels (K, T, M), 0 dB at a power of 1."""
        return 10.0 * torch.log10((power_KTF @ self.melW).clamp(min=FLOOR))


class ConvBlock(nn.Module):
    """Two convolutions over time and frequency."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, hidden_KCTM: Tensor) -> Tensor:
        """The block's output, as long as its input."""
        return relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(hidden_KCTM))))))


class Cnn14(nn.Module):
    """Six blocks, pooled over frequency and time; named as in the published checkpoints."""

    window_F: Tensor

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.config = config
        window_F = torch.hann_window(config.fft_size, periodic=True)
        self.register_buffer("window_F", window_F, persistent=False)
        self.logmel_extractor = MelBands(config)
        self.bn0 = nn.BatchNorm2d(config.num_mels)
        before = (1, *config.widths)
        for index, (width_in, width) in enumerate(zip(before, config.widths, strict=False), 1):
            self.add_module(f"conv_block{index}", ConvBlock(width_in, width))
        self.fc1 = nn.Linear(config.widths[-1], config.widths[-1])
        self.fc_audioset = nn.Linear(config.widths[-1], config.num_classes)

    def forward(self, samples_KN: Tensor) -> Heard:
        """Embeddings (K, D) after their ReLU, and probabilities (K, G), each class by itself."""
        bands_KMT1 = self.bn0(self.log_mel(samples_KN).transpose(1, 2)[..., None])
        hidden_KCTM = bands_KMT1.permute(0, 3, 2, 1)
        for index in range(1, len(self.config.widths) + 1):
            hidden_KCTM = self.get_submodule(f"conv_block{index}")(hidden_KCTM)
            if index < len(self.config.widths):
                hidden_KCTM = avg_pool2d(hidden_KCTM, 2)
        hidden_KCT = hidden_KCTM.mean(dim=3)
        pooled_KC = hidden_KCT.amax(dim=2) + hidden_KCT.mean(dim=2)
        embeddings_KD = relu(self.fc1(pooled_KC))
        return embeddings_KD, self.fc_audioset(embeddings_KD).sigmoid()

    def log_mel(self, samples_KN: Tensor) -> Tensor:
        """Decibels (K, T, M) of frames centred on every 10 ms, the edges mirrored."""
        spectrum_KFT = torch.stft(
            samples_KN,
            self.config.fft_size,
            hop_length=self.config.hop,
            window=self.window_F,
            pad_mode="reflect",
            return_complex=True,
        )
        return self.logmel_extractor(spectrum_KFT.abs().square().transpose(1, 2))


def fourier_kernels(config: Cnn14Config) -> Tensors:
    """The kernels (F, 1, N) that a checkpoint of this configuration holds, by their names."""
    times = torch.arange(config.fft_size, dtype=torch.float64)
    bins = torch.arange(config.fft_size // 2 + 1, dtype=torch.float64)
    angles = -2.0 * torch.pi * (bins[:, None] * times % config.fft_size) / config.fft_size
    window = torch.hann_window(config.fft_size, periodic=True, dtype=torch.float64)
    return {
        KERNELS.format("real"): (angles.cos() * window).float()[:, None],
        KERNELS.format("imag"): (angles.sin() * window).float()[:, None],
    }


def load_cnn14(
    config: Cnn14Config, weights: WeightsFile, *, device: torch.device | str = "cpu"
) -> NetworkEncoder:
    """Cnn14 with published weights.

    Probabilities are sigmoids; their logits, which some toolkits pass through a softmax, are
    log(p / (1 - p)).

    Args:
        config: ``CNN14_32K`` or ``CNN14_16K``, whichever the weights were trained for.
        weights: the checkpoint.
        device: where it computes.

    Raises:
        CheckpointError: if the file is damaged, holds another network, or one that hears at
            another rate.
    """
    tensors = read_tensors(weights.path, inside="model")
    _check_kernels(config, tensors, weights.path)
    with seeded(torch.Generator()):  # numbers to be replaced: torch's own generator stays as it is
        network = Cnn14(config)
    kernels = fourier_kernels(config)
    fill(network, {k: v for k, v in tensors.items() if k not in kernels}, weights.path)
    card = EncoderCard(
        name=config.name,
        checkpoint=weights.path.name,
        digest=weights.digest,
        sample_rate_hz=config.sample_rate_hz,
        window_s=config.window_s,
        hop_s=config.hop_s,
        dimension=config.widths[-1],
        labels=audioset_labels() if config.num_classes == NUM_CLASSES else (),
    )
    return NetworkEncoder(network, card, device=device, at_once=8, shortest_s=SHORTEST_S)


def _check_kernels(config: Cnn14Config, tensors: Tensors, path: Path) -> None:
    for name, expected in fourier_kernels(config).items():
        stored = tensors.get(name)
        if stored is None:
            raise CheckpointError(
                f"{path} lacks {name}: give a checkpoint of PANNs as it was published"
            )
        is_same = stored.shape == expected.shape and bool(
            (stored - expected).abs().max() < KERNEL_TOLERANCE
        )
        if not is_same:
            raise CheckpointError(
                f"{path} hears with another Fourier transform ({name} is {list(stored.shape)}) "
                f"than {config.name}: the checkpoint for {config.sample_rate_hz} Hz is "
                f"{CNN14_WEIGHTS[config.name].name}"
            )
