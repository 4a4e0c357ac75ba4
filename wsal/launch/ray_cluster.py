"""Join a Ray cluster, or start one, and check that its nodes can do the work."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
import ray.data  # so that its log is configured
from ray import cloudpickle
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from wsal import __version__
from wsal.errors import ConfigError, listed
from wsal.launch.sealing import ShardWork
from wsal.settings import RaySettings

OBJECT_STORE = 100_000_000  # bytes; only numbers of shards go through it
STDERR = 2
PATIENCE = 300  # seconds for a node to answer; it may import torch from a slow disk


def join(address: str | None) -> None:
    """Join the cluster at this address, or start one on this machine; it ends with the process.

    In a process that has called `ray.init` before, that cluster is used.

    Raises:
        ConfigError: there is no cluster that this machine belongs to.
    """
    if ray.is_initialized():
        return
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
        "RAY_BACKEND_LOG_LEVEL": "fatal",  # of messages on the terminal
        "RAY_worker_niceness": "0",  # as with launcher=local
        "RAY_raylet_start_wait_time_s": "120",  # on a busy machine
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _require_listener(address)
        with _silent():
            ray.init(
                address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if address else own),
            )
    except Exception as error:  # Ray raises all kinds of exceptions
        reason = str(error).strip().partition("\n")[0]
        if not address:
            raise ConfigError(f"Ray could not start on this machine: {reason}") from error
        raise ConfigError(
            f"ray.address is {address}, but this machine could not join a Ray cluster there: "
            f"{reason}; start one with `ray start --head`, and join it on every other "
            "machine, this one included, with `ray start --address=HOST:6379`, all with "
            "RAY_AUTH_MODE=token and the same token (`ray get-auth-token --generate`)"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has installed a handler of its own
    # Even with the setting `log_to_driver`, Ray prints a paragraph for each process that is lost.
    ray._private.worker._worker_logs_enabled = False
    log = logging.getLogger("ray.data")  # it also writes to a file of the session
    log.handlers = [h for h in log.handlers if not isinstance(h, logging.StreamHandler)]


def _require_listener(address: str | None) -> None:
    """Check that something listens at HOST:PORT; Ray itself would wait for minutes.

    Raises:
        OSError: nothing listens at HOST:PORT.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what native code writes to stderr, such as the level of its log."""
    kept, nowhere = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


def require_nodes(
    needs: dict[str, float], work: ShardWork, folder: Path, settings: RaySettings
) -> int:
    """Check that each node can do the work; returns how many actors the cluster has room for.

    Args:
        needs: what an actor takes: `CPU` and `GPU` in units, `memory` in bytes.
        work: must be importable on every node.
        folder: must be the same on every node.
        settings: of the cluster.

    Raises:
        ConfigError: no node has room for an actor; or a node has no wsal or another version of it,
            does not see the folder, or cannot import the work.
    """
    room = {
        node["NodeID"]: _room(node["Resources"], needs) for node in ray.nodes() if node["Alive"]
    }
    if not any(room.values()):
        resources = [
            f"{node['NodeManagerAddress']}: " + _described(node["Resources"])
            for node in ray.nodes()
            if node["Alive"]
        ]
        raise ConfigError(
            f"an actor takes {_described(needs)}, and no node of the Ray cluster has as much; set "
            f"ray.cpus, ray.gpus or ray.memory lower. The nodes have:{listed(resources)}"
        )
    if settings.address:
        _require_same([node for node, n_actors in room.items() if n_actors], work, folder)
    return sum(room.values())


def _room(resources: dict[str, float], needs: dict[str, float]) -> int:
    return int(min(resources.get(name, 0) // amount for name, amount in needs.items() if amount))


def _described(resources: dict[str, float]) -> str:
    """Resources in words.

    >>> _described({"CPU": 2.0, "memory": 4_000_000_000})
    '2 cores, 0 GPUs and 4 GB of memory'
    """
    cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    return f"{cpus:g} cores, {gpus:g} GPUs and {resources.get('memory', 0) / 1e9:.3g} GB of memory"


def _require_same(nodes: list[str], work: ShardWork, folder: Path) -> None:
    """Check that each node has the same wsal, folder and modules of the user as this process."""
    ask = ray.remote(num_cpus=0)(_question())
    pickled = cloudpickle.dumps(work)
    with TemporaryDirectory(prefix="nodes.", dir=folder) as shared:
        answers = {
            node: ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(node, Path.cwd(), Path(shared), __version__, pickled)
            for node in nodes
        }
        problems = []
        for node, answer in answers.items():
            try:
                problem = ray.get(answer, timeout=PATIENCE)
            except RayError as error:  # a node that is lost meanwhile does no harm
                if any(n["NodeID"] == node and n["Alive"] for n in ray.nodes()):
                    problem = f"it does not answer ({str(error).strip().splitlines()[0]})"
                else:
                    continue
            if not problem and not (Path(shared) / node).exists():
                problem = f"what it writes to {folder} does not appear on this machine"
            if problem:
                problems.append(f"{_host(node)}: {problem}")
    if problems:
        raise ConfigError(
            "all nodes of the Ray cluster must have the same version of wsal, the same run folder "
            "(on a file system that they share) and, in the working directory or installed, the "
            f"modules that are trusted. These differ:{listed(problems)}"
        )


def _host(node: str) -> str:
    """The address of a node, and the start of its id, as several may be on one machine."""
    address = next(n["NodeManagerAddress"] for n in ray.nodes() if n["NodeID"] == node)
    return f"node {address} ({node[:8]})"


def _question() -> Callable[[str, Path, Path, str, bytes], str]:
    """The function to call on each node.

    A function within a function is sent with its code; others are imported on the node, which is
    not possible if wsal is not there.
    """

    def problem(node: str, cwd: Path, shared: Path, version: str, work: bytes) -> str:
        """What keeps this node from working; empty if nothing does."""
        try:
            import wsal  # noqa: PLC0415  to see whether it is there
        except ImportError:
            return f"wsal is not installed; install wsal {version}"
        if wsal.__version__ != version:
            return f"it has wsal {wsal.__version__}, and this machine {version}"
        for folder in (cwd, shared := cwd / shared):
            if not folder.exists():
                return f"it does not see the folder {folder}"
        try:
            cloudpickle.loads(work)
        except ImportError as error:
            return str(error)
        try:
            (shared / node).touch()
        except OSError as error:
            return f"it cannot write to {shared.parent}: {error}"
        return ""

    return problem
