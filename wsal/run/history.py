"""The states of a run: what its data, rules, classes, answers and predictions were at some times.

A command adds a state when it ends or waits for people, if anything has changed since the last one.
A state is a folder `history/NNN`, which is never changed afterwards.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import all_answers, is_llm
from wsal.annotation.majority import majority_labels
from wsal.artifacts import Artifact
from wsal.data.class_history import ClassHistory
from wsal.data.keys import text_digests
from wsal.digests import digest_of
from wsal.errors import ConfigError
from wsal.json_files import write_json
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import frame_probs, read_frame
from wsal.rounds.known_probs import known_probs
from wsal.run.pipeline import opened
from wsal.run.stage_table import CHANGES, STAGES
from wsal.same_rows import is_of

FOLDER = "history"
STATE_FILE = "state.json"
KEYED: schemas.Schema = {"key": pl.UInt64, "id": pl.String}
ANSWERED: schemas.Schema = {"key": pl.UInt64, "id": pl.String, "label": pl.String}


@dataclass(frozen=True)
class State:
    """A state of a run. Texts have keys, which are digests of what they say."""

    path: Path

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return int(self.path.name)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """When it was recorded, the rules, the classes and their edits, batches, and numbers."""
        facts: dict[str, Any] = json.loads((self.path / STATE_FILE).read_text("utf-8"))
        return facts

    @cached_property
    def texts(self) -> pl.DataFrame:
        """The texts of the pool: columns of KEYED."""
        return tables.read(self.path.parent / self.facts["texts_in"] / "texts.parquet", KEYED)

    @cached_property
    def answers(self) -> pl.DataFrame:
        """The answer of people to each text that has one: columns of ANSWERED."""
        return tables.read(self.path / "answers.parquet", ANSWERED)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """What the newest classifier predicts for the evaluation frame: columns of ANSWERED."""
        return tables.read(self.path / "predictions.parquet", ANSWERED)

    @property
    def classes(self) -> ClassHistory:
        """The classes, and their edits so far."""
        return ClassHistory.of_pool(self.facts["classes"])


def states_of(run_dir: Path) -> list[State]:
    """All states of a run, oldest first."""
    files = sorted((run_dir / FOLDER).glob(f"[0-9]*/{STATE_FILE}"))
    return [State(file.parent) for file in files if file.parent.suffix == ""]


def state_numbered(run_dir: Path, number: int) -> State:
    """A state of a run.

    Raises:
        ConfigError: there is none with this number.
    """
    states = states_of(run_dir)
    wanted = next((state for state in states if state.number == number), None)
    if wanted is None:
        known = f"1 to {states[-1].number}" if states else "none yet; a command adds the first"
        raise ConfigError(f"{run_dir} has no state {number}; its states are {known}")
    return wanted


def record_state(run_dir: Path) -> None:
    """Add a state, if anything has changed since the last one."""
    pool, votes = (opened(run_dir, STAGES[stage].writes) for stage in ("prepare", "vote"))
    if pool is None:
        return
    rounds = _finished(run_dir, "annotate")
    classifier = _newest_classifier(run_dir, pool)
    parts = [a.digest for a in (pool, votes, *rounds, classifier) if a is not None]
    made_from, states = digest_of(parts), states_of(run_dir)
    last = states[-1] if states else None
    if last is not None and last.facts["made_from"] == made_from:
        return
    path = run_dir / FOLDER / f"{last.number + 1 if last else 1:03d}"
    work = path.with_name(f"{path.name}.unfinished")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    is_same_pool = last is not None and last.facts["pool"] == pool.digest
    if not is_same_pool:
        tables.write(_texts(pool), work / "texts.parquet", KEYED)
    answers = _answers(pool, rounds)
    tables.write(answers, work / "answers.parquet", ANSWERED)
    predictions = _predictions(run_dir, pool, classifier)
    tables.write(predictions, work / "predictions.parquet", ANSWERED)
    names = ("labels", "parents", "renamed", "edits", "first_classes")
    state = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "made_from": made_from,
        "pool": pool.digest,
        "texts_in": last.facts["texts_in"] if last and is_same_pool else path.name,
        "classes": {name: pool.facts[name] for name in names if name in pool.facts},
        "batches": _batches(pool),
        "rules": _rules(votes),
        "n_texts": pool.facts["n_pool"],
        "n_answers": len(answers),
        "n_rounds": len(rounds),
    }
    write_json(work / STATE_FILE, state)
    work.rename(path)


def _finished(run_dir: Path, stage: str) -> list[Artifact]:
    """What a stage wrote in each round up to the first that lacks it."""
    artifacts: list[Artifact] = []
    while artifact := opened(run_dir, STAGES[stage].writes, len(artifacts) + 1):
        artifacts.append(artifact)
    return artifacts


def _newest_classifier(run_dir: Path, pool: Artifact) -> Artifact | None:
    """The newest fine-tuned classifier of this pool; those of later rounds may be stale.

    One that was trained before records were appended is kept, and is still the newest.
    """
    tuned = [artifact for artifact in _finished(run_dir, "finetune") if is_of(pool, artifact)]
    return tuned[-1] if tuned else opened(run_dir, STAGES["embed"].writes)


def _texts(pool: Artifact) -> pl.DataFrame:
    parts = [pl.DataFrame(schema=KEYED)]
    for _, part in tables.parts(pool.path / "pool.parquet", ["id", "text"]):
        parts.append(_keyed(part).select(*KEYED))
    return pl.concat(parts)


def _keyed(texts: pl.DataFrame) -> pl.DataFrame:
    return texts.with_columns(key=pl.Series(text_digests(texts["text"]), dtype=pl.UInt64))


def _answers(pool: Artifact, rounds: list[Artifact]) -> pl.DataFrame:
    answers = all_answers(pool, rounds).filter(~is_llm()).drop_nulls("row")
    labels = majority_labels(answers, "row", LabelSet.of_pool(pool.facts).parents)
    texts = tables.take(pool.path / "pool.parquet", labels["row"].to_numpy(), ["id", "text"])
    return _keyed(texts).with_columns(label=labels["label"]).select(*ANSWERED)


def _predictions(run_dir: Path, pool: Artifact, classifier: Artifact | None) -> pl.DataFrame:
    embeddings = opened(run_dir, STAGES["embed"].writes)
    query = opened(run_dir, STAGES["select"].writes, 1)
    nothing = pl.DataFrame(schema=ANSWERED)
    if embeddings is None or query is None or classifier is None:
        return nothing
    frame = read_frame(pool, query)
    made_of = embeddings.manifest["inputs"].get("pool")
    if made_of != pool.digest:  # it is being made again
        return nothing
    _, missing = known_probs(classifier, "frame", frame.keys)
    probs = frame_probs(embeddings, classifier, frame)
    if probs.shape != (len(frame.rows), len(pool.facts["labels"])):
        return nothing
    names = np.array(pool.facts["labels"], dtype=object)
    texts = tables.take(pool.path / "pool.parquet", frame.rows, ["id", "text"])
    label = pl.Series(names[probs.argmax(axis=1)].tolist(), dtype=pl.String)
    predicted = _keyed(texts).with_columns(label=label).select(*ANSWERED)
    # texts that were appended after its training have no prediction of this classifier yet
    is_known = np.ones(len(predicted), bool)
    is_known[missing] = False
    return predicted.filter(pl.Series(is_known))


def _batches(pool: Artifact) -> list[Any]:
    """The batches of records in the pool, as plain values."""
    batches: list[Any] = pool.manifest["config"].get(CHANGES, {}).get("node", {}).get("batches", [])
    return batches


def _rules(votes: Artifact | None) -> Mapping[str, Any]:
    """Each rule: its settings, and the digests of the files that it uses."""
    if votes is None:
        return {}
    config = votes.manifest["config"]["rules"]
    content = config.get("content", {})
    return {n: {"node": node, "content": content.get(n)} for n, node in config["node"].items()}
