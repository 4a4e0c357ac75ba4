"""What page and terminal share: the desk of a query, and its answers."""

import polars as pl

from wsal.annotation import sheet
from wsal.annotation.annotators import Query
from wsal.annotation.journal import JOURNAL_FILE, Journal, decision, most_frequent_labels
from wsal.annotation.open_round import read_round
from wsal.annotation.task_queue import TaskQueue
from wsal.seeding import rng


def queue_of(query: Query, blind: float, overlap: float, again: float) -> TaskQueue:
    """The desk at which a query is answered."""
    run_dir, number = query.round_dir.parents[1], int(query.round_dir.name)
    found = read_round(run_dir, number, blind)
    return TaskQueue(Journal(run_dir / JOURNAL_FILE), found, overlap=overlap, again=again)


def collected_answers(desk: TaskQueue, query: Query) -> pl.DataFrame:
    """The decisions that stand, columns of tables.ANSWERS: texts that nobody decided have no row.

    `label` is null where a text was skipped. `seconds` are those of all people.
    """
    decided, rows = desk.decided(), []
    for one in query.table["id"]:
        said = decided.get(one, {})
        is_decided, label = decision(said)
        if not is_decided and said and desk.round.items[one].measures:
            is_decided, label = True, _one_of(most_frequent_labels(said), desk.round.number, one)
        if is_decided:
            times = [e.seconds for e in said.values() if e.seconds is not None]
            who = "+".join(sorted({e.annotator for e in said.values()}))
            rows.append((one, label, sum(times) if times else None, who))
    ids, labels, seconds, people = zip(*rows, strict=True) if rows else ((), (), (), ())
    frame = sheet.annotations(pl.Series("id", ids, pl.String), labels, "", seconds)
    return frame.with_columns(annotator=pl.Series(people, dtype=pl.String))


def _one_of(labels: list[str], number: int, one: str) -> str:
    """The answer that counts where people disagree and the round was ended before they settled it.

    Texts people disagree on are the hard ones: without them, what is left would look easier than
    the pool is. Drawn by chance, the answer is that of any of the people, as it is on texts that
    one of them answered alone; taking always the first, or the one that the classifier gives,
    would not be. A training text is left out instead, and may be asked again: nothing is measured
    by it, and a wrong label would be learnt.
    """
    return labels[int(rng(0, "tie", number, one).integers(len(labels)))]
