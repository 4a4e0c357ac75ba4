"""An exported folder, as whatever serves it reads it; without torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from wsal.arrays import Classes, Probs
from wsal.errors import ConfigError
from wsal.text import as_text, clean, compose


@dataclass(frozen=True)
class Exported:
    """The model's names, limits and tokenizer."""

    folder: Path
    labels: tuple[str, ...]
    fields: tuple[str, ...]
    """Which fields make up the text, joined by `separator`."""
    separator: str
    pad_id: int
    digest: str
    thresholds: np.ndarray
    """`(classes,)`: the least probability at which a class is named; 0 where no gold set one."""
    tokenizer: Any
    temperature: float = 1.0
    """What the logits were divided by."""

    @classmethod
    def open(cls, folder: Path) -> "Exported":
        """The folder that `wsal export` wrote.

        Raises:
            ConfigError: it is none; the message names the exported folder of a run, if the run
                was given instead.
        """
        _refuse_run(folder)
        config = _json(folder / "config.json", folder).get("wsal")
        if not isinstance(config, dict) or "digest" not in config:
            raise ConfigError(f"{folder} was not exported by wsal: its config.json has no 'wsal'")
        labels = tuple(_json(folder / "labels.json", folder))
        limits = _json(folder / "thresholds.json", folder)["classes"]
        never = {name: one["threshold"] is None for name, one in limits.items()}
        least = [
            np.inf if never.get(n) else limits.get(n, {"threshold": 0})["threshold"] for n in labels
        ]
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(config["max_length"])
        return cls(
            folder, labels, tuple(config["text_fields"]), config["separator"], config["pad_id"],
            config["digest"], np.array(least, dtype=np.float64), tokenizer,
            float(config.get("temperature", 1.0)),
        )  # fmt: skip

    def text_of(self, frame: pl.DataFrame, fields: Sequence[str] | None = None) -> pl.Series:
        """The text of each row, cleaned and composed as it was for training; "" where none is.

        Raises:
            DataError: a field holds lists, objects or bytes.
        """
        wanted = list(fields or self.fields)
        cleaned = pl.DataFrame([clean(as_text(frame[name])) for name in wanted])
        return compose(cleaned, wanted, self.separator).fill_null("")

    def pieces(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The word pieces of each text."""
        found = self.tokenizer.encode_batch_fast(list(texts))
        return [np.array(one.ids, dtype=np.int64) for one in found]

    def padded(self, pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """`input_ids` and `attention_mask`, `(texts, longest)`."""
        lengths = np.array([len(one) for one in pieces])
        places = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(places.shape, self.pad_id, dtype=np.int64)
        ids[places] = np.concatenate(pieces)
        return ids, places.astype(np.int64)

    def abstains(self, said: Classes, sure: np.ndarray) -> np.ndarray:
        """Whether each text's probability is below its class's threshold."""
        found: np.ndarray = sure < self.thresholds[said]
        return found


def softmax(logits: np.ndarray) -> Probs:
    """Rows that sum to 1.

    >>> softmax(np.array([[1.0, 1.0]])).tolist()
    [[0.5, 0.5]]
    """
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Probs = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def _refuse_run(folder: Path) -> None:
    """Refuse a run's folder, or its name, where the folder of its exported model is meant."""
    if (folder / "tokenizer.json").exists():
        return
    for run in (folder, Path("runs") / folder):
        if (run / "exported" / "tokenizer.json").exists():
            raise ConfigError(f"{folder} holds no exported model; did you mean {run / 'exported'}?")
        if (run / "manifest.json").exists() or (run / "source").is_dir():
            raise ConfigError(f"{folder} is a run that was not exported; run `wsal export` first")
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; expected one that `wsal export` wrote")


def _json(path: Path, folder: Path) -> Any:  # noqa: ANN401  what JSON holds
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{folder} holds no exported model (it has no {path.name})") from error
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: {error}; run `wsal export` again") from error
    if not isinstance(found, Mapping) and path.name != "labels.json":
        raise ConfigError(f"{path} is damaged: it holds no mapping; run `wsal export` again")
    return found
