"""The diffusion transformer: noisy latents, a condition and a duration to a velocity.

The blocks are those of FLUX as the diffusers library has them; around them stand the pooled
condition and the duration token of TangoFlux.

Sources: AudioStory Sec. 4.2; TangoFlux, arXiv:2412.21037, Sec. 3; adaLN-Zero, arXiv:2212.09748.

Shapes: ``B`` clips, ``T`` latent frames, ``C`` latent channels, ``P`` patches of frames,
``S`` condition tokens, ``D`` condition width, ``F`` Fourier features, ``L`` positions in
attention (S, the duration token, P).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from diffusers.models.normalization import (
    AdaLayerNormContinuous,
    AdaLayerNormZero,
    AdaLayerNormZeroSingle,
)
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor, nn

from audiostory.errors import ConfigError, ShapeError


@dataclass(frozen=True, kw_only=True)
class DitConfig:
    """Sizes of the diffusion transformer; the defaults are TangoFlux's."""

    latent_channels: int = 64
    """Channels of one latent frame, as the autoencoder makes them."""
    patch_frames: int = 1
    """Latent frames that share one position in attention."""
    num_joint_blocks: int = 6
    """Blocks in which condition and sound have weights of their own."""
    num_single_blocks: int = 18
    """Blocks in which they share weights."""
    num_heads: int = 8
    """Attention heads."""
    head_dim: int = 128
    """Width of one head; the model's width is ``num_heads * head_dim``."""
    axes_dims_rope: tuple[int, int, int] = (16, 56, 56)
    """Rotary dimensions of the three position axes, all of which hold the patch's index."""
    condition_width: int = 1024
    """Width of a condition token: that of Flan-T5-large."""
    max_duration_s: float = 30.0
    """The duration that the duration token calls 1.0; longer clips are told apart no more."""
    max_frames: int = 645
    """Latent frames that one pass may hold; longer sounds are tiled by the renderer."""
    duration_features: int = 128
    """Learned frequencies of the duration token."""
    zero_init: bool = True
    """Start training with blocks that pass their input on and a velocity of zero (adaLN-Zero)."""

    def __post_init__(self) -> None:
        """Check the sizes against each other.

        Raises:
            ConfigError: if the rotary axes do not fill a head.
        """
        if sum(self.axes_dims_rope) != self.head_dim or any(d % 2 for d in self.axes_dims_rope):
            raise ConfigError(
                f"axes_dims_rope {self.axes_dims_rope} must be even and add up to "
                f"head_dim {self.head_dim}"
            )


class FourierFeatures(nn.Module):
    """A number as itself and as sines and cosines of learned frequencies."""

    def __init__(self, num_frequencies: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(num_frequencies))

    def forward(self, values_B: Tensor) -> Tensor:
        """Features ``(B, 1 + 2 * num_frequencies)``: the value, its sines, its cosines."""
        values_B1 = values_B[:, None]
        angles_BF = values_B1 * self.weights * (2 * math.pi)
        return torch.cat([values_B1, angles_BF.sin(), angles_BF.cos()], dim=-1)


class DurationEmbedder(nn.Module):
    """Seconds to one condition token (TangoFlux, Sec. 3)."""

    def __init__(self, width: int, *, max_duration_s: float, num_frequencies: int) -> None:
        super().__init__()
        self.max_duration_s = max_duration_s
        self.time_positional_embedding = nn.Sequential(
            FourierFeatures(num_frequencies), nn.Linear(1 + 2 * num_frequencies, width)
        )

    def forward(self, duration_B: Tensor) -> Tensor:
        """Tokens ``(B, 1, width)``; beyond ``max_duration_s`` all durations look the same."""
        share_B = (
            duration_B.to(next(self.parameters())).clamp(0, self.max_duration_s)
            / self.max_duration_s
        )
        return self.time_positional_embedding(share_B)[:, None]


def mean_of_counted(tokens_BSD: Tensor, counted_BS: Tensor | None) -> Tensor:
    """Mean ``(B, D)`` of the tokens that count; of all where nothing is said.

    Raises:
        ShapeError: if the mask does not fit the tokens, or none of a clip's tokens counts.
    """
    if counted_BS is None:
        return tokens_BSD.mean(dim=1)
    if counted_BS.shape != tokens_BSD.shape[:2] or not counted_BS.any(dim=1).all():
        raise ShapeError(
            f"need a mask {list(tokens_BSD.shape[:2])} of the condition tokens that count, "
            f"at least one per clip; got {list(counted_BS.shape)}"
        )
    weight_BS = counted_BS.to(tokens_BSD)
    return (tokens_BSD * weight_BS[..., None]).sum(dim=1) / weight_BS.sum(dim=1, keepdim=True)


class DiffusionTransformer(nn.Module):
    """Velocity of noisy latents under a condition (Sec. 4.2, Eq. 5)."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.config = config
        width = config.condition_width
        self.transformer = FluxTransformer2DModel(
            in_channels=config.latent_channels * config.patch_frames,
            num_layers=config.num_joint_blocks,
            num_single_layers=config.num_single_blocks,
            attention_head_dim=config.head_dim,
            num_attention_heads=config.num_heads,
            joint_attention_dim=width,
            pooled_projection_dim=width,
            guidance_embeds=False,
            axes_dims_rope=config.axes_dims_rope,
        )
        self.pooled_projection = nn.Sequential(nn.Linear(width, width), nn.ReLU())
        self.duration_embedder = DurationEmbedder(
            width,
            max_duration_s=config.max_duration_s,
            num_frequencies=config.duration_features,
        )
        if config.zero_init:
            self._zero_init()

    def forward(
        self,
        latents_BTC: Tensor,
        sigma_B: Tensor,
        condition_BSD: Tensor,
        duration_B: Tensor,
        frame_mask_BT: Tensor | None = None,
        counted_BS: Tensor | None = None,
    ) -> Tensor:
        """Velocity ``(B, T, C)``, from clean sound towards noise.

        Latents, conditions and levels of another type than the weights become of theirs; a walk may
        so be in float32 through a DiT in bfloat16.

        Args:
            latents_BTC: noisy latents, T a multiple of ``patch_frames``.
            sigma_B: noise level of each clip in [0, 1]; 1 is pure noise.
            condition_BSD: condition tokens; attention sees all of them, padded ones too.
            duration_B: length of each clip in seconds.
            frame_mask_BT: true where a frame belongs to its clip; the velocity of the others is
                meaningless and they influence nothing, unless they share a patch with a frame of
                the clip: fill a clip's last patch with silence. Leave the mask out when no frame
                is padding: attention without one is faster.
            counted_BS: true where a condition token counts in the pooled condition, at least once
                per clip; without it all do.

        Raises:
            ShapeError: if the tensors do not fit together or hold more than ``max_frames`` frames.
        """
        self._check(latents_BTC, sigma_B, condition_BSD, duration_B, frame_mask_BT)
        dtype = next(self.parameters()).dtype
        latents_BTC, condition_BSD = latents_BTC.to(dtype), condition_BSD.to(dtype)
        num_conditions, patch = condition_BSD.shape[1] + 1, self.config.patch_frames
        patches_BPc = latents_BTC.unflatten(1, (-1, patch)).flatten(2)
        pooled_BD = self.pooled_projection(mean_of_counted(condition_BSD, counted_BS))
        tokens_BSD = torch.cat([condition_BSD, self.duration_embedder(duration_B)], dim=1)
        index_P = torch.arange(patches_BPc.shape[1], device=latents_BTC.device)
        (velocity_BPc,) = self.transformer(
            hidden_states=patches_BPc,
            timestep=sigma_B,
            encoder_hidden_states=tokens_BSD,
            pooled_projections=pooled_BD,
            txt_ids=index_P.new_zeros(num_conditions, 3),
            img_ids=index_P[:, None].expand(-1, 3),
            joint_attention_kwargs=self._attention(frame_mask_BT, num_conditions),
            return_dict=False,
        )
        return velocity_BPc.unflatten(2, (patch, -1)).flatten(1, 2)

    def _attention(self, frame_mask_BT: Tensor | None, num_conditions: int) -> dict[str, Tensor]:
        """What attention is told: nothing where every frame counts, else who may be looked at."""
        if frame_mask_BT is None or (frame_mask_BT.device.type == "cpu" and frame_mask_BT.all()):
            return {}
        mask_BP = frame_mask_BT.bool().unflatten(1, (-1, self.config.patch_frames)).any(dim=-1)
        mask_BL = nn.functional.pad(mask_BP, (num_conditions, 0), value=True)
        return {"attention_mask": mask_BL[:, None, None, :]}

    def _check(
        self,
        latents_BTC: Tensor,
        sigma_B: Tensor,
        condition_BSD: Tensor,
        duration_B: Tensor,
        frame_mask_BT: Tensor | None,
    ) -> None:
        config = self.config
        batch, frames, channels = latents_BTC.shape
        if channels != config.latent_channels:
            raise ShapeError(
                f"latents have {channels} channels, this DiT takes {config.latent_channels}"
            )
        if frames > config.max_frames or frames % config.patch_frames:
            raise ShapeError(
                f"{frames} latent frames: this DiT takes multiples of {config.patch_frames} "
                f"up to {config.max_frames}; pad or tile them"
            )
        if condition_BSD.shape[0] != batch or condition_BSD.shape[-1] != config.condition_width:
            raise ShapeError(
                f"need conditions ({batch}, S, {config.condition_width}), "
                f"got {list(condition_BSD.shape)}"
            )
        for name, values_B in (("sigma", sigma_B), ("duration", duration_B)):
            if values_B.shape != (batch,):
                raise ShapeError(f"need one {name} per clip ({batch}), got {list(values_B.shape)}")
        if frame_mask_BT is not None and frame_mask_BT.shape != (batch, frames):
            raise ShapeError(
                f"need a frame mask ({batch}, {frames}), got {list(frame_mask_BT.shape)}"
            )

    def _zero_init(self) -> None:
        """Zero what modulates the blocks and what leaves the model."""
        modulations = (AdaLayerNormZero, AdaLayerNormZeroSingle, AdaLayerNormContinuous)
        for module in self.transformer.modules():
            if isinstance(module, modulations):
                nn.init.zeros_(module.linear.weight)
                nn.init.zeros_(module.linear.bias)
        nn.init.zeros_(self.transformer.proj_out.weight)
        nn.init.zeros_(self.transformer.proj_out.bias)
