"""An exported folder, as serving reads it; without torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from wsal.arrays import Classes
from wsal.classifier.rejection import Rejection
from wsal.errors import ConfigError
from wsal.serving.trusted_nodes import NODE, TrustedNodes
from wsal.text import as_text, clean, compose

MULTILABEL = "multi_label_classification"  # `problem_type` of transformers


@dataclass(frozen=True)
class Exported:
    """The labels, fields, thresholds and tokenizer of an exported model; not its weights."""

    folder: Path
    labels: tuple[str, ...]
    fields: tuple[str, ...]
    """The fields that make up the text, joined by `separator`."""
    separator: str
    pad_id: int
    max_length: int
    """Longer texts are cut to so many word pieces."""
    digest: str
    thresholds: np.ndarray
    """`(classes,)`: below this probability a prediction is an abstention; 0 where no gold set a
    threshold, infinite for a class that never reaches the wanted precision."""
    tokenizer: Any
    shared: frozenset[str] = frozenset()
    """Classes and parents whose threshold was set together with others, as their own predictions
    were too few."""
    temperature: float = 1.0
    """What the logits were divided by."""
    rejection: Rejection | None = None
    """What rejects texts of no class; None: the model rejects none."""
    tree: TrustedNodes | None = None
    """The class tree, if the model has one."""
    multilabel: bool = False
    """Whether a text may have several classes: all that reach their thresholds."""

    @classmethod
    def open(cls, folder: Path) -> "Exported":
        """The folder that `wsal export` wrote.

        Raises:
            ConfigError: the folder has no exported model, or a damaged one; for the folder of a
                run, the message names its exported folder.
        """
        _refuse_run(folder)
        of_model = _json(folder / "config.json", folder)
        config = of_model.get("wsal")
        if not isinstance(config, dict) or "digest" not in config:
            raise ConfigError(
                f"{folder} was not exported by wsal: its config.json has no key 'wsal'; expected a "
                "folder that `wsal export` wrote"
            )
        labels = tuple(_json(folder / "labels.json", folder))
        limits = _json(folder / "thresholds.json", folder)["classes"]
        has_tree = (folder / "classes.json").exists()
        nodes = _json(folder / "classes.json", folder) if has_tree else None
        shared = {name for name, limit in limits.items() if limit.get("shared")}
        if nodes:
            shared |= {n["name"] for n in nodes["nodes"] if n.get("basis", NODE) != NODE}
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(config["max_length"])
        return cls(
            folder=folder,
            labels=labels,
            fields=tuple(config["text_fields"]),
            separator=config["separator"],
            pad_id=config["pad_id"],
            max_length=config["max_length"],
            digest=config["digest"],
            thresholds=np.array([_threshold(limits.get(name)) for name in labels]),
            tokenizer=tokenizer,
            shared=frozenset(shared),
            temperature=float(config.get("temperature", 1.0)),
            rejection=Rejection.read(folder),
            tree=TrustedNodes.of(nodes, labels) if nodes else None,
            multilabel=of_model.get("problem_type") == MULTILABEL,
        )

    def text_of(self, frame: pl.DataFrame, fields: Sequence[str] | None = None) -> pl.Series:
        """The text of each row, cleaned and composed as for training; "" where there is none.

        Raises:
            DataError: a field holds lists, objects or bytes.
        """
        names = list(fields or self.fields)
        cleaned = pl.DataFrame([clean(as_text(frame[name])) for name in names])
        return compose(cleaned, names, self.separator).fill_null("")

    def pieces(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The word pieces of each text."""
        encodings = self.tokenizer.encode_batch_fast(list(texts))
        return [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]

    def padded(self, pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """`input_ids` and `attention_mask`, `(texts, longest)`."""
        lengths = np.array([len(ids) for ids in pieces])
        is_piece = np.arange(lengths.max()) < lengths[:, None]
        input_ids = np.full(is_piece.shape, self.pad_id, dtype=np.int64)
        input_ids[is_piece] = np.concatenate(pieces)
        return input_ids, is_piece.astype(np.int64)

    @property
    def outputs(self) -> list[str]:
        """What is read of the model: its logits and, if it rejects texts, embeddings."""
        return ["logits", "text_embedding"] if self.rejection else ["logits"]

    @property
    def has_thresholds(self) -> bool:
        """Whether gold set a threshold for any class; without, no prediction is an abstention."""
        return bool((self.thresholds > 0).any())

    def abstains(self, classes: Classes, probabilities: np.ndarray) -> np.ndarray:
        """Whether each prediction's probability is below the threshold of its class."""
        below: np.ndarray = probabilities < self.thresholds[classes]
        return below


def _threshold(limit: Mapping[str, Any] | None) -> float:
    if limit is None:
        return 0.0
    return float("inf") if limit["threshold"] is None else float(limit["threshold"])


def _refuse_run(folder: Path) -> None:
    """Refuse the folder or the name of a run; its exported folder is meant."""
    if (folder / "tokenizer.json").exists():
        return
    for run in (folder, Path("runs") / folder):
        if (run / "exported" / "tokenizer.json").exists():
            raise ConfigError(f"{folder} is a run; did you mean {run / 'exported'}?")
        if (run / "manifest.json").exists() or (run / "source").is_dir():
            raise ConfigError(f"{folder} is a run that was not exported; run `wsal export` first")
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; expected one that `wsal export` wrote")


def _json(path: Path, folder: Path) -> Any:  # noqa: ANN401  what JSON holds
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(
            f"{folder} has no exported model ({path.name} is missing); expected a folder that "
            "`wsal export` wrote"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: {error}; run `wsal export` again") from error
    if not isinstance(content, Mapping) and path.name != "labels.json":
        raise ConfigError(f"{path} is damaged: it is not a JSON object; run `wsal export` again")
    return content
