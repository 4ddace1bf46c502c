"""Work on many machines: a Ray Data pipeline of actors that build something once and keep it.

``work_on_cluster`` is for any work on numbered items, ``narrate_on_cluster`` for stories. Ray
decides who works on which item, and gives it to another when a machine is lost; it may do so twice,
or while the first is still at work. That every item is done once is decided on disk, by what an
actor builds: claims and records in the folder that all machines share.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiostory.config import from_json, to_json
from audiostory.errors import AudioStoryError, ConfigError, OutputError
from audiostory.generate.batch.claims import claim
from audiostory.generate.batch.folder import BatchFolder
from audiostory.generate.batch.many import Job, Record, narrate_many
from audiostory.optional import require

if TYPE_CHECKING:
    from audiostory.generate.pipeline import AudioStoryPipeline

KNOCK_S = 10.0
"""How long a cluster may take to answer at all."""
MAX_TASKS = 2_000
"""Most pieces that work is cut into; where there are fewer, a piece is as many items as are done
together."""

Work = Callable[[Sequence[int]], list[str]]
"""Does the items of these indices, and tells of each what came of it, as JSON text."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """How many actors work, and what each has to itself."""

    num_actors: int
    num_cpus: int = 0
    num_gpus: int = 0


class Actor:
    """Works on the items it is given, with something that is built once.

    Args:
        build: gives the work; models are loaded here.
        token: a file in the shared folder that the driver holds locked.
    """

    def __init__(self, build: Callable[[], Work], token: Path) -> None:
        self.build, self.token = build, token
        self.work: Work | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """What came of each item, or why nothing can be done by anybody."""
        try:
            check_shared(self.token)
            self.work = self.work or self.build()
            told = self.work([int(index) for index in batch["index"]])
        except AudioStoryError as error:  # raised here, it would be an error of Ray's
            return {"told": [""], "trouble": [f"on {socket.gethostname()}: {error}"]}
        return {"told": told, "trouble": [""] * len(told)}


def narrate_on_cluster(
    load: Callable[[], AudioStoryPipeline],
    jobs: Sequence[Job],
    folder: BatchFolder,
    *,
    address: str,
    has_gpu: bool | None = None,
    num_actors: int | None = None,
    together: int = 1,
) -> Generator[Record, None, None]:
    """A record of each job, as soon as its files are in the folder.

    Args:
        load: gives the pipeline; called once in every actor.
        jobs: what to tell, ids unique.
        folder: where finished stories are looked up and kept; all machines must share it.
        address: as ``work_on_cluster`` takes it, and so are those below.
        has_gpu: whether every actor needs a GPU; None if the cluster has one.
        num_actors: by default one for each GPU, without one for each machine.
        together: stories that an actor is given, and has under way, at once.

    Raises:
        MissingExtraError: if Ray is not installed.
        ConfigError: if there is no such cluster, or it is too small.
        OutputError: if the folder is not shared or cannot be written; finished stories stay.
    """
    told = work_on_cluster(
        partial(narrating, load, tuple(jobs), folder, together),
        len(jobs),
        folder.path,
        address=address,
        has_gpu=has_gpu,
        num_actors=num_actors,
        together=together,
    )
    for text in told:
        yield from_json(Record, text)


def narrating(
    load: Callable[[], AudioStoryPipeline], jobs: Sequence[Job], folder: BatchFolder, together: int
) -> Work:
    """The work of an actor that tells stories: an index is that of a job, JSON is its record."""
    pipeline = load()

    def tell(indices: Sequence[int]) -> list[str]:
        given = [jobs[index] for index in indices]
        at_once = min(together, len(given))
        return [to_json(each) for each in narrate_many(pipeline, given, folder, together=at_once)]

    return tell


def work_on_cluster(
    build: Callable[[], Work],
    num_items: int,
    folder: Path,
    *,
    address: str,
    has_gpu: bool | None = None,
    num_actors: int | None = None,
    together: int = 1,
) -> Generator[str, None, None]:
    """What actors tell of each item, in the order in which items are done.

    Args:
        build: gives an actor its work; called once in every actor, so it must be picklable.
        num_items: items are numbered from 0.
        folder: where the work is kept; all machines must share it, and it has ``records``.
        address: of a running cluster; ``auto`` for the one on this machine, ``local`` to start
            one here for as long as it is needed.
        has_gpu: whether every actor needs a GPU; None if the cluster has one.
        num_actors: by default one for each GPU, without one for each machine.
        together: items that an actor is given at once.

    Raises:
        MissingExtraError: if Ray is not installed.
        ConfigError: if there is no such cluster, or it is too small.
        OutputError: if an actor met what no other could do better, such as a folder that is not
            shared; what is finished stays.
    """
    if num_items == 0:
        return
    require("ray.data", extra="cluster")
    with connected(address), shared_token(folder) as token:
        import ray

        nodes = [each["Resources"] for each in ray.nodes() if each["Alive"]]
        crew = crew_for(nodes, has_gpu=has_gpu, num_actors=num_actors)
        together = min(together, -(-num_items // crew.num_actors))  # all actors have work
        num_tasks = min(-(-num_items // together), MAX_TASKS)
        yield from _told(build, token, num_items, num_tasks, crew)


def _told(
    build: Callable[[], Work], token: Path, num_items: int, num_tasks: int, crew: Crew
) -> Iterator[str]:
    """What a crew of actors gives back.

    Raises:
        OutputError: if one of them met something that no other could do better.
    """
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # "bars disabled"
    rows = ray.data.from_items(
        [{"index": index} for index in range(num_items)],
        override_num_blocks=num_tasks,
    )
    told = rows.map_batches(
        Actor,
        fn_constructor_args=(build, token),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=crew.num_actors, max_tasks_in_flight_per_actor=1),
        num_cpus=crew.num_cpus,
        num_gpus=crew.num_gpus,
    )  # Ray Data restarts lost actors, and gives their tasks to others, as often as it takes
    for row in told.iter_rows():
        if row["trouble"]:
            raise OutputError(row["trouble"])
        yield row["told"]


def crew_for(
    nodes: Sequence[Mapping[str, float]], *, has_gpu: bool | None, num_actors: int | None
) -> Crew:
    """The actors that fit on machines with these resources.

    Args:
        nodes: what each machine has, as Ray counts it: ``CPU``, ``GPU``.
        has_gpu: whether every actor needs a GPU; None if there is one.
        num_actors: how many are wanted; by default one for each GPU, without one for each machine.

    Raises:
        ConfigError: if so many do not fit.
    """
    num_gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if has_gpu or (has_gpu is None and num_gpus):
        if not 1 <= (num_actors or 1) <= num_gpus:
            raise ConfigError(
                f"{num_actors or 1} actors with a GPU each are wanted, the cluster has {num_gpus} "
                "GPUs: ask for fewer with --actors, or compute with --device cpu"
            )
        return Crew(num_actors=num_actors or num_gpus, num_gpus=1)
    cpus = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    wanted = num_actors or len(cpus)
    for num_cpus in range(max(cpus, default=0), 0, -1):
        if sum(each // num_cpus for each in cpus) >= max(wanted, 1):
            return Crew(num_actors=wanted, num_cpus=num_cpus)
    raise ConfigError(
        f"{max(wanted, 1)} actors are wanted, the cluster has {sum(cpus)} CPUs: ask for fewer with "
        "--actors"
    )


@contextmanager
def connected(address: str) -> Iterator[None]:
    """A connection to the cluster; Ray sends no usage statistics for us.

    Raises:
        ConfigError: if there is no such cluster.
    """
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by what ray.init starts
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"no Ray cluster can be reached at {address!r} ({_first_line(error)}): start one with "
            "`ray start --head`, give its address (host:6379), or use --ray local"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Nothing, if somebody listens at the address: Ray itself would wait for minutes.

    Raises:
        OSError: if nobody does.
        ValueError: if it is no address.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and "/" not in host):
        raise ValueError("not host:port")
    socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@contextmanager
def shared_token(folder: Path) -> Iterator[Path]:
    """A file that tells other machines whether they share this folder and its locks.

    Raises:
        OutputError: if it cannot be written.
    """
    records = folder / "records"
    for left in records.glob("token-*"):  # by drivers that were killed
        if (stale := claim(left)) is not None:
            stale.release()
    token = records / f"token-{secrets.token_hex(8)}"
    while (held := claim(token)) is None:  # somebody looks whether it is stale
        time.sleep(0.01)
    with held:
        yield token


def check_shared(token: Path) -> None:
    """Nothing, if this machine sees the driver's token and that it is locked.

    Raises:
        OutputError: if the folder is another here, or locks are not shared.
    """
    folder = token.parent.parent
    if not token.is_file():
        raise OutputError(
            f"{folder} is not the folder that the command writes to: all machines must share it, "
            "under one name; mount it everywhere, or choose a shared one with --out"
        )
    got = claim(token)
    if got is not None:
        got.release()
        raise OutputError(
            f"{folder} is shared, but its locks are not: mount it with shared locks (such as NFS "
            "4, without nolock)"
        )
