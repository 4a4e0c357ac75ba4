"""Tell a tracker how training goes, by accelerate's own trackers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from wsal import processes
from wsal.extras import require
from wsal.settings import TrackerSettings

Tell = Callable[[Mapping[str, float], int], None]


@contextmanager
def tracked(settings: TrackerSettings, what: str) -> Iterator[Tell]:
    """A function from named values and their step to the tracker; of the leader only.

    Raises:
        ConfigError: the tracker is not installed.
    """
    if settings.kind == "none" or not processes.is_leader():
        yield lambda *_: None
        return
    require(settings.kind, extra=settings.kind, why=f"tracker={settings.kind}")
    PartialState()  # accelerate's trackers ask it which process they are in
    name = what.replace(": ", "-").replace(" ", "_")
    folder = str(Path(settings.folder))
    ways = {
        "tensorboard": {"run_name": name, "logging_dir": folder},
        "mlflow": {"experiment_name": settings.project, "run_name": name, "logging_dir": folder},
        "wandb": {"run_name": settings.project, "name": name},
        "trackio": {"run_name": settings.project, "name": name},
    }
    tracker = LOGGER_TYPE_TO_CLASS[settings.kind](**ways[settings.kind])
    tracker.start()
    try:
        yield lambda values, step: tracker.log(dict(values), step=step)
    finally:
        tracker.finish()
