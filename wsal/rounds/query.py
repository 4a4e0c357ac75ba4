"""Choose the texts of a round, on arrays: row n of each array is text n of the pool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from wsal import schemas
from wsal.active.candidates import (
    Candidates,
    Labelled,
    QueryStrategy,
    Selection,
    select_among,
)
from wsal.active.proxy import fit_proxy
from wsal.active.shortlist import Search, chosen, rare_rows
from wsal.active.wrappers import candidate_sizes
from wsal.annotation.query import EARLY_REASON, SPLIT_REASON
from wsal.arrays import Classes, Embeddings, Probs, Rows, Scores
from wsal.errors import PoolExhaustedError
from wsal.rounds.ask_again import asked_again
from wsal.rounds.disagreement import contradicts, near_duplicates
from wsal.rounds.evaluation_frame import Frame, evaluation_rows
from wsal.seeding import integer, rng
from wsal.settings import ActiveSettings

DOUBTS = ("rules disagree", "the classifier contradicts its rules")
LEAST_CHOSEN = 0.25
"""Share of the query that the strategy chooses however many texts were answered early: it knows the
newest classifier, and texts for evaluation are hidden among its texts."""
EVALUATION = "drawn at random"  # and no more: people should not know which texts measure


@dataclass(frozen=True)
class RoundState:
    """What is known of the pool when a round begins."""

    number: int  # of the round, from 1
    embeddings: Embeddings  # (texts, dims), of the weak-pretrained classifier
    frame: Frame
    frame_probs: Probs  # (frame, classes), of the newest classifier
    asked: Rows  # rows asked so far, each as often as it was asked
    gold_rows: Rows  # rows with a label to train on, of people or of a language model
    gold: Classes  # (gold_rows,)
    answered: Rows | None = None  # positions in the frame that a language model was asked about


@dataclass(frozen=True)
class PoolReader:
    """Functions from rows to what is known of them: the whole pool may be too large to hold."""

    predict: Callable[[Rows], tuple[Probs, Embeddings]]  # by the newest classifier
    texts: Callable[[Rows], pl.Series]
    weak_labels: Callable[[Rows], tuple[Probs, np.ndarray]]  # probabilities, numbers of votes
    disputed: Callable[[Rows], Scores]  # 1.0 where rules vote for different classes
    search: Callable[[Search], np.ndarray]  # the rows of the pool that rank highest


@dataclass(frozen=True)
class Query:
    """The texts to ask about, and what they were chosen from."""

    table: pl.DataFrame
    """Most wanted first: `row`, `score`, `reason`, `predicted` (class), `confidence`, `purpose`,
    `rank` (from 1) and `repeated` (answered before, but its label looks wrong)."""
    n_evaluation: int  # texts of the table that measure quality
    n_candidates: int  # texts that the strategy chose from
    n_left: int  # texts outside the frame that nobody was asked about
    n_early: int = 0  # texts of the table that people answered before it was made


def nothing_early() -> Rows:
    """No rows."""
    return np.empty(0, np.int64)


def choose_query(
    state: RoundState,
    pool: PoolReader,
    strategy: QueryStrategy,
    settings: ActiveSettings,
    n_evaluation: int,
    seed: int,
    early: Callable[[], Rows] = nothing_early,
    ask_again: Callable[[], Rows] = nothing_early,
    opened: pl.DataFrame | None = None,
) -> Query:
    """Choose `settings.query_size` texts to train on and `n_evaluation` texts to measure with.

    Training texts come from outside the frame, evaluation texts from inside it. A text is asked
    once, except that `settings.review` texts are repeated whose label looks wrong.

    Rows that people have answered already, `early()`, come first and take the place of as many
    texts of the strategy, of which a quarter stays. The function is called last, since people
    answer until then. After it comes `ask_again()`: rows whose label people want to be asked again.

    Rows `opened` (columns `row` and `purpose`) by splitting a class come before all others,
    for the purpose that they were asked for; those to train on take the place of other texts, too.

    Raises:
        PoolExhaustedError: every text outside the frame was asked.
    """
    number, gold_rows = state.number, state.gold_rows
    is_asked = np.isin(state.frame.rows, state.asked)
    measured = evaluation_rows(
        state.frame, state.frame_probs, is_asked, n_evaluation, number, seed, state.answered
    )
    taken = np.union1d(state.asked, state.frame.rows).astype(np.int64)
    n_left = len(state.embeddings) - len(taken)
    open_parts = _asked_for_finer(opened, pool, settings.query_size)
    if not n_left and open_parts:
        return Query(_ranked([_interleaved(pl.concat(open_parts))]), 0, 0, 0)
    if not n_left:
        raise PoolExhaustedError(f"round {number}: every text of the pool was asked")
    rows, is_random = draw_candidates(state, pool, taken, strategy, settings, seed)
    probs, embeddings = pool.predict(np.concatenate([rows, gold_rows]))
    n = len(rows)
    labelled = Labelled(embeddings[n:], probs[n:], state.gold)
    extra, reasons = disagreement(pool, rows, probs[:n], settings)
    candidates = Candidates(
        probs[:n],
        embeddings[:n],
        labelled=labelled,
        extra=extra,
        extra_reasons=reasons,
        groups=near_duplicates(pool.texts(rows)),
        drawn=is_random,
    )
    selection = strategy.select(candidates, settings.query_size, rng(seed, "select", number))
    answered = early()
    n_taken = len(answered) + sum(map(len, open_parts[:1]))
    n_chosen = max(settings.query_size - n_taken, int(LEAST_CHOSEN * settings.query_size))
    is_open = ~np.isin(rows, answered)
    selection = _first(selection, is_open[selection.rows], n_chosen)
    if len(selection.rows) < min(n_chosen, is_open.sum()):  # people answered most of these texts
        draw, left_open = rng(seed, "select again", number), np.flatnonzero(is_open)
        selection = select_among(strategy, candidates, left_open, n_chosen, draw)
    doubtful = asked_again(
        state.embeddings, state.gold_rows, state.gold, state.asked, settings.review, ask_again()
    )
    drawn = Selection(measured, np.zeros(len(measured), np.float32), [EVALUATION] * len(measured))
    parts = [
        _as_table(gold_rows, labelled.probs, doubtful, schemas.TRAIN, repeated=True),
        _as_table(rows, probs, selection, schemas.TRAIN),
        _as_table(state.frame.rows, state.frame_probs, drawn, schemas.EVALUATE),
    ]
    first = [_interleaved(pl.concat(open_parts))] if open_parts else []
    table = _ranked([_already_answered(answered), *first, _interleaved(pl.concat(parts))])
    return Query(table, len(measured), n, n_left, len(answered))


def _asked_for_finer(
    opened: pl.DataFrame | None, pool: PoolReader, most: int
) -> list[pl.DataFrame]:
    """The rows opened, at most `most` of them to train on, and all that measure; or nothing."""
    if opened is None or opened.is_empty():
        return []
    parts = []
    for purpose in (schemas.TRAIN, schemas.EVALUATE):
        rows = opened.filter(pl.col("purpose") == purpose)["row"].to_numpy().astype(np.int64)
        rows = rows[:most] if purpose == schemas.TRAIN else rows
        n = len(rows)
        chosen = Selection(np.arange(n), np.ones(n, np.float32), [SPLIT_REASON] * n)
        parts.append(_as_table(rows, pool.predict(rows)[0], chosen, purpose, repeated=True))
    return parts


def draw_candidates(
    state: RoundState,
    pool: PoolReader,
    taken: Rows,
    strategy: QueryStrategy,
    settings: ActiveSettings,
    seed: int,
) -> tuple[Rows, np.ndarray | None]:
    """At most `settings.max_candidates` rows, ascending, none of them `taken`, for the strategy.

    Strategies that look everywhere choose from random rows, the others from a shortlist of a proxy
    of the classifier, fitted on the frame. Where both kinds choose, the second value says which
    rows were drawn at random; otherwise it is None.
    """
    size, n = settings.max_candidates, len(state.embeddings)
    if n - len(taken) <= size:
        return np.setdiff1d(np.arange(n), taken), None
    n_random, n_unsure = candidate_sizes(strategy, len(state.gold_rows), size)
    wanted = Search(n_unsure, integer(seed, "shortlist", state.number), taken, n_drawn=n_random)
    if n_unsure:
        wanted = replace(
            wanted,
            proxy=fit_proxy(state.embeddings[state.frame.rows], state.frame_probs),
            rare=state.embeddings[state.gold_rows[rare_rows(state.gold)]].astype(np.float32),
            use_disputes=settings.disagreement > 0,
        )
    listed, drawn = chosen(wanted, pool.search(wanted))
    rows = np.union1d(drawn, listed)
    return rows, np.isin(rows, drawn) if n_random and n_unsure else None


def disagreement(
    pool: PoolReader, rows: Rows, probs: Probs, settings: ActiveSettings
) -> tuple[Scores, list[str]]:
    """What to add to the score of each candidate on which its sources disagree, and why."""
    disputed = pool.disputed(rows)
    against = contradicts(probs, *pool.weak_labels(rows))
    extra = settings.disagreement * disputed + settings.contradiction * against
    doubts = zip(disputed > 0, against > 0, strict=True)
    return extra, [" and ".join(np.compress(doubt, DOUBTS)) for doubt in doubts]


def _first(chosen: Selection, wanted: np.ndarray, n: int) -> Selection:
    """At most the first `n` of the `wanted` ones of a selection."""
    kept = np.flatnonzero(wanted)[:n]
    return Selection(chosen.rows[kept], chosen.scores[kept], [chosen.reasons[i] for i in kept])


def _already_answered(rows: Rows) -> pl.DataFrame:
    """The rows that people have answered; they saw no prediction of the newest classifier."""
    n = len(rows)
    nothing = Selection(np.arange(n), np.zeros(n, np.float32), [EARLY_REASON] * n)
    table = _as_table(rows, np.zeros((n, 1), np.float32), nothing, schemas.TRAIN)
    return table.with_columns(predicted=pl.lit(-1, pl.Int64))


def _as_table(
    rows: Rows, probs: Probs, chosen: Selection, purpose: str, *, repeated: bool = False
) -> pl.DataFrame:
    """The chosen ones of these rows, with what the classifier says of them."""
    probs = probs[chosen.rows]
    return pl.DataFrame(
        {
            "row": pl.Series(rows[chosen.rows], dtype=pl.Int64),
            "score": pl.Series(chosen.scores, dtype=pl.Float32),
            "reason": pl.Series(chosen.reasons, dtype=pl.String),
            "predicted": pl.Series(probs.argmax(axis=1), dtype=pl.Int64),
            "confidence": pl.Series(probs.max(axis=1), dtype=pl.Float32),
        }
    ).with_columns(purpose=pl.lit(purpose), repeated=pl.lit(repeated))


def _interleaved(query: pl.DataFrame) -> pl.DataFrame:
    """Texts for evaluation spread evenly among the others."""
    place = (pl.int_range(pl.len()).over("purpose") + 0.5) / pl.len().over("purpose")
    return query.sort(place, maintain_order=True)


def _ranked(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All parts in this order, and ranks from 1."""
    return pl.concat(parts, rechunk=True).with_columns(rank=pl.int_range(1, pl.len() + 1))
