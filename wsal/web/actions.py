"""What the page sends for one key press, and the journal entries that it becomes."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from wsal.annotation.journal import ANSWER, RECHECK, SETTLE, Event

LABELLED = (ANSWER, RECHECK, SETTLE)
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


def events_of(action: Action, name: str) -> list[Event]:
    """An event for each text of an action; the time is divided among them."""
    ids = action.ids or [""]
    return [
        Event(
            key=f"{action.key}.{number}",
            kind=action.kind,
            annotator=name,
            round=action.round,
            id=text_id,
            label=action.label if action.kind in LABELLED else None,
            seconds=None if action.seconds is None else action.seconds / len(ids),
            shown=action.shown,
            note=action.note,
        )
        for number, text_id in enumerate(ids)
    ]
