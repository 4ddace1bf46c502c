"""The whole model: language model, bridge, diffusion transformer and codec, wired.

One class for every size; a size is a value (``NANO``, ``THREE_B``). The parts keep their own
files; here is how their sizes fit together and which parameters go by which name in training.
Source: AudioStory Sec. 4, Fig. 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from audiostory.models.bridge import Bridge, BridgeConfig
from audiostory.models.codec import NanoCodec, NanoCodecConfig
from audiostory.models.codec_ears import CodecEars, CodecEarsConfig
from audiostory.models.dit import DiffusionTransformer, DitConfig
from audiostory.models.ears import with_heard
from audiostory.models.flow import FlowConfig
from audiostory.models.llm import LanguageModel, LlmConfig, LoraSettings
from audiostory.models.vae import Autoencoder, OobleckAutoencoder, OobleckConfig
from audiostory.story.tokens import SpecialTokens


@dataclass(frozen=True, kw_only=True)
class AudioStoryConfig:
    """Everything that decides the shape of a model and how it is sampled."""

    name: str
    """Name of the size, kept in plans and reports."""
    llm: LlmConfig
    """The reasoner's network."""
    bridge: BridgeConfig
    """From the LLM's states to the DiT's condition."""
    dit: DitConfig
    """The audio generator."""
    codec: NanoCodecConfig | OobleckConfig
    """The latent space; the type of the configuration names the kind of codec."""
    audio_encoder: AudioEncoderConfig | CodecEarsConfig | None = None
    """Ears, for instructions that come with a recording; None is deaf. The type of the
    configuration names the kind."""
    flow: FlowConfig = FlowConfig()
    """Noise levels in training, steps and guidance in sampling."""
    tokens: SpecialTokens = SpecialTokens()
    """Markers of the vocabulary and how many bridge tokens a clip has."""
    bridge_context: Literal["sequence", "clip"] = "sequence"
    """What a clip's bridge tokens see: everything before them (Eq. 1), or of the clips only their
    own, so that editing one caption leaves the other clips alone."""
    story_s: float = 75.0
    """Longest story, in seconds, that it learned to write at its own length."""
    keeps_words: bool = True
    """Events that the language model does not tell as asked, or in broken words, are told in the
    instruction's own; for models too small to be trusted with them."""
    repetition_penalty: float = 1.0
    """What the released way of decoding does to tokens that occurred; from the base model's
    generation settings. Our own way of decoding has none."""
    preferred_by: tuple[str, ...] = ()
    """Networks, each with the digest of its weights, that ranked the sounds it was tuned on by
    preference: numbers heard through them say nothing good of it (docs/training.md)."""

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together.

        Raises:
            ConfigError: naming both sizes.
        """
        llm, bridge, dit, tokens = self.llm, self.bridge, self.dit, self.tokens
        ears = self.audio_encoder
        pairs = {
            "bridge.llm_width": (bridge.llm_width, llm.hidden_size, "llm.hidden_size"),
            "bridge.num_semantic": (bridge.num_semantic, tokens.num_semantic, "tokens'"),
            "bridge.num_residual": (bridge.num_residual, tokens.num_residual, "tokens'"),
            "dit.condition_width": (dit.condition_width, bridge.width, "bridge.width"),
            "dit.latent_channels": (dit.latent_channels, self.codec.latent_channels, "codec's"),
            "audio_encoder.llm_width": (
                ears.llm_width if ears else llm.hidden_size,
                llm.hidden_size,
                "llm.hidden_size",
            ),
        }
        for name, (value, other, whose) in pairs.items():
            if value != other:
                raise ConfigError(f"{name} is {value} but {whose} is {other}: make them equal")
        if isinstance(ears, CodecEarsConfig):
            _check_hears_codec(ears, self.codec)

    @property
    def markers(self) -> list[str]:
        """Every string that must be a single id of the model's tokenizer."""
        tokens = self.tokens
        return [tokens.message_open, tokens.message_close, *tokens.added_tokens()]


CODECS: dict[type, Callable[[Any], Autoencoder]] = {
    NanoCodecConfig: NanoCodec,
    OobleckConfig: OobleckAutoencoder,
}


def build_codec(config: NanoCodecConfig | OobleckConfig) -> Autoencoder:
    """The codec that a configuration of this type describes."""
    return CODECS[type(config)](config)


def _check_hears_codec(ears: CodecEarsConfig, codec: NanoCodecConfig | OobleckConfig) -> None:
    """Refuse ears that another codec's latents would be needed for.

    Raises:
        ConfigError: naming what differs.
    """
    if not isinstance(codec, NanoCodecConfig):
        raise ConfigError(
            "these ears hear through nano's codec, and the model has another: take Whisper's "
            "(AudioEncoderConfig)"
        )
    heard = (ears.sample_rate_hz, ears.hop, ears.latent_channels)
    made = (codec.sample_rate_hz, codec.hop * codec.patch_frames, codec.latent_channels)
    if heard != made:
        raise ConfigError(
            f"the ears take (sample_rate_hz, hop, latent_channels) for {heard}, the codec has "
            f"{made}: make them equal"
        )


EARS: dict[type, Callable[[Any], AudioEncoder | CodecEars]] = {
    AudioEncoderConfig: AudioEncoder,
    CodecEarsConfig: CodecEars,
}


def build_ears(
    config: AudioEncoderConfig | CodecEarsConfig | None,
) -> AudioEncoder | CodecEars | None:
    """The ears that a configuration of this type describes; none for None."""
    return None if config is None else EARS[type(config)](config)


GROUPS = {
    "llm": r"llm\.(?!.*\.lora_)",
    "llm_lora": r"llm\..*\.lora_[AB]\.",
    "llm_norms": r"llm\..*norm\.weight",
    "llm_embeddings": r"llm\.network\.(model\.embed_tokens|lm_head)\.",
    "bridge": r"bridge\.",
    "semantic_head": r"bridge\.semantic_head\.",
    "residual_head": r"bridge\.residual_head\.",
    "fuser": r"bridge\.fuser\.",
    "null_condition": r"bridge\.null_condition$",
    "dit": r"dit\.",
    "dit.joint": r"dit\.transformer\.transformer_blocks\.",
    "dit.single": r"dit\.transformer\.single_transformer_blocks\.",
    "dit.ends": r"dit\.(?!transformer\.(single_)?transformer_blocks\.)",
    "codec": r"codec\.",
    "audio_projector": r"audio_encoder\.projector\.",
}
"""Names that training stages use for sets of parameters, as patterns of parameter names.

``llm`` is every plain weight of the language model, ``llm_lora`` its low-rank updates; the release
trained ``llm_lora``, ``llm_norms`` and ``llm_embeddings``. ``dit.ends`` is the DiT without blocks.
"""

MAY_BE_EMPTY = frozenset({"fuser", "null_condition"})
"""Parts that have nothing to learn in some variants (Fig. 11, Table 6)."""


class AudioStoryModel(nn.Module):
    """The parts of AudioStory (Fig. 2); procedures around them live in ``generate`` and ``train``.

    Build it inside ``seeding.seeded`` for weights that depend on a generator alone.
    """

    def __init__(self, config: AudioStoryConfig) -> None:
        super().__init__()
        self.config = config
        self.llm = LanguageModel(config.llm)
        self.bridge = Bridge(config.bridge)
        self.dit = DiffusionTransformer(config.dit)
        self.codec = build_codec(config.codec)
        self.audio_encoder = build_ears(config.audio_encoder)

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> AudioStoryModel:
        """The networks of a known name, a folder, or a repository of the hub.

        ``pretrained.load_pretrained`` gives the vocabulary with them; ``AudioStoryPipeline`` is
        ready to generate.

        Args:
            name_or_dir: e.g. ``nano`` or ``TencentARC/AudioStory-3B``.
            device: where they go.
            dtype: what their weights become; None takes what suits the device.

        Raises:
            CheckpointError: if there is no such model, or its files do not fit.
        """
        from audiostory.models.pretrained import load_pretrained  # which needs this class

        return load_pretrained(name_or_dir, device=device, dtype=dtype).model

    @property
    def ears(self) -> AudioEncoder | CodecEars:
        """What hears recordings.

        Raises:
            ShapeError: if nothing does.
        """
        if self.audio_encoder is None:
            raise ShapeError(
                f"there are sounds to be heard, but '{self.config.name}' has no audio_encoder: "
                "take a model with ears"
            )
        return self.audio_encoder

    def hear(self, waveform_BN: Tensor) -> Tensor:
        """Frozen features ``(V, P, E)`` of recordings (``models/ears.py``).

        Raises:
            ShapeError: if the model is deaf, or these are no mono samples.
        """
        return self.ears.features(waveform_BN, self.codec)

    def embed_heard(self, ids_BL: Tensor, heard_VPE: Tensor, is_heard_BL: Tensor) -> Tensor:
        """Input embeddings of the LLM, with sounds in the places of the tokens marked.

        Args:
            ids_BL: token ids.
            heard_VPE: frozen features of the sounds, in the order of their places.
            is_heard_BL: true on the tokens that they stand in for.

        Raises:
            ShapeError: if the model is deaf, or sounds and places do not match.
        """
        tokens_VKH = self.ears.project(heard_VPE)
        return with_heard(self.llm.embed(ids_BL), tokens_VKH, is_heard_BL)

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.bridge.null_condition.device

    @property
    def codec_dtype(self) -> torch.dtype:
        """The type in which latents become sound: float32 where the model was loaded."""
        return next(self.codec.parameters()).dtype

    def parameter_groups(self, names: Sequence[str]) -> dict[str, dict[str, nn.Parameter]]:
        """The parameters of each named group, by their names in this model.

        Args:
            names: keys of ``GROUPS``.

        Raises:
            ConfigError: for unknown groups, groups this model does not have, and groups that share
                parameters.
        """
        if unknown := [name for name in names if name not in GROUPS]:
            raise ConfigError(
                f"no parameter group '{unknown[0]}'; there are {', '.join(sorted(GROUPS))}"
            )
        groups: dict[str, dict[str, nn.Parameter]] = {}
        taken: dict[str, str] = {}
        for group in names:
            pattern = re.compile(GROUPS[group])
            groups[group] = {k: v for k, v in self.named_parameters() if pattern.match(k)}
            if not groups[group] and group not in MAY_BE_EMPTY:
                raise ConfigError(f"'{self.config.name}' has no parameters in group '{group}'")
            for parameter in groups[group]:
                if parameter in taken:
                    raise ConfigError(
                        f"groups '{taken[parameter]}' and '{group}' both hold {parameter}: "
                        "name only one of them"
                    )
                taken[parameter] = group
        return groups

    def train_only(self, names: Sequence[str]) -> dict[str, dict[str, nn.Parameter]]:
        """The named groups, after freezing every other parameter.

        Raises:
            ConfigError: as ``parameter_groups``.
        """
        groups = self.parameter_groups(names)
        self.requires_grad_(requires_grad=False)
        for parameters in groups.values():
            for parameter in parameters.values():
                parameter.requires_grad_()
        return groups


NANO = AudioStoryConfig(
    name="nano",
    llm=LlmConfig(
        hidden_size=256,
        num_layers=6,
        num_heads=4,
        num_kv_heads=2,
        intermediate_size=704,
        vocab_size=4096,
        rope_theta=1_000_000.0,
        max_positions=4096,
    ),
    bridge=BridgeConfig(
        llm_width=256,
        width=384,
        num_semantic=8,
        num_residual=8,
        feature_scale=1.0,
    ),
    dit=DitConfig(
        latent_channels=64,
        patch_frames=2,
        num_joint_blocks=2,
        num_single_blocks=6,
        num_heads=4,
        head_dim=64,
        axes_dims_rope=(16, 24, 24),
        condition_width=384,
        max_duration_s=12.0,
        max_frames=160,
        duration_features=32,
    ),
    codec=NanoCodecConfig(),
    flow=FlowConfig(
        steps=8, guidance_scale=3.0, solver="adams_bashforth", sigma_shift=1.5
    ),  # docs/solvers.md
    tokens=SpecialTokens(
        num_semantic=8, num_residual=8, num_semantic_vocab=8, num_residual_vocab=8
    ),
    bridge_context="clip",
)
"""The model that ships with the package: MiniLM's width, 12.5 latent frames/s (docs/nano.md)."""

HEARING_NANO = replace(NANO, name="nano-hearing", audio_encoder=CodecEarsConfig())
"""Nano with ears of 1.5 MB, which nothing shipped has yet (docs/understanding.md)."""

THREE_B = AudioStoryConfig(
    name="3b",
    llm=LlmConfig(
        hidden_size=2048,
        num_layers=36,
        num_heads=16,
        num_kv_heads=2,
        intermediate_size=11008,
        vocab_size=152_277,
        lora=LoraSettings(),
    ),
    bridge=BridgeConfig(llm_width=2048, width=1024, target="padded_tokens", learned_null=False),
    dit=DitConfig(),
    codec=OobleckConfig(),
    audio_encoder=AudioEncoderConfig(),
    tokens=SpecialTokens(caption_gap=" "),
    story_s=150.0,  # Table 1
    keeps_words=False,
    repetition_penalty=1.05,
)
"""The released size: Qwen2.5-3B, Flan-T5-large's width, TangoFlux's DiT, the Oobleck VAE and
Whisper-large-v3 (Sec. 5.1)."""

SIZES = {config.name: config for config in (NANO, HEARING_NANO, THREE_B)}
"""The configurations there are, by name."""
