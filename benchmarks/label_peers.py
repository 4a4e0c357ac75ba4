"""What wsal's label savings are measured against: random labels, small-text, SetFit."""

import tempfile
from pathlib import Path

import numpy as np
from minilm import MINILM, fresh

from wsal.classifier.encoder import encoder_path
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count, cycled
from wsal.classifier.training_run import TrainingRun
from wsal.evaluation.metrics import evaluate
from wsal.seeding import integer, rng
from wsal.training_settings import OptimizerSettings

COUNTS = (50, 100, 200, 500, 1000, 2000, 5000)
QUERY = 50
MOST = 500
"""Labels of the peers that choose: the first 50 at random, then 50 in each round."""
LEAST_STEPS, STEPS_A_CLASS, EPOCHS = 400, 12, 3
CANDIDATES = 5_000  # texts small-text chooses among, drawn anew in each round: as many as wsal
SETFIT_STEPS = 500


def fine_tuned(known, rows, seed, lr):
    """Plain fine-tuning of MiniLM on gold labels: nothing else of the pool is used.

    Three epochs, and at least 400 steps of 32 texts, or 12 a class.
    """
    settings = OptimizerSettings(lr=lr)
    classifier = fresh(MINILM, known.labels, integer(seed, "head"))
    tokens = classifier.tokens([known.pool[row] for row in rows])
    targets = np.eye(len(known.labels), dtype=np.float32)[known.pool_gold[rows]]
    objective = LabelObjective(classifier, tokens, targets, np.ones(len(rows)))
    n = max(steps(known) * settings.batch_size, EPOCHS * len(rows))
    order = cycled(np.arange(len(rows)), n, rng(seed, "order"))
    with tempfile.TemporaryDirectory() as scratch:
        course = TrainingRun(settings, Path(scratch), integer(seed, "dropout"), "fine-tune")
        train(classifier, objective, by_count(order, settings.batch_size), course)
    return classifier


def steps(known):
    """How many steps a fresh head needs at the least: 400 were too few for 90 classes."""
    return max(LEAST_STEPS, STEPS_A_CLASS * len(known.labels))


def scored(known, probs):
    """Macro-F1 and accuracy on test."""
    found = evaluate(probs, known.test_gold, known.test_weights, known.labels)
    return {name: round(found[name], 4) for name in ("macro_f1", "accuracy")}


def random_labels(known, seed, lr, done):
    """A: labels of texts drawn at random, and plain fine-tuning."""
    order = rng(seed, "random labels").permutation(len(known.pool))
    for n in COUNTS:
        if n <= len(order) and n not in done:
            probs, _ = predict(fine_tuned(known, order[:n], seed, lr), known.test, "test")
            yield n, scored(known, probs)


class Learner:
    """What small-text asks of a classifier: fit, predict, embed; MiniLM fine-tuned as in A."""

    def __init__(self, known, seed, lr):
        self.known, self.seed, self.lr = known, seed, lr
        self.seen = self.model = None

    def fit(self, rows):
        """Fine-tune on these rows."""
        self.model = fine_tuned(self.known, rows, self.seed, self.lr)
        self.seen = {}

    def look(self, rows):
        """Probabilities and embeddings of these rows, each computed once."""
        new = [row for row in np.asarray(rows).tolist() if row not in self.seen]
        if new:
            found = predict(self.model, [self.known.pool[row] for row in new], "score candidates")
            self.seen |= dict(zip(new, zip(*found, strict=True), strict=True))
        return [np.stack(part) for part in zip(*(self.seen[row] for row in rows), strict=True)]

    def predict_proba(self, rows):
        """`(texts, classes)`."""
        return self.look(rows)[0]

    def embed(self, rows, *, return_proba=False, **_):
        """`(texts, dims)`, and `(texts, classes)` if asked."""
        probs, embeddings = self.look(rows)
        return (embeddings, probs) if return_proba else embeddings


def small_text(known, seed, lr, strategy, done):
    """B: small-text's own query strategies, from a random start."""
    from small_text import BreakingTies, EmbeddingKMeans

    if done and max(done) >= MOST:
        return
    strategies = {"breaking_ties": BreakingTies, "embedding_kmeans": EmbeddingKMeans}
    chooser, learner = strategies[strategy](), Learner(known, seed, lr)
    np.random.seed(integer(seed, "small-text") % 2**32)  # noqa: NPY002  its only source of chance
    labelled = rng(seed, "random labels").permutation(len(known.pool))[:QUERY]
    while True:
        learner.fit(labelled)
        if len(labelled) not in done:
            probs, _ = predict(learner.model, known.test, "test")
            yield len(labelled), scored(known, probs)
        if len(labelled) >= MOST:
            return
        left = np.setdiff1d(np.arange(len(known.pool)), labelled)
        left = rng(seed, "candidates", len(labelled)).permutation(left)[:CANDIDATES]
        texts = np.concatenate([left, labelled])  # small-text's data set: it only slices it
        where = np.arange(len(texts))
        gold = known.pool_gold[labelled]
        chosen = chooser.query(learner, texts, *np.split(where, [len(left)]), gold, n=QUERY)
        labelled = np.concatenate([labelled, texts[chosen]])


def setfit(known, seed, done):
    """B: SetFit on random labels, its defaults, stopped after 500 steps."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    order = rng(seed, "random labels").permutation(len(known.pool))
    for n in (count for count in COUNTS if count <= MOST and count not in done):
        rows = order[:n]
        texts, gold = [known.pool[row] for row in rows], known.pool_gold[rows].tolist()
        with tempfile.TemporaryDirectory() as folder:
            model = SetFitModel.from_pretrained(encoder_path(MINILM))
            arguments = TrainingArguments(
                folder, max_steps=SETFIT_STEPS, seed=seed, report_to="none", save_strategy="no",
                show_progress_bar=False,
            )  # fmt: skip
            trainer = Trainer(
                model, arguments, train_dataset=Dataset.from_dict({"text": texts, "label": gold})
            )
            trainer.train()
            found = np.asarray(model.predict_proba(known.test))
        probs = np.zeros((len(known.test), len(known.labels)), dtype=np.float32)
        probs[:, np.asarray(model.model_head.classes_, dtype=int)] = found
        yield n, scored(known, probs)
