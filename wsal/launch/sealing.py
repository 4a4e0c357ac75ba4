"""Shard in, sealed shard out: the unit of work, whichever engine schedules it.

The output of a shard is a folder. It is written beside its place and renamed when it is complete,
so that the sealed folders are the progress: a job may be killed at any time, and may go on with
another launcher.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from wsal.digests import file_digest, files_in
from wsal.json_files import fsync, read_json_object, write_json

SEAL = "seal.json"
UNFINISHED = ".unfinished"  # the suffix of the folder of a shard before it is sealed
Facts = dict[str, Any]
Report = Callable[[int, int | None], object]
"""Called with the number of a shard and how many of its rows were just done; None: it is sealed."""


@dataclass(frozen=True)
class Shard:
    """A shard to work on."""

    number: int  # from 0
    folder: Path
    """Empty; what the work writes here becomes the sealed output."""
    parts: Path
    """A folder that survives a kill, for parts of a shard that takes long; it may not exist yet.
    Files in it must appear by a rename, as two processes may work on the same shard."""
    advance: Callable[[int], object]
    """To be called with each number of rows done."""


WorkOnShard = Callable[[Shard], Facts]
"""Writes the output of a shard; returns facts about it.

A shard always gets the same files, in any process and however often this is called.
"""


class ShardWork(Protocol):
    """What is done with each shard of a dataset: paths, settings and components, no open files.

    It is pickled on the way to other processes and machines. If it has an attribute `uses_gpu` that
    is true, a process on a Ray cluster gets `ray.gpus` GPUs, else none.
    """

    def start(self) -> WorkOnShard:
        """Load what all shards need (a model, compiled rules); called once in each process."""
        ...


def seal(work: WorkOnShard, number: int, folder: Path, report: Report) -> None:
    """Work on a shard and seal its output, `folder/00012`.

    If another process has sealed the same shard meanwhile, this one's output is dropped.
    """
    sealed = sealed_folder(folder, number)
    unfinished = folder / f"{sealed.name}.{uuid4().hex}{UNFINISHED}"
    unfinished.mkdir(parents=True)
    parts = sealed.with_suffix(".parts")
    shard = Shard(number, unfinished, parts, lambda n_rows: report(number, n_rows))
    try:
        try:
            facts = work(shard)
        except OSError:  # another process may have sealed the shard, and removed its parts
            if not is_sealed(folder, number):
                raise
            report(number, None)
            return
        files = {str(f.relative_to(unfinished)): file_digest(f) for f in files_in(unfinished)}
        for name in files:
            fsync(unfinished / name)
        write_json(unfinished / SEAL, {"facts": facts, "files": files})
        try:
            unfinished.rename(sealed)
        except OSError:
            if not is_sealed(folder, number):
                raise
        fsync(folder)
        shutil.rmtree(parts, ignore_errors=True)
        report(number, None)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def sealed_folder(folder: Path, number: int) -> Path:
    """Where the output of a shard is once it is complete."""
    return folder / f"{number:05}"


def is_sealed(folder: Path, number: int) -> bool:
    """Whether the output of a shard is complete."""
    return (sealed_folder(folder, number) / SEAL).exists()


def is_intact(folder: Path, number: int) -> bool:
    """Whether the output of a sealed shard still has the digests of its seal."""
    sealed = sealed_folder(folder, number)
    files = read_seal(folder, number)["files"]
    return all(
        (sealed / name).exists() and file_digest(sealed / name) == digest
        for name, digest in files.items()
    )


def read_seal(folder: Path, number: int) -> dict[str, Any]:
    """`facts`, and `files` with the digest of each."""
    path = sealed_folder(folder, number) / SEAL
    return read_json_object(path, f"delete {path.parent} and run the same command again")
