"""How a round of the loop is trained: on weak labels anew if gold changed them, then on gold."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from wsal.api.classifier import TrainedClassifier, dev_score
from wsal.api.measurement import Measurement, split_probs
from wsal.arrays import Classes, Mask, Probs, Rows
from wsal.classifier import encoder as encoders
from wsal.classifier.inference import predict
from wsal.members import members_of, within
from wsal.rounds.finetuning import FineTuning
from wsal.rounds.retraining import compare_checkpoints, compared_rows, distance, with_others
from wsal.rounds.weak_labels import WeakTable, confidence_weights
from wsal.rounds.weak_set import read_predicted
from wsal.training_settings import FinetuneSettings, RetrainSettings


@dataclass(frozen=True, eq=False)
class WeakCheckpoint:
    """The newest classifier that was trained on weak labels alone, as the stage `retrain` has it.

    It is never changed in place.
    """

    classifier: TrainedClassifier
    trained_on: WeakTable  # the weak labels of the last training, kept or not
    frame_probs: Probs  # of the classifier, (frame, classes)
    dev_probs: Probs  # (texts, classes)

    def after(
        self,
        table: WeakTable,
        gold: tuple[Rows, Classes],
        none: Rows,
        settings: RetrainSettings,
        measured: Measurement,
    ) -> "WeakCheckpoint":
        """The checkpoint that a round starts from whose weak labels are `table`.

        Args:
            table: the weak labels.
            gold: rows with a gold label, and these labels.
            none: rows of no class, which are not trained on.
            settings: when to train anew.
            measured: that of the round before, with the answers of this round.
        """
        train_anew = self.classifier.train_anew
        if settings.distance is None or train_anew is None:
            return self
        if self._moved(table, measured.seed) < settings.distance:
            return self
        members = members_of(measured.pool.prepared.labels)
        trained = train_anew(_with_gold(table, *gold, none, members))
        pool, texts = measured.pool, trained.tokens.take(measured.frame.rows)
        frame_probs, _ = predict(trained.model, texts, "frame")
        dev_probs = split_probs(trained.model, pool, "dev")
        both = replace(
            measured,
            frame_probs=[self.frame_probs, frame_probs],
            split_probs={"dev": [self.dev_probs, dev_probs]},
        )
        if both.reference:
            _, sample, (old, new) = both.reference
            if not compare_checkpoints(sample, old, new, measured.seed)["kept"]:
                return replace(self, trained_on=table)
        return WeakCheckpoint(trained, table, frame_probs, dev_probs)

    def _moved(self, table: WeakTable, seed: int) -> float:
        """How far weak labels are from those of the last training, as `distance_between`."""
        before = self.trained_on
        rows = compared_rows(before.used, table.used, seed)
        known = rows[(before.used & table.used)[rows]]
        of_known = distance(before.probs[known], table.probs[known])
        return with_others(of_known, len(known), len(rows))


def fine_tuned(
    start: TrainedClassifier,
    table: WeakTable,
    gold: tuple[Rows, Classes],
    none: Rows,
    settings: FinetuneSettings,
    seed: int,
    number: int,
) -> encoders.Classifier:
    """The classifier of round `number`: `start`, trained on gold, with replay of weak labels.

    The rows `none` belong to no class: they are not replayed.
    """

    def weak_targets(replayed: Rows) -> tuple[Probs, np.ndarray]:
        probs = table.probs[replayed]
        return probs, confidence_weights(probs)

    with TemporaryDirectory() as scratch:
        tuning = FineTuning(
            load_pretrained=start.load,
            settings=settings,
            seed=seed,
            number=number,
            scratch=Path(scratch),
            dev_score=lambda model: dev_score(model, start.pool, settings),
            labels=start.pool.prepared.labels,
        )
        training_set, _ = tuning.training_set(
            start.tokens,
            *gold,
            table.used,
            weak_targets,
            predicted=read_predicted(start.folder),
            left_out=none,
        )
        return tuning.train(training_set, "finetune")[0]


def _with_gold(
    table: WeakTable, rows: Rows, gold: Classes, none: Rows, members: Mask | None
) -> WeakTable:
    """Weak labels with gold in place of some, and without those of texts of no class.

    The classes of a parent share its gold as their weak labels say.
    """
    probs, used = table.probs.copy(), table.used.copy()
    probs[rows], used[rows] = within(probs[rows], gold, members), True
    used[none] = False
    return replace(table, probs=probs, used=used)
