"""Work on shards on a Ray cluster; Ray Data schedules them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wsal import processes
from wsal.errors import ModelError, WsalError
from wsal.extras import require
from wsal.launch.local import THREADS
from wsal.launch.sealing import Report, ShardWork, WorkOnShard, is_sealed, seal, sealed_folder
from wsal.settings import LauncherSettings, RaySettings

RETRIES = 5
"""How often a shard is begun again after its process or its node was lost. There has to be a limit,
as a shard that needs too much memory kills every process that works on it."""
BEGUN = ".begun"  # suffix of a file with a byte for each time that the shard was begun


def on_ray(
    work: ShardWork,
    numbers: Sequence[int],
    folder: Path,
    launcher: LauncherSettings,
    report: Report,
) -> None:
    """Share the shards among actors (processes on the nodes of a Ray cluster).

    Each actor starts the work once. Shards that were lost with a process or a node are begun again
    elsewhere. The cluster is joined, or started, by the first call in a process and left when the
    process ends, because a command works on several datasets.

    Raises:
        ConfigError: Ray is not installed, the cluster cannot be joined, it has no room for an
            actor, or a node cannot do the work; see `ray_cluster`.
        ModelError: a shard was lost more than `RETRIES` times, or the whole cluster was.
        WsalError: the work of a shard failed. What is sealed is kept.
    """
    require("ray", extra="ray", why="launcher=ray")
    from ray.exceptions import RayError, RayTaskError  # noqa: PLC0415  an extra

    from wsal.launch.ray_cluster import join, require_nodes  # noqa: PLC0415  an extra

    join(launcher.ray.address)
    needs = _needs(launcher.ray, work)
    n_actors = require_nodes(needs, work, folder, launcher.ray)
    for begun in folder.glob(f"*{BEGUN}"):
        begun.unlink()  # by an earlier command
    try:
        error = _first_error(_results(work, numbers, folder, launcher.ray, needs, n_actors), report)
    except RayTaskError:
        raise  # a bug of wsal: its traceback is needed
    except RayError as lost:
        raise ModelError(
            f"the Ray cluster failed ({str(lost).strip().splitlines()[0]}); run the same command "
            "again, when it is up or with launcher=local: finished shards are kept"
        ) from None
    if error:
        raise error
    names = {path.name for path in folder.iterdir()}  # listing it also refreshes the cache of NFS
    missing = [n for n in numbers if not is_sealed(folder, n)]
    if missing:
        raise ModelError(
            f"Ray finished all shards, but {len(missing)} of them, such as shard {missing[0]}, are "
            f"not among the {len(names)} files of {folder}; all nodes must see the same folder"
        )


class ShardActor:
    """Works on shards in a process on some node.

    Errors are returned and not raised: Ray would print them with the tracebacks of all processes
    that they passed through.
    """

    def __init__(self, work: ShardWork, folder: Path, cwd: Path) -> None:
        self.work, self.folder, self.cwd = work, folder, cwd
        self.work_on_shard: WorkOnShard | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the shards, and the pickled error of each; empty if it is sealed."""
        return {
            "number": batch["number"],
            "error": [self._error(int(number)) for number in batch["number"]],
        }

    def _error(self, number: int) -> bytes:
        from ray import cloudpickle  # noqa: PLC0415  an extra

        try:
            os.chdir(self.cwd)  # relative paths begin there
            _count(self.folder, number)
            if self.work_on_shard is None:
                self.work_on_shard = self.work.start()
            if not is_sealed(self.folder, number):  # by a process that was lost afterwards
                seal(self.work_on_shard, number, self.folder, lambda *_: None)
        except (WsalError, OSError, MemoryError) as error:
            return bytes(cloudpickle.dumps(error))
        return b""


def _count(folder: Path, number: int) -> None:
    """Count how often a shard is begun; Ray itself would begin it again without limit.

    Raises:
        ModelError: it was lost too often.
    """
    begun = sealed_folder(folder, number).with_suffix(BEGUN)
    with begun.open("ab") as file:
        if file.tell() > RETRIES:
            raise ModelError(
                f"shard {number} was begun {file.tell()} times, and each time the process was "
                "killed (often for lack of memory) or its node was lost; run the same command "
                "again, with more ray.memory or a smaller shard_rows: finished shards are kept"
            )
        file.write(b".")


def _first_error(results: Iterator[tuple[int, bytes]], report: Report) -> BaseException | None:
    """Report each shard that is done, until one has failed."""
    from ray import cloudpickle  # noqa: PLC0415  an extra

    for number, pickled in results:
        if pickled:
            error: BaseException = cloudpickle.loads(pickled)
            return error
        report(number, None)
    return None


def _results(
    work: ShardWork,
    numbers: Sequence[int],
    folder: Path,
    settings: RaySettings,
    needs: dict[str, float],
    n_actors: int,
) -> Iterator[tuple[int, bytes]]:
    """The number of each shard as it is done, with its pickled error."""
    from ray.data import ActorPoolStrategy, DataContext, from_items  # noqa: PLC0415  an extra

    most = min(settings.actors or len(numbers), len(numbers))
    pool = ActorPoolStrategy(
        min_size=1,  # so that idle actors end and make room for the work of a lost node
        initial_size=min(n_actors, most),
        max_size=most,  # grows when nodes join
        max_tasks_in_flight_per_actor=1,  # a shard takes long: no actor may hold a second one
    )
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.max_errored_blocks = 0  # no shard may be dropped
    context.max_consecutive_actor_init_deaths = RETRIES
    context.autoscaling_config.actor_pool_util_upscaling_threshold = 1.0  # all actors have a shard
    with DataContext.current(context):
        shards = from_items([{"number": n} for n in numbers], override_num_blocks=len(numbers))
        done = shards.map_batches(
            ShardActor,
            fn_constructor_args=(work, folder, Path.cwd()),
            batch_size=None,
            compute=pool,
            num_cpus=needs["CPU"],
            num_gpus=needs["GPU"],
            memory=needs["memory"],
            runtime_env={"env_vars": _environment(needs)},
        )
        for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
            yield from zip(batch["number"].tolist(), batch["error"], strict=True)


def _needs(settings: RaySettings, work: ShardWork) -> dict[str, float]:
    """What an actor takes from its node, by Ray's names; memory in bytes."""
    gpus = settings.gpus if getattr(work, "uses_gpu", False) else 0
    return {"CPU": settings.cpus, "GPU": gpus, "memory": int(settings.memory * 10**9)}


def _environment(needs: dict[str, float]) -> dict[str, str]:
    """Variables that libraries read when an actor imports them."""
    names = (*processes.OPENMP_VARIABLES, "TOKENIZERS_PARALLELISM", "HF_HUB_OFFLINE")
    as_here = {name: os.environ[name] for name in names if name in os.environ}
    no_gpu = {} if needs["GPU"] else {"CUDA_VISIBLE_DEVICES": ""}
    return as_here | no_gpu | dict.fromkeys(THREADS, str(max(1, int(needs["CPU"]))))
