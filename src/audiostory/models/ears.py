"""Sounds as input to the LLM: what every kind of ears does, and where its tokens go.

Ears have a frozen part, whose features are computed once and kept, and an adapter that learns
(Sec. 4.3 freezes the audio encoder). The LLM reads an adapter's tokens in the places of
``SpecialTokens.video_padding``: which placeholder the release uses is not known, and this is the
only one in its vocabulary that nothing else uses.

Source: AudioStory Sec. 4.1 and 5.1; the released training code, where tokens of sounds replace
embeddings in order.

Shapes: ``B`` sequences, ``L`` LLM tokens, ``H`` the LLM's width, ``N`` samples, ``V`` windows of
all sounds heard, ``P`` positions in one, ``E`` width of a frozen feature, ``K`` LLM tokens of a
window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor
from torch.nn import functional

from audiostory.errors import ShapeError
from audiostory.models.vae import Autoencoder


class Ears(Protocol):
    """Recordings to tokens of the LLM, cut into windows of one length."""

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second that they must be given."""
        ...

    @property
    def window(self) -> int:
        """Samples of one window."""
        ...

    @property
    def num_tokens(self) -> int:
        """LLM tokens of one window."""
        ...

    def features(self, waveform_BN: Tensor, codec: Autoencoder) -> Tensor:
        """Frozen features ``(V, P, E)``, windows of one recording after each other.

        Args:
            waveform_BN: mono samples of recordings of equal length; the end is filled up with
                silence to whole windows.
            codec: the model's own, for ears that hear through its encoder.

        Raises:
            ShapeError: if there are no samples, or more than two axes.
        """
        ...

    def project(self, features_VPE: Tensor) -> Tensor:
        """LLM embeddings ``(V, K, H)``: what learns."""
        ...

    def frozen(self, codec: Autoencoder) -> Mapping[str, Tensor]:
        """The tensors that decide the features: what a cache of them is keyed by."""
        ...


def windowed(waveform_BN: Tensor, window: int) -> Tensor:
    """Windows ``(V, window)`` of mono recordings, the last one of each filled up with silence.

    Raises:
        ShapeError: if there are no samples, or more than two axes.
    """
    if waveform_BN.ndim != 2 or not waveform_BN.numel():
        raise ShapeError(f"need mono samples (B, N), got {list(waveform_BN.shape)}")
    padded_BN = functional.pad(waveform_BN, (0, -waveform_BN.shape[1] % window))
    return padded_BN.reshape(-1, window)


def with_heard(embeds_BLH: Tensor, tokens_VKH: Tensor, is_heard_BL: Tensor) -> Tensor:
    """Embeddings where tokens of sounds, in order, replace those of their places.

    Raises:
        ShapeError: if the sounds do not make as many tokens as they stand in for.
    """
    num_made, num_places = tokens_VKH.shape[:2].numel(), int(is_heard_BL.sum())
    if num_made != num_places:
        raise ShapeError(
            f"the sounds heard make {num_made} tokens, but {num_places} places are marked"
        )
    return embeds_BLH.masked_scatter(is_heard_BL.bool()[..., None], tokens_VKH.to(embeds_BLH))
