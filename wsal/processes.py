"""How several processes train one model, and how they share the machine's cores.

Without torchrun there is one process, the leader, and nothing here imports torch.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wsal.errors import LostProcessError, ModelError, WaitingForAnnotations, WsalError
from wsal.heartbeats import watching

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT = timedelta(days=7)
"""How long the others wait while the leader works alone. `heartbeats` notices if it is gone."""
SHUTDOWN_SECONDS = "120"  # for a step and a checkpoint, after SIGTERM; torch's default is 30
BUCKET_SIZE = 2**24  # numbers in one message
OPENMP_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
SPINS = "1000"
"""How often a waiting OpenMP thread spins before it sleeps. Measured: on an idle machine this is as
fast as the default of 300,000, while not spinning at all costs up to a fifth; beside another busy
process, it is nearly as fast as not spinning."""


def limit_openmp_spins() -> None:
    """Make OpenMP threads sleep soon while they wait for each other, unless the user has set that.

    By default, a thread that finishes early spins until the last one finishes. If another process
    needs the core, spinning keeps it from the thread that everybody waits for: training on two
    cores fell to a third of its speed. libgomp, which torch's wheels for Linux contain, reads the
    variable once, when it is loaded. So call this before torch, scipy or sklearn are imported.
    """
    if not any(name in os.environ for name in OPENMP_VARIABLES):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process; the leader has 0."""
    return int(os.environ.get("RANK", "0"))


def is_leader() -> bool:
    """Whether this is the process that writes files and prints."""
    return rank() == 0


def may_restart() -> bool:
    """Whether torchrun starts the processes again when one of them is lost."""
    return int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Connect to the other processes, if there are any; at the end, tell them to stop.

    The leader does so by broadcasting None, even if its work has failed. If another process is
    lost, this one ends, so that torchrun can start all of them again.

    Raises:
        LostProcessError: another process was killed, or its machine failed.
    """
    if count() == 1:
        yield
        return
    import torch  # noqa: PLC0415
    import torch.distributed.nn.functional  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    # Imported later, as parts of transformers do, the module above would keep the default group in
    # its default arguments, and with it threads that may abort the process while Python exits.
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=TIMEOUT)
    store = distributed.distributed_c10d._get_default_store()  # has no public name
    try:
        with watching(store, rank(), count()):
            yield
    except LostProcessError:
        raise
    except BaseException as error:
        if is_leader() and isinstance(error, (WsalError, WaitingForAnnotations)):
            with suppress(LostProcessError):  # the others may have failed as well, and have exited
                broadcast()
        raise
    else:
        if is_leader():
            broadcast()
        with suppress(LostProcessError):  # the leader has exited if it failed
            wait_for_all()  # otherwise, one could exit while another still receives from it
    finally:
        distributed.destroy_process_group()


@contextmanager
def _connected() -> Iterator[None]:
    """Turn an error of torch about the connection into a clear one.

    Raises:
        LostProcessError: a message cannot be sent or received.
    """
    import torch  # noqa: PLC0415

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise LostProcessError(
            f"process {rank()} of {count()} has lost its connection to another one, which failed "
            f"or was killed, or whose machine failed ({error}); run the same command again to "
            "continue from the last checkpoint"
        ) from error


def launch(work: Callable[..., None], n: int, *arguments: Any) -> None:  # noqa: ANN401
    """Run `work(*arguments)` in `n` processes of this machine, started as torchrun does.

    If one fails, exits with the code of the first that did; that process has reported the error.
    A signal that ends this process is passed on to them.
    """
    from uuid import uuid4  # noqa: PLC0415  slow to import

    from torch.distributed.elastic.multiprocessing import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: PLC0415

    settings = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=n, run_id=uuid4().hex, rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", max_restarts=0,
    )  # fmt: skip
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // n)))
    os.environ.setdefault("TORCHELASTIC_SHUTDOWN_TIMEOUT", SHUTDOWN_SECONDS)
    for name in ("torch.distributed.elastic", "torch.multiprocessing.spawn"):
        # At a lower level, torch logs a traceback in addition to our error.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        elastic_launch(settings, work)(*arguments)
    except ChildFailedError as error:
        first = min(error.failures.values(), key=lambda failure: failure.timestamp)
        sys.exit(abs(first.exitcode) or 1)
    except SignalException as error:
        sys.exit(128 + error.sigval)


def broadcast(message: Any = None) -> Any:  # noqa: ANN401  anything that can be pickled
    """Return the leader's message in every process; the others pass nothing."""
    if count() == 1:
        return message
    from torch import distributed  # noqa: PLC0415

    messages = [message]
    with _connected():
        distributed.broadcast_object_list(messages, src=0)
    return messages[0]


def wait_for_all() -> None:
    """Return once every process has called this."""
    if count() == 1:
        return
    import torch  # noqa: PLC0415

    all_reduce([torch.zeros(1)])


def run_on_leader(work: Callable[[], Any]) -> Any:  # noqa: ANN401  whatever `work` returns
    """Run `work()` in the leader alone, and return its result in every process.

    Raises:
        ModelError: `work` raised an error of wsal's in the leader. It is raised in every process,
            so that none waits for one that has stopped.
    """
    result = error = None
    if is_leader():
        try:
            result = work()
        except WsalError as failure:
            error = failure
    result, message = broadcast((result, error and str(error)))
    if message is not None:
        raise error or ModelError(message)
    return result


def share_step(weights: Sequence["Tensor"], loss: "Tensor", wishes: Sequence[bool]) -> list[bool]:
    """Sum the gradients and the loss of a step over all processes, in place.

    A process that has no text in this step has no gradients, and gets those of the others; a weight
    without one in any process keeps None.

    Args:
        weights: those that are trained.
        loss: `(1,)`.
        wishes: what this process wants to be done after the step.

    Returns:
        For each wish whether any process has it, so that all of them do the same.
    """
    if count() == 1:
        return list(wishes)
    import torch  # noqa: PLC0415

    flags = [*(weight.grad is not None for weight in weights), *wishes]
    sums = torch.tensor(flags, dtype=loss.dtype, device=loss.device)
    all_reduce([loss, sums])
    in_any = [n > 0 for n in sums.tolist()]
    trained = [weight for weight, has in zip(weights, in_any, strict=False) if has]
    for weight in trained:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    all_reduce([weight.grad for weight in trained if weight.grad is not None])
    return in_any[len(weights) :]


def all_reduce(tensors: Sequence["Tensor"]) -> None:
    """Replace each tensor by its sum over all processes, using few large messages."""
    if count() == 1:
        return
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    bucket: list[Tensor] = []
    for number, tensor in enumerate(tensors, 1):
        bucket.append(tensor)
        sizes = [each.numel() for each in bucket]
        if number == len(tensors) or sum(sizes) >= BUCKET_SIZE:
            flat = torch.cat([each.detach().reshape(-1) for each in bucket])
            with _connected():
                distributed.all_reduce(flat)
            for each, part in zip(bucket, torch.split(flat, sizes), strict=True):
                each.copy_(part.view_as(each))
            bucket = []
