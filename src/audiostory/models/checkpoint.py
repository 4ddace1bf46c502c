"""The released AudioStory-3B: its names, its files, and how they become a model of ours.

The release is one pickle of all trained weights and a Hydra tree; vocabulary, sizes and autoencoder
come from its companions (``foreign/companions.py``). The names of its tensors occur in this file
and nowhere else. All that does not fit is named in one error; only what generation never uses is
left out.

Sources: the key layout and defaults of TencentARC/AudioStory at 899d4f9 and declare-lab/TangoFlux;
AudioStory Sec. 4.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor
from transformers import T5Config, T5EncoderModel

from audiostory.errors import CheckpointError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.foreign.companions import fetch_companion, way_to
from audiostory.models.foreign.release_files import ReleaseFiles
from audiostory.models.foreign.release_sizes import released_config, text_encoder_sizes
from audiostory.models.llm import LoraSettings
from audiostory.models.model_folder import Pretrained, check_vocabulary
from audiostory.models.tensor_files import TensorFile, shapes_in
from audiostory.models.text_encoder import TextEncoder
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.models.weights import (
    Shapes,
    check_memory,
    fill,
    finished,
    listed,
    misfits,
    shapes_of,
    size_of,
    type_of,
    without_numbers,
    without_weights,
)

log = logging.getLogger(__name__)

RELEASE_NAMES = (
    ("seedx.llm.base_model.model.", "llm.network."),
    ("seedx.projector.", "bridge.semantic_head."),
    ("seedx.audio_projector.", "bridge.residual_head."),
    ("multihead_attention.", "bridge.fuser.attention."),
    ("seedx.whisper_resampler_llava.aud_projector.", "audio_encoder.projector."),
    ("tangoflux.transformer.", "dit.transformer."),
    ("tangoflux.fc.", "dit.pooled_projection."),
    ("tangoflux.duration_emebdder.", "dit.duration_embedder."),
)
"""Prefixes of the released checkpoint (its spelling) and ours."""

GENERATOR = "tangoflux."
TEXT_ENCODER = f"{GENERATOR}text_encoder."
T5_END, T5_PADDING = 1, 0
"""Ids that every T5 vocabulary begins with: the empty text is its end alone."""
WHISPER = "model.encoder."
RELEASE_UNUSED = re.compile(
    r".*\.original_module\.|seedx\.(input|output)_resampler\.|tangoflux\.text_encoder\."
)
"""Released tensors without a part in generation: norms before training, dead code, the teacher."""

_LORA_BASE = re.compile(r"(llm\.network\..*_proj)\.(weight|bias)")
_LORA_PART = re.compile(r"(llm\.network\..*_proj)\.lora_([AB])\.default\.weight")
_TRAINED_NORM = re.compile(r"(llm\.network\..*norm)\.weight")


def name_of_release(name: str) -> str | None:
    """Our name of a tensor of the released checkpoint; None if generation does not use it.

    Norms were trained as copies (``modules_to_save``), which are the ones that count. Projections
    under LoRA may or may not be called ``base_layer``, by the version of PEFT that saved them.

    Raises:
        CheckpointError: if the released model has no such tensor.
    """
    if RELEASE_UNUSED.match(name):
        return None
    for theirs, ours in RELEASE_NAMES:
        if name.startswith(theirs):
            renamed = ours + name.removeprefix(theirs).replace(".modules_to_save.default", "")
            return _LORA_BASE.sub(r"\1.base_layer.\2", renamed)
    raise CheckpointError(f"'{name}' is no tensor of the released model")


def name_in_release(name: str) -> str:
    """The released name of a tensor of ours, as the release's own version of PEFT writes it."""
    for theirs, ours in RELEASE_NAMES:
        if name.startswith(ours):
            renamed = _TRAINED_NORM.sub(r"\1.modules_to_save.default.weight", name)
            return theirs + renamed.replace(".base_layer.", ".").removeprefix(ours)
    return name


@dataclass(frozen=True)
class Origin:
    """Where the numbers of one of our tensors lie."""

    file: TensorFile
    name: str
    """Its name there."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.file.shapes[self.name]


def read_release(
    files: ReleaseFiles,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    merge_lora: bool = True,
) -> Pretrained:
    """The released model, in evaluation mode.

    Args:
        files: from ``find_release``.
        device: where the model goes.
        dtype: what its weights become; LoRA is merged in float32 before.
        merge_lora: fold the low-rank updates into the plain weights: the same numbers up to
            rounding, less to compute. False keeps them apart, to train on.

    Raises:
        CheckpointError: naming everything that is missing, unknown, misshapen or does not belong
            together.
    """
    origins, problems = _trained(files)
    config = released_config(files, {name: origin.shape for name, origin in origins.items()})
    tokenizer = released_tokenizer(files, config)
    if config.audio_encoder is None:
        log.info("no whisper-large-v3 beside %s: the model is deaf", files.folder)
        origins = {k: v for k, v in origins.items() if not k.startswith("audio_encoder.")}
    origins |= _companions_weights(files)
    target = config if not merge_lora else replace(config, llm=replace(config.llm, lora=None))
    model = without_weights(target)
    problems += _misfits(model, origins, config)
    if problems:
        raise CheckpointError(f"{files.folder} does not fit: {listed(problems)}")
    _check_tied(origins, config)
    null_SD = null_features(files, config.bridge.num_semantic)
    check_memory(size_of(shapes_of(model), dtype), device)
    for name, value in _values(model, origins, config):
        fill(model, name, value, device=device, dtype=type_of(name, dtype))
    fill(model, "bridge.null_condition", null_SD[None], device=device, dtype=dtype)
    return Pretrained(finished(model, device=device), tokenizer)


def _trained(files: ReleaseFiles) -> tuple[dict[str, Origin], list[str]]:
    """Where each trained tensor lies, by our names, and what is none of the release's."""
    shapes_in(files.weights)
    origins: dict[str, Origin] = {}
    problems: list[str] = []
    for file in files.weights:
        for name in file.shapes:
            try:
                ours = name_of_release(name)
            except CheckpointError:
                problems.append(f"{name} is unknown")
                continue
            if ours in origins:
                problems.append(f"{name} is stored twice, also as {origins[ours].name}")
            elif ours is not None:
                origins[ours] = Origin(file, name)
    is_lora = any(_LORA_PART.match(name) for name in origins)
    if not is_lora:  # merged by whoever saved it
        origins = {name.replace(".base_layer.", "."): each for name, each in origins.items()}
    return origins, problems


def _companions_weights(files: ReleaseFiles) -> dict[str, Origin]:
    """Where the weights of autoencoder and ears lie, by our names."""
    autoencoder = files.autoencoder
    origins = {f"codec.network.{name}": Origin(autoencoder, name) for name in autoencoder.shapes}
    if files.whisper is not None:
        origins |= {
            f"audio_encoder.encoder.{name.removeprefix(WHISPER)}": Origin(files.whisper, name)
            for name in files.whisper.shapes
            if name.startswith(WHISPER)
        }
    return origins


def _misfits(
    model: AudioStoryModel, origins: Mapping[str, Origin], config: AudioStoryConfig
) -> list[str]:
    """What of the release does not fit the model, under the released names."""
    wanted = with_lora(shapes_of(model), config.llm.lora)
    wanted.pop("bridge.null_condition")
    table = wanted["llm.network.model.embed_tokens.weight"]
    found = {name: origin.shape for name, origin in origins.items()}
    if config.llm.tie_embeddings and "llm.network.lm_head.weight" in found:
        wanted["llm.network.lm_head.weight"] = table  # a duplicate that may be stored

    def theirs(names: Shapes) -> dict[str, tuple[int, ...]]:
        return {
            origins[name].name if name in origins else name_in_release(name): shape
            for name, shape in names.items()
        }

    return misfits(theirs(wanted), theirs(found))


def with_lora(shapes: Shapes, lora: LoraSettings | None) -> dict[str, tuple[int, ...]]:
    """The shapes of a plain model's weights and of the low-rank updates that it was saved with."""
    wanted: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        projection = re.fullmatch(r"(llm\.network\..*_proj)\.(weight|bias)", name)
        if lora is None or projection is None:
            wanted[name] = tuple(shape)
            continue
        path, kind = projection.groups()
        wanted[f"{path}.base_layer.{kind}"] = tuple(shape)
        if kind == "weight":
            wanted[f"{path}.lora_A.default.weight"] = (lora.rank, shape[1])
            wanted[f"{path}.lora_B.default.weight"] = (shape[0], lora.rank)
    return wanted


def _values(
    model: AudioStoryModel, origins: Mapping[str, Origin], config: AudioStoryConfig
) -> Iterator[tuple[str, Tensor]]:
    """Each tensor of the model with its numbers, large ones first, LoRA merged if need be."""
    shapes = shapes_of(model)
    shapes.pop("bridge.null_condition")
    merged = {name: _parts_of(name, origins) for name in shapes if name not in origins}
    plain = {name: origins[name] for name in shapes if name in origins}
    plain |= {name: parts[0] for name, parts in merged.items() if len(parts) == 1}
    merged = {name: parts for name, parts in merged.items() if len(parts) > 1}
    names = sorted(plain, key=lambda name: (str(plain[name].file.path), -_size(plain[name].shape)))
    yield from zip(names, _read(plain[name] for name in names), strict=True)
    if merged:
        assert config.llm.lora is not None
        values = _read(part for parts in merged.values() for part in parts)
        yield from _merged(merged, values, config.llm.lora)


def _parts_of(name: str, origins: Mapping[str, Origin]) -> list[Origin]:
    """What a projection's weight or bias is made of, the plain numbers last."""
    path, _, kind = name.rpartition(".")
    updates = [f"{path}.lora_{part}.default.weight" for part in "AB"] if kind == "weight" else []
    return [origins[part] for part in (*updates, f"{path}.base_layer.{kind}")]


def _read(origins: Iterable[Origin]) -> Iterator[Tensor]:
    """Their numbers, in order."""
    for _, run in groupby(origins, key=lambda origin: origin.file.path):
        same_file = list(run)
        for _, value in same_file[0].file.read([origin.name for origin in same_file]):
            yield value


def _merged(
    names: Mapping[str, Sequence[Origin]], values: Iterator[Tensor], lora: LoraSettings
) -> Iterator[tuple[str, Tensor]]:
    """Projections' weights with their low-rank updates added, in float32.

    All are computed in the same memory: what is freed between weights that stay is not given back.
    """
    largest = max(_size(parts[-1].shape) for parts in names.values())
    room_X, base_X = torch.empty(largest), torch.empty(largest)
    for name, (*_, base) in names.items():
        down, up = next(values).float(), next(values).float()
        update, copied = (each[: _size(base.shape)].view(base.shape) for each in (room_X, base_X))
        torch.mm(up, down, out=update)
        plain = next(values)
        plain = plain if plain.dtype == torch.float32 else copied.copy_(plain)
        yield name, torch.add(plain, update, alpha=lora.alpha / lora.rank, out=update)


def _check_tied(origins: Mapping[str, Origin], config: AudioStoryConfig) -> None:
    """Refuse an output layer that is stored beside the table it should be tied to, and differs."""
    head = origins.get("llm.network.lm_head.weight")
    if head is None or not config.llm.tie_embeddings:
        return
    table = origins["llm.network.model.embed_tokens.weight"]
    if not torch.equal(head.file.one(head.name), table.file.one(table.name)):
        raise CheckpointError(
            f"{head.name} differs from {table.name}, but the base model's configuration ties them: "
            'set "tie_word_embeddings" to false in it if they were trained apart'
        )


def _size(shape: Sequence[int]) -> int:
    return math.prod(shape)


def released_tokenizer(files: ReleaseFiles, config: AudioStoryConfig) -> StoryTokenizer:
    """The base model's vocabulary with the story's markers appended, as the release does.

    Raises:
        CheckpointError: if it does not have as many ids as the embedding has rows.
    """
    base = StoryTokenizer.from_file(files.companions["base"] / "tokenizer.json")
    tokenizer = base.with_added_tokens(config.tokens.added_tokens())
    if tokenizer.vocab_size != config.llm.vocab_size:
        raise CheckpointError(
            f"the tokenizer in {files.companions['base']} has {base.vocab_size} ids and "
            f"{tokenizer.vocab_size} with the story's markers; the weights have "
            f"{config.llm.vocab_size}: it belongs to another model"
        )
    check_vocabulary(config, tokenizer)
    return tokenizer


@torch.no_grad()
def null_features(files: ReleaseFiles, num_tokens: int) -> Tensor:
    """Features ``(S, D)`` of the empty text, the release's condition for "no condition".

    The text encoder is taken from the trained weights if they hold one, else from its companion.

    Raises:
        CheckpointError: if there is none, or it is incomplete.
    """
    parts = {
        name.removeprefix(TEXT_ENCODER): Origin(file, name)
        for file in files.weights
        for name in file.shapes
        if name.startswith(TEXT_ENCODER)
    }
    if parts:
        network = _text_encoder(parts)
    elif (folder := files.companions.get("text_encoder")) is not None:
        return TextEncoder.from_folder(folder).null_features(num_tokens)[0]
    elif files.may_fetch:
        folder = fetch_companion("text_encoder")
        return TextEncoder.from_folder(folder).null_features(num_tokens)[0]
    else:
        raise CheckpointError(way_to("text_encoder", files.folder))
    is_real_1S = torch.arange(num_tokens)[None] == 0
    ids_1S = torch.where(is_real_1S, T5_END, T5_PADDING)
    return network(input_ids=ids_1S, attention_mask=is_real_1S.long()).last_hidden_state[0]


def _text_encoder(parts: Mapping[str, Origin]) -> T5EncoderModel:
    """The text encoder inside the trained weights, in float32."""
    shapes = {name: part.shape for name, part in parts.items()}
    with without_numbers():
        network = T5EncoderModel(T5Config(**text_encoder_sizes(shapes)))
    network.tie_weights()
    duplicate = "encoder.embed_tokens.weight"
    own = {name: shape for name, shape in shapes.items() if name != duplicate}
    if problems := misfits(shapes_of(network), own):
        raise CheckpointError(f"the text encoder in the weights does not fit: {listed(problems)}")
    for name, value in zip(own, _read(parts[name] for name in own), strict=True):
        fill(network, name, value, device="cpu", dtype=torch.float32)
    network.tie_weights()
    return network.eval()
