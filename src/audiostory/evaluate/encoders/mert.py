"""MERT: a music model whose layers audioldm_eval measures since September 2024.

Source: Li et al., arXiv:2306.00107. ``m-a-p/MERT-v1-95M`` is a HuBERT under another name: its
weights go into ``HubertModel`` one for one, where its own code would have to be trusted and run.
(That code, under a recent torch, leaves the positional convolution random, since its weights are
called otherwise; here that is not possible.) Run here with small random weights in this layout; the
published weights could not be fetched where this was written.

How audioldm_eval at 8dc07ee uses it: the whole file at 24 kHz, each of the 13 layers' time averages
a sample of its own, both as "features" and as "logits". ``layers_of`` gives those rows.

Shapes: ``K`` windows, ``N`` samples, ``J`` layers, ``T`` frames, ``D`` width of a layer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from audiostory.errors import CheckpointError, MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard, Floats
from audiostory.evaluate.encoders.hub_folder import ModelFolder
from audiostory.evaluate.encoders.layout import fill, read_tensors
from audiostory.evaluate.encoders.windows import Heard, NetworkEncoder
from audiostory.models.seeding import seeded

WEIGHT_NORM = {
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}
"""How torch called the parts of a weight-normed convolution, and how it calls them now."""
UNKNOWN = ("feature_extractor_cqt", "deepnorm")
"""Parts of other MERTs that HuBERT has not."""
VARIANCE_FLOOR = 1e-7
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("hidden_act", "layer_norm_eps", "feat_extract_norm", "feat_extract_activation"),
    *("feat_proj_layer_norm", "conv_dim", "conv_stride", "conv_kernel", "conv_bias"),
    *("num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "do_stable_layer_norm"),
    *("mask_time_prob", "mask_feature_prob"),
)
"""What of its configuration decides what a HuBERT computes, and which weights it has."""


@dataclass(frozen=True, kw_only=True)
class MertConfig:
    """Where a MERT comes from, and how tracks are cut for it."""

    name: str = "mert"
    repo: str = "m-a-p/MERT-v1-95M"
    """Repository of the hub it is fetched from where no folder is given."""
    window_s: float = 10.0
    """Length heard at once; a shorter track is heard as it is."""
    hop_s: float = 10.0
    """Time from window to window."""
    shortest_s: float = 0.1
    """Least that the convolutions can hear, well above their 400 samples."""


class Mert(nn.Module):
    """Time averages of a HuBERT's layers, the input to the first among them."""

    def __init__(self, model: nn.Module, *, normalizes: bool) -> None:
        super().__init__()
        self.model = model
        self._normalizes = normalizes

    def forward(self, samples_KN: Tensor) -> Heard:
        """The averages of all layers of a window in one row (K, J * D)."""
        if self._normalizes:
            mean = samples_KN.mean(dim=1, keepdim=True)
            variance = samples_KN.var(dim=1, keepdim=True, correction=0)
            samples_KN = (samples_KN - mean) / (variance + VARIANCE_FLOOR).sqrt()
        layers = self.model(samples_KN, output_hidden_states=True).hidden_states
        return torch.stack([layer.mean(dim=1) for layer in layers], dim=1).flatten(1), None


def layers_of(embeddings: Floats, num_layers: int = 13) -> Floats:
    """Each layer's time averages (K, J, D), from embeddings (K, J * D) of windows.

    Raises:
        MeasureError: if a row is no whole number of layers.
    """
    if embeddings.shape[1] % num_layers:
        raise MeasureError(
            f"{embeddings.shape[1]} numbers are no {num_layers} layers: these are not MERT's"
        )
    return embeddings.reshape(len(embeddings), num_layers, -1)


def load_mert(
    config: MertConfig, folder: ModelFolder, *, device: torch.device | str = "cpu"
) -> NetworkEncoder:
    """A MERT that is a HuBERT by its parts, such as the 95M one.

    Raises:
        CheckpointError: if the folder is incomplete, or holds a MERT with parts of its own; the
            message lists what does not fit.
    """
    from transformers import HubertConfig, HubertModel

    stored = _json(folder, "config.json")
    _check_kind(stored, folder)
    hubert = HubertConfig(**{key: stored[key] for key in SIZES if key in stored})
    with seeded(torch.Generator()):  # numbers to be replaced: torch's own generator stays as it is
        network = HubertModel(hubert)
    fill(network, _current_names(read_tensors(folder.weights.path)), folder.weights.path)
    processor = _json(folder, "preprocessor_config.json")
    card = EncoderCard(
        name=config.name,
        checkpoint=folder.name,
        digest=folder.weights.digest,
        sample_rate_hz=int(processor["sampling_rate"]),
        window_s=config.window_s,
        hop_s=config.hop_s,
        dimension=(hubert.num_hidden_layers + 1) * hubert.hidden_size,
    )
    return NetworkEncoder(
        Mert(network, normalizes=bool(processor.get("do_normalize", True))),
        card,
        device=device,
        at_once=2,
        shortest_s=config.shortest_s,
    )


def _json(folder: ModelFolder, name: str) -> dict[str, Any]:
    try:
        return json.loads((folder.path / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder.path / name} is missing or damaged ({error}): fetch the whole folder again"
        ) from error


def _check_kind(stored: dict[str, Any], folder: ModelFolder) -> None:
    others = [name for name in UNKNOWN if stored.get(name)]
    if stored.get("attention_relax", -1.0) > 0:
        others.append("attention_relax")
    if others:
        raise CheckpointError(
            f"{folder.path} is a MERT with parts that HuBERT has not ({', '.join(others)}): give "
            "MERT-v1-95M, which audioldm_eval uses"
        )


def _current_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in WEIGHT_NORM.items():
            name = name.replace(f"pos_conv_embed.{old}", f"pos_conv_embed.{new}")
        renamed[name] = tensor
    return renamed
