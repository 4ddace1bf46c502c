"""The one training loop: batches in, better weights out, resumable after kill -9.

Every step draws its batch, its noise and its dropout from generators seeded by the run's seed and
the step number, so a checkpoint needs the step and nothing else of the data's position or of random
states. How a batch is split: ``splitting.py``; how processes share a run: ``distributed.py``; what
a checkpoint is: ``run_folder.py``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from audiostory.errors import TrainingError
from audiostory.models.seeding import seeded_on
from audiostory.train.averaging import Averaged
from audiostory.train.distributed import Processes, whole
from audiostory.train.execution import Execution
from audiostory.train.guard import check_gradients, check_losses
from audiostory.train.memory import check_room, estimate
from audiostory.train.optimizer import Groups, build_optimizer, rate_at, set_rates
from audiostory.train.run_folder import Run
from audiostory.train.splitting import Batch, ComputeLosses, Part, PartLosses, parts_of
from audiostory.train.watchers import Means, Watcher

log = logging.getLogger(__name__)

AHEAD = 4
"""Batches each worker process makes ahead."""
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW remembers of each parameter."""

BatchAt = Callable[[int], Batch]


class Steps(Dataset[Batch]):
    """Batches by the number of their step."""

    def __init__(self, batch_at: BatchAt) -> None:
        self.batch_at = batch_at

    def __getitem__(self, step: int) -> Batch:
        """The batch of one step, whoever asks and whenever."""
        return self.batch_at(step)


class Trainer:
    """Optimises a stage's parameter groups on its weighted losses (Sec. 4.3, Eq. 6-8).

    Args:
        model: on its device, all but the groups frozen.
        groups: what learns, as the model names it.
        compute_losses: the stage's objective.
        batch_at: the batch of a step.
        run: the run's folder, and its processes.
        execution: how it is computed.
        watchers: told how it goes.

    Raises:
        DeviceMemoryError: if the device has less memory than what does not depend on the batch.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Groups,
        compute_losses: ComputeLosses,
        batch_at: BatchAt,
        run: Run,
        *,
        execution: Execution | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self.model, self.run, self.stage = model, run, run.stage
        self.compute_losses, self.batch_at = compute_losses, batch_at
        self.execution, self.watchers = execution or Execution(), watchers
        # a step of another kind of data, or a loss of weight 0, leaves parameters without gradients
        skips_some = bool(run.stage.mixed) or not all(run.stage.weights.values())
        part_losses = PartLosses(model, compute_losses)
        self.losses_of = self.processes.spread(part_losses, skips_some=skips_some)
        self.groups = {  # looked up again, for spreading may replace them
            group: {name: model.get_parameter(name) for name in parameters}
            for group, parameters in groups.items()
        }
        self.parameters = {k: v for group in self.groups.values() for k, v in group.items()}
        check_room(estimate(model, self.parameters), self.processes.device)
        self.optimizer = build_optimizer(self.groups, self.stage.optim)
        self.averaged = Averaged(self.parameters, self.stage.optim.ema_decay)
        self.step = 0
        self.saved_step: int | None = None
        """Of which step the last checkpoint is, where it was written or read here."""

    @property
    def processes(self) -> Processes:
        """Who trains."""
        return self.run.processes

    @property
    def is_bf16(self) -> bool:
        """Whether it is computed in bfloat16."""
        told = self.execution.bf16
        return self.stage.precision == "bfloat16" if told is None else told

    def state(self) -> dict[str, Tensor]:
        """Everything a later process needs to go on bit for bit; tensors share our memory."""
        state = {"step": torch.tensor(self.step)}
        for name, value in self.parameters.items():
            state[f"model/{name}"] = value.detach()
            state[f"ema/{name}"] = self.averaged.values[name]
            for key, moment in self.optimizer.state.get(value, {}).items():
                state[f"optimizer/{key}/{name}"] = moment
        return state

    def save(self) -> None:
        """Write a checkpoint of this step.

        Raises:
            OutputError: if it cannot be written.
        """
        self.run.save(self.step, self.state())
        self.saved_step = self.step

    @torch.no_grad()
    def resume(self) -> bool:
        """Go on from the run's checkpoint; False where there is none yet.

        Raises:
            TrainingError: if it belongs to another recipe, schedule or model.
            CheckpointError: if it is damaged.
        """
        if self.run.checkpoint is None:
            return False
        step = int(self.run.about()["step"])
        stored = self.run.shapes()
        for name, value in self.parameters.items():
            moments = [key for key in MOMENTS if f"optimizer/{key}/{name}" in stored]
            self.optimizer.state[value] = {
                key: torch.zeros_like(value) if key != "step" else torch.zeros(())
                for key in moments
            }
        state = self.state()
        self._refuse_other_model(stored, state)
        self.run.load(state)
        self.step = self.saved_step = step
        return True

    def _refuse_other_model(
        self, stored: Mapping[str, tuple[int, ...]], state: Mapping[str, Tensor]
    ) -> None:
        """TrainingError if a checkpoint's tensors are not those of this run."""
        own = {name: tuple(value.shape) for name, value in state.items()}
        for name in sorted(own.keys() | stored.keys()):
            if own.get(name) != stored.get(name):
                raise TrainingError(
                    f"{self.run.checkpoint} belongs to another model or stage: of '{name}' it has "
                    f"{stored.get(name, 'nothing')}, this run {own.get(name, 'nothing')}; use a "
                    "fresh --runs folder"
                )

    def train(self) -> None:
        """Run to the stage's last step, or for as long as the execution says, and checkpoint.

        Raises:
            TrainingError: if a loss or a gradient is no number, or a worker process died; the last
                good checkpoint is kept.
            OutputError: if the disk is full; the last good checkpoint is kept.
        """
        stop_after_s, means = self.execution.stop_after_s, Means(self.stage.steps)
        started = saved = time.monotonic()
        self.run.begin(self.step)
        for batch in self.batches():
            means.add(self.train_step(batch))
            if means.is_due(self.step, self.stage.steps):
                self._tell(means.row(self.step))
            for watcher in self.watchers:
                watcher.stepped(self)
            now = time.monotonic()
            stop, save = self.processes.agreed(
                stop_after_s is not None and now - started > stop_after_s,
                now - saved > self.execution.save_every_s,
            )
            if stop:
                break
            if save:
                self.save()
                saved = now
        if self.saved_step != self.step:
            self.save()
        for watcher in self.watchers:
            watcher.finished(self)

    def _tell(self, row: Mapping[str, float]) -> None:
        """A row of numbers for the log and whoever watches."""
        if self.processes.is_first:
            self.run.log(row)
            log.info("%s %s", self.stage.name, {key: round(row[key], 6) for key in row})
        for watcher in self.watchers:
            watcher.logged(row)

    def batches(self) -> Iterator[Batch]:
        """The batches of the steps to come, made ahead by worker processes if there are any.

        Raises:
            TrainingError: if one of those died.
        """
        num_workers = self.execution.num_workers
        loader = DataLoader(
            Steps(self.batch_at),
            batch_size=None,
            sampler=range(self.step, self.stage.steps),
            num_workers=num_workers,
            prefetch_factor=AHEAD if num_workers else None,
        )
        with self._told_of_dead_workers():
            yield from loader

    @contextmanager
    def _told_of_dead_workers(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise TrainingError(
                f"a process that makes batches died at step {self.step} ({error}); the last good "
                f"checkpoint is {self.run.checkpoint}: give the same command again, with fewer "
                "--workers if memory was short"
            ) from error

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step on a batch; the weighted sum, the gradient's norm and each loss as numbers.

        Raises:
            TrainingError: if a loss or a gradient is no number; the weights are left as they were.
        """
        share = rate_at(self.step, self.stage.steps, self.stage.optim)
        set_rates(self.optimizer, share)
        losses = self.backward(batch)
        check_losses(losses, self.step, self.run.checkpoint)
        norm = self.clipped_norm()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.averaged.update(self.parameters, self.step)
        weights = self.stage.weights
        total = sum(weights[name] * losses[name] for name in sorted(losses) if weights.get(name))
        return {"total": total, "norm": norm, "rate": share} | losses

    def backward(self, batch: Batch) -> dict[str, float]:
        """Gradients of the whole batch, part by part; its losses, summed over all processes."""
        count = self.execution.accumulate
        first = self.processes.rank * count
        generator = torch.Generator().manual_seed((self.stage.seed + 1) * 7_919_777 + self.step)
        parts = parts_of(
            self.compute_losses,
            batch,
            generator,
            count=count * self.processes.count,
            chosen=range(first, first + count),
        )
        sums: dict[str, Tensor] = {}
        for index, part in enumerate(parts):
            with self.processes.syncing(self.losses_of, is_last=index == len(parts) - 1):
                losses = self._backward_part(part, generator, first + index)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + part.share(name) * value.detach().float()
        names = sorted(sums)
        values = self.processes.sum(torch.stack([sums[name] for name in names]))
        return dict(zip(names, values.tolist(), strict=True))

    def _backward_part(
        self, part: Part, generator: torch.Generator, number: int
    ) -> dict[str, Tensor]:
        """Add a part's gradients; its own losses."""
        device, weights = self.processes.device, self.stage.weights
        batch = {name: value.to(device) for name, value in part.batch.items()}
        chance = dropout_generator(self.stage.seed, self.step, number)
        with seeded_on(device, chance):
            with torch.autocast(device.type, torch.bfloat16, enabled=self.is_bf16):
                losses = self.losses_of(batch, generator)
            total = torch.zeros((), device=device)
            for name in sorted(losses.keys() & {name for name in weights if weights[name]}):
                total = total + weights[name] * part.share(name) * losses[name]
            (total * self.processes.count).backward()  # their mean is taken, the sum is wanted
        return losses

    def clipped_norm(self) -> float:
        """The norm of all gradients, which are scaled down to at most the stage's.

        Raises:
            TrainingError: if it is no number.
        """
        gradients = [each.grad for each in self.parameters.values() if each.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        value = whole(norm).item()
        if not torch.isfinite(torch.tensor(value)):
            check_gradients(self.groups, self.step, self.run.checkpoint)
        limit = self.stage.optim.max_grad_norm
        nn.utils.clip_grads_with_norm_(self.parameters.values(), limit, norm)
        return value


def dropout_generator(seed: int, step: int, part: int) -> torch.Generator:
    """Chance within the networks, for one part of one step."""
    return torch.Generator().manual_seed(((seed + 1) * 6_700_417 + step) * 4_099 + part)
