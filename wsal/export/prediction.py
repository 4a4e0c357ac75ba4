"""Label a table with an exported model."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.data.text import clean, compose
from wsal.errors import ConfigError, DataError, did_you_mean
from wsal.files import read_table
from wsal.settings import EncoderSettings, HardwareSettings

WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
}


def label_table(
    model_dir: Path, source: Path, target: Path, fields: Sequence[str] | None = None
) -> int:
    """Write the rows of `source` with `label` and `probability` added; give back their number.

    Text is composed and cleaned as it was for training, from the model's own fields unless
    others are named. A row without text gets neither label nor probability.

    Raises:
        DataError: the source cannot be read, or lacks a field. ConfigError: the folder holds no
            model that wsal exported, or the kind of the target is unknown.
    """
    if target.suffix not in WRITERS:
        known = did_you_mean(target.suffix, WRITERS)
        raise ConfigError(f"{target}: a file of kind {target.suffix!r} cannot be written{known}")
    if not (model_dir / "config.json").exists():
        raise ConfigError(f"{model_dir} holds no exported model (it has no config.json)")
    classifier = load_classifier(model_dir, EncoderSettings(str(model_dir)), HardwareSettings())
    reading = getattr(classifier.model.config, "wsal", None)
    if reading is None:
        raise ConfigError(
            f"{model_dir} was not exported by wsal: its config.json has no key 'wsal'"
        )
    settings = EncoderSettings(str(model_dir), max_length=reading["max_length"])
    classifier = load_classifier(model_dir, settings, HardwareSettings())
    rows = read_table(source)
    wanted = list(fields or reading["text_fields"])
    for name in wanted:
        if name not in rows.columns:
            raise DataError(
                f"{source} has no column {name!r}{did_you_mean(name, rows.columns)}; "
                "name the columns to read with --fields"
            )
    cleaned = pl.DataFrame([clean(rows[name].cast(pl.String)) for name in wanted])
    texts = compose(cleaned, wanted, reading["separator"]).fill_null("")
    probs, _ = predict(classifier, texts.to_list(), "predict")
    names = classifier.model.config.id2label
    said = pl.Series([names[int(c)] for c in probs.argmax(axis=1)], dtype=pl.String)
    labelled = rows.with_columns(label=said, probability=pl.Series(probs.max(axis=1)))
    with_text = pl.Series(texts != "")
    labelled = labelled.with_columns(
        pl.when(with_text).then(pl.col(name)).alias(name) for name in ("label", "probability")
    )
    WRITERS[target.suffix](labelled, target)
    return len(labelled)
