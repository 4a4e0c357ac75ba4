"""An exported model, loaded to label texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from wsal.serving.backends import open_engine
from wsal.serving.engine import Engine
from wsal.serving.exported import Exported
from wsal.serving.predictions import Field, Prediction, predict_texts


class LoadedModel:
    """An exported model that labels texts, as `wsal predict` and `wsal serve` do."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        return tuple(self.engine.exported.labels)

    def predict(self, texts: Sequence[str | Mapping[str, Field]], top: int = 1) -> list[Prediction]:
        """Predict the `top` most likely classes of each text.

        A text is a string, or a mapping with the fields that the model was trained on.

        Raises:
            ConfigError: `top` is less than 1. DataError: a mapping has none of the fields.
        """
        return predict_texts(self.engine, texts, top)

    def __repr__(self) -> str:
        return f"model in {self.engine.exported.folder}; {len(self.labels)} classes"


def load(folder: str | Path, backend: str = "auto") -> LoadedModel:
    """Load a model from a folder that `wsal export` or `ActiveLoop.export` wrote.

    Args:
        folder: the folder of the exported model.
        backend: `auto` (the fastest that this machine and this folder support), `torch`, `onnx`,
            `onnx-int8` or `openvino`.

    Raises:
        MissingArtifactError: the folder has no exported model.
        UnknownNameError: there is no such backend.
        ConfigError: a library that the backend needs is not installed.
    """
    return LoadedModel(open_engine(Exported.open(Path(folder)), backend))  # type: ignore[arg-type]
