"""The predictions of a loop's classifiers that measure quality, and the metrics from them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from wsal import schemas
from wsal.active.money import time_spent
from wsal.api.answers import coded_rows, gold_rows, none_rows
from wsal.api.label_model import WeakLabels
from wsal.api.pool import Pool
from wsal.api.query import Quality, rounds_table
from wsal.arrays import Classes, Probs
from wsal.artifacts import Facts
from wsal.class_tree import ClassTree
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.evaluation.metrics import evaluate
from wsal.evaluation.sample import Sample, whole_sample
from wsal.rounds.assessment import assess_rounds, compare_predictions
from wsal.rounds.evaluation_frame import Frame, frame_sample
from wsal.rounds.export_calibration import LabelledSample
from wsal.rounds.exporting import ExportInputs
from wsal.rounds.frame_periods import n_texts_left
from wsal.rounds.rejection_texts import GoldTexts, RejectionTexts
from wsal.rounds.reweighing import RandomGold
from wsal.rounds.split_gold import gold_in

SPLITS = ("dev", "test")


@dataclass(frozen=True, eq=False)
class Measurement:
    """The answers and predictions of every round so far. It is never changed in place.

    Lists begin with the classifier that was trained on weak labels only.
    """

    pool: Pool
    weak: WeakLabels
    frame: Frame
    seed: int
    answers: pl.DataFrame  # columns of `wsal.api.answers.SCHEMA`
    frame_probs: list[Probs]  # each (frame, classes)
    split_probs: dict[str, list[Probs]]  # dev, test: each (texts, classes)
    n_gold: list[int]  # gold labels that each classifier was trained on

    def after(self, answers: pl.DataFrame, model: Classifier, frame_probs: Probs) -> "Measurement":
        """A measurement with one more round, whose classifier is `model`."""
        splits = {
            name: [*probs, split_probs(model, self.pool, name)]
            for name, probs in self.split_probs.items()
        }
        n_gold = len(coded_rows(answers, schemas.TRAIN, self.pool.prepared.labels)[0])
        return replace(
            self,
            answers=answers,
            frame_probs=[*self.frame_probs, frame_probs],
            split_probs=splits,
            n_gold=[*self.n_gold, n_gold],
        )

    @cached_property
    def reference(self) -> tuple[str, Sample, list[Probs]] | None:
        """The evaluation sample, or else the dev split: name, gold labels, all predictions."""
        return self._reference(with_none=False)

    def _reference(self, *, with_none: bool) -> tuple[str, Sample, list[Probs]] | None:
        """The same; `with_none`: with the texts of no class in the evaluation sample."""
        labels = self.pool.prepared.labels
        rows, gold = gold_rows(self.answers, schemas.EVALUATE, labels, with_none=with_none)
        n_copies = self.pool.records["n_copies"].to_numpy()[self.frame.rows]
        if sample := frame_sample(self.frame, rows, gold, n_copies):
            return f"an evaluation sample of {len(sample.rows)}", sample, self.frame_probs
        if self.pool.prepared.dev.is_empty():
            return None
        return "the dev split", self._whole("dev"), self.split_probs["dev"]

    def _whole(self, split: str) -> Sample:
        return whole_sample(*gold_of(self.pool, split), len(self.pool.labels))

    @cached_property
    def facts(self) -> Facts:
        """The same facts as those of the stage `assess`."""
        asked = self.answers.filter(pl.col("purpose") == schemas.EVALUATE)
        facts: Facts = {
            "round": len(self.n_gold) - 1,
            "n_gold": self.n_gold[-1],
            "n_evaluation": asked["label"].count(),
            "seconds": time_spent(self.answers["seconds"].to_list()),
            "measured_on": None,
            "rounds": [],
            "gain": {},
            "next_gain": {},
            "n_frame": len(self.frame.rows),
            "n_left": n_texts_left(len(self.pool), self.frame, self.answers["row"].to_numpy()),
        }
        if len(self.n_gold) > 1:
            facts |= compare_predictions(*self.frame_probs[-2:])
        if reference := self._reference(with_none=True):
            facts["measured_on"], sample, probs = reference
            labels = self.pool.prepared.labels
            tree = (ClassTree.of(labels), sample) if labels.parents else None
            facts |= assess_rounds(sample, probs, self.n_gold, self.seed, tree=tree)
        return facts

    def quality(self) -> Quality:
        """All rounds in one table."""
        gold, weights = gold_of(self.pool, "test")
        probs = self.split_probs["test"] if len(gold) else []
        labels = self.pool.prepared.labels
        test = [evaluate(of_round, gold, weights, labels) for of_round in probs]
        rounds = rounds_table(self.n_gold, self.facts["rounds"], test)
        return Quality(rounds, self.facts["measured_on"], self.facts)

    def random_gold(self, answers: pl.DataFrame) -> RandomGold:
        """Gold labels that check the label model: of the evaluation sample, else of dev."""
        labels, votes = self.pool.prepared.labels, self.weak.votes
        rows, gold = coded_rows(answers, schemas.EVALUATE, labels)
        if len(rows) or self.pool.prepared.dev.is_empty():
            none = none_rows(answers, schemas.EVALUATE, labels)
            rows = np.concatenate([rows, none])
            gold = np.concatenate([gold, np.full(len(none), len(labels))])
            return RandomGold.of_covered("evaluation texts", votes.sparse.take(rows), gold)
        dev_gold = gold_of(self.pool, "dev")[0]
        return RandomGold.of_covered("dev texts", votes.sparse_of("dev"), dev_gold)

    def export_inputs(self) -> ExportInputs:
        """What `write_export` needs besides the newest classifier."""
        pool, test = self.pool, self.pool.prepared.test
        calibration: LabelledSample | None = None
        if self.reference:
            name, sample, probs = self.reference
            calibration = LabelledSample(name, probs[-1], sample)
        measured = calibration
        if len(test):
            test_sample = self._whole("test")
            test_probs = self.split_probs["test"][-1]
            measured = LabelledSample("the test split", test_probs, test_sample)
        return ExportInputs(
            labels=pool.prepared.labels,
            text_fields=pool.layout.text,
            separator=pool.layout.separator,
            calibration=calibration,
            measured=measured,
            texts=test["text"].gather if len(test) else pool.texts.gather,
            n_texts=len(test) or len(pool),
            gold=gold_of(pool, "test")[0] if len(test) else None,
            compared_on="test split" if len(test) else "pool",
            pool_texts=pool.texts.gather,
            answered=gold_rows(self.answers, schemas.TRAIN, pool.prepared.labels),
            n_gold=self.n_gold[-1],
            card={
                "n_pool": len(pool),
                "n_duplicates": pool.prepared.n_duplicates,
                "n_rules": len(self.weak.votes.rules),
                "coverage": self.weak.votes.coverage,
            },
            made_from={},
            rejection=self._rejection_texts(),
        )

    def _rejection_texts(self) -> RejectionTexts:
        """What is known of texts of no class."""
        labels, texts = self.pool.prepared.labels, self.pool.texts
        rows, gold = gold_rows(self.answers, schemas.TRAIN, labels)
        none = none_rows(self.answers, schemas.TRAIN, labels)
        measured = []
        if (reference := self._reference(with_none=True)) and reference[0].startswith("an "):
            name, sample, _ = reference
            of_sample = texts[self.frame.rows[sample.rows]].to_list()
            weights = sample.weights * sample.n_copies[sample.rows]
            measured = [GoldTexts(name, of_sample, sample.gold, weights)]
        return RejectionTexts(texts[rows].to_list(), gold, texts[none].to_list(), measured)


def gold_of(pool: Pool, split: str) -> tuple[Classes, np.ndarray]:
    """The class of each text in a split, and how many rows of the source it stands for."""
    return gold_in(getattr(pool.prepared, split), len(pool.labels))


def split_probs(model: Classifier, pool: Pool, split: str) -> Probs:
    """A classifier's predictions for a split; no rows if there is no such split."""
    table: pl.DataFrame = getattr(pool.prepared, split)
    if table.is_empty():
        return np.empty((0, len(pool.labels)), np.float32)
    return predict(model, model.tokens(table["text"].to_list()), f"measure on {split}")[0]
