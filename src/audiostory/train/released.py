"""The training objective as the released code has it: one clip per sequence, one forward for all.

``objective.py`` has the same losses for whole stories. Here text and bridge tokens of one clip are
read from one sequence under masks, and sounds heard stand in for token embeddings. With
``BridgeConfig.training_divides = "twice"`` the numbers are the released ones. Noise is drawn first,
then its level; the weights of the sum are a stage's.

Sources: the released training code; AudioStory Eq. 2, 3 and 5.

Shapes: ``B`` sequences and their clips, ``L`` LLM tokens, ``H`` LLM width, ``S`` semantic tokens,
``R`` residual tokens, ``D`` bridge width, ``T`` latent frames, ``C`` latent channels, ``V``
windows of sound heard, ``P`` positions in one, ``E`` width of the audio encoder, ``K`` LLM tokens
of one, ``1`` a broadcast axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from audiostory.errors import ShapeError
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import BridgeTokens, Condition
from audiostory.models.flow import denoising_loss, sample_sigmas
from audiostory.train.objective import embedded, supervised_tokens, text_loss
from audiostory.train.splitting import Batch


@dataclass(frozen=True)
class ReleasedObjective:
    """The losses of sequences with one clip each.

    A batch holds ``ids_BL``, ``attention_BL`` (true on real tokens), ``labels_BL``,
    ``is_semantic_BL`` and ``is_residual_BL`` (true on bridge tokens), ``semantic_BSD`` (text
    features), ``latents_BTC`` and ``duration_B``; with sounds heard also ``heard_VPE`` (features
    of the audio encoder) and ``is_heard_BL`` (true on the tokens they stand in for).
    """

    model: AudioStoryModel
    noise_levels: str | None = None
    """How t of Eq. 5 is drawn; None is the model's own way."""
    divides: str | None = None
    """How often ``feature_scale`` divides on the way to the DiT; None is the model's own way."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """``semantic`` (Eq. 3), ``text`` (Eq. 2) and ``flow`` (Eq. 5)."""
        return self.losses({**batch, **self.draw(batch, generator)})

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Noise, then noise levels."""
        latents_BTC = batch["latents_BTC"]
        levels = self.noise_levels or self.model.config.flow.noise_levels
        noise_BTC = torch.randn(latents_BTC.shape, generator=generator).to(latents_BTC)
        sigma_B = sample_sigmas(levels, len(latents_BTC), generator).to(latents_BTC.device)
        return {"noise_BTC": noise_BTC, "sigma_B": sigma_B}

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """Every clip and every supervised token counts the same."""
        clips_B = torch.ones(len(batch["latents_BTC"]))
        text_B = supervised_tokens(batch["labels_BL"])
        return {"semantic_B": clips_B, "text_B": text_B, "flow_B": clips_B}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses at the noise and the noise levels that were drawn."""
        bridge = self.model.bridge
        hidden_BLH = self.hidden_states(batch)
        tokens = self.tokens(batch, hidden_BLH)
        target_BSD = batch["semantic_BSD"] * bridge.config.feature_scale
        condition, duration_B = bridge.fuse(tokens), batch["duration_B"]
        return {
            "semantic": functional.mse_loss(tokens.semantic_BSD.float(), target_BSD),
            "text": text_loss(self.model.llm, hidden_BLH, batch["labels_BL"]),
            "flow": self.flow(
                condition, duration_B, batch["latents_BTC"], batch["noise_BTC"], batch["sigma_B"]
            ),
        }

    def flow(
        self,
        condition: Condition,
        duration_B: Tensor,
        latents_BTC: Tensor,
        noise_BTC: Tensor,
        sigma_B: Tensor,
    ) -> Tensor:
        """The flow loss under each clip's condition; none gives way to the null condition."""
        return denoising_loss(
            lambda noisy_BTC, sigma_B: self.model.dit(
                noisy_BTC, sigma_B, condition.tokens_BSD, duration_B
            ),
            latents_BTC,
            noise_BTC,
            sigma_B,
        )

    def hidden_states(self, batch: Batch) -> Tensor:
        """Last hidden states ``(B, L, H)`` of sequences, with sounds heard in their places.

        Raises:
            ShapeError: if the model is deaf, or sounds and places do not match.
        """
        return self.model.llm.hidden_states(
            inputs_embeds=embedded(self.model, batch), attention_mask=batch["attention_BL"]
        )

    def tokens(self, batch: Batch, hidden_BLH: Tensor) -> BridgeTokens:
        """The bridge tokens that are supervised and fused, read at the marked positions.

        Raises:
            ShapeError: if a sequence does not mark the bridge tokens of exactly one clip.
        """
        config = self.model.bridge.config
        read = self.model.bridge.read(
            _marked(hidden_BLH, batch["is_semantic_BL"], config.num_semantic),
            _marked(hidden_BLH, batch["is_residual_BL"], config.num_residual),
        )
        return self.model.bridge.for_training(read, self.divides)


def _marked(hidden_BLH: Tensor, is_marked_BL: Tensor, count: int) -> Tensor:
    """States ``(B, count, H)`` at the marked positions themselves."""
    counts_B = is_marked_BL.sum(dim=1)
    if not (counts_B == count).all():
        raise ShapeError(
            f"sequences mark {counts_B.tolist()} bridge tokens of a kind; each must mark the "
            f"{count} of one clip"
        )
    return hidden_BLH[is_marked_BL.bool()].unflatten(0, (-1, count))
