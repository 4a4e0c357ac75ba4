"""The open round of a run, read from its folder as the page and the terminal need it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import read_query, rows_of
from wsal.annotation.handed_out import is_handed_out
from wsal.annotation.highlights import highlights
from wsal.annotation.multilabel_query import guesses_now
from wsal.annotation.near_duplicates import group_duplicates
from wsal.annotation.query import EARLY_REASON, REVIEW_REASON
from wsal.annotation.questions import (
    CLASS,
    GROUP,
    WORD,
    beside_texts,
    question_about,
    read_questions,
)
from wsal.annotation.split import audited_ids, for_people, read_split
from wsal.arrays import Embeddings
from wsal.artifacts import Artifact
from wsal.class_tree import ClassTree
from wsal.data.class_history import ClassHistory
from wsal.data.edited_classes import configured_labels
from wsal.digests import MANIFEST, digest_of
from wsal.guidelines import followed
from wsal.labels import LabelSet
from wsal.multilabel import is_multilabel
from wsal.same_rows import require_rows_of
from wsal.seeding import rng
from wsal.shards import read_array

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
    highlights: list[str]  # words that the rules matched
    blind: bool  # guess and votes are never shown, because they would influence the answer
    evaluates: bool = False  # part of the evaluation sample; never sent to the page
    early: bool = False  # answered before the query was made
    gone: bool = False  # left the pool since it was asked: nobody waits for it
    duplicates: list[str] = field(default_factory=list)  # ids of texts decided together with it
    kind: str = "text"  # of the question; see wsal.annotation.questions
    word: str = ""  # that is asked about, if `kind` is "word"; then `text` is the question
    examples: list[str] = field(default_factory=list)  # texts with the word, or all of a group

    @property
    def is_word(self) -> bool:
        """Whether the question is about a word, so that the answer labels no text."""
        return self.kind == WORD

    @property
    def is_group(self) -> bool:
        """Whether the question is about several texts at once; then `text` has one in each line."""
        return self.kind == GROUP

    @property
    def is_beside_texts(self) -> bool:
        """Whether the question is not about one text."""
        return self.is_word or self.is_group

    @property
    def keeps_place(self) -> bool:
        """Whether it is handed out in the order of the query, whatever the answers so far."""
        return self.evaluates or self.is_beside_texts


@dataclass(frozen=True)
class OpenRound:
    """A query that waits for answers, or texts that can be answered before there is a query."""

    number: int
    items: dict[str, Item]  # in the order of the query
    vectors: Embeddings  # (items, dims)
    labels: list[str]
    query_digest: str = ""  # of the texts asked
    is_early: bool = False  # there is no query yet, and these texts may be no part of it
    classes: ClassHistory | None = None  # and what former names mean
    descriptions: Mapping[str, str] = field(default_factory=dict)  # of classes and parents
    multilabel: bool = False  # an answer is a set of classes; see `wsal.multilabel`

    @property
    def parents(self) -> Mapping[str, tuple[str, ...]]:
        """The names that stand for several classes."""
        return self.classes.parents if self.classes else {}

    @cached_property
    def tree(self) -> ClassTree:
        """The classes and their parents; flat if there are none."""
        return ClassTree.of(LabelSet(tuple(self.labels), self.parents))

    @cached_property
    def tree_digest(self) -> str:
        """Another one for another tree, or for other descriptions."""
        return digest_of([list(self.tree.parent.items()), dict(self.descriptions)])

    def about_classes(self, guidelines: Mapping[str, str]) -> dict[str, str]:
        """What belongs in classes and parents: by the guidelines, or else by the class tree.

        Guidelines may have former names and other names, such as ids.
        """
        labels = configured_labels(self.classes) if self.classes else None
        named = followed(guidelines, labels) if labels else dict(guidelines)
        return {**self.descriptions, **named}


def newest_round(run_dir: Path) -> tuple[int, bool]:
    """The newest round that was asked (0 if there is none), and whether people are asked it now.

    A query that nobody was asked yet may still be chosen anew.
    """
    for manifest in sorted(run_dir.glob(f"{ROUNDS}/*/query/{MANIFEST}"), reverse=True):
        round_dir = manifest.parents[1]
        answered = (round_dir / "annotations" / MANIFEST).exists()
        if answered or is_handed_out(round_dir):
            return int(round_dir.name), not answered
    return 0, False


def read_round(run_dir: Path, number: int, blind_share: float) -> OpenRound:
    """The query of a round with the fields, votes and vectors of the texts that people are asked.

    Raises:
        MissingArtifactError: votes or embeddings are missing, or belong to another pool.
    """
    pool = Artifact.open(run_dir / "pool")
    round_dir = run_dir / ROUNDS / f"{number:03d}"
    artifact = Artifact.open(round_dir / "query")
    query = read_query(pool, artifact)
    hidden = hidden_ids(query, number, blind_share)
    if (split := read_split(round_dir, query)) is not None:
        query, hidden = for_people(query, split), hidden | set(audited_ids(split))
    texts = with_evidence(run_dir, number, query, hidden)
    if is_multilabel(pool.facts):
        return with_sets(texts, guesses_now(artifact, LabelSet.of_pool(pool.facts)))
    return with_questions(texts, read_questions(pool, artifact))


def with_sets(texts: OpenRound, guesses: Mapping[str, str]) -> OpenRound:
    """The round where a text may have several classes; `guesses` are sets of classes by id."""
    items = {i: replace(item, guess=guesses.get(i, "")) for i, item in texts.items.items()}
    return replace(texts, items=items, multilabel=True)


def with_questions(texts: OpenRound, questions: pl.DataFrame) -> OpenRound:
    """The round with its other kinds of questions; those not about one text come first."""
    if questions.is_empty():
        return texts
    items = {}
    for asked in beside_texts(questions).iter_rows(named=True):
        is_word = asked["kind"] == WORD
        items[asked["id"]] = Item(
            id=asked["id"],
            text=question_about(asked["word"]) if is_word else "\n".join(asked["examples"]),
            fields={},
            reason=f"{asked['n_texts']:,} texts have it" if is_word else "they are alike",
            guess="" if is_word else asked["label"],
            confidence=0.0,
            votes=[],
            highlights=[],
            blind=False,
            kind=asked["kind"],
            word=asked["word"] or "",
            examples=asked["examples"],
        )
    n_beside, n_dims = len(items), texts.vectors.shape[1]
    yes_or_no = set(questions.filter(pl.col("kind") == CLASS)["id"])
    for text_id, item in texts.items.items():
        is_asked = text_id in yes_or_no and not item.blind
        items[text_id] = replace(item, kind=CLASS) if is_asked else item
    vectors = np.concatenate([np.zeros((n_beside, n_dims), np.float32), texts.vectors])
    return replace(texts, items=items, vectors=vectors)


def hidden_ids(query: pl.DataFrame, number: int, blind_share: float) -> set[str]:
    """A random share of a query's ids: those whose guess and votes are never shown."""
    return set(query["id"].filter(rng(0, "blind", number).random(len(query)) < blind_share))


def with_evidence(
    run_dir: Path, number: int, query: pl.DataFrame, hidden: set[str], *, is_early: bool = False
) -> OpenRound:
    """The texts of a query (columns of schemas.QUERY) with their fields, votes and vectors.

    `hidden` are ids whose guess and votes are never shown. The query may be older than the pool, so
    its texts are looked up there by what they say and not by their ids. Texts that left the pool
    have no fields and votes, and a vector of zeros.

    Raises:
        MissingArtifactError: votes or embeddings are missing, or belong to another pool.
    """
    pool = Artifact.open(run_dir / "pool")
    votes_artifact = Artifact.open(run_dir / "votes")
    embeddings = Artifact.open(run_dir / "embeddings")
    require_rows_of(pool, [votes_artifact, embeddings])
    names = LabelSet.of_pool(pool.facts)
    labels = list(names.names)
    pool_rows = rows_of(pool, query["text"])
    in_pool = pool_rows.is_not_null().to_numpy()
    rows = pool_rows.fill_null(0).to_numpy()
    records = tables.take(pool.path / "pool.parquet", rows)
    votes = tables.take(votes_artifact.path / "votes.parquet", rows)
    votes_on = [(rule, votes[rule].to_list()) for rule in votes.columns[1:]]
    rules = json.loads((run_dir / "config.json").read_text())["rules"]
    vectors = read_array(embeddings.path / "embeddings.npy")[rows]
    vectors = vectors.astype(np.float32) * in_pool[:, None]
    items = {}
    for row, asked in enumerate(query.iter_rows(named=True)):
        own = [(rule, of_rule[row]) for rule, of_rule in votes_on if in_pool[row]]
        voted = [(rule, names.answers[vote]) for rule, vote in own if vote >= 0]
        fields = records["fields"][row] if in_pool[row] else {}
        evaluates = asked["purpose"] == schemas.EVALUATE
        reviewed = asked["reason"] == REVIEW_REASON
        items[asked["id"]] = Item(
            id=asked["id"],
            text=asked["text"],
            fields={name: value for name, value in (fields or {}).items() if value},
            reason=asked["reason"],
            guess=labels[asked["predicted"]] if asked["predicted"] >= 0 else "",
            confidence=float(asked["confidence"]),
            votes=voted,
            highlights=highlights(asked["text"], [rules.get(rule, {}) for rule, _ in voted]),
            blind=evaluates or reviewed or asked["id"] in hidden or not in_pool[row],
            evaluates=evaluates,
            early=asked["reason"] == EARLY_REASON,
            gone=not in_pool[row],
        )
    group_duplicates(list(items.values()))
    return OpenRound(
        number, items, vectors, labels, digest_of(query["text"].to_list()), is_early,
        ClassHistory.of_pool(pool.facts), pool.facts.get("descriptions", {}),
    )  # fmt: skip
