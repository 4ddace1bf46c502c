"""The one training loop: batches in, better weights out, resumable after kill -9.

Every step draws its batch and its noise from a generator seeded by the run's seed and the step
number, so a checkpoint needs the step and nothing else of the data's position.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from audiostory.errors import TrainingError
from audiostory.train.stages import OptimConfig, StageConfig

log = logging.getLogger(__name__)

LOG_EVERY_S = 20.0
"""Seconds between lines of ``metrics.jsonl``."""
SAVE_EVERY_S = 180.0
"""Seconds between checkpoints: what a kill can cost at most."""

AHEAD = 4
"""Batches each worker process makes ahead."""

Batch = Mapping[str, Tensor]
Losses = dict[str, Tensor]
ComputeLosses = Callable[[Batch, torch.Generator], Losses]
BatchAt = Callable[[int], Batch]


class Steps(Dataset[Batch]):
    """Batches by the number of their step."""

    def __init__(self, batch_at: BatchAt) -> None:
        self.batch_at = batch_at

    def __getitem__(self, step: int) -> Batch:
        """The batch of one step, whoever asks and whenever."""
        return self.batch_at(step)


class Averaged:
    """An exponential moving average of named parameters."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: Mapping[str, nn.Parameter], step: int) -> None:
        """Move towards the present weights, faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in parameters.items():
            self.values[name].lerp_(value.detach(), 1 - decay)

    @torch.no_grad()
    def copy_to(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """Overwrite the present weights by the average."""
        for name, value in parameters.items():
            value.copy_(self.values[name])


def rate_at(step: int, steps: int, optim: OptimConfig) -> float:
    """Share of the peak learning rate at ``step``: linear warm-up, then half a cosine."""
    if step < optim.warmup_steps:
        return (step + 1) / optim.warmup_steps
    progress = (step - optim.warmup_steps) / max(1, steps - optim.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return optim.final_rate + (1 - optim.final_rate) * cosine


def build_optimizer(
    groups: Mapping[str, Mapping[str, nn.Parameter]], optim: OptimConfig
) -> torch.optim.AdamW:
    """AdamW with one learning rate per parameter group; vectors are not decayed."""
    options: list[dict[str, object]] = []
    for group, parameters in groups.items():
        rate = optim.group_rates.get(group, optim.learning_rate)
        for decays in (True, False):
            chosen = [value for value in parameters.values() if (value.ndim > 1) == decays]
            decay = optim.weight_decay if decays else 0.0
            if chosen:
                options.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay})
    if not options:
        raise TrainingError("nothing to train: the stage names no parameter group with parameters")
    return torch.optim.AdamW(options, betas=optim.betas)


class Run:
    """A folder with the checkpoints and metrics of one training run."""

    def __init__(self, folder: Path, stage: StageConfig) -> None:
        self.folder = folder
        self.stage = stage
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stage.json").write_text(json.dumps(asdict(stage), indent=2, default=dict))

    @property
    def checkpoint(self) -> Path:
        """The file that a resumed run reads."""
        return self.folder / "checkpoint.safetensors"

    def save(self, state: Mapping[str, Tensor]) -> None:
        """Write the checkpoint so that a kill leaves the old or the new one, never half."""
        temporary = self.checkpoint.with_suffix(".partial")
        save_file({name: value.contiguous() for name, value in state.items()}, temporary)
        temporary.replace(self.checkpoint)

    def log(self, row: Mapping[str, float]) -> None:
        """Append one line to ``metrics.jsonl``."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({key: round(value, 6) for key, value in row.items()}) + "\n")


class Trainer:
    """Optimises a stage's parameter groups on its weighted losses (Sec. 4.3, Eq. 6-8)."""

    def __init__(
        self,
        groups: Mapping[str, Mapping[str, nn.Parameter]],
        compute_losses: ComputeLosses,
        batch_at: BatchAt,
        run: Run,
        *,
        device: torch.device | str = "cpu",
        bf16: bool = False,
        num_workers: int = 0,
    ) -> None:
        self.stage, self.run, self.num_workers = run.stage, run, num_workers
        self.compute_losses, self.batch_at = compute_losses, batch_at
        self.device, self.bf16 = torch.device(device), bf16
        self.parameters = {k: v for group in groups.values() for k, v in group.items()}
        self.optimizer = build_optimizer(groups, self.stage.optim)
        self.averaged = Averaged(self.parameters, self.stage.optim.ema_decay)
        self.step = 0

    def state(self) -> dict[str, Tensor]:
        """Everything a later process needs to go on bit for bit."""
        state = {"step": torch.tensor(self.step)}
        for name, value in self.parameters.items():
            state[f"model/{name}"] = value.detach()
            state[f"ema/{name}"] = self.averaged.values[name]
            for key, moment in self.optimizer.state.get(value, {}).items():
                state[f"optimizer/{key}/{name}"] = moment
        return state

    @torch.no_grad()
    def resume(self) -> bool:
        """Go on from the run's checkpoint; False where there is none yet."""
        if not self.run.checkpoint.exists():
            return False
        state = load_file(self.run.checkpoint)
        self.step = int(state["step"])
        for name, value in self.parameters.items():
            if f"model/{name}" not in state:
                raise TrainingError(
                    f"{self.run.checkpoint} holds no '{name}': it belongs to another stage; "
                    "use a fresh --out folder"
                )
            value.copy_(state[f"model/{name}"])
            self.averaged.values[name].copy_(state[f"ema/{name}"])
            moments = {
                key: state[f"optimizer/{key}/{name}"].to(value.device if key != "step" else "cpu")
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer/{key}/{name}" in state
            }
            if moments:
                self.optimizer.state[value] = moments
        return True

    def train(self, *, stop_after_s: float | None = None) -> None:
        """Run to the stage's last step, or for ``stop_after_s`` seconds, and checkpoint.

        Raises:
            TrainingError: if the loss is no number; the last good checkpoint is kept.
        """
        started = last_logged = last_saved = time.monotonic()
        sums: dict[str, float] = {}
        since = 0
        for batch in self.batches():
            losses = self.train_step(batch)
            since += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            now = time.monotonic()
            if now - last_logged > LOG_EVERY_S or self.step == self.stage.steps:
                row = {name: value / since for name, value in sums.items()}
                pace_s = (now - last_logged) / since
                row |= {"step": self.step, "seconds": now - started, "step_s": pace_s}
                self.run.log(row)
                log.info("%s %s", self.stage.name, row)
                sums, since, last_logged = {}, 0, now
            if stop_after_s is not None and now - started > stop_after_s:
                break
            if now - last_saved > SAVE_EVERY_S:
                self.run.save(self.state())
                last_saved = now
        self.run.save(self.state())

    def batches(self) -> Iterable[Batch]:
        """The batches of the steps to come, made ahead by worker processes if there are any."""
        return DataLoader(
            Steps(self.batch_at),
            batch_size=None,
            sampler=range(self.step, self.stage.steps),
            num_workers=self.num_workers,
            prefetch_factor=AHEAD if self.num_workers else None,
        )

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step on a batch; the weighted sum and each loss as numbers."""
        share = rate_at(self.step, self.stage.steps, self.stage.optim)
        for options in self.optimizer.param_groups:
            options["lr"] = options["peak"] * share
        batch = {key: value.to(self.device) for key, value in batch.items()}
        generator = torch.Generator().manual_seed((self.stage.seed + 1) * 7_919_777 + self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            losses = self.compute_losses(batch, generator)
        weights = self.stage.weights
        total = torch.zeros((), device=self.device)
        for name in sorted(losses.keys() & {name for name in weights if weights[name]}):
            total = total + weights[name] * losses[name]
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss is {total.item()} at step {self.step}; the last good checkpoint is "
                f"{self.run.checkpoint}: lower the learning rate and run again"
            )
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.stage.optim.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.averaged.update(self.parameters, self.step)
        return {"total": total.item(), "norm": norm.item()} | {
            name: value.item() for name, value in losses.items()
        }
