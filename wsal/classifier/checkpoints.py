"""Checkpoints of a training: tensors in safetensors, their digest beside them, no pickle.

The digest is written last. A checkpoint without it was cut short; one that does not match it is
damaged; in both cases the one before is taken, and that is said.
"""

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from wsal.artifacts import digest_of, file_digest, write_json
from wsal.classifier.finite import must_be_finite

KEPT = 2
TENSORS, STATE = "tensors.safetensors", "state.json"


@dataclass
class Progress:
    """Where training stands: what a checkpoint holds beside tensors."""

    step: int = 0
    loss: list[list[float]] = field(default_factory=list)  # [step, mean loss since the last]
    looks: list[list[float]] = field(default_factory=list)  # [step, score]
    room: list[int] = field(default_factory=list)  # tokens at once; whether it recomputes


@dataclass(frozen=True)
class Checkpoint:
    """The weights and everything else that training needs to go on as if never stopped."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save(scratch: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole, and drop all but the newest two.

    Raises:
        ModelError: a tensor is not finite; nothing was written.
    """
    where = f"the checkpoint of step {checkpoint.step:,} was not written: a tensor of it is"
    must_be_finite(checkpoint.tensors.values(), where)
    folder = scratch / f"{checkpoint.step:09d}"
    for later in (one for one in _folders(scratch) if one.name >= folder.name):
        shutil.rmtree(later)  # only damaged ones can stand there: training went on from before
    folder.mkdir(parents=True)
    tensors = {name: one.detach().contiguous() for name, one in checkpoint.tensors.items()}
    save_file(_apart(tensors), folder / TENSORS)
    digest = file_digest(folder / TENSORS)
    told = {"step": checkpoint.step, "sha256": digest, "facts": checkpoint.facts}
    write_json(folder / STATE, told | {"digest": digest_of(told)})
    for old in _folders(scratch)[:-KEPT]:
        shutil.rmtree(old)


def newest(scratch: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole.

    >>> newest(Path("nowhere")) is None
    True
    """
    for folder in reversed(_folders(scratch)):
        try:
            state = json.loads((folder / STATE).read_text())
            whole = state.pop("digest") == digest_of(state)
            if whole and file_digest(folder / TENSORS) == state["sha256"]:
                return Checkpoint(state["step"], load_file(folder / TENSORS), state["facts"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # whatever it holds, it is not what was written
        sys.stderr.write(
            f"checkpoint {folder} is damaged or was not written to its end; going on from the one "
            "before it\n"
        )
    return None


def _folders(scratch: Path) -> list[Path]:
    return sorted(path for path in scratch.glob("*") if path.is_dir() and path.name.isdigit())


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory, as tied weights do, each with memory of its own."""
    seen: set[int] = set()
    apart = {}
    for name, one in tensors.items():
        apart[name] = one.clone() if one.data_ptr() in seen else one
        seen.add(one.data_ptr())
    return apart
