"""Texts that people can answer while a classifier is trained: what they get, and what counts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.active.proxy import fit_proxy
from wsal.active.scores import margin
from wsal.active.shortlist import Search, chosen, search, shortlist
from wsal.annotation.answers import all_answers, gold_answers, is_llm, rows_of
from wsal.annotation.early import EARLY_FILE, early_texts, texts_to_ask_again
from wsal.annotation.live_ranking import Labelled
from wsal.annotation.open_round import OpenRound, hidden_ids, with_evidence
from wsal.annotation.query import EARLY_REASON
from wsal.annotation.questions import about_groups, read_questions
from wsal.annotation.split import for_people, read_split
from wsal.arrays import Probs, Rows
from wsal.artifacts import Artifact
from wsal.digests import MANIFEST
from wsal.rounds.evaluation_frame import Frame, frame_probs, pool_probs, read_frame
from wsal.same_rows import require_rows_of
from wsal.seeding import integer, rng
from wsal.shards import read_array

MOST = 1_000  # texts, which lasts eight people for minutes
LOOKED_AT = 200_000  # random texts that these are chosen from: people should not have to wait
REASON = "a quick classifier is unsure"


def texts_asked(queries: Sequence[Artifact]) -> dict[int, set[str]]:
    """For each round, the texts of its query that people were asked."""
    texts = {}
    for query in queries:
        table = tables.read(query.path / "query.parquet")
        split = read_split(query.path.parent, table)
        asked = table if split is None else for_people(table, split)
        texts[query.facts["round"]] = set(asked["text"])
    return texts


def early_rows(
    run_dir: Path,
    number: int,
    pool: Artifact,
    frame: Frame,
    queries: Sequence[Artifact],
    annotations: Sequence[Artifact],
) -> Rows:
    """The rows of the pool that people answered for round `number` before its query was made.

    `queries` and `annotations` are those of the rounds before. Texts of the frame, which measures,
    are left out, and so are texts that a round before has taken a person's answer to.
    """
    texts = early_texts(run_dir, number, texts_asked(queries))
    rows = rows_of(pool, pl.Series(texts, dtype=pl.String)).drop_nulls().unique(maintain_order=True)
    by_people = all_answers(pool, annotations).filter(~is_llm())
    answered = by_people["row"].drop_nulls().to_numpy()
    early = rows.to_numpy().astype(np.int64)
    return early[~np.isin(early, frame.rows) & ~np.isin(early, answered)]


def rows_to_ask_again(run_dir: Path, number: int, pool: Artifact) -> Rows:
    """The rows of the pool whose label people want to be asked again in round `number`."""
    texts = pl.Series(texts_to_ask_again(run_dir, number), dtype=pl.String)
    rows = rows_of(pool, texts).drop_nulls().unique(maintain_order=True)
    return rows.to_numpy().astype(np.int64)


def early_kept(run_dir: Path, last: int) -> str:
    """How many texts were answered early for a round after the `last` one, in words; or nothing."""
    pool, number = Artifact.open(run_dir / "pool"), last + 1
    queries, annotations = (_finished(run_dir, n, number) for n in ("query", "annotations"))
    if not queries:
        return ""
    frame = read_frame(pool, queries[-1])
    n = len(early_rows(run_dir, number, pool, frame, queries, annotations))
    if not n:
        return ""
    return (
        f"{n} early answer{'s' * (n != 1)} kept for the next round, if the run goes on (for "
        "example with more active.rounds)"
    )


def write_early(run_dir: Path, number: int) -> None:
    """Choose the texts that people can answer for round `number` before it has a query.

    These are at most a thousand texts that no open round asks and that do not measure. A proxy of
    the newest classifier is unsure of half of them; of the others, most are random. Those that are
    answered already come first.

    Raises:
        MissingArtifactError: a part of the run is missing.
    """
    pool, embeddings = (Artifact.open(run_dir / name) for name in ("pool", "embeddings"))
    queries, annotations, classifiers = (
        _finished(run_dir, noun, number) for noun in ("query", "annotations", "finetuned")
    )
    require_rows_of(pool, [embeddings, *classifiers])
    frame = read_frame(pool, queries[-1])
    early = early_rows(run_dir, number, pool, frame, queries, annotations)
    groups = about_groups(read_questions(pool, queries[-1]))["examples"].explode().drop_nulls()
    last = tables.read(queries[-1].path / "query.parquet")["text"]
    last = rows_of(pool, pl.concat([last, groups]))
    answered = all_answers(pool, annotations)["row"]
    parts = (frame.rows, early, last.drop_nulls(), answered.drop_nulls())
    taken = np.unique(np.concatenate(parts)).astype(np.int64)
    newest = classifiers[-1] if classifiers else embeddings
    others, probs = _unsure_first(
        embeddings, frame, frame_probs(embeddings, newest, frame), taken, number
    )
    rows, n = np.concatenate([early, others]), len(early)
    records = tables.take(pool.path / "pool.parquet", rows, ["id", "text"])
    table = records.with_columns(
        rank=pl.int_range(1, len(rows) + 1),
        score=pl.Series([*[0.0] * n, *margin(probs)], dtype=pl.Float32),
        reason=pl.Series([*[EARLY_REASON] * n, *[REASON] * len(others)], dtype=pl.String),
        predicted=pl.Series([*[-1] * n, *probs.argmax(axis=1)], dtype=pl.Int16),
        confidence=pl.Series([*[0.0] * n, *probs.max(axis=1)], dtype=pl.Float32),
        purpose=pl.lit(schemas.TRAIN),
    )
    path = run_dir / f"rounds/{number:03d}" / EARLY_FILE
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f".{EARLY_FILE}")
    tables.write(table, unfinished, schemas.QUERY)
    unfinished.replace(path)


def read_early(run_dir: Path, number: int, blind_share: float) -> OpenRound | None:
    """The texts that `write_early` chose for a round, as the page shows them; None before that.

    They have no guesses if the pool was made again since, as classes may have other numbers now.
    """
    path, pool = run_dir / f"rounds/{number:03d}" / EARLY_FILE, run_dir / "pool" / MANIFEST
    if not path.exists():
        return None
    table = tables.read(path, schemas.QUERY)
    if path.stat().st_mtime_ns <= pool.stat().st_mtime_ns:
        table = table.with_columns(predicted=pl.lit(-1, pl.Int16))
    hidden = hidden_ids(table, number, blind_share)
    return with_evidence(run_dir, number, table, hidden, is_early=True)


def labelled_before(run_dir: Path, number: int) -> Labelled:
    """The vectors and labels of all texts that people answered in the rounds before `number`."""
    pool, embeddings = (Artifact.open(run_dir / name) for name in ("pool", "embeddings"))
    require_rows_of(pool, [embeddings])
    rows, gold = gold_answers(pool, _finished(run_dir, "annotations", number))
    vectors = read_array(embeddings.path / "embeddings.npy")
    return vectors[rows].astype(np.float32), [pool.facts["labels"][label] for label in gold]


def _unsure_first(
    embeddings: Artifact, frame: Frame, probs: Probs, taken: Rows, number: int
) -> tuple[Rows, Probs]:
    """Some rows that are not `taken`, and what a proxy of the classifier predicts for them.

    `probs` `(frame, classes)` are the classifier's. How unsure the proxy is counts as much as
    chance, which keeps similar texts apart.
    """
    vectors = read_array(embeddings.path / "embeddings.npy")
    if not len(frame.rows) or len(taken) == len(vectors):
        return taken[:0], pool_probs(embeddings)[:0].astype(np.float32)
    proxy = fit_proxy(vectors[frame.rows], probs)
    seed = integer(0, "early", number)
    some = Search(0, seed, taken, n_drawn=LOOKED_AT)
    rows = chosen(some, search(some, vectors))[1]
    places = shortlist(Search(MOST, seed, taken[:0], proxy), vectors[rows])
    rows, predicted = rows[places], proxy.predict(vectors[rows[places]])
    draw = rng(0, "early", number)
    order = np.argsort(draw.permutation(np.linspace(0, 1, len(rows))) - margin(predicted))
    return rows[order], predicted[order]


def _finished(run_dir: Path, noun: str, number: int) -> list[Artifact]:
    """The finished artifacts of this kind of the rounds before `number`."""
    paths = [run_dir / f"rounds/{n:03d}/{noun}" for n in range(1, number)]
    return [Artifact.open(path) for path in paths if (path / MANIFEST).exists()]
