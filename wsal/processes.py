"""Several processes that train one model: who leads, and how they add up.

Without torchrun there is one process, which leads, and nothing here imports torch.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PATIENCE = timedelta(days=7)  # others wait this long while the leader does what one can do alone
BUCKET = 2**24  # numbers sent at once


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process's number; 0 leads."""
    return int(os.environ.get("RANK", "0"))


def leads() -> bool:
    """Whether this process writes, and says what is said."""
    return rank() == 0


def join(*, on_cpu: bool) -> None:
    """Meet the other processes, if there are any."""
    if count() == 1:
        return
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    if distributed.is_initialized():
        return
    if not on_cpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "gloo" if on_cpu else "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=PATIENCE)


def leave() -> None:
    """Part from the others."""
    if count() > 1:
        from torch import distributed  # noqa: PLC0415

        if distributed.is_initialized():
            distributed.destroy_process_group()


def tell(message: Any = None) -> Any:  # noqa: ANN401  whatever the leader says
    """What the leader says, in every process; followers pass nothing."""
    if count() == 1:
        return message
    from torch import distributed  # noqa: PLC0415

    box = [message]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def add_up(tensors: Sequence["Tensor"]) -> None:
    """Replace each tensor by its sum over all processes, in few large messages."""
    if count() == 1:
        return
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    bucket: list[Tensor] = []
    for number, tensor in enumerate(tensors, 1):
        bucket.append(tensor)
        if number == len(tensors) or sum(one.numel() for one in bucket) >= BUCKET:
            flat = torch.cat([one.detach().reshape(-1) for one in bucket])
            distributed.all_reduce(flat)
            parts = flat.split([one.numel() for one in bucket])
            for one, part in zip(bucket, parts, strict=True):
                one.copy_(part.view_as(one))
            bucket = []
