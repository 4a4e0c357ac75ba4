"""A person's last answers, and which of them can still be changed.

An answer is changed by another one to the same text, like one given twice: the last one counts, and
an undo brings the former back. Once a round's answers are taken, its classifier has been trained on
them; another answer would come too late, and be ignored. So it is refused.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import HTTPException

from wsal.annotation.journal import (
    ANSWER,
    RECHECK,
    SETTLE,
    SETTLED,
    SKIP,
    UNSURE,
    Answers,
    Event,
)
from wsal.annotation.task_queue import TaskQueue
from wsal.web.actions import WITH_GROUP, Action
from wsal.web.items import to_change

MOST = 10  # answers that are listed
CHANGES = (ANSWER, SKIP, UNSURE, SETTLE)
TAKEN = "its round has been trained on"


def recent(
    name: str, queues: Sequence[TaskQueue], known: Sequence[TaskQueue]
) -> list[dict[str, Any]]:
    """A person's last answers, the newest first, each once, however often it was changed.

    Args:
        name: whose.
        queues: those that take answers.
        known: these and former ones.

    Returns:
        For each answer its `key`, `kind`, `label` and `text`; `item`, the text as the page gets it,
        with `answered`, if it can be changed, and else `why` not. Rechecks are not among them: they
        measure how consistent a person is.
    """
    listed = []
    not_closed = [queue for queue in known if queue.closed_at is None]
    for events in _actions(name, queues or not_closed or known):
        first, queue = events[0], _queue_of(name, events, queues)
        entry: dict[str, Any] = {
            "key": _key(first),
            "kind": first.kind,
            "label": first.label,
            "text": first.text,
        }
        if queue is None:
            entry["why"] = _why_not(name, first, queues, not_closed)
        else:
            entry["item"] = to_change(queue, events)
        listed.append(entry)
        if len(listed) == MOST:
            break
    return listed


def queue_to_change(action: Action, name: str, queues: Iterable[TaskQueue]) -> TaskQueue:
    """The queue in which a person's answer to these texts is in force.

    Raises:
        HTTPException: there is none, or an answer cannot be changed into this.
    """
    if action.kind not in CHANGES:
        raise HTTPException(422, f"an answer cannot be changed into {action.kind!r}")
    for queue in queues:
        queue.refresh()
        answers = queue.answers()
        if action.ids and all(_own(name, answers.get(i, {})) for i in action.ids):
            return queue
    raise HTTPException(409, f"too late to change this answer: {TAKEN}")


def is_in_force(events: Iterable[Event], queue: TaskQueue) -> bool:
    """Whether answers that were just written count: the round may have ended a moment before."""
    answers = queue.answers()
    return all(_is_own(answers.get(event.id, {}), event) for event in events)


def _actions(name: str, queues: Sequence[TaskQueue]) -> Iterable[list[Event]]:
    """A person's actions that are in force, the newest first; of each text, only the last."""
    if not queues:
        return
    queues[0].answers()  # which updates the decisions in force
    seen, action = set[str](), list[Event]()
    for event in reversed(queues[0].in_force[1]):
        if event.annotator != name or event.kind == RECHECK:
            continue
        if action and _key(event) != _key(action[0]):
            yield action
            action = []
        if event.id not in seen:
            seen.add(event.id)
            action = [event, *action]
    if action:
        yield action


def _queue_of(name: str, events: Sequence[Event], queues: Iterable[TaskQueue]) -> TaskQueue | None:
    """The queue in which all these are in force, and nobody else has settled the text."""
    for queue in queues:
        answers = queue.answers()
        own = [answers.get(event.id, {}) for event in events]
        if all(_own(name, a) and _is_own(a, e) for a, e in zip(own, events, strict=True)):
            return queue
    return None


def _own(name: str, answers: Answers) -> bool:
    """Whether a person's answer to a text is in force, and nobody else has settled it."""
    if SETTLED in answers:
        return answers[SETTLED].annotator == name
    return name in answers


def _is_own(answers: Answers, event: Event) -> bool:
    slot = SETTLED if event.kind == SETTLE else event.annotator
    return slot in answers and answers[slot].key == event.key


def _why_not(
    name: str, event: Event, queues: Sequence[TaskQueue], not_closed: Iterable[TaskQueue]
) -> str:
    if not queues and any(_is_own(q.answers().get(event.id, {}), event) for q in not_closed):
        return "nothing is asked any more"
    if WITH_GROUP in event.shown.split(","):
        return "it was labelled in the workspace, with its group"
    for queue in queues:
        settled = queue.answers().get(event.id, {}).get(SETTLED)
        if settled and settled.annotator != name:
            return f"{settled.annotator} has settled it"
    return TAKEN


def _key(event: Event) -> str:
    """The key of the action that an event is part of."""
    return event.key.rpartition(".")[0] or event.key
