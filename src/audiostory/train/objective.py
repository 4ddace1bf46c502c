"""A batch to its losses: the only place that knows how each is computed.

Source: AudioStory Eq. 2 (text), Eq. 3 (semantic), Eq. 5 (flow), Eq. 6 (token); their weighted sums
(Eq. 6-8) are a stage's ``weights``.

An objective that a batch can be split for (``splitting.Splittable``) says what it draws, what its
losses are means over, and what they are once all is drawn.

Shapes: ``B`` clips, ``N`` samples, ``T`` latent frames, ``C`` latent channels, ``S`` semantic
tokens, ``D`` bridge width, ``L`` LLM tokens, ``H`` their width, ``V`` vocabulary, ``X`` clips of
packed stories, ``2`` the markers around T_semantic; in ``heard_VPE``, ``V`` windows of all sounds
heard, ``P`` positions of one, ``E`` width of a feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from audiostory.data.blocks import attention_mask
from audiostory.data.stories import IGNORED, TERMS
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import BridgeTokens
from audiostory.models.codec import NanoCodec
from audiostory.models.flow import denoising_loss, sample_sigmas
from audiostory.models.llm import LanguageModel
from audiostory.train.spectral import energy_distance
from audiostory.train.splitting import Batch

TOLD = frozenset({"text", *(f"reason.{term}" for term in TERMS)})
"""Losses of stories as text: all of it, or the terms of L_reason apart (Eq. 2)."""


@dataclass(frozen=True)
class CodecObjective:
    """How well the codec's decoder gives a sound back from its latents."""

    codec: NanoCodec

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``spectral``: energy distance through several windows (arXiv:2008.01160).

        It is relative to the level of the whole batch, so that parts of a batch do not add up.
        """
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

    model: AudioStoryModel
    noise_levels: str | None = None
    """How t of Eq. 5 is drawn; None is the model's own way."""
    null_share: float = 0.0
    """How often a condition is replaced by the null condition, for guidance."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``flow``: mean squared error of the velocity."""
        return self.losses({**batch, **self.draw(batch, generator)})

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Noise levels, noise, and which conditions are left out."""
        sigma_B, noise_BTC, is_null_B = flow_draws(self, batch["latents_BTC"], generator)
        return {"sigma_B": sigma_B, "noise_BTC": noise_BTC, "is_null_B": is_null_B}

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """Every clip counts the same."""
        return {"flow_B": torch.ones(len(batch["latents_BTC"]))}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``flow`` at what was drawn."""
        drawn = FlowDraws(batch["sigma_B"], batch["noise_BTC"], batch["is_null_B"])
        return {
            "flow": conditioned_flow_loss(
                self, batch["latents_BTC"], batch["semantic_BSD"], batch["duration_B"], drawn
            )
        }


class FlowDraws(NamedTuple):
    """What chance decides in the flow loss of clips."""

    sigma_B: Tensor
    """Noise levels."""
    noise_BTC: Tensor
    """Noise, shaped like the latents."""
    is_null_B: Tensor
    """True where the condition gives way to the null condition."""


def flow_draws(
    objective: FlowObjective, latents_BTC: Tensor, generator: torch.Generator
) -> FlowDraws:
    """Draws for these clips: levels first, then noise, then null conditions."""
    num_clips, device = len(latents_BTC), latents_BTC.device
    levels = objective.noise_levels or objective.model.config.flow.noise_levels
    sigma_B = sample_sigmas(levels, num_clips, generator).to(device)
    noise_BTC = torch.randn(latents_BTC.shape, generator=generator).to(latents_BTC)
    is_null_B = torch.rand(num_clips, generator=generator).to(device) < objective.null_share
    return FlowDraws(sigma_B, noise_BTC, is_null_B)


def conditioned_flow_loss(
    objective: FlowObjective,
    latents_BTC: Tensor,
    condition_BSD: Tensor,
    duration_B: Tensor,
    drawn: FlowDraws,
    frame_mask_BT: Tensor | None = None,
) -> Tensor:
    """The flow loss of clips, some of whose conditions give way to the null condition."""
    model = objective.model
    null_1SD = model.bridge.null_condition.to(condition_BSD)
    kept_BSD = torch.where(drawn.is_null_B[:, None, None], null_1SD, condition_BSD)
    return denoising_loss(
        lambda noisy_BTC, sigma_B: model.dit(
            noisy_BTC, sigma_B, kept_BSD, duration_B, frame_mask_BT
        ),
        latents_BTC,
        drawn.noise_BTC,
        drawn.sigma_B,
        frame_mask_BT,
    )


@dataclass(frozen=True)
class TextObjective:
    """Next-token prediction of what the LLM chooses itself in a story (Eq. 2)."""

    llm: LanguageModel

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``text``: mean cross-entropy of the supervised tokens."""
        return self.losses(batch)

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """Every supervised token counts the same."""
        return {"text_B": supervised_tokens(batch["labels_BL"])}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``text``."""
        hidden_BLD = self.llm.hidden_states(batch["ids_BL"])
        return {"text": text_loss(self.llm, hidden_BLD, batch["labels_BL"])}


def supervised_tokens(labels_BL: Tensor) -> Tensor:
    """How many tokens of each text the text loss is a mean over."""
    return (labels_BL[:, 1:] != IGNORED).sum(dim=1)


@dataclass(frozen=True)
class UnderstandingObjective:
    """Next-token prediction of answers about sounds heard (L_text of Eq. 7 and 8).

    A batch holds ``ids_BL``, ``labels_BL``, ``heard_VPE`` (features of the audio encoder),
    ``rows_V`` (whose they are) and ``is_heard_BL`` (true on the tokens they stand in for); where
    several questions share a recording (``data/understanding/sequences.py``), also ``segments_BL``
    and ``positions_BL``.
    """

    model: AudioStoryModel

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``understanding``: mean cross-entropy of the supervised tokens."""
        return self.losses(batch)

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """Every supervised token counts the same."""
        return {"understanding_B": supervised_tokens(batch["labels_BL"])}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``understanding``."""
        segments_BL = batch.get("segments_BL")
        hidden_BLH = self.model.llm.hidden_states(
            inputs_embeds=embedded(self.model, batch),
            attention_mask=None if segments_BL is None else attention_mask(segments_BL),
            position_ids=batch.get("positions_BL"),
        )
        return {"understanding": text_loss(self.model.llm, hidden_BLH, batch["labels_BL"])}


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
    wanted: frozenset[str]
    """Which of the losses are computed; without ``flow`` no sound is needed, without one of
    ``TOLD`` no story as text."""
    noise_levels: str | None = None
    """How t of Eq. 5 is drawn; None is the model's own way."""
    null_share: float = 0.0
    """How often a clip's condition is replaced by the null condition, for guidance."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Of ``semantic`` (Eq. 3), ``token`` (Eq. 6), ``flow`` (Eq. 5) and ``TOLD`` (Eq. 2)."""
        return self.losses({**batch, **self.draw(batch, generator)})

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """With sounds, what chance decides in their flow loss."""
        if "flow" not in self.wanted:
            return {}
        sigma_X, noise_XTC, is_null_X = flow_draws(self.of_clips, batch["latents_XTC"], generator)
        return {"sigma_X": sigma_X, "noise_XTC": noise_XTC, "is_null_X": is_null_X}

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """Every clip and every supervised token counts the same."""
        clips_X = torch.ones(len(batch["starts_X"]))
        spans = {f"{name}_X": clips_X for name in self.wanted & {"semantic", "token", "flow"}}
        return spans | {
            f"{name}_B": supervised_tokens(told_labels(batch, name)) for name in self.wanted & TOLD
        }

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses at what was drawn."""
        hidden_BLH = packed_states(self.model, batch)
        tokens = self.model.bridge.for_training(bridge_tokens(self.model, batch, hidden_BLH))
        compute: dict[str, Callable[[], Tensor]] = {
            "semantic": lambda: self.semantic(batch, tokens),
            "token": lambda: boundary_loss(self.model, batch, hidden_BLH),
            "flow": lambda: self.flow(batch, tokens),
        }
        computed = {name: loss() for name, loss in compute.items() if name in self.wanted}
        return computed | (self.told(batch) if self.wanted & TOLD else {})

    def semantic(self, batch: Batch, tokens: BridgeTokens) -> Tensor:
        """Mean squared error of the text features (Eq. 3)."""
        target_XSD = batch["semantic_XSD"] * self.model.config.bridge.feature_scale
        return functional.mse_loss(tokens.semantic_BSD.float(), target_XSD)

    def told(self, batch: Batch) -> dict[str, Tensor]:
        """Next-token prediction of the stories told (Eq. 2): of all, or a mean for each term."""
        llm = self.model.llm
        hidden_BLH = llm.hidden_states(inputs_embeds=embedded(self.model, batch, prefix="text_"))
        return {
            name: text_loss(llm, hidden_BLH, told_labels(batch, name))
            for name in self.wanted & TOLD
        }

    def flow(self, batch: Batch, tokens: BridgeTokens) -> Tensor:
        """Flow matching under the fused tokens (Eq. 5)."""
        return conditioned_flow_loss(
            self.of_clips,
            batch["latents_XTC"],
            self.model.bridge.fuse(tokens).tokens_BSD,
            batch["duration_X"],
            FlowDraws(batch["sigma_X"], batch["noise_XTC"], batch["is_null_X"]),
            batch["frame_mask_XT"],
        )

    @property
    def of_clips(self) -> FlowObjective:
        """The flow loss of the clips."""
        return FlowObjective(self.model, self.noise_levels, self.null_share)


def told_labels(batch: Batch, loss: str) -> Tensor:
    """The labels ``(B, L)`` of a batch's stories as text that one of ``TOLD`` is a mean over."""
    labels_BL = batch["text_labels_BL"]
    if loss == "text":
        return labels_BL
    term = TERMS.index(loss.removeprefix("reason."))
    return labels_BL.masked_fill(batch["text_terms_BL"] != term, IGNORED)


def boundary_loss(model: AudioStoryModel, batch: Batch, hidden_BLH: Tensor) -> Tensor:
    """Mean cross-entropy of the markers before and after T_semantic (L_text^token of Eq. 6)."""
    starts_X = batch["starts_X"]
    ends_X = starts_X + 1 + model.config.tokens.num_semantic
    rows_X2 = batch["rows_X"][:, None].expand(-1, 2)
    places_X2 = torch.stack([starts_X, ends_X], dim=1)
    logits_X2V = model.llm.logits(hidden_BLH[rows_X2, places_X2 - 1])
    wanted_X2 = batch["ids_BL"][rows_X2, places_X2]
    return functional.cross_entropy(logits_X2V.flatten(0, 1).float(), wanted_X2.flatten())


def read_blocks(model: AudioStoryModel, batch: Batch) -> BridgeTokens:
    """The bridge tokens of all clips of a packed batch, read at the markers themselves."""
    return bridge_tokens(model, batch, packed_states(model, batch))


def packed_states(model: AudioStoryModel, batch: Batch) -> Tensor:
    """Last hidden states ``(B, L, H)`` of a packed batch."""
    return model.llm.hidden_states(
        inputs_embeds=embedded(model, batch),
        attention_mask=attention_mask(batch["segments_BL"]),
        position_ids=batch["positions_BL"],
    )


def bridge_tokens(model: AudioStoryModel, batch: Batch, hidden_BLH: Tensor) -> BridgeTokens:
    """The bridge tokens of all clips, from the states of their packed batch."""
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
