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

from wsal.errors import ModelError, WaitingForAnnotations, WsalError

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT = timedelta(days=7)  # the others wait while the leader does work for one process alone
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


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Connect to the other processes, if there are any; at the end, tell them to stop.

    The leader does so by broadcasting None, also if its work has failed.
    """
    if count() == 1:
        yield
        return
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=TIMEOUT)
    try:
        yield
    except BaseException as error:
        if is_leader() and isinstance(error, (WsalError, WaitingForAnnotations)):
            with suppress(RuntimeError):  # the others may have failed as well, and have exited
                broadcast()
        raise
    else:
        if is_leader():
            broadcast()
        with suppress(RuntimeError):  # the leader has exited if it failed
            distributed.barrier()  # otherwise, one could exit while another still receives from it
    finally:
        distributed.destroy_process_group()


def launch(work: Callable[..., None], n: int, *arguments: Any) -> None:  # noqa: ANN401
    """Run `work(*arguments)` in `n` processes of this machine, started as torchrun does.

    If one fails, exits with the code of the first that did; that process has reported the error.
    """
    from uuid import uuid4  # noqa: PLC0415  slow to import

    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: PLC0415

    settings = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=n, run_id=uuid4().hex, rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", max_restarts=0,
    )  # fmt: skip
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // n)))
    for name in ("torch.distributed.elastic", "torch.multiprocessing.spawn"):
        # At a lower level, torch logs a traceback in addition to our error.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        elastic_launch(settings, work)(*arguments)
    except ChildFailedError as error:
        first = min(error.failures.values(), key=lambda failure: failure.timestamp)
        sys.exit(abs(first.exitcode) or 1)


def broadcast(message: Any = None) -> Any:  # noqa: ANN401  anything that can be pickled
    """Return the leader's message in every process; the others pass nothing."""
    if count() == 1:
        return message
    from torch import distributed  # noqa: PLC0415

    messages = [message]
    distributed.broadcast_object_list(messages, src=0)
    return messages[0]


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


def all_reduce_gradients(weights: Sequence["Tensor"]) -> None:
    """`all_reduce` the gradients of the weights; a weight without one in any process keeps None.

    A process that has no text in this step has no gradients, and gets those of the others.
    """
    if count() == 1:
        return
    import torch  # noqa: PLC0415

    n_with = torch.tensor([float(w.grad is not None) for w in weights], device=weights[0].device)
    all_reduce([n_with])
    trained = [weight for weight, n in zip(weights, n_with.tolist(), strict=True) if n]
    for weight in trained:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    all_reduce([weight.grad for weight in trained if weight.grad is not None])


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
            distributed.all_reduce(flat)
            for each, part in zip(bucket, torch.split(flat, sizes), strict=True):
                each.copy_(part.view_as(each))
            bucket = []
