"""A batch to its losses: the only place that knows how each is computed.

Source: AudioStory Eq. 2 (text), Eq. 3 (semantic), Eq. 5 (flow); their weighted sums (Eq. 6-8) are
a stage's ``weights``.

Shapes: ``B`` clips, ``N`` samples, ``T`` latent frames, ``C`` latent channels, ``S`` semantic
tokens, ``D`` bridge width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from audiostory.data.blocks import attention_mask
from audiostory.data.stories import IGNORED
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import BridgeTokens
from audiostory.models.codec import NanoCodec
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.flow import denoising_loss, sample_sigmas
from audiostory.models.llm import LanguageModel
from audiostory.train.spectral import energy_distance

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class CodecObjective:
    """How well the codec's decoder gives a sound back from its latents."""

    codec: NanoCodec

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``spectral``: energy distance through several windows (arXiv:2008.01160)."""
        real_BN = batch["waveform_BN"]
        with torch.no_grad():
            mel_BMF = self.codec.mel(self.codec.encode(real_BN[:, None]))
        shape = (2, len(real_BN), mel_BMF.shape[1] * self.codec.config.hop)
        noises_2BN = torch.randn(shape, generator=generator).to(mel_BMF)
        drawn_BN, again_BN = (
            made_B1N[:, 0, : real_BN.shape[1]]
            for made_B1N in self.codec.decode_mel(mel_BMF, *noises_2BN)
        )
        return {"spectral": energy_distance(real_BN, drawn_BN, again_BN)}


@dataclass(frozen=True)
class FlowObjective:
    """Flow matching of single sounds under features of their captions (Eq. 5).

    With the teacher's, it makes what TangoFlux is to the released model: a DiT that knows sounds
    before it meets the LLM.
    """

    dit: DiffusionTransformer
    null_condition_1SD: Tensor
    noise_levels: str
    null_share: float = 0.1
    """How often a condition is replaced by the null condition, for guidance."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``flow``: mean squared error of the velocity."""
        return {
            "flow": conditioned_flow_loss(
                self, batch["latents_BTC"], batch["semantic_BSD"], batch["duration_B"], generator
            )
        }


def conditioned_flow_loss(
    objective: FlowObjective,
    latents_BTC: Tensor,
    condition_BSD: Tensor,
    duration_B: Tensor,
    generator: torch.Generator,
    frame_mask_BT: Tensor | None = None,
) -> Tensor:
    """The flow loss of clips, some of whose conditions give way to the null condition."""
    num_clips, device = len(latents_BTC), latents_BTC.device
    sigma_B = sample_sigmas(objective.noise_levels, num_clips, generator).to(device)
    noise_BTC = torch.randn(latents_BTC.shape, generator=generator).to(latents_BTC)
    is_null_B = torch.rand(num_clips, generator=generator).to(device) < objective.null_share
    kept_BSD = torch.where(
        is_null_B[:, None, None], objective.null_condition_1SD.to(condition_BSD), condition_BSD
    )
    return denoising_loss(
        lambda noisy_BTC, sigma_B: objective.dit(
            noisy_BTC, sigma_B, kept_BSD, duration_B, frame_mask_BT
        ),
        latents_BTC,
        noise_BTC,
        sigma_B,
        frame_mask_BT,
    )


@dataclass(frozen=True)
class TextObjective:
    """Next-token prediction of what the LLM chooses itself in a story (Eq. 2)."""

    llm: LanguageModel

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``text``: mean cross-entropy of the supervised tokens."""
        hidden_BLD = self.llm.hidden_states(batch["ids_BL"])
        return {"text": text_loss(self.llm, hidden_BLD, batch["labels_BL"])}


@dataclass(frozen=True)
class UnderstandingObjective:
    """Next-token prediction of answers about sounds heard (the text loss of Eq. 7 and 8).

    A batch holds ``ids_BL``, ``labels_BL``, ``heard_VPE`` (features of the audio encoder) and
    ``is_heard_BL`` (true on the tokens they stand in for); where several questions share a
    recording (``data/understanding/sequences.py``), also ``segments_BL`` and ``positions_BL``.
    """

    model: AudioStoryModel

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``text``: mean cross-entropy of the supervised tokens."""
        segments_BL = batch.get("segments_BL")
        hidden_BLH = self.model.llm.hidden_states(
            inputs_embeds=embedded(self.model, batch),
            attention_mask=None if segments_BL is None else attention_mask(segments_BL),
            position_ids=batch.get("positions_BL"),
        )
        return {"text": text_loss(self.model.llm, hidden_BLH, batch["labels_BL"])}


def embedded(model: AudioStoryModel, batch: Batch, *, prefix: str = "") -> Tensor:
    """Input embeddings of a batch's tokens, with its sounds heard, if any, in their places.

    Args:
        model: whose embeddings and ears.
        batch: with ``ids_BL`` and perhaps ``heard_VPE`` and ``is_heard_BL``.
        prefix: of these names.

    Raises:
        ShapeError: if the model is deaf, or sounds and places do not match.
    """
    ids_BL = batch[f"{prefix}ids_BL"]
    if f"{prefix}heard_VPE" not in batch:
        return model.llm.embed(ids_BL)
    return model.embed_heard(ids_BL, batch[f"{prefix}heard_VPE"], batch[f"{prefix}is_heard_BL"])


def text_loss(llm: LanguageModel, hidden_BLD: Tensor, labels_BL: Tensor) -> Tensor:
    """Mean cross-entropy of the labelled tokens, each predicted from the position before it."""
    wanted_BL = labels_BL[:, 1:] != IGNORED
    logits_XV = llm.logits(hidden_BLD[:, :-1][wanted_BL])
    return functional.cross_entropy(logits_XV.float(), labels_BL[:, 1:][wanted_BL])


@dataclass(frozen=True)
class StoryObjective:
    """Bridge tokens of whole stories, with their text and their sounds (Eq. 6 to 8)."""

    model: AudioStoryModel
    has_flow: bool
    """Whether the flow loss is part of the sum; without it no sound is needed."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``semantic`` (Eq. 3), ``text`` (Eq. 2) and, with sounds, ``flow`` (Eq. 5)."""
        tokens = self.model.bridge.for_training(read_blocks(self.model, batch))
        target_XSD = batch["semantic_XSD"] * self.model.config.bridge.feature_scale
        written_BLD = self.model.llm.hidden_states(
            inputs_embeds=embedded(self.model, batch, prefix="text_")
        )
        losses = {
            "semantic": functional.mse_loss(tokens.semantic_BSD.float(), target_XSD),
            "text": text_loss(self.model.llm, written_BLD, batch["text_labels_BL"]),
        }
        if self.has_flow:
            bridge = self.model.bridge
            flow = FlowObjective(
                self.model.dit, bridge.null_condition, self.model.config.flow.noise_levels
            )
            losses["flow"] = conditioned_flow_loss(
                flow,
                batch["latents_XTC"],
                bridge.fuse(tokens).tokens_BSD,
                batch["duration_X"],
                generator,
                batch["frame_mask_XT"],
            )
        return losses


def read_blocks(model: AudioStoryModel, batch: Batch) -> BridgeTokens:
    """The bridge tokens of all clips of a packed batch, read at the markers themselves."""
    hidden_BLH = model.llm.hidden_states(
        inputs_embeds=embedded(model, batch),
        attention_mask=attention_mask(batch["segments_BL"]),
        position_ids=batch["positions_BL"],
    )
    tokens, rows_X1, starts_X1 = (
        model.config.tokens,
        batch["rows_X"][:, None],
        batch["starts_X"][:, None],
    )
    first_S = 1 + torch.arange(tokens.num_semantic, device=hidden_BLH.device)
    first_R = tokens.residual_offset + torch.arange(tokens.num_residual, device=hidden_BLH.device)
    return model.bridge.read(
        hidden_BLH[rows_X1, starts_X1 + first_S], hidden_BLH[rows_X1, starts_X1 + first_R]
    )
