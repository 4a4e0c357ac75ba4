"""Work on shards on this machine."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from wsal.errors import ModelError, WsalError
from wsal.launch.sealing import Report, ShardWork, seal
from wsal.settings import LauncherSettings

THREADS = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")
"""Variables that limit the threads of torch and numpy, of polars, and of tokenizers."""


def in_this_process(
    work: ShardWork,
    numbers: Sequence[int],
    folder: Path,
    _launcher: LauncherSettings,
    report: Report,
) -> None:
    """Seal one shard after the other."""
    work_on_shard = work.start()
    for number in numbers:
        seal(work_on_shard, number, folder, report)


def in_processes(
    work: ShardWork,
    numbers: Sequence[int],
    folder: Path,
    launcher: LauncherSettings,
    report: Report,
) -> None:
    """Share the shards among `launcher.processes` processes, which share the cores.

    Raises:
        WsalError: the work of a shard failed, or a process was killed. The other processes are
            stopped; what they have sealed is kept.
        OSError: the same, for example because the disk is full.
    """
    context = multiprocessing.get_context("spawn")
    n = min(launcher.processes, len(numbers))
    with threads(max(1, (os.cpu_count() or 1) // n)):
        pipes = [context.Pipe(duplex=False) for _ in range(n)]
        workers = [
            context.Process(
                target=_work_in_process,
                args=(work, numbers[k::n], folder, sender),
                name=f"wsal shards {k}",
                daemon=True,
            )
            for k, (_, sender) in enumerate(pipes)
        ]
        for worker in workers:
            worker.start()
    for _, sender in pipes:
        sender.close()  # so that its pipe ends when a worker dies
    try:
        open_pipes = [receiver for receiver, _ in pipes]
        while open_pipes:
            for pipe in cast(list[Connection], wait(open_pipes)):
                message = _received(pipe)
                if message is None:
                    open_pipes.remove(pipe)
                elif isinstance(message, BaseException):
                    raise message
                else:
                    report(*message)
        for worker in workers:
            worker.join()
            if worker.exitcode:
                raise ModelError(
                    f"a process that worked on shards ended with exit code {worker.exitcode} "
                    "(-9: it was killed, often for lack of memory); run the same command again, "
                    "with fewer processes or a smaller shard_rows: finished shards are kept"
                )
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _received(pipe: Connection) -> tuple[int, int | None] | BaseException | None:
    """What a process reports, an error, or None if it has ended."""
    try:
        message: tuple[int, int | None] | BaseException = pipe.recv()
    except EOFError:
        return None
    return message


def _work_in_process(
    work: ShardWork, numbers: Sequence[int], folder: Path, pipe: Connection
) -> None:
    try:
        in_this_process(work, numbers, folder, LauncherSettings(), lambda *done: pipe.send(done))
    except (WsalError, OSError, MemoryError) as error:
        pipe.send(error)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let processes that are started in this block use `n` threads each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(n)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
