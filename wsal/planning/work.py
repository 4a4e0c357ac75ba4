"""The work of each stage on a part of the sample, to be timed."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import joined, write_tokens
from wsal.data.base import Layout
from wsal.data.records import to_records
from wsal.labels import LabelSet
from wsal.planning.timing import Work
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rules.base import Rule
from wsal.rules.voting import vote_in_chunks
from wsal.serving.engine import Engine
from wsal.serving.trusted_nodes import DECIMALS

ID_DIGITS = 14  # as much to compress as an id that is made from a text
HALF = 2  # bytes of a number in half precision


def records_of(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The rows with text as records; `n_copies` is 1, as equal texts are not merged."""
    records = to_records(rows, layout).drop_nulls("text")
    digits = pl.col("text").hash().cast(pl.String).str.slice(0, ID_DIGITS)
    return records.with_columns(pl.col("id").fill_null(digits), n_copies=pl.lit(1, pl.Int32))


def prepare_work(layout: Layout, folder: Path, *, writes: bool) -> Work:
    """From rows to records with each text once, in a file if it `writes` one."""

    def work(rows: pl.DataFrame) -> int:
        records = records_of(rows, layout).unique("text", maintain_order=True)
        if writes:
            path = folder / "part.parquet"
            tables.write(records, path, schemas.records_schema(layout.fields))
        return 0

    return work


def vote_work(rules: Mapping[str, Rule], labels: Sequence[str], folder: Path) -> Work:
    """From records to votes."""
    schema = dict.fromkeys(rules, pl.Int16)

    def work(records: pl.DataFrame) -> int:
        voted = vote_in_chunks(rules, records, LabelSet(tuple(labels)), embed_for_rules)
        parts = [pl.DataFrame(part.votes, schema=schema, orient="row") for part in voted]
        table = pl.concat(parts).insert_column(0, records["id"])
        path = folder / "votes.parquet"
        tables.write_parts([[table]], {path: schemas.votes_schema(list(rules))})
        return path.stat().st_size

    return work


def token_work(tokenizer: Any, max_length: int, folder: Path) -> Work:  # noqa: ANN401
    """From texts to word pieces in files."""

    def work(texts: list[str]) -> int:
        write_tokens(tokenizer, [texts], max_length, folder / "pool")
        return sum(file.stat().st_size for file in folder.glob("pool.[tb]*"))

    return work


def embedding_work(classifier: Classifier) -> Work:
    """From the word pieces of texts to embeddings and probabilities."""
    config = classifier.model.config
    n_bytes: int = HALF * (config.hidden_size + config.num_labels)

    def work(pieces: list[np.ndarray]) -> int:
        predict(classifier, joined(pieces), "embed")
        return len(pieces) * n_bytes

    return work


def prediction_work(engine: Engine) -> Work:
    """From the word pieces of texts to labels and probabilities."""
    names = np.array(engine.exported.labels, dtype=object)

    def work(pieces: list[np.ndarray]) -> int:
        probs = engine.probs(pieces)
        best = probs.argmax(axis=1)
        probability = probs[np.arange(len(probs)), best].astype(float).round(DECIMALS)
        file = io.BytesIO()
        pl.DataFrame({"label": names[best], "probability": probability}).write_parquet(file)
        return file.tell()

    return work
