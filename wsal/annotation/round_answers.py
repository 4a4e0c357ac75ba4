"""Which decisions in the journal count for a round, and whether somebody has ended it."""

from collections.abc import Iterable, Sequence

from wsal.annotation.journal import (
    FINISH,
    Answers,
    Event,
    answers_by_text,
    decision,
    decisions_in_force,
    is_early,
)
from wsal.annotation.open_round import OpenRound
from wsal.annotation.returned_sheet import is_same_text
from wsal.data.class_history import is_undone
from wsal.labels import NONE


def answers_of_round(decisions: Iterable[Event], open_round: OpenRound) -> dict[str, Answers]:
    """The answers to texts of this round; not those given when an id meant another text.

    Early answers carry the number of this round or, if they came when the query of the round before
    had just been made, of that one. So do answers to words and groups that came too late for it.
    An answer with a class that an undone edit had made counts again if the edit does.
    """
    items, number = open_round.items, open_round.number
    return answers_by_text(
        event
        for event in decisions
        if (item := items.get(event.id)) is not None
        and (
            event.round == number
            or (
                event.round == number - 1
                and (is_early(event) or item.early or item.is_beside_texts)
            )
        )
        and (not event.text or is_same_text(event.text, item.text))
        and not is_undone(event.label)
    )


def can_end(open_round: OpenRound, answers: dict[str, Answers]) -> bool:
    """Whether the round may be ended early: the first one needs a label to train on."""
    if open_round.number > 1:
        return bool(answers)
    return any(
        decision(own)[1] not in (None, NONE) and not open_round.items[text_id].keeps_place
        for text_id, own in answers.items()
    )


def was_ended(open_round: OpenRound, events: Sequence[Event]) -> bool:
    """Whether somebody ended the round at a moment when that was possible."""
    return any(
        can_end(open_round, answers_of_round(decisions_in_force(events[:place]), open_round))
        for place, event in enumerate(events)
        if event.kind == FINISH and event.round == open_round.number
        if event.text in ("", open_round.query_digest)  # not of a query that was replaced
    )
