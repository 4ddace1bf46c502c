"""A run's folder: checkpoints that survive kills and full disks, and the numbers of its course.

A checkpoint is a folder named by its step, in torch's distributed format: every process writes what
it holds, any number of processes reads it. It is written beside the last one, takes its name when
it is whole, and only then the last one goes.
"""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from audiostory.data.cache import make_folder, written
from audiostory.errors import CheckpointError, OutputError, TrainingError
from audiostory.train.distributed import Processes
from audiostory.train.stages import NEVER_NULL, StageConfig

log = logging.getLogger(__name__)

ABOUT = "about.json"
"""Of which recipe, origins and step a checkpoint is; written last."""
METRICS = "metrics.jsonl"
WORDS = {"cited"}
"""Fields of a recipe that say something about it and change nothing."""


class Run:
    """A folder with the checkpoints and metrics of one training run.

    Args:
        folder: made if it is not there.
        stage: what is run.
        processes: who runs it.
        origins: digests of what it begins with and learns from, as ``origins_of`` has them.
    """

    def __init__(
        self,
        folder: Path,
        stage: StageConfig,
        processes: Processes,
        origins: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.stage, self.processes = folder, stage, processes
        self.origins = dict(origins or {})
        make_folder(folder)

    @property
    def checkpoint(self) -> Path | None:
        """The last whole checkpoint."""
        whole = [
            path for path in self.folder.glob("checkpoint-*") if not path.name.endswith(".part")
        ]
        return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)

    def save(self, step: int, state: Mapping[str, Tensor]) -> None:
        """Write a checkpoint so that a kill or a full disk leaves the old or the new one whole.

        Raises:
            OutputError: if it cannot be written; the last one is kept.
        """
        path = self.folder / f"checkpoint-{step:09d}"
        partial = path.with_name(f"{path.name}.part")
        with self._kept_when_full(partial):
            if self.processes.is_first:
                for left in self.folder.glob("checkpoint-*.part"):
                    shutil.rmtree(left)
                partial.mkdir()
            self.processes.wait()
            with _quiet():
                state_dict_saver.save(dict(state), storage_writer=FileSystemWriter(partial))
            if self.processes.is_first:
                stage = described(self.stage)
                about = {"step": step, "stage": stage, "origins": self.origins}
                (partial / ABOUT).write_text(json.dumps(about, indent=2))
                if path.exists():  # moved aside, so that one of them is there at any time
                    aside = self.folder / f"checkpoint-aside-{step:09d}"
                    shutil.rmtree(aside, ignore_errors=True)
                    path.rename(aside)
                partial.rename(path)
                self._forget_before(path)
        self.processes.wait()

    def _forget_before(self, path: Path) -> None:
        """Remove the checkpoints that ``path`` takes the place of."""
        for old in self.folder.glob("checkpoint-*"):
            if old != path:
                shutil.rmtree(old)

    @contextmanager
    def _kept_when_full(self, partial: Path) -> Iterator[None]:
        """Name what could not be written, what is kept, and the way out."""
        try:
            yield
        except (OSError, CheckpointException) as error:
            shutil.rmtree(partial, ignore_errors=True)
            kept = self.checkpoint
            raise OutputError(
                f"cannot write {partial.with_suffix('')}: {_reason(error)}; "
                + (f"{kept} is whole and is kept" if kept else "there is no earlier checkpoint")
                + ": make room and give the same command again"
            ) from error

    def about(self) -> dict[str, Any]:
        """The step of the last checkpoint, after making sure that it is of this very run.

        Raises:
            TrainingError: naming what differs of the recipe, or of what is learned from.
            CheckpointError: if it is damaged.
        """
        path = self.checkpoint
        assert path is not None
        try:
            about: dict[str, Any] = json.loads((path / ABOUT).read_text())
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged ({error}): remove it") from error
        if differing := differences(about["stage"], described(self.stage)):
            raise TrainingError(
                f"{path} belongs to another recipe or another schedule ({'; '.join(differing)}): "
                "give what it was begun with, or use a fresh --runs folder"
            )
        if "origins" not in about:  # of a version before there were any
            log.warning("%s does not say what it was begun with: no comparison is made", path)
        elif changed := _changed(about["origins"], self.origins):
            raise TrainingError(
                f"{path} was begun with something else ({'; '.join(changed)}): give what it was "
                "begun with, or use a fresh --runs folder"
            )
        return about

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the tensors in the last checkpoint.

        Raises:
            CheckpointError: if it is damaged.
        """
        with self._readable() as path:
            stored = FileSystemReader(path).read_metadata().state_dict_metadata
        return {
            name: tuple(each.size)
            for name, each in stored.items()
            if isinstance(each, TensorStorageMetadata)
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Fill the tensors of ``state`` from the last checkpoint, each process its own share.

        Raises:
            CheckpointError: if it is damaged.
        """
        with self._readable() as path, _quiet():
            state_dict_loader.load(dict(state), storage_reader=FileSystemReader(path))

    @contextmanager
    def _readable(self) -> Iterator[Path]:
        path = self.checkpoint
        assert path is not None
        try:
            yield path
        except (OSError, CheckpointException) as error:
            raise CheckpointError(
                f"{path} cannot be read: {_reason(error)}; remove it to begin anew"
            ) from error

    def begin(self, step: int) -> None:
        """Note the recipe, and forget numbers of steps that a kill undid.

        Raises:
            OutputError: if that cannot be written.
        """
        if not self.processes.is_first:
            return
        with written(self.folder / "stage.json") as partial:
            partial.write_text(json.dumps(described(self.stage), indent=2))
        path = self.folder / METRICS
        if path.exists():
            kept = [row for row in self.rows() if row["step"] <= step]
            with written(path) as partial:
                partial.write_text("".join(json.dumps(row) + "\n" for row in kept))

    def log(self, row: Mapping[str, float]) -> None:
        """Append one line to ``metrics.jsonl``."""
        line = json.dumps({key: round(value, 6) for key, value in row.items()})
        try:
            with (self.folder / METRICS).open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            raise OutputError(
                f"cannot write {self.folder / METRICS}: {error.strerror}; {self.checkpoint} is "
                "kept: make room and give the same command again"
            ) from error

    def rows(self) -> list[dict[str, float]]:
        """The numbers so far; a last line that a kill left half written is none."""
        path = self.folder / METRICS
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def described(stage: StageConfig) -> dict[str, Any]:
    """A recipe as JSON has it."""
    return json.loads(json.dumps(asdict(stage), default=dict))


def _changed(kept: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """Which origins are others now, each in words."""
    return [
        f"{name}: not given then"
        if name not in kept
        else f"{name}: not given now"
        if name not in given
        else f"{name}: changed"
        for name in sorted(kept.keys() | given.keys())
        if kept.get(name) != given.get(name)
    ]


def differences(kept: object, given: object, name: str = "") -> list[str]:
    """What of a recipe differs from that of a checkpoint, field by field; words do not count.

    One noted before ``null_share`` was a field had a tenth, where its objective has any.
    """
    if isinstance(kept, dict) and isinstance(given, dict):
        if "null_share" in given:
            before = 0.0 if kept.get("objective") in NEVER_NULL else 0.1
            kept = {"null_share": before, **kept}
        return [
            line
            for key in sorted((kept.keys() | given.keys()) - WORDS)
            for line in differences(kept.get(key), given.get(key), f"{name}.{key}".strip("."))
        ]
    return [] if kept == given else [f"{name} is {kept} there and {given} here"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warning that one process is one process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _reason(error: BaseException) -> str:
    """The first cause in a line."""
    if isinstance(error, CheckpointException):
        failures = [failure for failure, _ in error.failures.values()]
        error = next((each for each in failures if isinstance(each, OSError)), failures[0])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
