"""A small network that names the group of a sound, to measure what a generator's clips sound like.

A tagger is easily fooled by what its recordings have in common beside the sound: bandwidth, level,
noise floor, length. So everything is heard through the same narrow window: resampled to 8 kHz and
cut at 3.4 kHz (the narrowest sources reach 3.6), levels relative to the clip's own loudest moment,
nothing below a floor some 50 dB under it, silence around the sound cut away.

Two taggers, ``TUNING`` and ``REPORTING``, differ in front end, network and seed: what is chosen
with one is reported with the other. Learning them is the work of ``tagger_training``.

Shapes: ``B`` windows, ``T`` frames, ``M`` mel bands, ``G`` groups, ``D`` width of the embedding.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from audiostory.audio.waveform import Waveform, resample
from audiostory.errors import AudioError, CheckpointError

# fmt: off
GROUPS = (
    "rain", "thunder", "wind", "water", "fire", "dog", "cat", "birds", "insects", "footsteps",
    "doors", "glass", "bell", "clock", "vehicle", "train", "aircraft", "explosion", "gun",
    "speech", "singing", "keyboard", "woodwind", "strings",
)
# fmt: on
"""The groups of sounds that the small model is measured on."""
OTHER = "other"
"""Answer for a sound that belongs to none of the groups."""
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TaggerConfig:
    """What a tagger hears and how it is built."""

    name: str
    groups: tuple[str, ...] = GROUPS
    """Groups it can answer, besides ``OTHER``, which is its last class."""
    network: Literal["image", "sequence"] = "image"
    """Convolutions over time and frequency throughout, or over a sequence of patches."""
    widths: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of the blocks."""
    embedding_width: int = 128
    """Width of the vector by which clips are compared."""
    level: Literal["peak", "mean"] = "peak"
    """What 0 dB is: the loudest band of the loudest frame, or the mean of the sounding frames."""
    ceiling_db: float = 0.0
    """Loudest level told apart."""
    floor_db: float = -50.0
    """Quietest level told apart; the room and the recorder are mostly below."""
    sample_rate_hz: int = 8_000
    """Rate everything is resampled to first."""
    min_hz: float = 60.0
    """Lower edge of the mel bands."""
    max_hz: float = 3_400.0
    """Upper edge of the mel bands, below the bandwidth of the narrowest sources."""
    num_mels: int = 48
    """Mel bands."""
    fft_size: int = 320
    """Length of the Fourier transform in samples."""
    hop: int = 100
    """Samples from frame to frame."""
    window_s: float = 2.5
    """Length of what is judged at once."""

    @property
    def window_frames(self) -> int:
        """Frames of one window."""
        return round(self.window_s * self.sample_rate_hz / self.hop)


TUNING = TaggerConfig(name="tuning")
"""The tagger to choose models and settings with."""
REPORTING = TaggerConfig(
    name="reporting",
    network="sequence",
    widths=(16, 48, 96, 96, 96),
    level="mean",
    ceiling_db=15.0,
    floor_db=-30.0,
    num_mels=40,
    fft_size=512,
    hop=200,
    window_s=4.0,
)
"""The tagger whose numbers are reported; nothing is chosen with it."""
TAGGERS = {config.name: config for config in (TUNING, REPORTING)}


class Bands(Protocol):
    """What decides a bank of mel bands."""

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the audio."""
        ...

    @property
    def min_hz(self) -> float:
        """Lower edge of the lowest band."""
        ...

    @property
    def max_hz(self) -> float:
        """Upper edge of the highest band."""
        ...

    @property
    def num_mels(self) -> int:
        """How many bands."""
        ...

    @property
    def fft_size(self) -> int:
        """Length of the Fourier transform in samples."""
        ...


def mel_bank(config: Bands) -> Tensor:
    """Triangular bands, equally spaced in mel, as a (bins, M) matrix; each band peaks at 1."""
    edges_mel = torch.linspace(_mel(config.min_hz), _mel(config.max_hz), config.num_mels + 2)
    edges_hz = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bins_hz = torch.linspace(0.0, config.sample_rate_hz / 2, config.fft_size // 2 + 1)[:, None]
    rising = (bins_hz - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0)


def _mel(frequency_hz: float) -> float:
    return 2595.0 * math.log10(1.0 + frequency_hz / 700.0)


def log_mel(waveform: Waveform, config: TaggerConfig) -> Tensor:
    """What a tagger hears of a clip, (T, M) in [0, 1], whatever its level and bandwidth.

    Raises:
        AudioError: if the clip is empty, silent or not finite.
    """
    samples_N = resample(waveform, config.sample_rate_hz).samples.mean(axis=0)
    if not np.isfinite(samples_N).all() or not np.abs(samples_N).max(initial=0.0) > 0:
        raise AudioError("a clip to be tagged is silent, empty or not finite: there is no sound")
    audio_N = torch.from_numpy(np.ascontiguousarray(samples_N, dtype=np.float32))
    spectrum = torch.stft(
        nn.functional.pad(audio_N / audio_N.abs().max(), (0, config.fft_size)),
        config.fft_size,
        hop_length=config.hop,
        window=torch.hann_window(config.fft_size),
        pad_mode="constant",
        return_complex=True,
    )
    power_TM = spectrum.abs().square().T @ mel_bank(config)
    levels_TM = 10.0 * torch.log10(power_TM.clamp(min=1e-12))
    return _trimmed(_scaled(levels_TM, config))


def _scaled(levels_TM: Tensor, config: TaggerConfig) -> Tensor:
    reference_db = levels_TM.max()
    if config.level == "mean":
        sounding_T = levels_TM.amax(dim=1) > reference_db - 30.0
        power = torch.pow(10.0, levels_TM[sounding_T] / 10.0).mean()
        reference_db = 10.0 * torch.log10(power)
    span_db = config.ceiling_db - config.floor_db
    return ((levels_TM - reference_db - config.floor_db) / span_db).clamp(0.0, 1.0)


def _trimmed(mel_TM: Tensor) -> Tensor:
    sounding = torch.nonzero(mel_TM.amax(dim=1) > 0)[:, 0]
    return mel_TM[int(sounding[0]) : int(sounding[-1]) + 1]


def windows(mel_TM: Tensor, config: TaggerConfig) -> Tensor:
    """Half-overlapping windows of a clip, (B, T, M); what is short is followed by silence.

    Windows that hold nothing within two thirds of the scale are left out: a tail of a sound that
    was judged already is not judged again.
    """
    frames = config.window_frames
    starts = range(0, max(len(mel_TM) - frames // 2, 1), max(frames // 2, 1))
    pieces = [mel_TM[start : start + frames] for start in starts]
    loud = [piece for piece in pieces if piece.max() > mel_TM.max() / 3]
    return torch.stack([nn.functional.pad(one, (0, 0, 0, frames - len(one))) for one in loud])


class ImageBlock(nn.Sequential):
    """Two convolutions over time and frequency, and a halving of both."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(width_in, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )


class ImageNetwork(nn.Module):
    """Convolutions over time and frequency; mean and maximum over what remains."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        widths = config.widths
        self.stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2)
        pairs = zip((widths[0], *widths), widths, strict=False)
        self.blocks = nn.Sequential(*(ImageBlock(before, after) for before, after in pairs))
        self.project = nn.Linear(2 * widths[-1], config.embedding_width)
        # Twice as fast on a CPU; pyright's stubs lack this overload.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, mel_BTM: Tensor) -> Tensor:
        """Embeddings (B, D) of windows."""
        image_B1TM = mel_BTM[:, None].contiguous(memory_format=torch.channels_last)
        hidden = self.blocks(self.stem(image_B1TM))
        pooled = torch.cat([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3))], dim=1)
        return self.project(pooled)


class SequenceBlock(nn.Module):
    """A residual pair of dilated convolutions over time."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """The block's input plus what it adds."""
        return nn.functional.gelu(hidden + self.body(hidden))


class SequenceNetwork(nn.Module):
    """Patches of time and frequency, then a sequence of them; attention chooses the moments."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        first, second, *rest = config.widths
        width = rest[0]
        self.patches = nn.Sequential(
            nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
        )
        self.stem = nn.Conv1d(second * ((config.num_mels + 3) // 4), width, 1)
        self.blocks = nn.Sequential(
            *(SequenceBlock(width, 2 ** (index % 4)) for index in range(len(rest)))
        )
        self.attention = nn.Conv1d(width, width, 1)
        self.project = nn.Linear(2 * width, config.embedding_width)

    def forward(self, mel_BTM: Tensor) -> Tensor:
        """Embeddings (B, D) of windows."""
        patches = self.patches(mel_BTM[:, None])
        hidden = self.blocks(self.stem(patches.transpose(2, 3).flatten(1, 2)))
        weights = self.attention(hidden).softmax(dim=2)
        mean = (weights * hidden).sum(dim=2)
        variance = (weights * hidden.square()).sum(dim=2) - mean.square()
        return self.project(torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1))


NETWORKS = {"image": ImageNetwork, "sequence": SequenceNetwork}


@dataclass(frozen=True)
class Tags:
    """What a tagger says of one clip."""

    probabilities: np.ndarray
    """(G+1,): per group and, last, for ``OTHER``; adds up to 1."""
    embedding: np.ndarray
    """(D,): where the clip lies in the tagger's space."""


class Tagger(nn.Module):
    """Names the group of a clip, and says where it lies among others."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        self.config = config
        self.network = NETWORKS[config.network](config)
        self.classify = nn.Linear(config.embedding_width, len(config.groups) + 1)

    @property
    def classes(self) -> tuple[str, ...]:
        """The groups and ``OTHER``, in the order of the answers."""
        return (*self.config.groups, OTHER)

    def forward(self, mel_BTM: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, G+1) and embeddings (B, D) of windows."""
        embedding_BD = self.network(mel_BTM)
        return self.classify(nn.functional.gelu(embedding_BD)), embedding_BD

    def tags(self, waveform: Waveform) -> Tags:
        """Probabilities and embedding of a clip: the means over its windows.

        Raises:
            AudioError: if the clip is empty, silent or not finite.
        """
        return self.tags_of_mel(log_mel(waveform, self.config))

    @torch.inference_mode()
    def tags_of_mel(self, mel_TM: Tensor) -> Tags:
        """The same for what ``log_mel`` returned."""
        was_training = self.training
        self.eval()
        logits_BG, embedding_BD = self(windows(mel_TM, self.config))
        self.train(was_training)
        return Tags(
            logits_BG.log_softmax(dim=1).mean(dim=0).softmax(dim=0).numpy(),
            embedding_BD.mean(dim=0).numpy(),
        )


def save_tagger(tagger: Tagger, folder: Path, *, report: dict[str, Any] | None = None) -> None:
    """Write ``tagger.json`` (config, and how it was learnt) and ``tagger.safetensors``."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in tagger.state_dict().items()}
    save_file(weights, folder / "tagger.safetensors")
    entry = {"version": FORMAT_VERSION, "config": asdict(tagger.config), "report": report or {}}
    (folder / "tagger.json").write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")


def load_tagger(folder: Path) -> Tagger:
    """The tagger that ``save_tagger`` wrote, ready to judge.

    Raises:
        CheckpointError: if files are missing, damaged or of another version.
    """
    try:
        entry = json.loads((folder / "tagger.json").read_text(encoding="utf-8"))
        if entry["version"] != FORMAT_VERSION:
            raise CheckpointError(f"{folder}: tagger version {entry['version']}: train it again")
        config = TaggerConfig(**_tuples(entry["config"]))
        tagger = Tagger(config)
        tagger.load_state_dict(load_file(folder / "tagger.safetensors"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"no tagger in {folder}: {error}; train one first") from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the tagger in {folder} is damaged: {error}") from error
    return tagger.eval()


def _tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in entry.items()}
