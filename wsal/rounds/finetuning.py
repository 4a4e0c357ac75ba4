"""Train the weak-pretrained classifier on gold labels, with replay of weak labels; on arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsal.arrays import Classes, Mask, Rows
from wsal.artifacts import Facts
from wsal.class_tree import ClassTree
from wsal.classifier.encoder import Classifier
from wsal.classifier.head import PULL_TO_FRESH, fit_last_layer
from wsal.classifier.losses import AnswerCrossEntropy, Loss, has_parents
from wsal.classifier.multilabel import BINARY
from wsal.classifier.objectives import CROSS_ENTROPY, LabelObjective
from wsal.classifier.tokens import Tokens
from wsal.classifier.training import train
from wsal.classifier.training_run import NO_TRACKER, TrainingRun
from wsal.labels import LabelSet
from wsal.members import class_members, members_of
from wsal.rounds.training_set import TrainingSet, WeakTargets, make_training_set, rows_to_replay
from wsal.rounds.weak_set import Predicted
from wsal.seeding import integer, rng
from wsal.settings import TrackerSettings
from wsal.training_settings import FinetuneSettings

ANSWERS = AnswerCrossEntropy()


@dataclass(frozen=True)
class FineTuning:
    """How each round is trained: always from the newest weak-pretrained checkpoint."""

    load_pretrained: Callable[[], Classifier]
    """A new copy at each call, since training changes it."""
    settings: FinetuneSettings
    seed: int
    number: int  # of the round
    scratch: Path  # for checkpoints
    dev_score: Callable[[Classifier], Callable[[], float] | None] = lambda _: None
    """For early stopping: from a classifier to its quality on dev, or None where that is off."""
    tracker: TrackerSettings = NO_TRACKER
    labels: LabelSet | None = None
    """Needed if gold may be parents; the head shares strength along the paths of a class tree."""
    multilabel: bool = False
    """Whether a text may have several classes: gold is an indicator matrix."""

    def training_set(
        self,
        texts: Tokens,
        gold_rows: Rows,
        gold: Classes,
        usable: Mask,
        weak: WeakTargets,
        answered: Rows | None = None,
        accepted: Rows | None = None,
        predicted: Predicted | None = None,
        left_out: Rows | None = None,
    ) -> tuple[TrainingSet, int]:
        """Gold texts and replayed weak ones, and how many of the latter there are.

        Args:
            texts: of the pool.
            gold_rows: rows with a gold label.
            gold: `(gold_rows,)`, a class each, or the code of a parent; or an indicator matrix.
            usable: `(texts,)`, whether the weak label of a text may be replayed.
            weak: the weak labels of rows.
            answered: rows that a language model labelled; replayed alone if there are enough.
            accepted: rows that it answered in place of people, ascending; trained on as gold is,
                except that the weak label says how sure the answer is.
            predicted: what refines the weak labels, if they were refined in weak pretraining.
            left_out: rows that are never replayed, such as those of no class.
        """
        draw = rng(self.seed, "replay", self.number)
        accepted = np.empty(0, np.int64) if accepted is None else accepted
        of_accepted = np.array(weak(accepted)[0])  # a copy, as the next call may reuse the file
        if predicted is not None:
            weak, usable = predicted.refined(weak, usable), predicted.usable(usable)
        labelled = np.concatenate([gold_rows, accepted])
        never = labelled if left_out is None else np.concatenate([labelled, left_out])
        replayed = rows_to_replay(
            usable, weak, never, self.settings, draw, answered, multilabel=self.multilabel
        )
        weak_probs, confidence = weak(replayed)
        members = members_of(self.labels) if self.labels else None
        of_gold = class_members(gold, weak_probs.shape[1], members).astype(np.float32)
        made = make_training_set(
            texts.take(labelled),
            np.concatenate([of_gold, of_accepted]),
            texts.take(replayed),
            weak_probs,
            np.ones(len(replayed)) if self.multilabel else confidence,
            self.settings,
            draw,
        )
        return made, len(replayed)

    def train(self, training_set: TrainingSet, name: str) -> tuple[Classifier, Facts]:
        """The weak-pretrained classifier, trained; and its training history.

        `name` tells this training from others of the round, on the progress bar and on the disk.
        """
        classifier = self.load_pretrained()
        targets, weights = training_set.targets, training_set.weights
        loss: Loss = ANSWERS if has_parents(targets) else CROSS_ENTROPY
        if self.multilabel:
            loss = BINARY
        paths = ClassTree.of(self.labels).class_paths if self.labels else None
        objective = LabelObjective(classifier, training_set.tokens, targets, weights, loss, paths)
        title = f"round {self.number}: {name}"
        counts = np.bincount(training_set.plan.order, minlength=len(weights))
        if not len(training_set.plan):
            return classifier, {"loss": [], "looks": [], "n_steps": 0}
        if self.settings.head_only:
            return classifier, fit_last_layer(objective, counts, title)
        if self.settings.head_first:
            fit_last_layer(objective, counts, f"{title}: head", PULL_TO_FRESH / len(counts))
        run = TrainingRun(
            settings=self.settings,
            scratch=self.scratch / name,
            seed=integer(self.seed, "dropout", self.number),
            title=title,
            tracker=self.tracker,
            score=self.dev_score(classifier),
        )
        return classifier, train(classifier, objective, training_set.plan, run)
