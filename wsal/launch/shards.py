"""Work on all shards of a dataset with the launcher of the configuration."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from wsal.artifacts import CHECKPOINTS
from wsal.json_files import write_json
from wsal.launch.local import in_processes, in_this_process
from wsal.launch.sealing import (
    UNFINISHED,
    Facts,
    Report,
    ShardWork,
    is_intact,
    is_sealed,
    read_seal,
    sealed_folder,
)
from wsal.progress import bar
from wsal.settings import LauncherSettings
from wsal.shards import link, shard_path

SIZES = "sizes.json"  # the rows of each shard
DROPPED = ".dropped"  # the suffix of what killed processes left, while it is removed
logger = logging.getLogger(__name__)


def work_on_shards(
    work: ShardWork,
    sizes: Sequence[int],
    out: Path,
    title: str,
    launcher: LauncherSettings,
) -> list[Facts]:
    """Work on every shard that is not sealed yet, and put the files of all of them into `out`.

    The file `votes.parquet` of shard 3 becomes `votes-00003.parquet`; if there is one shard alone,
    its files keep their names.

    Args:
        work: what is done with each shard.
        sizes: the rows of each shard, for the progress bar.
        out: the unfinished folder of an artifact.
        title: of the progress bar, such as `vote on pool`; also of the folder of sealed shards, so
            it must be different for all work of an artifact.
        launcher: what runs the work.

    Returns:
        The facts of each shard, in their order.
    """
    folder = out / CHECKPOINTS / title.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(len(sizes))
    _drop_unfinished(folder)
    write_json(folder / SIZES, list(sizes))
    for number in numbers:
        if is_sealed(folder, number) and not is_intact(folder, number):
            logger.warning("note: shard %d of %s is damaged; it is made again", number, out)
            shutil.rmtree(sealed_folder(folder, number))
    todo = [number for number in numbers if not is_sealed(folder, number)]
    with bar(title, sum(sizes), "texts") as advance:
        left = dict(enumerate(sizes))  # rows of each shard that are not done

        def report(number: int, n_rows: int | None) -> None:
            n_done = left[number] if n_rows is None else n_rows
            left[number] -= n_done
            advance(n_done)

        for number in set(numbers) - set(todo):
            report(number, None)
        if todo:
            _runner(launcher, len(todo))(work, todo, folder, launcher, report)
    seals = [read_seal(folder, number) for number in numbers]
    for number, seal in zip(numbers, seals, strict=True):
        for name in seal["files"]:
            link(sealed_folder(folder, number) / name, shard_path(out / name, number, len(sizes)))
    return [seal["facts"] for seal in seals]


def sealed_shards(out: Path) -> Iterator[str]:
    """For each dataset of an unfinished artifact, a line that says how many shards are done."""
    for path in sorted((out / CHECKPOINTS).glob(f"**/{SIZES}")):
        n_shards = len(json.loads(path.read_text()))
        n_sealed = sum(is_sealed(path.parent, number) for number in range(n_shards))
        yield f"{path.parent.name.replace('_', ' ')}: {n_sealed:,} of {n_shards:,} shards"


Run = Callable[[ShardWork, Sequence[int], Path, LauncherSettings, Report], None]
"""Seals the shards of these numbers in a folder, and reports the rows done."""


def _runner(launcher: LauncherSettings, n_shards: int) -> Run:
    """What runs the work: this process, if there is one shard or the launcher is torchrun."""
    if launcher.name == "ray":
        from wsal.launch.on_ray import on_ray  # noqa: PLC0415  an extra

        return on_ray
    if launcher.name == "local" and launcher.processes > 1 and n_shards > 1:
        return in_processes
    return in_this_process


def _drop_unfinished(folder: Path) -> None:
    """Remove what killed processes left of shards, which would fill the disk after many kills.

    It is renamed first, so that a process that still lives cannot seal a part of it.
    """
    for path in folder.glob(f"*{UNFINISHED}"):
        with suppress(OSError):  # that process has just removed it
            path.rename(path.with_suffix(DROPPED))
    for path in folder.glob(f"*{DROPPED}"):
        shutil.rmtree(path, ignore_errors=True)
