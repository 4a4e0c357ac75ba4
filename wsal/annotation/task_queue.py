"""Who is asked which text next, and what the journal says about the open round."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from wsal.annotation.changes_log import States, with_state
from wsal.annotation.journal import (
    ANSWER,
    CLOSED,
    FINISH,
    RECHECK,
    SETTLED,
    Answers,
    Event,
    Journal,
    decision,
    decisions_in_force,
    just_undone,
)
from wsal.annotation.live_ranking import Labelled, uncertainty_order
from wsal.annotation.open_round import OpenRound
from wsal.annotation.round_answers import answers_of_round, can_end, was_ended
from wsal.seeding import rng

RERANK_EVERY = 5  # answered texts
RECHECK_AFTER = 20  # answers of the same person


@dataclass
class TaskQueue:
    """The texts of one open round, and the answers to them so far.

    Evaluation texts are handed out in the order of the query, which is random, whatever the
    answers are. If a round is ended early, the answered ones are therefore as random a sample as
    all of them, and so are estimates from them. Only training texts are re-ranked, in the places
    between.

    Somebody who ends a round leaves a text on the screen, more likely one that takes long. Leaving
    it out moves an estimate from n texts by about 1/n of that text's difference from the others.
    That fewer hard texts are answered in the same time moves it as far in the other direction.

    Leases are in memory only: after a restart, a text may be handed out twice; both answers count.
    """

    journal: Journal
    round: OpenRound
    lease_seconds: float = 300.0
    overlap: float = 0.0
    """Share of texts that two people answer."""
    recheck: float = 0.0
    """Share of texts that a person is asked a second time."""
    leases: dict[str, dict[str, float]] = field(default_factory=dict)  # id -> annotator -> end
    order: list[str] = field(default_factory=list)  # ids, in the order in which they are handed out
    clock: Callable[[], float] = time.monotonic  # in seconds
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_seq: int = 0  # number of the newest event that was read
    events: list[Event] = field(default_factory=list)
    states: States = field(default_factory=States)  # of the classes
    closed_at: int | None = None  # how many events came before the round's answers were taken
    n_ranked_at: int = 0  # how many texts were answered when the ranking was last due
    in_force: tuple[int, list[Event], dict[str, Answers]] = (-1, [], {})
    """A cache: the number of the newest event, the decisions in force, and those of this round."""

    def __post_init__(self) -> None:
        self.order = list(self.round.items)
        self.asked_twice = self._share("overlap", self.overlap)
        again = self._share("again", self.recheck)  # the stream keeps its former name
        self.rechecked = {i for i in again if not self.round.items[i].is_beside_texts}

    def _share(self, stream: str, share: float) -> set[str]:
        """A random share of the round's ids, the same after a restart."""
        draws = rng(0, stream, self.round.number).random(len(self.order))
        return {text_id for text_id, u in zip(self.order, draws, strict=True) if u < share}

    def refresh(self) -> None:
        """Read new events; the journal is authoritative, whoever wrote to it."""
        with self.lock:
            for seq, event in self.journal.events(self.last_seq):
                self.last_seq = seq
                label = self.states.present(event, self.round.classes)
                if event.key == self._closing_key() and self.closed_at is None:
                    self.closed_at = len(self.events)
                self.events.append(replace(event, label=label))
                self.states.add(seq, event)

    def close(self) -> None:
        """Note that the round's answers are taken: what is answered from now on counts later."""
        self.append([Event(self._closing_key(), CLOSED, "", self.round.number)])

    def _closing_key(self) -> str:
        return f"{CLOSED}-{self.round.number}-{self.round.query_digest}"

    def append(self, events: Sequence[Event]) -> int:
        """Write to the journal what a person did; return how many events were new."""
        self.refresh()
        events = with_state(events, self.round.classes, self.states.log)
        n_new = self.journal.append([replace(event, text=self._about(event)) for event in events])
        self.refresh()
        return n_new

    def _about(self, event: Event) -> str:
        """The text that an event is about; for the end of a round, which query was ended."""
        if event.kind in (FINISH, CLOSED):
            return self.round.query_digest
        item = self.round.items.get(event.id)
        return item.text if item else event.text

    def answers(self) -> dict[str, Answers]:
        """For each text of the round that has any, the answers in force."""
        return self._in_force()[2]

    def _in_force(self) -> tuple[int, list[Event], dict[str, Answers]]:
        """The cache, recomputed if there are new events."""
        with self.lock:
            if self.in_force[0] != self.last_seq:
                first = self.round.number - 1  # nothing before counts here, or can be undone
                recent = [e for e in self.events[: self.closed_at] if e.round >= first]
                decisions = decisions_in_force(recent)
                answers = answers_of_round(decisions, self.round)
                self.in_force = (self.last_seq, decisions, answers)
            return self.in_force

    def people_needed(self, text_id: str) -> int:
        """How many people should answer a text."""
        return 2 if text_id in self.asked_twice else 1

    def open_ids(self, answers: dict[str, Answers]) -> list[str]:
        """Texts that still need somebody's answer."""
        return [
            text_id
            for text_id in self.order
            if not self._complete(text_id, answers.get(text_id, {}))
        ]

    def _complete(self, text_id: str, answers: Answers) -> bool:
        """Whether nobody else is asked about a text."""
        enough = SETTLED in answers or len(answers) >= self.people_needed(text_id)
        return enough or self.round.items[text_id].gone

    def ties(self, answers: dict[str, Answers]) -> list[str]:
        """Texts that enough people answered, but differently."""
        complete = {i: own for i, own in answers.items() if self._complete(i, own)}
        return [i for i, own in complete.items() if not decision(own, self.round.parents)[0]]

    def assign(self, annotator: str, n: int, on_page: Sequence[str]) -> list[tuple[str, bool]]:
        """Lease up to `n` texts to a person.

        Args:
            annotator: who asks.
            n: how many texts at most.
            on_page: ids that the person has already; their leases are extended.

        Returns:
            The id of each text, and whether the person has answered it before and is rechecked.
        """
        self.refresh()
        now, answers = self.clock(), self.answers()
        with self.lock:
            for text_id in on_page:
                if text_id in self.round.items:
                    self._lease(text_id, annotator, now)
            assigned: list[tuple[str, bool]] = []
            open_ids = self.open_ids(answers)
            # A near-duplicate is answered together with the first text of its group.
            followers = {other for i in open_ids for other in self.round.items[i].duplicates}
            for text_id in open_ids:
                if len(assigned) == n:
                    break
                people = answers.get(text_id, {}).keys()
                if text_id in on_page or annotator in people or text_id in followers:
                    continue
                leases = self.leases.get(text_id, {})
                holders = {name for name, end in leases.items() if end > now} - {annotator}
                if len(holders - people) + len(people) >= self.people_needed(text_id):
                    continue
                self._lease(text_id, annotator, now)
                assigned.append((text_id, False))
        if len(assigned) < n:
            due = self._due_for_recheck(annotator)
            assigned += [(text_id, True) for text_id in due if text_id not in on_page]
        return assigned[:n]

    def _lease(self, text_id: str, annotator: str, now: float) -> None:
        self.leases.setdefault(text_id, {})[annotator] = now + self.lease_seconds

    def _due_for_recheck(self, annotator: str) -> list[str]:
        """A person's own texts that are asked a second time, to measure how consistent they are."""
        own = [e for e in self._in_force()[1] if e.annotator == annotator]
        done = {e.id for e in own if e.kind == RECHECK}
        answers = [e.id for e in own if e.kind == ANSWER and e.round == self.round.number]
        answered = [*dict.fromkeys(reversed(answers))][::-1]  # a changed answer counts once
        return [
            text_id
            for text_id in answered[:-RECHECK_AFTER]
            if text_id in self.rechecked and text_id not in done
        ]

    def ranking_is_due(self) -> bool:
        """Whether there are enough new answers to re-rank the open texts; true only once."""
        n = len(self.answers())
        if n - self.n_ranked_at < RERANK_EVERY:
            return False
        self.n_ranked_at = n
        return True

    def labelled(self) -> Labelled:
        """The vectors and classes of the training texts that are answered with one so far."""
        items, parents, classes = self.round.items, self.round.parents, set(self.round.labels)
        labels = {
            text_id: label
            for text_id, own in self.answers().items()
            if (label := decision(own, parents)[1]) in classes and not items[text_id].keeps_place
        }
        rows = [row for row, text_id in enumerate(items) if text_id in labels]
        return self.round.vectors[rows], [labels[i] for i in items if i in labels]

    def rerank(self, others: Sequence[Labelled] = ()) -> None:
        """Put the open training texts in a new order; evaluation texts, words, groups stay.

        Answers to these teach the ranking nothing: it decides what the classifier is trained on.
        It learns from `others`, which are texts of other rounds.
        """
        if self.round.multilabel:  # the quick classifier knows one class per text
            return
        items = self.round.items
        remaining = [i for i in self.open_ids(self.answers()) if not items[i].keeps_place]
        ranked = uncertainty_order(self.round, [self.labelled(), *others], remaining)
        fixed = {text_id for text_id, item in items.items() if item.keeps_place}
        complete = set(items).difference(ranked, fixed)
        training = iter([*(text_id for text_id in items if text_id in complete), *ranked])
        with self.lock:
            self.order = [text_id if text_id in fixed else next(training) for text_id in items]

    def last_undone(self, annotator: str) -> str | None:
        """The text whose decision a person has just undone."""
        undone = just_undone(self.events, annotator)
        return undone[0].id if undone else None

    def finished(self) -> bool:
        """Whether every text is decided, or somebody ended the round when that was possible."""
        answers = self.answers()
        if self.closed_at is not None or (self.can_end() and was_ended(self.round, self.events)):
            return True
        return not (self.open_ids(answers) or self.ties(answers))

    def can_end(self) -> bool:
        """Whether the round may be ended early: the first one needs a label to train on."""
        return can_end(self.round, self.answers())
