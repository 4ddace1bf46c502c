"""A tiny run of the real model, objective and loop, built alike in this process and in others."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from audiostory.data.blocks import collate, packed
from audiostory.data.stories import IGNORED
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.llm import LoraSettings
from audiostory.train import materials
from audiostory.train.distributed import Processes, launched, whole
from audiostory.train.execution import Execution
from audiostory.train.objective import StoryObjective
from audiostory.train.paths import Paths
from audiostory.train.recipes.catalogue import stage as stage_called
from audiostory.train.run_folder import Run
from audiostory.train.stages import OptimConfig, StageConfig
from audiostory.train.trainer import Trainer
from audiostory.train.workbench import Workbench
from tests.data.test_stories import ROW
from tests.tiny import TINY_EARS, tiny_config, tiny_model, tiny_tokenizer
from tests.train.test_workbench import Teacher

STAGE = StageConfig(
    name="tiny",
    objective="story",
    data="-",
    trainable=("llm", "bridge", "dit"),
    weights={"semantic": 1.0, "text": 0.5, "flow": 2.0},
    optim=OptimConfig(learning_rate=3e-3, warmup_steps=2),
    steps=4,
)
LORA = replace(STAGE, trainable=("llm_lora", "bridge", "dit"), steps=10)
"""The same with dropout."""
ALONE = Processes(device=torch.device("cpu"))
NUM_STORIES, NUM_TEXTS = 5, 3
"""Neither is a multiple of a number of processes, and there are fewer texts than four."""


def batch_at(step: int) -> dict[str, Tensor]:
    """Stories with two clips each, and texts of which different shares are supervised."""
    generator = torch.Generator().manual_seed(step)
    story = packed(ROW, tiny_tokenizer(), tiny_config().tokens)
    batch = collate([story] * NUM_STORIES)
    num_clips, bridge = len(batch["starts_X"]), tiny_config().bridge
    shape = (num_clips, bridge.num_semantic, bridge.width)
    batch["semantic_XSD"] = torch.randn(shape, generator=generator)
    ids_BL = batch["ids_BL"][:NUM_TEXTS]
    is_free_BL = torch.rand(ids_BL.shape, generator=generator) < torch.tensor([[0.9], [0.1], [0.5]])
    batch["text_ids_BL"], batch["text_labels_BL"] = ids_BL, ids_BL.where(is_free_BL, IGNORED)
    batch["latents_XTC"] = torch.randn(num_clips, 6, 8, generator=generator)
    lengths_X = torch.randint(2, 7, (num_clips,), generator=generator)
    batch["frame_mask_XT"] = torch.arange(6) < lengths_X[:, None]
    batch["duration_X"] = lengths_X / 12.5
    return batch


def lora_model() -> AudioStoryModel:
    """A tiny model with LoRA and a lot of dropout."""
    config = tiny_config()
    lora = LoraSettings(rank=2, dropout=0.5)
    return tiny_model(config=replace(config, llm=replace(config.llm, lora=lora)))


def trainer(
    folder: Path,
    stage: StageConfig = STAGE,
    *,
    execution: Execution | None = None,
    processes: Processes = ALONE,
) -> Trainer:
    """The trainer of a fresh tiny model."""
    model = lora_model() if "llm_lora" in stage.trainable else tiny_model()
    groups = model.train().train_only(stage.trainable)
    objective = StoryObjective(model, frozenset(stage.weights))
    run = Run(folder, stage, processes)
    return Trainer(model, groups, objective, batch_at, run, execution=execution)


def weights_of(trained: Trainer) -> dict[str, Tensor]:
    """Copies of all that was trained, whole."""
    return {name: whole(value.detach()).clone() for name, value in trained.parameters.items()}


def run_alone(folder: Path, execution: Execution) -> None:
    """A run with dropout that goes on where it is."""
    own = trainer(folder, LORA, execution=execution)
    own.resume()
    own.train()


def run_together(folder: Path, shard: bool) -> None:
    """A run by the processes that this one is one of."""
    execution = Execution(shard=shard)
    processes = launched(execution)
    own = trainer(folder, execution=execution, processes=processes)
    own.train()
    if shard:
        shares = {"own": sum(each.to_local().numel() for each in own.parameters.values())}
        (folder / f"share-{processes.rank}.json").write_text(json.dumps(shares))


def both_ways(folder: Path) -> None:
    """A run of replicas, and one of shares."""
    run_together(folder / "replicas", shard=False)
    run_together(folder / "shares", shard=True)


def stage_both_ways(corpus: Path, folder: Path) -> None:
    """A stage of the workbench by replicas, and by shares."""
    run_stage(corpus, folder / "replicas")
    run_stage(corpus, folder / "shares", shard=True)


def run_stage(corpus: Path, runs: Path, *, shard: bool = False) -> Path | None:
    """A recipe whose null condition learns, with features that need no weights."""
    paths = Paths(runs=runs, corpus=corpus)
    return run_of(stage_called("nano/dit", steps=3, batch_size=4), tiny_config(), paths, shard)


def mixed_both_ways(corpus: Path, stories: Path, folder: Path) -> None:
    """A stage of two kinds of data by replicas, and by shares."""
    run_mixed(corpus, stories, folder / "replicas")
    run_mixed(corpus, stories, folder / "shares", shard=True)


def run_mixed(corpus: Path, stories: Path, runs: Path, *, shard: bool = False) -> Path | None:
    """Stage II: some steps hear and do not reach the DiT, the others do not reach the ears."""
    paths = Paths(runs=runs, corpus=corpus, stories=stories)
    stage = replace(stage_called("nano/stage2", steps=6, batch_size=3), starts_from=())
    return run_of(stage, replace(tiny_config(), audio_encoder=TINY_EARS), paths, shard)


def run_of(stage: StageConfig, config: AudioStoryConfig, paths: Paths, shard: bool) -> Path | None:
    """A stage with features that need no weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(materials, "FIT_CLIPS", 8)
        patch.setattr(materials.Materials, "teacher", Teacher())
        stage = replace(stage, optim=replace(stage.optim, warmup_steps=1))
        return Workbench(config, paths).train(stage, execution=Execution(shard=shard))


def _main(target: Callable[..., None], arguments: tuple[Any, ...], about: dict[str, str]) -> None:
    os.environ.update(about)
    torch.set_num_threads(1)
    target(*arguments)


def started(target: Callable[..., None], *arguments: Any, **about: str) -> BaseProcess:
    """A process of its own that has begun with ``target``, under further environment variables."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.train.tiny_run", "accelerate", "torch.distributed.fsdp"])
    process = context.Process(target=_main, args=(target, arguments, about))
    with pytest.MonkeyPatch.context() as patch:  # a preload that finds no module says nothing
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        process.start()
    return process


def together(count: int, target: Callable[..., None], *arguments: Any) -> None:
    """Let ``count`` processes run ``target`` as torchrun would start them."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = str(asked.getsockname()[1])
    processes = [
        started(
            target,
            *arguments,
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(count),
            LOCAL_WORLD_SIZE=str(count),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
            OMP_NUM_THREADS="1",
        )
        for rank in range(count)
    ]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * count
