"""What the page and the terminal share: the queue of a query, and the answers from its journal."""

import polars as pl

from wsal.annotation import sheet
from wsal.annotation.journal import (
    JOURNAL_FILE,
    Answers,
    Journal,
    decision,
    most_frequent_labels,
)
from wsal.annotation.open_round import OpenRound, read_round
from wsal.annotation.query import Query
from wsal.annotation.questions import beside_texts
from wsal.annotation.task_queue import TaskQueue
from wsal.seeding import rng


def open_queue(query: Query, blind: float, overlap: float, recheck: float) -> TaskQueue:
    """The queue in which a query is answered."""
    run_dir, number = query.round_dir.parents[1], int(query.round_dir.name)
    open_round = read_round(run_dir, number, blind)
    journal = Journal(run_dir / JOURNAL_FILE)
    return TaskQueue(journal, open_round, overlap=overlap, recheck=recheck)


def collected_answers(queue: TaskQueue, query: Query) -> pl.DataFrame:
    """The labels that people decided on, columns of schemas.ANSWERS; undecided texts have no row.

    Answers to questions about words and groups are among them, with the ids of the questions.
    `label` is null where a text was skipped. `seconds` are those of all people together.
    """
    answers, rows = queue.answers(), []
    for text_id in [*query.table["id"], *beside_texts(query.questions)["id"]]:
        own = answers.get(text_id, {})
        is_decided, label = decision(own, queue.round.parents)
        if not is_decided and own and queue.round.items[text_id].evaluates:
            is_decided, label = True, _drawn_label(own, queue.round, text_id)
        if is_decided:
            times = [event.seconds for event in own.values() if event.seconds is not None]
            people = "+".join(sorted({event.annotator for event in own.values()}))
            rows.append((text_id, label, sum(times) if times else None, people))
    ids, labels, seconds, annotators = zip(*rows, strict=True) if rows else ((), (), (), ())
    frame = sheet.annotations(pl.Series("id", ids, pl.String), labels, "", seconds)
    return frame.with_columns(annotator=pl.Series(annotators, dtype=pl.String))


def _drawn_label(answers: Answers, asked: OpenRound, text_id: str) -> str:
    """The answer that counts where people disagree and the round was ended before it was settled.

    The texts people disagree on are the hard ones: without them, the sample would look easier than
    the pool is. A random one of the most frequent answers is unbiased; always taking the first one,
    or the one that the classifier predicts, would not be. A training text is left out instead and
    may be asked again: nothing is measured on it, and a wrong label would be learnt.
    """
    labels = most_frequent_labels(answers, asked.parents)
    return labels[int(rng(0, "tie", asked.number, text_id).integers(len(labels)))]
