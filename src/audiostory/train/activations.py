"""Activations computed twice instead of kept (arXiv:1604.06174)."""

from __future__ import annotations

from audiostory.models.audiostory import AudioStoryModel


def checkpoint_activations(model: AudioStoryModel) -> None:
    """Keep only what enters the blocks of the LLM and the DiT; the backward pass computes the rest.

    In training mode the LLM's blocks, and in either mode the DiT's, cost one forward more then;
    losses and gradients stay what they are.
    """
    model.llm.network.activation_checkpointing_enable({"use_reentrant": False})
    model.dit.transformer.enable_gradient_checkpointing()
