"""Texts as the page gets them."""

from collections.abc import Iterable, Sequence
from typing import Any

from wsal.annotation.journal import SETTLED, Event
from wsal.annotation.open_round import Item
from wsal.annotation.questions import CLASS, DEPENDS, NOT_ALL
from wsal.annotation.task_queue import TaskQueue
from wsal.labels import NONE
from wsal.web import panel


def shown(queue: TaskQueue, item: Item, *, recheck: bool = False) -> dict[str, Any]:
    """An item as the page gets it. The guess and votes of a blind one never leave the server.

    Nor does its reason, which would show which texts belong to the evaluation sample.
    """
    blind = item.blind or recheck
    answers = queue.answers()
    as_shown: dict[str, Any] = {
        "id": item.id,
        "text": item.text,
        "fields": item.fields,
        "reason": "" if blind else item.reason,
        "blind": blind,
        "recheck": recheck,
        "early": queue.round.is_early,
        "round": queue.round.number,
        "duplicates": [
            {"id": text_id, "text": queue.round.items[text_id].text}
            for text_id in item.duplicates
            if text_id not in answers and not recheck
        ],
    }
    if not blind:
        as_shown |= {
            "guess": item.guess,
            "confidence": item.confidence,
            "votes": item.votes,
            "highlights": item.highlights,
        }
    if item.is_word:
        as_shown |= {"word": item.word, "examples": item.examples, "depends": DEPENDS}
    elif item.is_group:
        as_shown |= {"group": True, "examples": item.examples, "ask": item.guess, "no": NOT_ALL}
    elif item.kind == CLASS and not recheck:
        as_shown |= {"ask": item.guess}
    if not item.is_beside_texts:
        as_shown |= {"none": NONE}
    return as_shown


def to_settle(queue: TaskQueue) -> list[dict[str, Any]]:
    """Texts on which people disagree, or which were flagged or have a note, with their answers."""
    queue.refresh()
    answers, remarks = queue.answers(), panel.remarks(queue.events)
    ids = dict.fromkeys([*queue.ties(answers), *(i for i in remarks if i in answers)])
    return [
        {
            **shown(queue, queue.round.items[text_id]),
            "duplicates": [],
            "answers": [[name, e.label or e.kind] for name, e in answers[text_id].items()],
            "remarks": remarks.get(text_id, []),
        }
        for text_id in ids
        if SETTLED not in answers[text_id]
    ]


def to_change(queue: TaskQueue, events: Sequence[Event]) -> dict[str, Any]:
    """The texts of an answer as the page gets them to change it; `answered` is the answer."""
    first, *others = events
    items = queue.round.items
    return {
        **shown(queue, items[first.id]),
        "duplicates": [{"id": e.id, "text": items[e.id].text} for e in others],
        "answered": {"kind": first.kind, "label": first.label},
    }


def undone(name: str, queues: Iterable[TaskQueue]) -> dict[str, Any] | None:
    """The text whose decision a person has just undone, as the page gets it.

    If that decision had changed an earlier one, the earlier one counts again.
    """
    for queue in queues:
        queue.refresh()
        text_id = queue.last_undone(name)
        if text_id in queue.round.items:
            if earlier := queue.answers().get(text_id, {}).get(name):
                return to_change(queue, [earlier])
            return shown(queue, queue.round.items[text_id])
    return None
