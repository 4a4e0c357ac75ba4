"""The open round of a run, read from its folder as the page needs it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.sheet import AGAIN
from wsal.arrays import Embeddings
from wsal.artifacts import MANIFEST, Artifact
from wsal.seeding import rng

ALIKE = 0.8  # share of words in common from which two texts are decided together
ROUNDS = "rounds"


@dataclass(frozen=True)
class Item:
    """One text of the query, with what may be shown beside it."""

    id: str
    text: str
    fields: dict[str, str]
    reason: str
    guess: str
    confidence: float
    votes: list[tuple[str, str]]  # rule and label
    marks: list[str]  # words that the rules found
    blind: bool  # guess and votes are never shown: they would sway what measures
    again: bool = False
    alike: list[str] = field(default_factory=list)  # ids that one decision answers, too


@dataclass(frozen=True)
class OpenRound:
    """A query that waits for answers."""

    number: int
    items: dict[str, Item]  # in the order of the query
    vectors: Embeddings  # (items, dims)
    labels: list[str]


def newest(run_dir: Path) -> tuple[int, bool]:
    """The newest round with a query, and whether it still waits for answers; 0 if there is none."""
    found = sorted(run_dir.glob(f"{ROUNDS}/*/query/{MANIFEST}"))
    if not found:
        return 0, False
    place = found[-1].parents[1]
    return int(place.name), not (place / "annotations" / MANIFEST).exists()


def read_round(run_dir: Path, number: int, blind_share: float) -> OpenRound:
    """The query of a round with its fields, votes and vectors."""
    query = tables.read(run_dir / ROUNDS / f"{number:03d}" / "query" / "query.parquet")
    pool = Artifact.open(run_dir / "pool")
    labels = [str(name) for name in pool.facts["labels"]]
    ids = query["id"].to_list()
    place = pl.read_parquet(pool.path / "pool.parquet", columns=["id"])["id"]
    at = dict(zip(ids, _rows(place, ids), strict=True))
    rows = np.array([at[one] for one in ids])
    records = tables.take(pool.path / "pool.parquet", rows)
    votes = tables.take(run_dir / "votes" / "votes.parquet", rows)
    rules = json.loads((run_dir / "config.json").read_text())["rules"]
    vectors = np.load(run_dir / "embeddings" / "embeddings.npy", mmap_mode="r")[rows]
    vectors = vectors.astype(np.float32)
    hidden = rng(0, "blind", number).random(len(ids)) < blind_share
    items = {}
    for row, asked in enumerate(query.iter_rows(named=True)):
        said = [(rule, labels[v]) for rule in votes.columns[1:] if (v := votes[rule][row]) >= 0]
        text = asked["text"]
        fields = {k: v for k, v in (records["fields"][row] or {}).items() if v}
        measures = asked["purpose"] == tables.EVALUATE or asked["reason"] == AGAIN
        items[asked["id"]] = Item(
            id=asked["id"], text=text, fields=fields, reason=asked["reason"],
            guess=labels[asked["predicted"]], confidence=float(asked["confidence"]),
            votes=said, marks=_marks(text, [rules.get(rule, {}) for rule, _ in said]),
            blind=bool(measures or hidden[row]), alike=[],
        )  # fmt: skip
    _group(list(items.values()))
    return OpenRound(number, items, vectors, labels)


def _rows(place: pl.Series, ids: list[str]) -> list[int]:
    """Rows of the pool at which ids stand."""
    wanted = pl.DataFrame({"id": ids})
    found = pl.DataFrame({"id": place}).with_row_index("row").join(wanted, on="id", how="semi")
    at = dict(zip(found["id"], found["row"], strict=True))
    return [int(at[one]) for one in ids]


def _marks(text: str, rules: list[Mapping[str, Any]]) -> list[str]:
    """The pieces of the text that keywords and regexes of these rules found."""
    found: dict[str, None] = {}
    for rule in rules:
        for pattern in [*map(_word, rule.get("words") or []), *_patterns(rule)]:
            try:
                matches = re.finditer(pattern, text, re.IGNORECASE)
                found |= dict.fromkeys(m.group() for m in matches if m.group())
            except re.error:  # Rust's regexes know a little more than Python's
                continue
    return list(found)


def _word(word: str) -> str:
    return rf"(?<!\w){re.escape(str(word))}(?!\w)"


def _patterns(rule: Mapping[str, Any]) -> list[str]:
    pattern = rule.get("pattern")
    return [pattern] if isinstance(pattern, str) else []


def _group(items: list[Item]) -> None:
    """Note at each first text of a group the others: near-duplicates are decided together.

    By their words: embeddings of a trained classifier say that texts are of one class, not that
    they are alike.
    """
    words = [frozenset(re.findall(r"\w+", item.text.lower())) for item in items]
    taken: set[int] = set()
    for row, item in enumerate(items):
        if row in taken or item.blind:
            continue
        for other in range(row + 1, len(items)):
            if other in taken or items[other].blind:
                continue
            either = len(words[row] | words[other])
            if either and len(words[row] & words[other]) >= ALIKE * either:
                item.alike.append(items[other].id)
                taken.add(other)
