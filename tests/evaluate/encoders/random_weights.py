"""Each encoder with small random weights in the published layout: for tests, never for numbers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from audiostory.evaluate.encoders.ast import AstConfig, load_ast
from audiostory.evaluate.encoders.clap import CLAP, load_clap
from audiostory.evaluate.encoders.cnn14 import (
    CNN14_16K,
    CNN14_32K,
    Cnn14,
    fourier_kernels,
    load_cnn14,
)
from audiostory.evaluate.encoders.encoder import AudioEncoder
from audiostory.evaluate.encoders.hub_folder import find_folder
from audiostory.evaluate.encoders.mert import MertConfig, load_mert
from audiostory.evaluate.encoders.vggish import VGGish, VGGishConfig, load_vggish
from audiostory.evaluate.encoders.weights_file import WeightsFile, sha256_of
from audiostory.models.seeding import seeded

SMALL_VGGISH = VGGishConfig(widths=(3, 4, 5, 5, 6, 6), hidden_width=7, dimension=8)
SMALL_WIDTHS = (4, 4, 4, 4, 6, 8)
SMALL_CNN14 = {
    "cnn14-32k": replace(CNN14_32K, widths=SMALL_WIDTHS),
    "cnn14-16k": replace(CNN14_16K, widths=SMALL_WIDTHS),
}
WORDS = ("<s>", "<pad>", "</s>", "<unk>", "rain", "falls", "a", "dog", "barks", "thunder")


def seeded_by(seed: int):
    return seeded(torch.Generator().manual_seed(seed))


def weights(path: Path) -> WeightsFile:
    return WeightsFile(path, sha256_of(path))


def write_vggish(path: Path, config: VGGishConfig = SMALL_VGGISH, seed: int = 0) -> WeightsFile:
    with seeded_by(seed):
        state = VGGish(config).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as old as the published one
    return weights(path)


def cnn14_state(config, seed: int = 0) -> dict[str, torch.Tensor]:
    with seeded_by(seed):
        network = Cnn14(config)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * torch.randn(buffer.shape))
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape))
        network.bn0.running_mean.fill_(-40.0)  # decibels, as they are in the published one
        network.bn0.running_var.fill_(400.0)
    return {**network.state_dict(), **fourier_kernels(config)}


def write_cnn14(path: Path, config, seed: int = 0) -> WeightsFile:
    run = {"indexes": np.arange(5), "pointer": 3}
    stored = {"iteration": 7, "model": cnn14_state(config, seed), "sampler": run}
    torch.save(stored, path, _use_new_zipfile_serialization=False)
    return weights(path)


def write_clap(folder: Path, seed: int = 0, *, fusion: bool = False) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

    audio = {
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "enable_fusion": fusion,
    }
    text = {
        "vocab_size": len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 20,
    }
    config = ClapConfig(audio_config=audio, text_config=text, projection_dim=12)
    with seeded_by(seed):
        ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def write_ast(folder: Path, seed: int = 0) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        id2label={index: f"class {index}" for index in range(11)},
    )
    with seeded_by(seed):
        ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor().save_pretrained(folder)
    return folder


def small_hubert(seed: int = 0):
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(
        hidden_size=8,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=8,
        conv_dim=(4,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    with seeded_by(seed):
        return HubertModel(config)


def write_mert(folder: Path, seed: int = 0, **changes) -> Path:
    model = small_hubert(seed)
    folder.mkdir(parents=True, exist_ok=True)
    kept = {**model.config.to_dict(), "model_type": "mert_model", "attention_relax": -1.0}
    stored = {**kept, "feature_extractor_cqt": False, "deepnorm": False, **changes}
    (folder / "config.json").write_text(json.dumps(stored))
    processor = {"do_normalize": True, "sampling_rate": 24_000, "feature_size": 1}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in model.state_dict().items()
    }
    torch.save(old, folder / "pytorch_model.bin")
    return folder


def random_encoder(name: str, folder: Path, seed: int = 0) -> AudioEncoder:
    """The encoder of this name with random weights, which are written to ``folder``."""
    place = folder / f"random-{name}"
    if name == "vggish":
        encoder = load_vggish(write_vggish(place.with_suffix(".pth"), seed=seed), SMALL_VGGISH)
    elif name in SMALL_CNN14:
        config = SMALL_CNN14[name]
        encoder = load_cnn14(config, write_cnn14(place.with_suffix(".pth"), config, seed))
    elif name == "clap":
        encoder = load_clap(CLAP, find_folder(write_clap(place, seed), CLAP.repo))
    elif name == "ast":
        encoder = load_ast(AstConfig(), find_folder(write_ast(place, seed), "MIT/ast"))
    elif name == "mert":
        config = MertConfig(window_s=2.0, hop_s=2.0)
        encoder = load_mert(config, find_folder(write_mert(place, seed), config.repo))
    else:
        raise ValueError(f"no random {name}")
    encoder.card = replace(encoder.card, is_random=True)
    return encoder
