"""However people work, few labels measure quality without bias, and intervals hold.

Simulated people answer the texts of a real queue, into a real journal (its file in memory), until
everything is decided or somebody ends the round. The estimators of `assess` judge their answers.
"""

import heapq
import sqlite3
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from helpers import by_default
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from wsal.annotation import journal as journals
from wsal.annotation import task_queue
from wsal.annotation.collect import collected_answers
from wsal.annotation.journal import Event, Journal
from wsal.annotation.open_round import Item, OpenRound
from wsal.annotation.query import Query
from wsal.annotation.task_queue import TaskQueue
from wsal.evaluation import bootstrap, estimates
from wsal.evaluation.sample import Sample
from wsal.evaluation.sampling import strata, top_up
from wsal.labels import LabelSet

RUNS, FIRST_SEED = by_default(100, thorough=300), 0
LARGEST_BIAS = by_default(2.5, thorough=2.0)  # in standard errors
COVERAGE = by_default((0.85, 0.97), thorough=(0.86, 0.95))
FRAME, CLASSES, STRATA = 2_500, 4, 15
MEASURE, TRAIN = 80, 16
LABELS = tuple(f"class {k}" for k in range(CLASSES))
PREFETCHED = 5  # texts that the page has, beside the one on the screen
LONGER = 4.0  # times that a hard text takes
UNSURE = 0.7  # below this confidence the classifier is unsure


@dataclass(frozen=True)
class Habits:
    """How people work."""

    ends: float = 1.0  # the round is ended after this share of the time that all of it would take
    skips: float = 0.0  # share of texts that are skipped, or answered with "unsure"
    skips_unsure: float = 0.0  # and this further share where the classifier is unsure
    undoes: float = 0.0  # share of answers that are taken back and given again
    paces: tuple[float, ...] = (1.0,)  # of each person: seconds for an easy text
    overlap: float = 0.0
    slips: float = 0.0  # share of wrong answers to hard texts
    killed: bool = False  # the server, half way: what was on screens and on leases is gone
    knows: bool = True  # which texts are for evaluation; else the queue ranks all, and drops ties


@dataclass(frozen=True)
class World:
    """A frame and a classifier."""

    probs: np.ndarray  # (FRAME, CLASSES)
    gold: np.ndarray
    hard: np.ndarray  # (FRAME,): these take longer, and people slip on them
    stratum: np.ndarray

    def truth(self, slips):
        """Accuracy and macro-F1 against the answers of people who slip so often."""
        predicted, draw, values = self.probs.argmax(axis=1), np.random.default_rng(1), []
        for _ in range(20 if slips else 1):
            slip = self.hard & (draw.random(FRAME) < slips)
            gold = (self.gold + slip * draw.integers(1, CLASSES, FRAME)) % CLASSES
            values.append([(predicted == gold).mean(), f1_score(gold, predicted, average="macro")])
        return np.mean(values, axis=0)


@cache
def world():
    """A classifier that is right on .83, believes to be better, and errs where texts are hard."""
    draw = np.random.default_rng(0)
    prior = 1 / np.arange(1, CLASSES + 1)
    gold = draw.choice(CLASSES, size=FRAME, p=prior / prior.sum())
    logits, rows = draw.normal(size=(FRAME, CLASSES)), np.arange(FRAME)
    logits[rows, gold] += 3.8 * draw.gamma(2.0, 0.5, FRAME) * draw.uniform(0.6, 1.4, CLASSES)[gold]
    odds = np.exp(2.2 * (logits - logits.max(axis=1, keepdims=True)))
    probs = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    hard = draw.random(FRAME) < np.where(probs.argmax(axis=1) == gold, 0.15, 0.6)
    return World(probs, gold, hard, strata(probs, STRATA))


class InMemory(Journal):
    """The journal with its file in memory."""

    def __init__(self):
        super().__init__(Path("/"))
        object.__setattr__(self, "file", sqlite3.connect(":memory:"))
        self.file.execute(journals.TABLE)

    def _retried(self, work):
        return work(self.file)


@dataclass
class Person:
    """Somebody at a page, which holds what comes next."""

    name: str
    pace: float
    queue: list[str] = field(default_factory=list)


class Round:
    """A round, and the people who work on it, in time that is simulated."""

    def __init__(self, habits, seed):
        here, self.habits, self.draw = world(), habits, np.random.default_rng([seed, 7])
        measured = top_up(here.stratum, here.probs, MEASURE, np.empty(0, np.int64), self.draw)
        names = [f"t{n}" for n in range(TRAIN)] + [f"e{row}" for row in measured]
        place = np.concatenate([(np.arange(n) + 0.5) / n for n in (TRAIN, MEASURE)])
        order = np.argsort(place, kind="stable")  # as `select` puts them
        rows = np.concatenate([self.draw.permutation(FRAME)[:TRAIN], measured])[order]
        self.row = {names[i]: row for i, row in zip(order, rows, strict=True)}
        items = {
            one: Item(one, one, {}, "", LABELS[0], 0.5, [], [], blind=True,
                      evaluates=habits.knows and one[0] == "e")
            for one in self.row
        }  # fmt: skip
        self.round = OpenRound(1, items, here.probs[rows], list(LABELS))
        self.journal, self.now, self.acts = InMemory(), 0.0, 0
        self.people = [Person(f"p{n}", pace) for n, pace in enumerate(habits.paces)]
        self.busy = []  # (when, who): the next answers
        self.open()

    def open(self):
        """Begin, or begin again: nothing but the journal is left."""
        overlap = self.habits.overlap
        self.queue = TaskQueue(self.journal, self.round, overlap=overlap, clock=lambda: self.now)
        self.queue.refresh()
        self.busy.clear()
        for n, person in enumerate(self.people):
            person.queue.clear()
            self.serve(n)

    def serve(self, n):
        """Fill up a person's page; the first text is on the screen, and takes its time."""
        person = self.people[n]
        if len(person.queue) < PREFETCHED:
            wanted = PREFETCHED + 1 - len(person.queue)
            person.queue += [one for one, _ in self.queue.assign(person.name, wanted, person.queue)]
        if person.queue:
            took = person.pace * self.takes(person.queue[0]) * self.draw.uniform(0.5, 1.5)
            heapq.heappush(self.busy, (self.now + took, n))

    def takes(self, one):
        return LONGER if world().hard[self.row[one]] else 1.0

    def answer(self, person):
        here, habits, draw = world(), self.habits, self.draw
        one, label, kind = person.queue.pop(0), None, "skip" if draw.random() < 0.5 else "unsure"
        row = self.row[one]
        unsure = here.probs[row].max() < UNSURE
        if draw.random() >= habits.skips + habits.skips_unsure * unsure:
            slip = here.hard[row] and draw.random() < habits.slips
            kind, label = "answer", (here.gold[row] + slip * draw.integers(1, CLASSES)) % CLASSES
        self.say(kind, person.name, one, label)
        if draw.random() < habits.undoes:
            self.say("undo", person.name)
            person.queue.insert(0, self.queue.last_undone(person.name))
        if self.queue.ranking_is_due():
            self.queue.rerank()

    def say(self, kind, name, one="", label=None):
        self.acts += 1
        label = None if label is None else LABELS[label]
        self.queue.append([Event(f"{self.acts}.0", kind, name, 1, one, label, 1.0)])

    def work(self):
        """All that people do."""
        hours = sum(map(self.takes, self.row)) * (1 + self.habits.overlap)
        end = self.habits.ends * hours / sum(1 / one.pace for one in self.people)
        kill = end / 2 if self.habits.killed else np.inf
        while not self.queue.finished():
            decided = self.queue.answers()
            if not self.queue.open_ids(decided):  # what is left are ties
                for one in self.queue.ties(decided):
                    self.say("settle", "p0", one, world().gold[self.row[one]])
                continue
            self.now, n = heapq.heappop(self.busy)
            person = self.people[n]
            if self.now > end and self.habits.ends < 1:
                self.say("finish", person.name)  # whatever is on the screens
                break
            if self.now > kill:
                kill = np.inf
                self.open()
                continue
            if person.queue:
                self.answer(person)
            self.serve(n)
            if not person.queue and self.busy:  # others have what is left: look again in a while
                heapq.heappush(self.busy, (self.busy[0][0] + 0.01, n))

    def collected(self):
        """Rows of the frame and their gold, as they come out of the round."""
        query = Query(pl.DataFrame({"id": list(self.row)}), LabelSet(LABELS), {}, Path())
        table = collected_answers(self.queue, query).drop_nulls("label")
        table = table.filter(pl.col("id").str.starts_with("e"))
        return table["id"].str.slice(1).cast(pl.Int64).to_numpy(), np.array(
            [LABELS.index(label) for label in table["label"]]
        )


def measured(habits, runs=RUNS, first=FIRST_SEED):
    """Errors `(runs, 2)` of accuracy and macro-F1, whether intervals hold, labels in each run."""
    here, truth, values, n_labels = world(), world().truth(habits.slips), [], []
    for seed in range(first, first + runs):
        at_work = Round(habits, seed)
        at_work.work()
        rows, gold = at_work.collected()
        sample, draw = Sample(rows, gold, here.stratum), np.random.default_rng([seed, 3])
        both = [f(sample, here.probs, draw) for f in (estimates.accuracy, estimates.macro_f1)]
        values.append([(one.value, one.low, one.high) for one in both])
        n_labels.append(len(rows))
    value, low, high = np.moveaxis(np.array(values), 2, 0)
    return value - truth, ((low <= truth) & (truth <= high)).mean(axis=0), np.mean(n_labels)


TWO = (1.0, 2.5)
WAYS = {
    "ended early": Habits(ends=0.5),
    "skipped": Habits(skips=0.2),
    "skipped, ended early": Habits(skips=0.2, ends=0.6),
    "skipped where the classifier is unsure": Habits(skips_unsure=0.2),
    "skipped where the classifier is unsure, ended early": Habits(skips_unsure=0.2, ends=0.6),
    "undone and answered again, ended early": Habits(undoes=0.2, ends=0.6),
    "two people, ended early": Habits(paces=TWO, overlap=0.4, slips=0.25, ends=0.6),
    "killed, ended early": Habits(paces=TWO, killed=True, ends=0.6),
    "all of it": Habits(0.7, 0.1, 0.2, 0.1, TWO, 0.3, 0.3, killed=True),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Fewer resamples and rankings: neither moves what is tested here."""
    monkeypatch.setattr(bootstrap, "DRAWS", (200, 200))
    monkeypatch.setattr(task_queue, "RERANK_EVERY", 20)
    with threadpool_limits(1):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_working_biases_what_is_measured(way):
    errors, held, _ = measured(WAYS[way])
    standard_error = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    low, high = COVERAGE
    assert (np.abs(errors.mean(axis=0)) <= LARGEST_BIAS * standard_error).all()
    assert ((held >= low) & (held <= high)).all()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ended early", "two people, ended early"])
def test_ranking_what_measures_or_dropping_what_people_disagree_on_would(way):
    """A queue that does not know the evaluation texts does both: the test above can fail."""
    errors, _, _ = measured(replace(WAYS[way], knows=False), runs=min(RUNS, 120))
    standard_error = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    assert (errors.mean(axis=0) > 3 * standard_error).all()


@pytest.mark.parametrize(
    "habits",
    [Habits(undoes=0.3), Habits(paces=TWO, overlap=0.5, slips=0.5), Habits(paces=TWO, killed=True)],
)
def test_a_round_that_is_done_has_an_answer_to_every_text_that_measures(habits):
    """However it came about: then the estimate is that of the sample that was drawn."""
    at_work = Round(habits, seed=1)
    at_work.work()
    rows, gold = at_work.collected()
    asked = [row for one, row in at_work.row.items() if one[0] == "e"]
    assert rows.tolist() == asked
    assert habits.slips or (gold == world().gold[rows]).all()
