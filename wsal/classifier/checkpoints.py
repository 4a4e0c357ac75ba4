"""Checkpoints of a training: tensors in safetensors with their digest, no pickle.

The digest is written last. If it is missing or does not match, the checkpoint is incomplete or
damaged: a warning is printed, and the checkpoint before it is used.
"""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from wsal import processes
from wsal.classifier.finite import must_be_finite
from wsal.digests import digest_of, file_digest
from wsal.json_files import write_json

logger = logging.getLogger(__name__)

KEPT = 2
TENSORS, STATE = "tensors.safetensors", "state.json"


@dataclass
class Progress:
    """How far a training is: what a checkpoint holds beside tensors."""

    step: int = 0
    loss: list[list[float]] = field(default_factory=list)
    """`[step, mean loss since the entry before]`."""
    looks: list[list[float]] = field(default_factory=list)
    """`[step, score on dev]`."""
    memory: list[int] = field(default_factory=list)
    """`[max_tokens, recomputes]` of the `MemoryBudget`."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a training needs to continue as if it had never stopped."""

    progress: Progress
    tensors: dict[str, Tensor]


def save(scratch: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and remove all but the newest `KEPT`.

    Raises:
        ModelError: a tensor is not finite; nothing was written.
    """
    step = checkpoint.progress.step
    problem = f"the checkpoint of step {step:,} was not written: a tensor of it is"
    must_be_finite(checkpoint.tensors.values(), problem)
    folder = scratch / f"{step:09d}"
    for later in _folders(scratch):
        if later.name >= folder.name:
            shutil.rmtree(later)  # a damaged one: training continued from one before it
    folder.mkdir(parents=True)
    tensors = {name: t.detach().contiguous() for name, t in checkpoint.tensors.items()}
    save_file(_unshared(tensors), folder / TENSORS)
    state = {"progress": asdict(checkpoint.progress), "sha256": file_digest(folder / TENSORS)}
    write_json(folder / STATE, state | {"digest": digest_of(state)})
    for old in _folders(scratch)[:-KEPT]:
        shutil.rmtree(old)


def newest(scratch: Path) -> Checkpoint | None:
    """The newest complete checkpoint; None if there is none.

    >>> newest(Path("nowhere")) is None
    True
    """
    for folder in reversed(_folders(scratch)):
        try:
            state = json.loads((folder / STATE).read_text())
            is_intact = state.pop("digest") == digest_of(state)
            if is_intact and file_digest(folder / TENSORS) == state["sha256"]:
                return Checkpoint(Progress(**state["progress"]), load_file(folder / TENSORS))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # whatever it holds, `save` did not write it
        logger.warning(
            "checkpoint %s is incomplete or damaged; continuing from the one before it", folder
        )
    return None


def of_leader(scratch: Path, begin: Callable[[], Checkpoint]) -> Checkpoint | None:
    """What every process continues from: the leader's newest checkpoint, or how it would `begin`.

    The others read no file: a file system that machines share can show them an older checkpoint.
    And if there is none yet, they may have computed weights that differ in their last digits.

    Returns:
        None if there is no checkpoint, and only one process.
    """

    def chosen() -> Checkpoint | None:
        checkpoint = newest(scratch)
        if checkpoint or processes.count() == 1:
            return checkpoint
        own = begin()
        return Checkpoint(own.progress, {k: t.detach().cpu() for k, t in own.tensors.items()})

    checkpoint: Checkpoint | None = processes.run_on_leader(chosen)
    return checkpoint


def _folders(scratch: Path) -> list[Path]:
    return sorted(path for path in scratch.glob("*") if path.is_dir() and path.name.isdigit())


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with copies of those that share memory, which safetensors refuses."""
    seen: set[int] = set()
    unshared = {}
    for name, tensor in tensors.items():
        unshared[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return unshared
