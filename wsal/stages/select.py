"""Choose the texts to ask about in the next round."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.active.candidates import QueryStrategy
from wsal.active.multilabel import doubt_view
from wsal.active.prices import seconds_of
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import all_answers, gold_answers, llm_labels, rows_of
from wsal.annotation.early import keeps_journal, open_in_journal
from wsal.annotation.multilabel_answers import answered_sets
from wsal.annotation.questions import (
    CLASS,
    GROUP,
    NO_QUESTIONS,
    QUESTIONS,
    QUESTIONS_FILE,
    WORD,
    about_groups,
    about_words,
    check_kinds,
    groups_so_far,
    times_of_kinds,
    words_so_far,
)
from wsal.annotation.set_aside import left_open
from wsal.arrays import Rows
from wsal.artifacts import Artifact, Facts
from wsal.labels import LabelSet
from wsal.members import members_of
from wsal.multilabel import is_multilabel
from wsal.rounds.ask_again import with_texts
from wsal.rounds.asked import class_questions, group_questions, most_wanted, word_questions
from wsal.rounds.early import early_rows, rows_to_ask_again
from wsal.rounds.evaluation_frame import (
    frame_probs,
    pool_probs,
    read_frame,
    sample_size,
    write_frame,
)
from wsal.rounds.frame_periods import Frame, cut_sample, extended_frame
from wsal.rounds.llm_answers import frame_answers, read_llm_answers
from wsal.rounds.multilabel_query import doubtful, rarest, with_guesses
from wsal.rounds.pool_reader import pool_reader
from wsal.rounds.pool_search import search_shards
from wsal.rounds.query import (
    PoolReader,
    Query,
    RoundState,
    choose_query,
    nothing_early,
)
from wsal.rounds.random_gold import drawn_at_random
from wsal.settings import (
    ActiveSettings,
    EncoderSettings,
    EvaluationSettings,
    HardwareSettings,
    LauncherSettings,
)
from wsal.shards import read_array


def select(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    votes: Artifact,
    llm_votes: Artifact | None = None,
    weak_labels: Artifact,
    embeddings: Artifact,
    classifier: Artifact,
    earlier_annotations: Sequence[Artifact],
    earlier_queries: Sequence[Artifact],
    encoder: EncoderSettings,
    strategy: QueryStrategy,
    active: ActiveSettings,
    evaluation: EvaluationSettings,
    seed: int,
    hardware: HardwareSettings,
    annotator: Annotator,
    launcher: LauncherSettings,
) -> Facts:
    """pool.parquet, the newest classifier, earlier answers -> query.parquet, frame.parquet.

    With kinds of `active.questions` other than `text`, there is also questions.parquet. Words
    and groups take the place of as many texts as could be asked about in the same time.

    Texts that people answered while the classifier was trained are part of the query; the journal
    says which these are, so that a query made again has the same.

    Where a text may have several classes, strategies see how unsure the classifier is of all of
    them together (`doubt_view`), and guesses.parquet has the predicted sets.
    """
    check_kinds(annotator, active.questions)
    number = len(earlier_annotations) + 1
    labels, multilabel = LabelSet.of_pool(pool.facts), is_multilabel(pool.facts)
    last = earlier_queries[-1] if earlier_queries else None
    measures = sample_size(pool.facts, evaluation, number) > 0
    trained_on = read_llm_answers(pool, llm_votes if measures else None).to_train_on().rows
    laid, weak_probs = read_frame(pool, last) if last else None, pool_probs(embeddings)
    if multilabel and laid is None:
        weak_probs = doubt_view(weak_probs)
    frame = extended_frame(laid, pool.facts, weak_probs, evaluation.frame, seed, trained_on)
    frame = write_frame(frame, pool, out / "frame.parquet", last)
    if multilabel:
        gold_rows, sets = answered_sets(pool, earlier_annotations)
        gold = rarest(sets)
    else:
        of_both = [read(pool, earlier_annotations) for read in (gold_answers, llm_labels)]
        gold_rows, gold = (np.concatenate(both) for both in zip(*of_both, strict=True))
    answers = frame_answers(pool, llm_votes, frame)
    reader = pool_reader(
        pool, tokens, votes, weak_labels, classifier, encoder, hardware, number,
        lambda wanted: search_shards(
            wanted, out, embeddings.path / "embeddings.npy", votes.path / "votes.parquet", launcher,
            members_of(labels),
        ),
    )  # fmt: skip
    frame_predictions = frame_probs(
        embeddings, classifier, frame, lambda _, __, rows: reader.predict(rows)[0]
    )
    state = RoundState(
        number=number,
        embeddings=read_array(embeddings.path / "embeddings.npy"),
        frame=frame,
        frame_probs=doubt_view(frame_predictions) if multilabel else frame_predictions,
        asked=all_answers(pool, earlier_annotations)["row"].drop_nulls().to_numpy(),
        gold_rows=gold_rows,
        gold=gold,
        answered=np.flatnonzero(answers.asked) if answers else None,
    )
    n_evaluation = sample_size(pool.facts, evaluation, number)

    def early() -> Rows:
        run_dir = pool.path.parent
        open_in_journal(run_dir, number)
        return early_rows(run_dir, number, pool, frame, earlier_queries, earlier_annotations)

    def ask_again() -> Rows:
        return rows_to_ask_again(pool.path.parent, number, pool)

    beside, n_texts, seconds = NO_QUESTIONS, active.query_size, seconds_of({})
    earlier = (earlier_queries, earlier_annotations)
    if len(active.questions) > 1:
        seconds = seconds_of(times_of_kinds(*earlier))
        beside = _beside_texts(active, state, reader, pool, *earlier, seconds, labels, seed)
        budget = n_texts * seconds["text"] - sum(seconds[kind] for kind in beside["kind"])
        n_texts = max(round(budget / seconds["text"]), 1)
    in_groups = _rows_in(pool, about_groups(beside)["examples"])
    query = choose_query(
        replace(state, asked=np.concatenate([state.asked, in_groups])),
        doubtful(reader) if multilabel else reader,
        strategy,
        replace(active, query_size=n_texts),
        n_evaluation,
        seed,
        early if keeps_journal(annotator) else nothing_early,
        ask_again if keeps_journal(annotator) else nothing_early,
        left_open(pool, earlier_annotations),
    )
    texts = tables.take(pool.path / "pool.parquet", query.table["row"].to_numpy())
    asked = with_texts(query.table, texts, number)
    if multilabel:
        asked = with_guesses(asked, reader, frame_predictions, labels, out)
    tables.write(asked, out / "query.parquet", schemas.QUERY)
    kinds: Facts = {}
    if len(active.questions) > 1:
        yes_or_no = NO_QUESTIONS
        if CLASS in active.questions:
            yes_or_no = class_questions(asked, seconds, labels)
        # A group goes if people have answered one of its texts early while it was chosen.
        n_asked = pl.col("ids").list.eval(pl.element().is_in(asked["id"].to_list())).list.sum()
        beside = beside.filter(n_asked.fill_null(0) == 0)
        tables.write(pl.concat([beside, yes_or_no]), out / QUESTIONS_FILE, QUESTIONS)
        kinds = {
            "n_words": len(about_words(beside)), "n_groups": len(about_groups(beside)),
            "n_yes_or_no": len(yes_or_no), "seconds": seconds,
        }  # fmt: skip
    return {
        "round": number,
        "n_asked": len(asked),
        "n_evaluation": query.n_evaluation,
        "n_again": int(asked["repeated"].sum()),
        "n_candidates": query.n_candidates,
        "n_left": query.n_left,
        "n_early": query.n_early,
        "random": drawn_at_random(asked),
        **({"periods": frame.periods} if len(frame.periods) > 1 else {}),
        "labels": pool.facts["labels"],  # `predicted` is a number in this list
        **kinds,
        **_cut_sample(last, n_evaluation, query, frame, pool),
    }


def _cut_sample(
    last: Artifact | None, wanted: int, query: Query, frame: Frame, pool: Artifact
) -> Facts:
    """Why fewer texts measure than the settings want; nothing once the last query had none."""
    if last and not last.facts["n_evaluation"]:
        return {}
    setting = f"evaluation.{'top_up' if last else 'size'}={wanted}"
    why = cut_sample(wanted, query.n_evaluation, frame, pool.facts["n_pool"])
    return {"cut_sample": f"{setting} is more than there are: {why}"} if why else {}


def _beside_texts(
    active: ActiveSettings,
    state: RoundState,
    reader: PoolReader,
    pool: Artifact,
    queries: Sequence[Artifact],
    annotations: Sequence[Artifact],
    seconds: Mapping[str, float],
    labels: LabelSet,
    seed: int,
) -> pl.DataFrame:
    """The words and groups to ask about, most wanted first: columns of QUESTIONS."""
    questions, budget = NO_QUESTIONS, active.query_size * seconds["text"]
    if not {WORD, GROUP} & set(active.questions):
        return questions
    records = pool.path / "pool.parquet"
    if WORD in active.questions:
        so_far = words_so_far(queries, annotations)
        questions = word_questions(state, reader, records, so_far, seconds, budget, labels, seed)
    if GROUP in active.questions:
        so_far = groups_so_far(queries, annotations)
        rows = _rows_in(pool, so_far["texts"])
        groups = group_questions(
            state, reader, records, rows, so_far, seconds, budget, labels, seed
        )
        questions = most_wanted(pl.concat([questions, groups]), seconds, budget)
    return questions


def _rows_in(pool: Artifact, groups: pl.Series) -> Rows:
    """The rows of the texts of all groups, each a list of texts, that are in the pool."""
    texts = groups.explode().drop_nulls()
    return rows_of(pool, texts).drop_nulls().to_numpy() if len(texts) else nothing_early()
