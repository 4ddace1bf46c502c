"""YAMNet: 521 kinds of sound in every 0.96 s, learnt from AudioSet; the one that is shipped.

Source: the AudioSet release of TensorFlow's models (Plakal and Ellis, 2020; Apache License 2.0), a
MobileNet (Howard et al., arXiv:1704.04861) behind VGGish's front end. Batch normalisation is folded
into the convolutions and all numbers are kept in half precision (``tools/yamnet_weights.py``);
answers differ from the release's by rounding, as ``tests/evaluate/encoders/test_yamnet.py`` checks
against what the release itself answered.

Shapes: ``K`` windows, ``N`` samples, ``T`` frames of 10 ms, ``M`` mel bands, ``D`` width of an
embedding, ``G`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.encoders.labels import read_labels
from audiostory.evaluate.encoders.layout import fill, read_tensors
from audiostory.evaluate.encoders.vggish import FRAME, FRAMES, HOP, SAMPLE_RATE_HZ, LogMel
from audiostory.evaluate.encoders.weights_file import WeightsFile, sha256_of
from audiostory.evaluate.encoders.windows import Heard, NetworkEncoder
from audiostory.models.seeding import seeded

SHIPPED_YAMNET = Path(__file__).parent / "weights" / "yamnet.safetensors"
"""The released weights, folded and in half precision."""
CLASSES = SHIPPED_YAMNET.with_name("yamnet_classes.csv")
"""Names of its classes, as released."""
LOG_OFFSET = 0.001
"""Added to magnitudes before the logarithm."""


@dataclass(frozen=True, kw_only=True)
class YAMNetConfig:
    """Sizes of the network."""

    first_width: int = 32
    """Channels of the first convolution, which strides by 2."""
    blocks: tuple[tuple[int, int], ...] = (
        *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
        *((512, 1),) * 5,
        *((1_024, 2), (1_024, 1)),
    )
    """Channels and stride of each separable convolution."""
    num_classes: int = 521
    hop_s: float = 0.48
    """Time from window to window, as in the release."""

    @property
    def width(self) -> int:
        """Width of the embedding."""
        return self.blocks[-1][0]


class Convolution(nn.Module):
    """A convolution and ReLU; with stride 2 padded as TensorFlow pads even sizes: at the end."""

    def __init__(self, width_in: int, width: int, size: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.is_strided = stride == 2
        padding = size // 2 if not self.is_strided else 0
        self.conv = nn.Conv2d(width_in, width, size, stride, padding, groups=groups)

    def forward(self, image_KCTM: Tensor) -> Tensor:
        """Images with time and bands divided by the stride."""
        if self.is_strided:
            image_KCTM = nn.functional.pad(image_KCTM, (0, 1, 0, 1))
        return nn.functional.relu(self.conv(image_KCTM))


class YAMNet(nn.Module):
    """One convolution and 13 separable ones, and a linear layer that classifies."""

    def __init__(self, config: YAMNetConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(LOG_OFFSET)
        layers = [Convolution(1, config.first_width, 3, 2)]
        before = config.first_width
        for width, stride in config.blocks:
            layers.append(Convolution(before, before, 3, stride, groups=before))
            layers.append(Convolution(before, width, 1, 1))
            before = width
        self.layers = nn.Sequential(*layers)
        self.classify = nn.Linear(config.width, config.num_classes)

    def embed(self, log_mel_KTM: Tensor) -> Tensor:
        """Embeddings (K, D) of windows of 96 mel frames, no more: it learnt with their padding."""
        image = log_mel_KTM[:, None].contiguous(memory_format=torch.channels_last)
        return self.layers(image).mean(dim=(2, 3))

    def forward(self, samples_KN: Tensor) -> Heard:
        """Embeddings (K, D) and probabilities (K, G) of windows of 15,600 samples."""
        embedding_KD = self.embed(self.log_mel(samples_KN))
        return embedding_KD, self.classify(embedding_KD).sigmoid()


def read_yamnet(path: Path, config: YAMNetConfig) -> YAMNet:
    """The network with the weights of a file, in single precision.

    Raises:
        CheckpointError: if the file is damaged or holds another network.
    """
    tensors = {name: tensor.float() for name, tensor in read_tensors(path).items()}
    with seeded(torch.Generator()):  # numbers to be replaced: torch's own generator stays as it is
        network = YAMNet(config)
    fill(network, tensors, path)
    # Twice as fast on a CPU; pyright's stubs lack this overload.
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network.eval()


def load_yamnet(
    weights: WeightsFile | None = None,
    config: YAMNetConfig | None = None,
    *,
    device: torch.device | str = "cpu",
) -> NetworkEncoder:
    """YAMNet as shipped, or with other weights in the same layout.

    Windows are 0.975 s long (96 frames, the last of which reaches 15 ms beyond 0.96 s) and begin
    every 0.48 s; the release follows the end of a track with silence, here a last window ends where
    the track ends.

    Args:
        weights: a file; None is the one that is shipped.
        config: sizes; None is the released network.
        device: where it computes.

    Raises:
        CheckpointError: if the file is damaged or holds another network.
    """
    config = config or YAMNetConfig()
    weights = weights or WeightsFile(SHIPPED_YAMNET, sha256_of(SHIPPED_YAMNET))
    labels = read_labels(CLASSES)
    if config.num_classes != len(labels):
        labels = tuple(f"class {index}" for index in range(config.num_classes))
    card = EncoderCard(
        name="yamnet",
        checkpoint=weights.path.name,
        digest=weights.digest,
        sample_rate_hz=SAMPLE_RATE_HZ,
        window_s=((FRAMES - 1) * HOP + FRAME) / SAMPLE_RATE_HZ,
        hop_s=config.hop_s,
        dimension=config.width,
        labels=labels,
        is_embedded=True,
    )
    return NetworkEncoder(read_yamnet(weights.path, config), card, device=device, at_once=32)
