"""The open round of a run, read from its folder as the page needs it."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import read_query, rows_of
from wsal.annotation.handed_out import is_handed_out
from wsal.annotation.sheet import AGAIN
from wsal.arrays import Embeddings
from wsal.artifacts import MANIFEST, Artifact, digest_of
from wsal.errors import RuleError
from wsal.rules.cleaning import clean_pattern, clean_words
from wsal.rules.search import Pattern
from wsal.same_rows import require_rows_of
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
    measures: bool = False  # part of the evaluation sample; never sent to the page
    gone: bool = False  # left the pool since it was asked: nobody waits for it
    alike: list[str] = field(default_factory=list)  # ids that one decision answers, too


@dataclass(frozen=True)
class OpenRound:
    """A query that waits for answers."""

    number: int
    items: dict[str, Item]  # in the order of the query
    vectors: Embeddings  # (items, dims)
    labels: list[str]
    renamed: Mapping[str, str] = field(default_factory=dict)  # former class names -> present ones
    query: str = ""  # a digest of the texts asked


def newest(run_dir: Path) -> tuple[int, bool]:
    """The newest round with a query, and whether people are asked it now; 0 if there is none."""
    found = sorted(run_dir.glob(f"{ROUNDS}/*/query/{MANIFEST}"))
    if not found:
        return 0, False
    place = found[-1].parents[1]
    waits = is_handed_out(place) and not (place / "annotations" / MANIFEST).exists()
    return int(place.name), waits


def read_round(run_dir: Path, number: int, blind_share: float) -> OpenRound:
    """The query of a round with its fields, votes and vectors.

    The query may be older than the pool: its texts are found there as they read, whatever their
    ids; of those that are gone there are no fields, votes and vectors.

    Raises:
        MissingArtifactError: votes or embeddings are not there, or are those of another pool.
    """
    pool = Artifact.open(run_dir / "pool")
    votes_of, embeddings = (Artifact.open(run_dir / name) for name in ("votes", "embeddings"))
    require_rows_of(pool, [votes_of, embeddings])
    query = read_query(pool, Artifact.open(run_dir / ROUNDS / f"{number:03d}" / "query"))
    labels = [str(name) for name in pool.facts["labels"]]
    place = rows_of(pool, query["text"])
    here, rows = place.is_not_null().to_numpy(), place.fill_null(0).to_numpy()
    records = tables.take(pool.path / "pool.parquet", rows)
    votes = tables.take(votes_of.path / "votes.parquet", rows)
    rules = json.loads((run_dir / "config.json").read_text())["rules"]
    vectors = np.load(embeddings.path / "embeddings.npy", mmap_mode="r")[rows]
    vectors = vectors.astype(np.float32) * here[:, None]
    hidden = rng(0, "blind", number).random(len(query)) < blind_share
    items = {}
    for row, asked in enumerate(query.iter_rows(named=True)):
        voted = {rule: votes[rule][row] for rule in votes.columns[1:]} if here[row] else {}
        said = [(rule, labels[v]) for rule, v in voted.items() if v >= 0]
        text, guess = asked["text"], asked["predicted"]
        fields = {k: v for k, v in (records["fields"][row] or {}).items() if v and here[row]}
        measures, gone = asked["purpose"] == tables.EVALUATE, not here[row]
        blind = measures or asked["reason"] == AGAIN or hidden[row] or gone
        items[asked["id"]] = Item(
            id=asked["id"], text=text, fields=fields, reason=asked["reason"],
            guess=labels[guess] if guess >= 0 else "", confidence=float(asked["confidence"]),
            votes=said, marks=_marks(text, [rules.get(rule, {}) for rule, _ in said]),
            blind=bool(blind), measures=measures, gone=gone,
        )  # fmt: skip
    _group(list(items.values()))
    former, texts = pool.facts.get("renamed", {}), digest_of(query["text"].to_list())
    return OpenRound(number, items, vectors, labels, former, texts)


def _marks(text: str, rules: list[Mapping[str, Any]]) -> list[str]:
    """The pieces of the text that keywords and regexes of these rules found.

    Regexes of users run in the engine that the rules run in, which is linear in the text; Python's
    own takes for ever on some of them. Words are literal, so Python's is safe.
    """
    marks: dict[str, None] = {}
    for rule in rules:
        with suppress(RuleError):  # edited since the votes, and wrong: marks are a help to the eye
            marks |= dict.fromkeys(_matches(text, rule))
    return list(marks)


def _matches(text: str, rule: Mapping[str, Any]) -> list[str]:
    case, whole = bool(rule.get("case")), bool(rule.get("whole_words", True))
    words, pattern = rule.get("words") or [], rule.get("pattern")
    pieces = []
    for word in clean_words([str(word) for word in words], "words"):
        matches = re.finditer(_word(word, whole=whole), text, 0 if case else re.IGNORECASE)
        pieces += [match.group() for match in matches if match.group()]
    if isinstance(pattern, str):
        pieces += _linear(text, Pattern(clean_pattern(pattern), case).with_flags())
    return pieces


def _word(word: str, *, whole: bool) -> str:
    literal = r"\s+".join(map(re.escape, word.split()))
    return rf"(?<!\w){literal}(?!\w)" if whole else literal


def _linear(text: str, regex: str) -> list[str]:
    """All that a regex finds; nothing if it is none: a mark is no more than a help to the eye."""
    try:
        return [piece for piece in pl.Series([text]).str.extract_all(regex)[0] if piece]
    except pl.exceptions.ComputeError:
        return []


def _group(items: list[Item]) -> None:
    """Note at each first text of a group the others: near-duplicates are decided together.

    By their words: embeddings of a trained classifier say that texts are of one class, not that
    they are alike. Each text joins the first leader it is alike to, else it leads.
    """
    words = [frozenset(re.findall(r"\w+", item.text.lower())) for item in items]
    count = Counter(word for some in words for word in some)
    leaders: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        if item.blind or not words[row]:
            continue
        # Two sets that share so much have one of their rarest words in common, whatever the others
        # are (prefix filtering: Chaudhuri et al., 2006), so few leaders are compared.
        rarest = sorted(words[row], key=lambda word: (count[word], word))
        rarest = rarest[: len(rarest) - ceil(ALIKE * len(rarest) - 1e-9) + 1]
        for leader in sorted({one for word in rarest for one in leaders.get(word, ())}):
            if len(words[leader] & words[row]) >= ALIKE * len(words[leader] | words[row]):
                items[leader].alike.append(item.id)
                break
        else:
            for word in rarest:
                leaders.setdefault(word, []).append(row)
