"""The whole model: language model, bridge, diffusion transformer and codec, wired.

One class for every size; a size is a value (``NANO``, ``THREE_B``). The parts keep their own
files; here is how their sizes fit together and which parameters go by which name in training.
Source: AudioStory Sec. 4, Fig. 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from audiostory.errors import ConfigError
from audiostory.models.bridge import Bridge, BridgeConfig
from audiostory.models.codec import NanoCodec, NanoCodecConfig
from audiostory.models.dit import DiffusionTransformer, DitConfig
from audiostory.models.flow import FlowConfig
from audiostory.models.llm import LanguageModel, LlmConfig
from audiostory.models.vae import Autoencoder
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
    codec: NanoCodecConfig
    """The latent space; the type of the configuration names the kind of codec."""
    flow: FlowConfig = FlowConfig()
    """Noise levels in training, steps and guidance in sampling."""
    tokens: SpecialTokens = SpecialTokens()
    """Markers of the vocabulary and how many bridge tokens a clip has."""
    bridge_context: Literal["sequence", "clip"] = "sequence"
    """What a clip's bridge tokens see: everything before them (Eq. 1), or of the clips only their
    own, so that editing one caption leaves the other clips alone."""

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together.

        Raises:
            ConfigError: naming both sizes.
        """
        pairs = (
            ("bridge.llm_width", self.bridge.llm_width, "llm.hidden_size", self.llm.hidden_size),
            ("dit.condition_width", self.dit.condition_width, "bridge.width", self.bridge.width),
            (
                "dit.latent_channels",
                self.dit.latent_channels,
                "codec.latent_channels",
                self.codec.latent_channels,
            ),
            (
                "bridge.num_semantic",
                self.bridge.num_semantic,
                "tokens.num_semantic",
                self.tokens.num_semantic,
            ),
            (
                "bridge.num_residual",
                self.bridge.num_residual,
                "tokens.num_residual",
                self.tokens.num_residual,
            ),
        )
        for name, value, other_name, other in pairs:
            if value != other:
                raise ConfigError(f"{name} is {value} but {other_name} is {other}: make them equal")


CODECS: dict[type, type[Autoencoder]] = {NanoCodecConfig: NanoCodec}


def build_codec(config: NanoCodecConfig) -> Autoencoder:
    """The codec that a configuration of this type describes."""
    return CODECS[type(config)](config)


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

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.bridge.null_condition.device

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
                parameter.requires_grad_(requires_grad=True)
        return groups


NANO = AudioStoryConfig(
    name="nano",
    llm=LlmConfig(
        hidden_size=256,
        num_layers=8,
        num_heads=4,
        num_kv_heads=2,
        intermediate_size=704,
        vocab_size=4096,
        rope_theta=10_000.0,
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
        latent_channels=96,
        num_joint_blocks=3,
        num_single_blocks=8,
        num_heads=4,
        head_dim=64,
        axes_dims_rope=(16, 24, 24),
        condition_width=384,
        max_frames=400,
    ),
    codec=NanoCodecConfig(),
    flow=FlowConfig(steps=24, guidance_scale=3.0),
    tokens=SpecialTokens(
        num_semantic=8, num_residual=8, num_semantic_vocab=8, num_residual_vocab=8
    ),
    bridge_context="clip",
)
"""The model that ships with the package: MiniLM's width, 12.5 latent frames/s (docs/nano.md)."""
