"""How processes share the machine, and how several train one model: who leads, how they add up.

Without torchrun there is one process, which leads, and nothing here imports torch.
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

TIMEOUT = timedelta(days=7)  # others wait this long while the leader does what one can do alone
BUCKET_SIZE = 2**24  # numbers sent at once
OPENMP_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # OpenMP's own names
SPINS = "1000"
"""How often a waiting thread looks before it sleeps. Measured: on an idle machine as fast as the
default of 300,000, where not spinning at all costs up to a fifth; beside a busy process nearly as
fast as not spinning."""


def limit_openmp_spins() -> None:
    """Let OpenMP's threads soon sleep where they wait for each other, unless the user decided that.

    By default a thread that is done early spins until the last is done. Where another
    process needs a core, those spins take the time in which the last would have finished:
    training on two cores then fell to a third. libgomp, which torch's wheels for Linux bring,
    reads the variable once, when it is loaded; so this comes before torch, scipy or sklearn.
    """
    if not any(name in os.environ for name in OPENMP_VARIABLES):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process's number; 0 leads."""
    return int(os.environ.get("RANK", "0"))


def is_leader() -> bool:
    """Whether this process writes, and says what is said."""
    return rank() == 0


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Meet the other processes, if there are any; at the end the leader sends them home."""
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
            with suppress(RuntimeError):  # the others may have failed as well, and be gone
                broadcast()
        raise
    else:
        if is_leader():
            broadcast()
        with suppress(RuntimeError):  # where the leader failed, it is gone
            distributed.barrier()  # or one could leave while another still listens to it
    finally:
        distributed.destroy_process_group()


def launch(work: Callable[..., None], n: int, *arguments: Any) -> None:  # noqa: ANN401
    """`work(*arguments)` in `n` processes of this machine, as torchrun starts them.

    Exits with the code of the first that failed; it has said what was wrong.
    """
    from uuid import uuid4  # noqa: PLC0415  slow to import, for a name

    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: PLC0415

    settings = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=n, run_id=uuid4().hex, rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", max_restarts=0,
    )  # fmt: skip
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // n)))
    for name in ("torch.distributed.elastic", "torch.multiprocessing.spawn"):
        logging.getLogger(name).setLevel(
            logging.CRITICAL
        )  # a traceback of its own beside our error
    try:
        elastic_launch(settings, work)(*arguments)
    except ChildFailedError as error:
        first = min(error.failures.values(), key=lambda failure: failure.timestamp)
        sys.exit(abs(first.exitcode) or 1)


def broadcast(message: Any = None) -> Any:  # noqa: ANN401  whatever the leader says
    """What the leader says, in every process; followers pass nothing."""
    if count() == 1:
        return message
    from torch import distributed  # noqa: PLC0415

    box = [message]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def run_on_leader(work: Callable[[], Any]) -> Any:  # noqa: ANN401  whatever `work` gives back
    """What `work()` gives back in the leader, in every process.

    Raises:
        ModelError: in the leader `work` raised an error of wsal's; it is raised everywhere, so that
            no process waits for one that has stopped.
    """
    found = error = None
    if is_leader():
        try:
            found = work()
        except WsalError as failure:
            error = failure
    found, message = broadcast((found, error and str(error)))
    if message is not None:
        raise error or ModelError(message)
    return found


def all_reduce_gradients(weights: Sequence["Tensor"]) -> None:
    """`all_reduce` for the gradients of weights; a weight that has none anywhere keeps none.

    A process without a text in this step has none, and takes those of the others.
    """
    if count() == 1:
        return
    import torch  # noqa: PLC0415

    has = torch.tensor([float(w.grad is not None) for w in weights], device=weights[0].device)
    all_reduce([has])
    learning = [weight for weight, n in zip(weights, has.tolist(), strict=True) if n]
    for weight in learning:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    all_reduce([weight.grad for weight in learning if weight.grad is not None])


def all_reduce(tensors: Sequence["Tensor"]) -> None:
    """Replace each tensor by its sum over all processes, in few large messages."""
    if count() == 1:
        return
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    bucket: list[Tensor] = []
    for number, tensor in enumerate(tensors, 1):
        bucket.append(tensor)
        if number == len(tensors) or sum(one.numel() for one in bucket) >= BUCKET_SIZE:
            flat = torch.cat([one.detach().reshape(-1) for one in bucket])
            distributed.all_reduce(flat)
            parts = torch.split(flat, [one.numel() for one in bucket])
            for one, part in zip(bucket, parts, strict=True):
                one.copy_(part.view_as(one))
            bucket = []
