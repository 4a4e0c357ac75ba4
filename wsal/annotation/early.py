"""Answers to texts that no query had asked: they count for the next query that is made.

While a classifier is trained, people go on with other texts. When the strategy has chosen the texts
of the next round, the journal gets an event `opened`. The texts answered before it are part of that
round; those answered after it belong to the round after.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from wsal.annotation.journal import (
    CLOSED,
    FLAG,
    JOURNAL_FILE,
    OPENED,
    RECHECK,
    Event,
    Journal,
    decisions_in_force,
    is_early,
)
from wsal.annotation.questions import is_beside_texts

ASK_AGAIN = "ask again"  # in `Event.shown` of a flag: the next query has the text once more
EARLY_FILE = "early.parquet"  # in the folder of the round that the answers count for
Serving = Callable[[Path, int], AbstractContextManager[Callable[[str], None]]]
"""From a run folder and the last round for which people answer early (0: they wait) to what keeps
their page up while a command works. Its function tells people that the run is over, and why."""


def keeps_journal(annotator: object) -> bool:
    """Whether people's answers are written to the journal of the run."""
    return bool(getattr(annotator, "keeps_journal", False))


def open_in_journal(run_dir: Path, number: int) -> None:
    """Note that the query of a round is made: what is answered from now on is not part of it."""
    event = Event(f"{OPENED}-{number}", OPENED, "", number)
    Journal(run_dir / JOURNAL_FILE).append([event])


def early_texts(run_dir: Path, number: int, asked: Mapping[int, Collection[str]]) -> list[str]:
    """The texts that people answered for round `number` before its query was made, oldest first.

    Args:
        run_dir: the run folder.
        number: the round.
        asked: for each earlier round, the texts of its query.

    Returns:
        The texts whose early answer is in force and counts for no earlier round, and texts of
        earlier rounds that were answered after the round's answers had been taken. These may have
        another answer, which was taken.
    """
    events = Journal(run_dir / JOURNAL_FILE).events()
    opened = next((n for n, e in events if e.kind == OPENED and e.round == number), None)
    events = [(n, e) for n, e in events if opened is None or n < opened]
    closed = {e.round: n for n, e in events if e.kind == CLOSED}
    place = {e.key: n for n, e in events}
    texts = dict[str, None]()
    for event in decisions_in_force(e for _, e in events):
        if event.kind == RECHECK or not event.text or is_beside_texts(event.id):
            continue
        is_late = place[event.key] > closed.get(event.round, place[event.key])
        first = event.round + is_late  # the first round that may have asked it or counted it
        counted = any(event.text in own for n, own in asked.items() if n >= first)
        if (is_late or is_early(event)) and not counted:
            texts[event.text] = None
    return list(texts)


def texts_to_ask_again(run_dir: Path, number: int) -> list[str]:
    """The answered texts that people want to be asked again in round `number`, oldest first.

    These were marked for it before its query was made, or for the round before when that one had
    its query already.
    """
    events = Journal(run_dir / JOURNAL_FILE).events()
    opened = {e.round: n for n, e in events if e.kind == OPENED}
    texts = dict[str, None]()
    for place, event in events:
        if event.kind != FLAG or event.shown != ASK_AGAIN:
            continue
        is_late = place > opened.get(event.round, place)
        if event.round + is_late == number and place < opened.get(number, place + 1):
            texts[event.text] = None
    return list(texts)
