"""Train a classifier on weak labels, and if wanted on texts without labels; on arrays."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from wsal import processes
from wsal.arrays import Classes, Mask, Probs, Rows
from wsal.artifacts import Facts
from wsal.classifier.averaging import average_with, copy_of_weights
from wsal.classifier.encoder import Classifier
from wsal.classifier.head import PULL_TO_FRESH, fit_last_layer
from wsal.classifier.inference import predict
from wsal.classifier.losses import Loss
from wsal.classifier.objectives import LabelObjective, TextObjective
from wsal.classifier.self_training import confident_targets
from wsal.classifier.tokens import Tokens
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count, cycled, pretraining_plan
from wsal.classifier.training_run import NO_TRACKER, TrainingRun
from wsal.rounds.training_set import WeakTargets
from wsal.rounds.weak_set import NO_ROWS, Predicted, plain_set, refined_set
from wsal.seeding import integer, random_of, random_rows, rng
from wsal.settings import TrackerSettings
from wsal.training_settings import AdaptSettings, PretrainSettings, SelfTrainingSettings

HEAD_TEXTS = 20_000  # texts that a fresh head is fitted on, at most
ANSWERS_SHARE = 0.5  # of the weights after training on answers; see benchmarks/README.md
ANSWERS_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # those that are compared on dev
LEAST_OF_CLASS = 5  # texts of each class in training on answers, as far as rules know some


@dataclass(frozen=True)
class WeakTraining:
    """How a classifier is trained before there is any gold label."""

    settings: PretrainSettings
    loss: Loss
    adapt: AdaptSettings
    self_training: SelfTrainingSettings
    seed: int
    scratch: Path  # for checkpoints
    dev_score: Callable[[], float] | None = None  # for early stopping
    answer_settings: PretrainSettings | None = None  # of training on answered texts alone
    tracker: TrackerSettings = NO_TRACKER
    dev: tuple[Tokens, Classes] | None = None  # texts with gold, by which some parts are chosen
    prefix: str = ""  # of the training's name on progress bars and in trackers
    paths: np.ndarray | None = None  # of a class tree: `ClassTree.class_paths`
    multilabel: bool = False  # whether a text may have several classes

    def train(
        self,
        classifier: Classifier,
        texts: Tokens,
        usable: Mask,
        weak: WeakTargets,
        answered: Rows = NO_ROWS,
    ) -> tuple[Facts, Predicted | None]:
        """Train in place on the pool's `texts`.

        Returns the history of each part of the training, and what refinement predicted.

        `usable` `(texts,)` says which texts have a weak label to train on. Those that a language
        model `answered` are always among them, and are trained on once more afterwards. With 0
        epochs the head stays random.
        """
        history: Facts = {"adapt": self._adapt(classifier, texts)}
        given = (usable, weak, answered, self.seed)
        if self.settings.refine and self.settings.epochs and usable.any():
            chosen = refined_set(self.settings, classifier, texts, *given, self.dev, self.paths)
        else:
            chosen = plain_set(self.settings, *given, multilabel=self.multilabel)
        rows, targets = chosen.rows, chosen.targets
        objective = LabelObjective(
            classifier, texts.take(rows), targets, chosen.weights, self.loss, self.paths
        )
        if self.settings.head_first and self.settings.epochs and len(rows):
            history["head"] = fit_head(objective, self.seed)
        plan = pretraining_plan(
            objective.lengths,
            self.settings.batch_size,
            self.settings.epochs,
            rng(self.seed, "order"),
            self.settings.max_tokens,
        )
        run = replace(self._run("pretrain"), score=self.dev_score)
        history["training"] = train(classifier, objective, plan, run)
        if len(answered):
            last = np.union1d(answered, classes_with_few(rows, targets, answered))
            learnt = (texts.take(last), chosen.labels(last))
            history["answers"] = self._learn_answers(classifier, *learnt)
        history["self_training"] = self._self_train(classifier, texts, ~usable)
        kept = {name: part for name, part in history.items() if part}
        facts = {"n_texts": len(rows), "n_steps": history["training"]["n_steps"], "history": kept}
        facts |= chosen.facts
        facts |= {"n_answered": len(answered)} if len(answered) else {}
        return facts, chosen.predicted

    def _learn_answers(
        self, classifier: Classifier, texts: Tokens, labels: tuple[Probs, np.ndarray]
    ) -> Facts:
        """Train on the texts that a language model answered, with few of the others.

        The result is a mean of the weights before and after (Wortsman et al., 2022, "Robust
        fine-tuning"). Neither is always better: answers teach more than poor rules, and good rules
        know conventions of the data that the language model does not. Only gold can tell: if there
        is a dev split, the share is the best there.
        """
        settings = self.answer_settings
        if settings is None or not settings.epochs:
            return {}
        objective = LabelObjective(classifier, texts, *labels)
        plan = pretraining_plan(
            texts.lengths, settings.batch_size, settings.epochs, rng(self.seed, "answers")
        )
        run = replace(self._run("answers"), settings=settings)
        before = copy_of_weights(classifier.model)
        history = train(classifier, objective, plan, run)
        share, on_dev = ANSWERS_SHARE, {}
        if self.dev is not None:
            after = copy_of_weights(classifier.model)
            for share in ANSWERS_SHARES:
                classifier.model.load_state_dict(after)
                average_with(classifier.model, before, share)
                on_dev[share] = processes.run_on_leader(partial(_accuracy, classifier, self.dev))
            classifier.model.load_state_dict(after)
            share = max(on_dev, key=lambda share: (on_dev[share], -abs(share - ANSWERS_SHARE)))
        average_with(classifier.model, before, share)
        return history | {"share": share, "on_dev": list(on_dev.values())}

    def _run(self, name: str) -> TrainingRun:
        """A training with its own checkpoints and dropout."""
        return TrainingRun(
            settings=self.settings,
            scratch=self.scratch / name.replace(" ", "-"),
            seed=integer(self.seed, "dropout", name),
            title=f"{self.prefix}{name}",
            tracker=self.tracker,
        )

    def _adapt(self, classifier: Classifier, texts: Tokens) -> Facts:
        """Train on the texts alone, without labels; nothing if that is off."""
        settings = self.adapt
        if settings.objective == "none" or not len(texts):
            return {}
        draw = rng(self.seed, "adapt")
        n = settings.steps * settings.batch_size
        if n > len(texts):
            rows = cycled(np.arange(len(texts)), n, draw)
        else:
            rows = random_rows(len(texts), n, draw)
        objective = TextObjective(classifier, texts.take(np.sort(rows)), settings)
        plan = pretraining_plan(objective.lengths, settings.batch_size, 1, draw)
        return train(classifier, objective, plan, replace(self._run("adapt"), settings=settings))

    def _self_train(self, classifier: Classifier, texts: Tokens, uncovered: Mask) -> list[Facts]:
        """Predict texts without a vote, learn the confident predictions, and repeat."""
        settings, passes = self.self_training, []
        for number in range(1, settings.passes + 1 if uncovered.any() else 1):
            name = f"self-training {number}"
            draw = rng(self.seed, "self-training", number)
            sample = texts.take(np.sort(random_of(uncovered, settings.max_texts, draw)))
            probs = processes.run_on_leader(partial(_probs, classifier, sample, f"{name}: predict"))
            targets, weights = confident_targets(probs, settings.threshold)
            kept = np.flatnonzero(weights)
            if not len(kept):
                break
            objective = LabelObjective(classifier, sample.take(kept), targets[kept], weights[kept])
            rows = cycled(np.arange(len(kept)), settings.steps * settings.batch_size, draw)
            plan = by_count(rows, settings.batch_size)
            run = replace(self._run(name), settings=settings)
            history = train(classifier, objective, plan, run)
            passes.append(history | {"n_predicted": len(sample), "n_learnt": len(kept)})
        return passes


def classes_with_few(rows: Rows, targets: Probs, answered: Rows) -> Rows:
    """Rows with the surest weak labels of each class that a language model gave to few texts.

    Without them, training on the answered texts alone forgets the rare classes.

    Args:
        rows: ascending, maybe repeated.
        targets: their weak labels, `(rows, classes)`.
        answered: rows that the language model answered.
    """
    rows, first = np.unique(rows, return_index=True)
    targets = targets[first]
    classes, is_answered = targets.argmax(axis=1), np.isin(rows, answered)
    counts = np.bincount(classes[is_answered], minlength=targets.shape[1])
    by_sureness = np.argsort(-targets.max(axis=1), kind="stable")
    others = by_sureness[~is_answered[by_sureness]]
    added = [
        others[classes[others] == label][: max(LEAST_OF_CLASS - count, 0)]
        for label, count in enumerate(counts)
    ]
    return np.sort(rows[np.concatenate(added)])


def fit_head(objective: LabelObjective, seed: int) -> Facts:
    """Fit the fresh last layer on a sample of the texts."""
    shuffled = rng(seed, "head").permutation(len(objective.tokens))
    rows = np.sort(shuffled[:HEAD_TEXTS])
    sample = replace(
        objective,
        tokens=objective.tokens.take(rows),
        targets=objective.targets[rows],
        weights=objective.weights[rows],
    )
    return fit_last_layer(sample, np.ones(len(rows)), "fit the head", PULL_TO_FRESH / len(rows))


def _accuracy(classifier: Classifier, dev: tuple[Tokens, Classes]) -> float:
    tokens, gold = dev
    probs = predict(classifier, tokens, "answers: measure on dev")[0]
    return round(float((probs.argmax(axis=1) == gold).mean()), 4)


def _probs(classifier: Classifier, texts: Tokens, title: str) -> Probs:
    return predict(classifier, texts, title)[0]
