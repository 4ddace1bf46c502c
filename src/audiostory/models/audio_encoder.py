"""Sound as input to the LLM: a frozen Whisper encoder, pooled and projected to its width.

Used where an instruction comes with a recording to be continued or understood. What all kinds of
ears have in common is in ``ears.py``.

Sources: AudioStory Sec. 4.1; Whisper, arXiv:2212.04356.

Shapes: ``B`` recordings, ``N`` samples, ``W`` windows of one recording, ``V`` windows of all,
``F`` mel bins, ``M`` mel frames, ``P`` positions (two mel frames each), ``E`` the encoder's width,
``K`` tokens of one window, ``H`` the LLM's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiostory.errors import ShapeError
from audiostory.models.ears import windowed
from audiostory.models.vae import Autoencoder

MEL_HOP = 160
"""Samples between two mel frames."""


@dataclass(frozen=True, kw_only=True)
class AudioEncoderConfig:
    """Sizes of the audio input; the defaults are Whisper-large-v3 into Qwen2.5-3B."""

    width: int = 1280
    """Width of the encoder."""
    num_layers: int = 32
    """Layers of the encoder."""
    num_heads: int = 20
    """Attention heads of the encoder."""
    intermediate_size: int = 5120
    """Inner width of its feed-forward layers."""
    num_mels: int = 128
    """Mel bins it reads."""
    max_positions: int = 1500
    """Positions of one window: 30 s."""
    num_tokens: int = 64
    """LLM tokens per window. Not known of the release, whose code mentions 64 and 300."""
    llm_width: int = 2048
    """Width of the LLM."""
    sample_rate_hz: int = 16_000
    """Samples per second that it must be given."""


class AudioEncoder(nn.Module):
    """Recordings to LLM input embeddings; only the projector is ever trained."""

    def __init__(self, config: AudioEncoderConfig) -> None:
        from transformers import WhisperConfig, WhisperFeatureExtractor  # slow
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        super().__init__()
        self.config = config
        sizes = WhisperConfig(
            d_model=config.width,
            encoder_layers=config.num_layers,
            encoder_attention_heads=config.num_heads,
            encoder_ffn_dim=config.intermediate_size,
            num_mel_bins=config.num_mels,
            max_source_positions=config.max_positions,
        )
        self.encoder = WhisperEncoder(sizes).requires_grad_(requires_grad=False).eval()
        self.projector = nn.Sequential(
            nn.Linear(config.width, config.llm_width),
            nn.GELU(),
            nn.Linear(config.llm_width, config.llm_width),
        )
        self._extractor = WhisperFeatureExtractor(
            feature_size=config.num_mels, sampling_rate=config.sample_rate_hz, hop_length=MEL_HOP
        )

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self.config.sample_rate_hz

    @property
    def num_tokens(self) -> int:
        """LLM tokens of one window."""
        return self.config.num_tokens

    @property
    def window(self) -> int:
        """Samples of one window."""
        return 2 * self.config.max_positions * MEL_HOP

    def train(self, mode: bool = True) -> AudioEncoder:  # noqa: FBT001, FBT002
        """Set the projector's mode; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, waveform_BN: Tensor) -> Tensor:
        """Input embeddings ``(B, W * K, H)`` of mono recordings of equal length.

        Each recording is cut into windows of 30 s, the last one filled up with silence.

        Args:
            waveform_BN: samples at ``config.sample_rate_hz``.

        Raises:
            ShapeError: if there are no samples, or more than two axes.
        """
        mel_VFM = self.mel(waveform_BN)
        tokens_VKH = self.project(self.encode(mel_VFM))
        return tokens_VKH.unflatten(0, (len(waveform_BN), -1)).flatten(1, 2)

    def mel(self, waveform_BN: Tensor) -> Tensor:
        """Log-mel windows ``(V, F, M)``, those of one recording after each other.

        Raises:
            ShapeError: if there are no samples, or more than two axes.
        """
        extracted = self._extractor(
            list(windowed(waveform_BN, self.window).float().cpu().numpy()),
            sampling_rate=self.config.sample_rate_hz,
            padding="longest",
            truncation=False,
            return_tensors="pt",
        )
        return extracted["input_features"].to(waveform_BN.device)

    @torch.no_grad()
    def encode(self, mel_VFM: Tensor) -> Tensor:
        """Whisper's features ``(V, P, E)``; a window may be shorter than 30 s.

        The library's own forward takes whole windows only, the release's variable-length encoder
        any: it then uses the first positions of the table.

        Raises:
            ShapeError: if a window is longer than the table of positions.
        """
        encoder = self.encoder
        hidden_VPE = functional.gelu(encoder.conv1(mel_VFM.to(encoder.conv1.weight)))
        hidden_VPE = functional.gelu(encoder.conv2(hidden_VPE)).transpose(1, 2)
        positions = hidden_VPE.shape[1]
        if positions > self.config.max_positions:
            raise ShapeError(
                f"a window of {positions} positions, Whisper has {self.config.max_positions}: "
                "cut the recording into windows"
            )
        hidden_VPE = hidden_VPE + encoder.embed_positions.weight[:positions]
        for layer in encoder.layers:
            hidden_VPE = layer(hidden_VPE, None)
        return encoder.layer_norm(hidden_VPE)

    def features(self, waveform_BN: Tensor, codec: Autoencoder) -> Tensor:
        """Whisper's features, pooled to ``(V, K, E)``: what is worth keeping of frozen ones.

        Pooling has nothing to learn, and what is pooled already ``project`` leaves as it is.

        Raises:
            ShapeError: if there are no samples, or more than two axes.
        """
        return self.pool(self.encode(self.mel(waveform_BN)))

    def frozen(self, codec: Autoencoder) -> Mapping[str, Tensor]:
        """Whisper's weights, and how many tokens its features are pooled to."""
        return self.encoder.state_dict() | {"num_tokens": torch.tensor([self.config.num_tokens])}

    def pool(self, features_VPE: Tensor) -> Tensor:
        """Means ``(V, K, E)`` over K spans of the window."""
        pooled_VEK = functional.adaptive_avg_pool1d(
            features_VPE.transpose(1, 2), self.config.num_tokens
        )
        return pooled_VEK.transpose(1, 2)

    def project(self, features_VPE: Tensor) -> Tensor:
        """LLM embeddings ``(V, K, H)``: means over K spans of the window, projected."""
        return self.projector(self.pool(features_VPE))
