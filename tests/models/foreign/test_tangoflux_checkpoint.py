from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from audiostory.errors import CheckpointError
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.foreign.release_sizes import dit_sizes
from audiostory.models.foreign.tangoflux_checkpoint import read_tangoflux, start_dit_from_tangoflux
from tests.released_folder import tangoflux_state, write_tangoflux


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tangoflux(tmp_path / "TangoFlux")


def change(folder: Path, **tensors) -> None:
    path = folder / "tangoflux.safetensors"
    state = load_file(path) | tensors
    save_file({k: v for k, v in state.items() if v is not None}, path)


def test_the_weights_come_from_where_the_release_keeps_them(folder):
    model, state = read_tangoflux(folder).model, tangoflux_state()
    assert torch.equal(model.dit.pooled_projection[0].weight, state["fc.0.weight"])
    block = model.dit.transformer.transformer_blocks[0]
    name = "transformer.transformer_blocks.0.attn.to_q.weight"
    assert torch.equal(block.attn.to_q.weight, state[name])
    table = model.text_encoder.network.shared.weight
    assert torch.equal(table, state["text_encoder.shared.weight"])
    assert not model.training


def test_the_second_name_of_the_text_encoders_table_may_be_missing(folder):
    change(folder, **{"text_encoder.encoder.embed_tokens.weight": None})
    texts = read_tangoflux(folder).model.condition(["Rain falls."])
    assert texts.tokens_BLD.isfinite().all()


def test_a_dit_begins_training_from_tangofluxs(folder):
    dit = DiffusionTransformer(dit_sizes(folder / "config.json")).to(torch.bfloat16)
    start_dit_from_tangoflux(dit, folder)
    own = dit.transformer.proj_out.weight
    assert own.dtype == torch.bfloat16
    assert torch.equal(own, tangoflux_state()["transformer.proj_out.weight"].to(torch.bfloat16))


def test_what_does_not_fit_is_named(folder):
    change(folder, **{"fc.0.bias": torch.zeros(3), "extra": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="extra is unknown"):
        read_tangoflux(folder)
    change(folder, extra=None)
    with pytest.raises(CheckpointError, match=r"is \[3\], needs \[32\]"):
        read_tangoflux(folder)
    (folder / "vae.safetensors").unlink()
    with pytest.raises(CheckpointError, match="hf download declare-lab/TangoFlux"):
        read_tangoflux(folder)


def test_a_dit_of_another_size_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_layers": 2}))
    dit = DiffusionTransformer(dit_sizes(folder / "config.json"))
    with pytest.raises(CheckpointError, match=r"transformer_blocks\.1\."):
        start_dit_from_tangoflux(dit, folder)


def test_without_a_vocabulary_the_way_to_it_is_told(folder):
    shutil.rmtree(folder / "flan-t5-large")
    with pytest.raises(CheckpointError, match="hf download google/flan-t5-large"):
        read_tangoflux(folder)
