"""Log training metrics to a tracker, with the trackers of accelerate."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from wsal import processes
from wsal.errors import ConfigError
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
    if importlib.util.find_spec(settings.kind) is None:
        raise ConfigError(
            f"tracker is {settings.kind}, but it is not installed; run `pip install "
            f"{settings.kind}`, or choose tracker=none"
        )
    PartialState()  # from which accelerate's trackers learn which process they run in
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
