"""What people do in the workspace, as it arrives; and the rules and journal entries it becomes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import HTTPException
from pydantic import BaseModel, Field

from wsal.annotation.early import ASK_AGAIN
from wsal.annotation.journal import ANSWER, EARLY, FLAG, Event
from wsal.annotation.task_queue import TaskQueue
from wsal.suggestion.amendments import KEYWORD, REGEX
from wsal.web.actions import WITH_GROUP, Key, Text

Word = Annotated[str, Field(max_length=100)]
RuleName = Annotated[str, Field(pattern=r"^[^\W_][\w-]*$", max_length=80)]
Section = Literal["errors", "uncertain", "doubtful", "slices"]
RESERVED = ("id", "defaults")  # names that no rule can have


class Draft(BaseModel):
    """A rule as the form has it; of a pattern, `words` and `unless` have one regex at most."""

    name: RuleName
    is_pattern: bool = False
    label: Text
    words: Annotated[list[Word], Field(max_length=200)]
    unless: Annotated[list[Word], Field(max_length=200)] = []
    pattern: Annotated[str, Field(max_length=1_000)] = ""
    pattern_unless: Annotated[str, Field(max_length=1_000)] = ""


class Edit(BaseModel):
    """A rule to write, into the file as the preview showed it."""

    draft: Draft
    digest: Annotated[str, Field(max_length=64)]


class InGroup(BaseModel):
    """Some texts of a group."""

    section: Section
    group: Annotated[str, Field(max_length=40)]
    ids: Annotated[list[Text], Field(max_length=200)]


class GroupAction(InGroup):
    """What is done with them."""

    key: Key
    label: Text = ""
    seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None


class Undo(BaseModel):
    """An action is taken back."""

    key: Key
    of: Key
    """The key of that action."""


def node_of(draft: Draft, nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration of a rule; what the form does not show stays as it is in the file.

    Raises:
        HTTPException: the form is incomplete, or the rule cannot be edited in it.
    """
    before = dict(nodes.get(draft.name, {}))
    kind = REGEX if draft.is_pattern else KEYWORD
    if draft.name in RESERVED:
        raise HTTPException(422, f"a rule cannot be named {draft.name!r}; choose another name")
    if before.get("_target_", kind) != kind:
        raise HTTPException(422, f"{draft.name} is another kind of rule; choose another name")
    words, unless = (_cleaned(values) for values in (draft.words, draft.unless))
    if not (draft.pattern if draft.is_pattern else words):
        raise HTTPException(422, "give the rule at least one word to look for")
    if any("${" in word for word in (*words, *unless, draft.pattern, draft.pattern_unless)):
        raise HTTPException(422, "`${` has a special meaning in files of rules; leave it out")
    node: dict[str, Any] = {**before, "_target_": kind, "label": draft.label}
    values = (
        {"pattern": draft.pattern, "unless": draft.pattern_unless}
        if draft.is_pattern
        else {"words": words, "unless": unless}
    )
    for name, value in values.items():
        node.pop(name, None) if not value else node.update({name: value})
    return node


def _cleaned(words: Sequence[str]) -> list[str]:
    """The words without empty and repeated ones."""
    return [*dict.fromkeys(word.strip() for word in words if word.strip())]


def answers(
    action: GroupAction,
    texts: Mapping[str, str],
    group: str,
    name: str,
    number: int,
    queues: Sequence[TaskQueue],
) -> list[Event]:
    """An answer to each text: to the open round that asks it, else for round `number`, early.

    Args:
        action: the ids and the label.
        texts: by id.
        group: the name of the group, which the events keep.
        name: who answers.
        number: the round after the newest one.
        queues: those that people are given texts of.
    """
    events = []
    for place, text_id in enumerate(action.ids):
        of_text = [q for q in queues if _asks(q, text_id, texts[text_id])]
        is_early = not of_text or of_text[0].round.is_early
        events.append(
            Event(
                key=f"{action.key}.{place}",
                kind=ANSWER,
                annotator=name,
                round=number if is_early else of_text[0].round.number,
                id=text_id,
                label=action.label,
                seconds=None if action.seconds is None else action.seconds / len(action.ids),
                shown=",".join([WITH_GROUP, "guess", "votes", *([EARLY] if is_early else [])]),
                note=f"group: {group}",
                text=texts[text_id],
            )
        )
    return events


def _asks(queue: TaskQueue, text_id: str, text: str) -> bool:
    item = queue.round.items.get(text_id)
    return item is not None and item.text == text


def marks(
    action: GroupAction, texts: Mapping[str, str], group: str, name: str, number: int
) -> list[Event]:
    """A mark on each text, so that the next query asks it again."""
    return [
        Event(
            key=f"{action.key}.{place}",
            kind=FLAG,
            annotator=name,
            round=number,
            id=text_id,
            shown=ASK_AGAIN,
            note=f"group: {group}",
            text=texts[text_id],
        )
        for place, text_id in enumerate(action.ids)
    ]
