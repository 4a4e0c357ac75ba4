"""Log training metrics to a tracker, with the trackers of accelerate."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from wsal import processes
from wsal.extras import require
from wsal.settings import TrackerSettings

Log = Callable[[Mapping[str, float], int], None]


@contextmanager
def tracker_log(settings: TrackerSettings, title: str) -> Iterator[Log]:
    """A function that logs named values of a step; only the leading process does so.

    Raises:
        ConfigError: the tracker is not installed.
    """
    if settings.kind == "none" or not processes.is_leader():
        yield lambda *_: None
        return
    require(settings.kind, extra=settings.kind, why=f"tracker={settings.kind}")
    PartialState()  # accelerate's trackers ask it which process they are in
    name = title.replace(": ", "-").replace(" ", "_")
    folder = str(Path(settings.folder))
    options = {
        "tensorboard": {"run_name": name, "logging_dir": folder},
        "mlflow": {"experiment_name": settings.project, "run_name": name, "logging_dir": folder},
        "wandb": {"run_name": settings.project, "name": name},
        "trackio": {"run_name": settings.project, "name": name},
    }
    tracker = LOGGER_TYPE_TO_CLASS[settings.kind](**options[settings.kind])
    tracker.start()
    try:
        yield lambda values, step: tracker.log(dict(values), step=step)
    finally:
        tracker.finish()
