"""Where runs are kept, and which of them a name stands for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wsal.digests import MANIFEST
from wsal.errors import DiskError, MissingArtifactError, UnknownNameError, WsalError
from wsal.run.stage_table import CONFIG

RUNS = Path("runs")
LOCK = ".lock"  # in a run: held by the command that works on it
LOGS = "logs"  # in a run: a folder for each command, made by Hydra
RUN_HELP = "a run's name or folder; may be left out if there is only one run"


def run_folder(name: str) -> Path:
    """The folder of the run with this name or path; with an empty name, of the only run.

    `name=NAME` and `run_dir=FOLDER` are accepted too, because `wsal run` takes them.

    Raises:
        MissingArtifactError: the name is empty, and there are no runs or several.
        UnknownNameError: there is no such run.
    """
    name = name.removeprefix("name=").removeprefix("run_dir=")
    names = known_runs()
    if not name and not names:
        raise MissingArtifactError(no_runs())
    if not name and len(names) > 1:
        raise MissingArtifactError(f"there are several runs; name one of {', '.join(names)}")
    name = name or names[0]
    for candidate in (Path(name), RUNS / name):
        if "\0" not in name and (candidate / CONFIG).is_file():
            return candidate
    raise UnknownNameError("run", name, names)


def run_folders(name: str) -> list[Path]:
    """The folder of the run with this name or path; for the folder of a sweep, those of its jobs.

    Raises:
        MissingArtifactError: the name is empty, and there are no runs or several.
        UnknownNameError: there is neither a run nor a sweep of this name.
    """
    path = name.removeprefix("name=").removeprefix("run_dir=")
    for folder in (Path(path), RUNS / path) if path and "\0" not in path else ():
        jobs = sorted(config.parent for config in folder.glob(f"*/{CONFIG}"))
        if jobs and not (folder / CONFIG).is_file():
            return jobs
    return [run_folder(name)]


def known_runs() -> list[str]:
    """The names of all runs below `runs/`, including the jobs of sweeps."""
    folders = {path.parent for path in RUNS.rglob(CONFIG)} - {RUNS}
    # A model inside a run has a config.json of its own.
    runs = (folder for folder in folders if folders.isdisjoint(folder.parents))
    return sorted(str(run.relative_to(RUNS)) for run in runs)


def no_runs() -> str:
    """The message where there are no runs."""
    return f"there are no runs in {RUNS.absolute()}; start one with `wsal run`"


@contextmanager
def removed_if_nothing_made(run_dir: Path) -> Iterator[None]:
    """If the block fails in a new run before it made anything, remove what it began.

    The logs are left, see `remove_log`. After a full disk, all is left, as it can be continued.
    """
    is_new = all(path.name in (LOGS, LOCK) for path in run_dir.iterdir())
    try:
        yield
    except DiskError:
        raise
    except WsalError:
        if is_new and not any(run_dir.glob(f"*/{MANIFEST}")):
            for path in run_dir.iterdir():
                if path.name != LOGS:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):  # not empty
                run_dir.rmdir()
        raise


def remove_log(log: Path) -> None:
    """Remove the log of a command that failed, with its run folder, if no run is in that."""
    run_dir = log.parent.parent
    is_of_run = log.parent.name == LOGS and run_dir != Path.cwd()
    if is_of_run and not (run_dir / CONFIG).exists() and {*log.iterdir()} <= {log / ".hydra"}:
        shutil.rmtree(log)
        with suppress(OSError):  # not empty
            log.parent.rmdir()
            run_dir.rmdir()
