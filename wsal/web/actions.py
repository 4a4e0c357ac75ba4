"""What the page sends for one key press, and the journal entries that it becomes."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import HTTPException
from pydantic import BaseModel, Field

from wsal.annotation.journal import ANSWER, EARLY, FINISH, RECHECK, SETTLE, UNDO, Event
from wsal.annotation.open_round import Item
from wsal.annotation.questions import DEPENDS, NOT_ALL
from wsal.annotation.task_queue import TaskQueue
from wsal.labels import NONE
from wsal.multilabel import is_set_of

LABELLED = (ANSWER, RECHECK, SETTLE)
WITH_GROUP = "group"  # in `Event.shown`: labelled in the workspace, with the rest of its group
Text = Annotated[str, Field(max_length=4_000)]
Key = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[\w:.-]+$")]


class Action(BaseModel):
    """What the page sends for one key press."""

    key: Key
    kind: Literal["answer", "skip", "unsure", "recheck", "settle", "undo", "flag", "note", "finish"]
    round: Annotated[int, Field(ge=1)]
    ids: Annotated[list[Text], Field(max_length=200)] = []
    label: Text | None = None
    seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    shown: Annotated[str, Field(max_length=40)] = ""
    note: Text = ""
    change: bool = False  # an earlier answer of the same person to these texts


def events_of(action: Action, name: str, number: int, *, early: bool) -> list[Event]:
    """An event for each text of an action; the time is divided among them.

    They are of round `number`; `early` if no open round asked the texts.
    """
    ids = action.ids or [""]
    shown = ",".join(filter(None, [action.shown, EARLY if early else ""]))
    return [
        Event(
            key=f"{action.key}.{place}",
            kind=action.kind,
            annotator=name,
            round=number,
            id=text_id,
            label=action.label if action.kind in LABELLED else None,
            seconds=None if action.seconds is None else action.seconds / len(ids),
            shown=shown,
            note=action.note,
        )
        for place, text_id in enumerate(ids)
    ]


def queue_of(action: Action, queues: Sequence[TaskQueue], known: Sequence[TaskQueue]) -> TaskQueue:
    """The queue that an action belongs to.

    Args:
        action: what was done.
        queues: those that people are given texts of.
        known: these, and former ones, whose texts may still be on a screen.

    Raises:
        HTTPException: there is none.
    """
    if not known or action.round not in {queue.round.number for queue in known}:
        raise HTTPException(409, f"round {action.round} is not open for answers")
    if not action.ids:
        return queues[0] if queues else known[0]
    for queue in known:
        if all(text_id in queue.round.items for text_id in action.ids):
            return queue
    raise HTTPException(422, f"id {action.ids[0]!r} was not asked in round {action.round}")


def check(action: Action, queue: TaskQueue) -> None:
    """Check that an action makes sense for its queue.

    Raises:
        HTTPException: it does not.
    """
    items = [queue.round.items[i] for i in action.ids if i in queue.round.items]
    if action.kind in LABELLED and not all(_may_be(action.label, item, queue) for item in items):
        raise HTTPException(422, f"unknown label {action.label!r}")
    if not action.ids and action.kind not in (UNDO, FINISH):
        raise HTTPException(422, f"{action.kind} needs the id of a text")
    if action.kind == FINISH and (queue.round.is_early or queue.closed_at is not None):
        raise HTTPException(409, "no round is open; your answers count for the next one")
    if action.kind == FINISH and not queue.can_end():
        raise HTTPException(409, "there is nothing to learn from yet: answer a few texts first")


def _may_be(label: str | None, item: Item, queue: TaskQueue) -> bool:
    """Whether this can be the answer to a question."""
    if queue.round.multilabel:
        return label is not None and is_set_of(label, queue.round.labels)
    if item.is_group:
        return label in (item.guess, NOT_ALL)
    if item.is_word:
        return label in queue.round.tree.parent or label == DEPENDS
    return label in queue.round.tree.parent or label == NONE
