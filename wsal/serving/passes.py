"""A pass of `wsal predict` over shards, in a folder of its own."""

from collections.abc import Sequence
from pathlib import Path

from wsal.artifacts import CHECKPOINTS
from wsal.launch.sealing import Facts, ShardWork
from wsal.launch.shards import work_on_shards
from wsal.settings import LauncherSettings


def run_pass(
    work: ShardWork, sizes: Sequence[int], folder: Path, title: str, launcher: LauncherSettings
) -> list[Facts]:
    """Work on every shard that is not sealed yet; the files of all shards are then in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():  # of an earlier call that was killed
        if path.name != CHECKPOINTS:
            path.unlink()
    return work_on_shards(work, sizes, folder, title, launcher)
