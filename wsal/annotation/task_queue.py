"""Who gets which text next, and what the journal says of the round: the page's working state."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from wsal.annotation.journal import (
    ANSWER,
    FINISH,
    RECHECK,
    SETTLED,
    UNDO,
    Answers,
    Event,
    Journal,
    answers_by_text,
    decision,
    decisions_in_force,
)
from wsal.annotation.live_ranking import order
from wsal.annotation.open_round import OpenRound
from wsal.annotation.returned_sheet import keys_of
from wsal.seeding import rng

EVERY = 5  # answers after which what is left is ranked anew
WAIT = 20  # own answers before one of them may be asked again


@dataclass
class TaskQueue:
    """One open round.

    Texts that measure are handed out in the order of the query, which is random, whatever the
    answers: when a round is ended early, those answered are as random as all of them, and so is
    an estimate made of them. Only training texts are ranked anew, in the places between.

    Whoever ends a round leaves a text on the screen, more likely one that takes long. That it
    counts as not asked moves an estimate of n texts by about 1/n of how much it is out of the
    ordinary; that fewer hard texts are answered in the same time moves it as far the other way.

    Leases live in memory: after a restart a text may be handed out twice, and both answers count.
    """

    journal: Journal
    round: OpenRound
    lease_seconds: float = 300.0
    overlap: float = 0.0
    again: float = 0.0
    leases: dict[str, dict[str, float]] = field(default_factory=dict)  # id -> annotator -> until
    ranked: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic  # seconds
    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: int = 0
    events: list[Event] = field(default_factory=list)
    ranked_at: int = 0
    known: tuple[int, list[Event], dict[str, Answers]] = (-1, [], {})  # as of `seen`

    def __post_init__(self) -> None:
        self.ranked = list(self.round.items)
        draw = rng(0, "overlap", self.round.number).random(len(self.ranked))
        self.twice = {one for one, u in zip(self.ranked, draw, strict=True) if u < self.overlap}
        draw = rng(0, "again", self.round.number).random(len(self.ranked))
        self.repeated = {one for one, u in zip(self.ranked, draw, strict=True) if u < self.again}

    def refresh(self) -> None:
        """Read what was appended since; the journal is the truth, whoever wrote to it."""
        with self.lock:
            for seq, event in self.journal.events(self.seen):
                self.seen = seq
                label = self.round.renamed.get(event.label or "", event.label)
                self.events.append(replace(event, label=label))

    def append(self, events: Sequence[Event]) -> int:
        """Journal what a person did; give back how many events were new."""
        events = [replace(event, text=self._about(event)) for event in events]
        new = self.journal.append(events)
        self.refresh()
        return new

    def _about(self, event: Event) -> str:
        """The text that an event is about; of a round's end, which query was ended."""
        if event.kind == FINISH:
            return self.round.query
        item = self.round.items.get(event.id)
        return item.text if item else event.text

    def decided(self) -> dict[str, Answers]:
        """For each text of the round, the decisions that stand, by annotator."""
        return self._standing()[2]

    def _standing(self) -> tuple[int, list[Event], dict[str, Answers]]:
        """What stands, found anew only once something was journalled."""
        with self.lock:
            if self.known[0] != self.seen:
                stands = decisions_in_force(self.events)
                self.known = (self.seen, stands, self._of_round(stands))
            return self.known

    def _of_round(self, stands: Iterable[Event]) -> dict[str, Answers]:
        """The decisions on texts of this round; an id that means another text now has none."""
        items = self.round.items
        own = (e for e in stands if e.round == self.round.number and e.id in items)
        return answers_by_text(e for e in own if not e.text or _alike(e.text, items[e.id].text))

    def wanted(self, one: str) -> int:
        """How many people should answer a text."""
        return 2 if one in self.twice else 1

    def open_ids(self, decided: dict[str, Answers]) -> list[str]:
        """Texts that still need somebody."""
        return [one for one in self.ranked if not self._settled(one, decided.get(one, {}))]

    def _settled(self, one: str, said: Answers) -> bool:
        return SETTLED in said or len(said) >= self.wanted(one) or self.round.items[one].gone

    def ties(self, decided: dict[str, Answers]) -> list[str]:
        """Texts that enough people answered, and differently."""
        return [
            one
            for one, said in decided.items()
            if self._settled(one, said) and not decision(said)[0]
        ]

    def next(self, annotator: str, n: int, have: Sequence[str]) -> list[tuple[str, bool]]:
        """Up to `n` texts for a person, leased to them; with whether it is asked again.

        What they `have` keeps its lease and does not come again.
        """
        self.refresh()
        now, decided = self.clock(), self.decided()
        with self.lock:
            for one in have:
                if one in self.round.items:
                    self.leases.setdefault(one, {})[annotator] = now + self.lease_seconds
            found: list[tuple[str, bool]] = []
            still_open = self.open_ids(decided)
            following = {o for one in still_open for o in self.round.items[one].alike}
            for one in still_open:
                if len(found) == n:
                    break
                said = decided.get(one, {})
                held = {w for w, until in self.leases.get(one, {}).items() if until > now}
                if one in have or annotator in said or one in following:
                    continue
                if len(held - {annotator} - said.keys()) + len(said) >= self.wanted(one):
                    continue
                self.leases.setdefault(one, {})[annotator] = now + self.lease_seconds
                found.append((one, False))
        if len(found) < n:
            found += [(one, True) for one in self._again(annotator) if one not in have]
        return found[:n]

    def _again(self, annotator: str) -> list[str]:
        """Own answers to be given once more, to learn how steady a person is."""
        own = [e for e in self._standing()[1] if e.annotator == annotator]
        asked = {e.id for e in own if e.kind == RECHECK}
        early = [e.id for e in own if e.kind == ANSWER and e.round == self.round.number][:-WAIT]
        return [one for one in early if one in self.repeated and one not in asked]

    def due(self) -> bool:
        """Whether enough answers came to rank anew what is left; said once."""
        n = len(self.decided())
        if n - self.ranked_at < EVERY:
            return False
        self.ranked_at = n
        return True

    def rank(self) -> None:
        """Rank training texts that are left anew; neither screens nor what measures moves.

        Answers to what measures teach the ranking nothing either: it decides what is trained on.
        """
        decided, items = self.decided(), self.round.items
        answers = {}
        for one, said in decided.items():
            label = decision(said)[1]
            if label is not None and not items[one].measures:
                answers[one] = label
        left = [one for one in self.open_ids(decided) if not items[one].measures]
        new = order(self.round, answers, left)
        done = set(items).difference(new)
        training = iter([*(x for x in items if x in done and not items[x].measures), *new])
        with self.lock:
            self.ranked = [one if item.measures else next(training) for one, item in items.items()]

    def undone(self, annotator: str) -> str | None:
        """The text whose decision a person's newest undo took back."""
        own = [e for e in self.events if e.annotator == annotator]
        if not own or own[-1].kind != UNDO:
            return None
        gone = [e for e in decisions_in_force(own[:-1]) if e not in decisions_in_force(own)]
        return gone[0].id if gone else None

    def finished(self) -> bool:
        """Whether every text is decided, or somebody ended the round when that was possible."""
        decided = self.decided()
        ended = self.enough(decided) and any(
            self.enough(self._of_round(decisions_in_force(self.events[:place])))
            for place, event in enumerate(self.events)
            if event.kind == FINISH and event.round == self.round.number
            if event.text in ("", self.round.query)  # else the round was begun anew since
        )
        return ended or not (self.open_ids(decided) or self.ties(decided))

    def enough(self, decided: dict[str, Answers]) -> bool:
        """Whether the round may be ended early: in the first, there must be something to learn."""
        if self.round.number > 1:
            return bool(decided)
        return any(
            decision(said)[1] is not None and not self.round.items[one].measures
            for one, said in decided.items()
        )


def _alike(one: str, other: str) -> bool:
    """Whether two texts are the same to the pool."""
    if one == other:
        return True
    first, second = keys_of([one, other])
    return first == second
