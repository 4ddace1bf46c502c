"""What the paper's recipes begin with: published parts, joined in one model folder (Sec. 5.1).

Language model, DiT with autoencoder, and ears are taken as they are published, each weight in the
type it is stored in. New are the rows of the story's markers (the mean row, as the release grows
its vocabulary), a LoRA that changes nothing yet, the bridge and the projector of what is heard. The
null condition is what the teacher makes of the empty text, as in the release.

Sources: AudioStory Sec. 4.3, 5.1 and App. C; the released code's vocabulary growth, LoRA and null
condition; layouts of the four repositories named in ``PARTS``.

Shapes: ``V`` vocabulary, ``D`` width.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from audiostory.errors import CheckpointError, OutputError
from audiostory.models.audio_encoder import AudioEncoder
from audiostory.models.audiostory import THREE_B, AudioStoryConfig, AudioStoryModel
from audiostory.models.bridge import Bridge
from audiostory.models.checkpoint import WHISPER, Origin
from audiostory.models.foreign.parts import PARTS, find_parts
from audiostory.models.foreign.release_sizes import (
    audio_encoder_sizes,
    autoencoder_sizes,
    dit_sizes,
    json_of,
    llm_sizes,
)
from audiostory.models.foreign.tangoflux_checkpoint import AUTOENCODER, dit_origins
from audiostory.models.llm import LoraSettings, grown_table
from audiostory.models.model_folder import save_pretrained
from audiostory.models.seeding import seeded
from audiostory.models.shards import sha256
from audiostory.models.tensor_files import TensorFile, all_shards, opened_tensors, shapes_in
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
    stored,
    without_weights,
)

PROVENANCE = "foundation.json"
"""File of a foundation that says what it was made of."""
TABLE, HEAD = "model.embed_tokens.weight", "lm_head.weight"
LLM, EARS, CODEC = "llm.network.", "audio_encoder.encoder.", "codec.network."

FuserStart = Literal["zero", "drawn"]
"""How the fuser's last layer begins: at zero (App. C), or as it is drawn (released code)."""


@dataclass(frozen=True)
class Parts:
    """The published parts on disk, looked at but not read yet."""

    folders: Mapping[str, Path]
    """By role (``PARTS``)."""
    llm: Sequence[TensorFile]
    autoencoder: TensorFile
    ears: Sequence[TensorFile]
    dit: Mapping[str, Origin]
    """Where each tensor of the DiT lies, by our names."""
    base: StoryTokenizer
    """The language model's own vocabulary."""
    teacher: TextEncoder

    @classmethod
    def opened(cls, folders: Mapping[str, Path]) -> Parts:
        """The parts in these folders.

        Raises:
            CheckpointError: if a file is damaged or of another kind.
        """
        return cls(
            folders=folders,
            llm=[opened_tensors(path) for path in all_shards(folders["llm"], "model")],
            autoencoder=opened_tensors(folders["tangoflux"] / AUTOENCODER),
            ears=[opened_tensors(path) for path in all_shards(folders["whisper"], "model")],
            dit=dit_origins(folders["tangoflux"]),
            base=StoryTokenizer.from_file(folders["llm"] / "tokenizer.json"),
            teacher=TextEncoder.from_folder(folders["teacher"]),
        )


def build_foundation(
    given: Mapping[str, str],
    out: Path,
    *,
    fuser: FuserStart = "zero",
    seed: int = 0,
    overwrite: bool = False,
) -> list[str]:
    """Join published parts in a model folder; what was done, in words.

    Args:
        given: a folder or a repository of the hub by role; others are ``PARTS``' own repositories.
        out: the model folder to write; ``foundation.json`` in it names every file read, with its
            size and sha256.
        fuser: how the fuser's last layer begins.
        seed: draws what is new.
        overwrite: replace a model folder that is there.

    Raises:
        OutputError: if ``out`` exists or cannot be written.
        CheckpointError: naming all parts that are missing, with the commands that fetch them, or
            all that does not fit.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists: choose another folder, or overwrite")
    parts = Parts.opened(find_parts(given))
    tokenizer = parts.base.with_added_tokens(THREE_B.tokens.added_tokens())
    config = foundation_config(parts, tokenizer, name=out.name, fuser=fuser)
    model = without_weights(config)
    origins = _origins(model, parts)
    check_memory(_bytes_of(origins), "cpu")
    for name, value in _values(origins, config):
        fill(model, name, value, device="cpu", dtype=value.dtype)
    draw_new(model, torch.Generator().manual_seed(seed))
    model.bridge.set_null(parts.teacher.null_features(config.bridge.num_semantic)[0])
    finished(model, device="cpu")
    about = provenance(parts, tokenizer, config, seed)
    save_pretrained(
        model,
        tokenizer,
        out,
        dtype=None,
        overwrite=overwrite,
        notes={PROVENANCE: json.dumps(about, indent=1) + "\n"},
    )
    return _report(parts, tokenizer, config, model, out)


def foundation_config(
    parts: Parts, tokenizer: StoryTokenizer, *, name: str, fuser: FuserStart
) -> AudioStoryConfig:
    """The configuration of what these parts make up; of the released sizes it is called 3b.

    Raises:
        CheckpointError: if a part is of another kind, or two do not belong together.
    """
    folders, rows = parts.folders, shapes_in(parts.llm).get(TABLE, (0,))[0]
    if not rows:
        raise CheckpointError(f"{folders['llm']} holds no {TABLE}: give {PARTS['llm'].repo}")
    _check_markers(parts)
    llm = llm_sizes(folders["llm"] / "config.json", vocab_size=max(rows, tokenizer.vocab_size))
    dit = dit_sizes(folders["tangoflux"] / "config.json")
    codec = autoencoder_sizes(parts.autoencoder.shapes)
    if parts.teacher.width != dit.condition_width:
        raise CheckpointError(
            f"the teacher in {folders['teacher']} is {parts.teacher.width} wide, the DiT in "
            f"{folders['tangoflux']} reads {dit.condition_width}: give the text encoder that it "
            f"was trained with ({PARTS['teacher'].repo})"
        )
    if codec.latent_channels != dit.latent_channels:
        raise CheckpointError(
            f"{folders['tangoflux']} has an autoencoder of {codec.latent_channels} channels and a "
            f"DiT of {dit.latent_channels}: fetch {PARTS['tangoflux'].repo} again"
        )
    settings = json_of(folders["llm"] / "generation_config.json")
    config = replace(
        THREE_B,
        llm=replace(llm, lora=LoraSettings()),
        bridge=replace(
            THREE_B.bridge,
            llm_width=llm.hidden_size,
            width=parts.teacher.width,
            zero_init=fuser == "zero",
        ),
        dit=dit,
        codec=codec,
        audio_encoder=audio_encoder_sizes(folders["whisper"] / "config.json", llm.hidden_size),
        repetition_penalty=float(settings.get("repetition_penalty", 1.0)),
    )
    return config if _is_released_size(config) else replace(config, name=name)


def _is_released_size(config: AudioStoryConfig) -> bool:
    bridge = replace(THREE_B.bridge, zero_init=config.bridge.zero_init)
    return config == replace(THREE_B, bridge=bridge)


def _check_markers(parts: Parts) -> None:
    """Refuse a vocabulary that has a marker already: those appended would have other ids."""
    known = [one for one in THREE_B.tokens.added_tokens() if len(parts.base.encode(one)) == 1]
    if known:
        raise CheckpointError(
            f"the vocabulary in {parts.folders['llm']} has the story's markers already "
            f"({known[0]}...): give the base model's own ({PARTS['llm'].repo})"
        )


def _origins(model: AudioStoryModel, parts: Parts) -> dict[str, Origin]:
    """Where each tensor that is not new lies, by our names.

    Raises:
        CheckpointError: naming everything that is missing, unknown or misshapen.
    """
    shapes = shapes_of(model)
    origins, problems = dict[str, Origin](), list[str]()
    for role, files, ours, theirs in (
        ("llm", parts.llm, LLM, ""),
        ("whisper", parts.ears, EARS, WHISPER),
        ("tangoflux", [parts.autoencoder], CODEC, ""),
    ):
        wanted = {
            name: theirs + name.removeprefix(ours).replace(".base_layer.", ".")
            for name in shapes
            if name.startswith(ours) and ".lora_" not in name
        }
        found = {
            name: Origin(file, name)
            for file in files
            for name in file.shapes
            if name.startswith(theirs)
        }
        needed = {wanted[name]: shapes[name] for name in wanted}
        if role == "llm":
            needed |= _published_tables(needed, found, model.config)
        told = misfits(needed, {name: origin.shape for name, origin in found.items()})
        problems += [f"{parts.folders[role]}: {each}" for each in told]
        origins |= {name: found[other] for name, other in wanted.items() if other in found}
    wanted_dit = {name: shape for name, shape in shapes.items() if name.startswith("dit.")}
    told = misfits(wanted_dit, {name: each.shape for name, each in parts.dit.items()})
    problems += [f"{parts.folders['tangoflux']}: {each}" for each in told]
    if problems:
        raise CheckpointError(f"the parts do not fit their configurations: {listed(problems)}")
    _check_head(parts, model.config)
    return origins | dict(parts.dit)


def _published_tables(
    needed: Shapes, found: Mapping[str, Origin], config: AudioStoryConfig
) -> dict[str, tuple[int, ...]]:
    """The shapes of the vocabulary's tables before they grow, and of a stored duplicate."""
    rows = found[TABLE].shape[0]
    names = [name for name in (TABLE, HEAD) if name in needed]
    if config.llm.tie_embeddings and HEAD in found:
        names.append(HEAD)
    return {name: (rows, config.llm.hidden_size) for name in names}


def _check_head(parts: Parts, config: AudioStoryConfig) -> None:
    """Refuse an output layer beside the table that it should be tied to, if it differs."""
    tensors = {name: file for file in parts.llm for name in file.shapes if name in (TABLE, HEAD)}
    if not config.llm.tie_embeddings or HEAD not in tensors:
        return
    if not torch.equal(tensors[HEAD].one(HEAD), tensors[TABLE].one(TABLE)):
        raise CheckpointError(
            f"{HEAD} in {parts.folders['llm']} differs from {TABLE}, but its configuration ties "
            'them: set "tie_word_embeddings" to false in it if they were trained apart'
        )


def _values(
    origins: Mapping[str, Origin], config: AudioStoryConfig
) -> Iterator[tuple[str, Tensor]]:
    """Each tensor with its numbers; the vocabulary's tables grown, as the release grows them."""
    times = {f"{LLM}{TABLE}": 1.0, f"{LLM}{HEAD}": 3.0}
    for name, origin in origins.items():
        value = origin.file.one(origin.name)
        if name in times:
            value = grown_table(value, config.llm.vocab_size, times=times[name])
        yield name, value


@torch.no_grad()
def draw_new(model: AudioStoryModel, generator: torch.Generator) -> None:
    """Give numbers to what no published part holds: LoRA, bridge, the projector of sounds."""
    from peft.tuners.lora import LoraLayer

    ears = model.audio_encoder
    assert isinstance(ears, AudioEncoder)
    with seeded(generator):
        model.bridge = Bridge(model.config.bridge)
        for layer in ears.projector:
            if isinstance(layer, nn.Linear):
                layer.to_empty(device="cpu").reset_parameters()
        for layer in model.llm.network.modules():
            if isinstance(layer, LoraLayer):
                for low_rank in (layer.lora_A, layer.lora_B):
                    low_rank.to_empty(device="cpu")
                for name in layer.lora_A:
                    layer.reset_lora_parameters(name, init_lora_weights=True)


def provenance(
    parts: Parts, tokenizer: StoryTokenizer, config: AudioStoryConfig, seed: int
) -> dict[str, Any]:
    """What a foundation was made of: each part's files with size and sha256, and what is new."""
    assert config.llm.lora is not None
    return {
        "format": "audiostory.foundation",
        "version": 1,
        "parts": {
            role: {
                "repository": part.repo,
                "folder": str(parts.folders[role]),
                "files": {
                    path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
                    for path in part.paths(parts.folders[role])
                },
            }
            for role, part in PARTS.items()
        },
        "vocabulary": {
            "base_ids": parts.base.vocab_size,
            "ids": tokenizer.vocab_size,
            "rows": config.llm.vocab_size,
        },
        "new": {
            "seed": seed,
            "lora_rank": config.llm.lora.rank,
            "fuser_last_layer": "zero" if config.bridge.zero_init else "drawn",
        },
    }


def _report(
    parts: Parts,
    tokenizer: StoryTokenizer,
    config: AudioStoryConfig,
    model: AudioStoryModel,
    out: Path,
) -> list[str]:
    num_bytes = sum(value.nbytes for value in stored(model).values())
    is_released = _is_released_size(config)
    fuser = "at zero (App. C)" if config.bridge.zero_init else "as drawn (released code)"
    return [
        f"{out}: {num_bytes / 1e9:.2f} GB, each published weight in its own type",
        *(f"{role}: {folder}" for role, folder in parts.folders.items()),
        f"sizes: {'the released ones (3b)' if is_released else 'other than the released ones'}",
        f"vocabulary: {tokenizer.vocab_size} ids, the story's markers from "
        f"{parts.base.vocab_size} on, in {config.llm.vocab_size} rows",
        f"new: LoRA of rank {config.llm.lora.rank if config.llm.lora else 0}, heads, fuser "
        f"beginning {fuser}, projector of sounds",
    ]


def _bytes_of(origins: Mapping[str, Origin]) -> int:
    """Bytes of the files that are read, which hold little else."""
    return sum(path.stat().st_size for path in {origin.file.path for origin in origins.values()})
