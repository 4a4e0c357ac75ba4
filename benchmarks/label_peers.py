"""What wsal's label savings are measured against: random labels, small-text, SetFit, FastFit."""

import tempfile
from pathlib import Path

import numpy as np
from label_quality import quality
from minilm import MINILM, fresh

from wsal.classifier.encoder import encoder_path
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count, cycled
from wsal.classifier.training_run import TrainingRun
from wsal.seeding import integer, rng
from wsal.training_settings import OptimizerSettings

COUNTS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
QUERY = 50
MOST = 1_000
"""Labels of the peers that choose: the first 50 at random, then 50 in each round."""
LEAST_STEPS, STEPS_A_CLASS, EPOCHS = 400, 12, 3
CANDIDATES = 5_000  # texts small-text chooses among, drawn anew in each round: as many as wsal
FEW_COUNTS = (50, 100, 200, 500)
"""Labels of SetFit and FastFit, which are made for few."""
SETFIT_PAIRS = 20_000
"""Where SetFit asks for more pairs, it gets so many: 1,250 steps."""
HEAD_C = 100.0
"""Of logistic heads: MiniLM's embeddings have length 1, with which C=1 predicts few classes."""


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
    """Quality on test."""
    return quality(probs, known.test_gold, known.test_weights)


def random_labels(known, seed, lr, done):
    """A: labels of texts drawn at random, and plain fine-tuning."""
    order = rng(seed, "random labels").permutation(len(known.pool))
    for n in COUNTS:
        if n <= len(order) and n not in done:
            probs, _ = predict(fine_tuned(known, order[:n], seed, lr), known.test, "test")
            yield n, scored(known, probs)


def linear_head(known, seed, done):
    """B: a logistic head on the embeddings of MiniLM, which is not fine-tuned; random labels."""
    from sentence_transformers import SentenceTransformer

    order = rng(seed, "random labels").permutation(len(known.pool))
    counts = [n for n in COUNTS if n <= len(order) and n not in done]
    if not counts:
        return
    body = SentenceTransformer(encoder_path(MINILM))
    points = body.encode([known.pool[row] for row in order[: max(counts)]])
    test = body.encode(known.test)
    for n in counts:
        gold = known.pool_gold[order[:n]]
        yield n, scored(known, headed(known, points[:n], gold, test, HEAD_C))


def full_supervision(known, seed, lr, done):
    """A: labels of all texts, and plain fine-tuning."""
    rows = np.arange(len(known.pool))
    if len(rows) not in done:
        probs, _ = predict(fine_tuned(known, rows, seed, lr), known.test, "test")
        yield len(rows), scored(known, probs)


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
    """B: SetFit on random labels with its defaults, but a logistic head that fits its embeddings.

    Its default head (`C=1`) is trained on the same embeddings: `default_head_macro_f1`.
    """
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    order = rng(seed, "random labels").permutation(len(known.pool))
    for n in (count for count in FEW_COUNTS if count not in done):
        rows = order[:n]
        texts, gold = [known.pool[row] for row in rows], known.pool_gold[rows]
        every_pair = 2 * max(pairs(gold)) <= SETFIT_PAIRS
        with tempfile.TemporaryDirectory() as folder:
            model = SetFitModel.from_pretrained(encoder_path(MINILM))
            arguments = TrainingArguments(
                folder, num_iterations=None if every_pair else SETFIT_PAIRS // (2 * n),
                seed=seed, report_to="none", save_strategy="no", show_progress_bar=False,
            )  # fmt: skip
            table = Dataset.from_dict({"text": texts, "label": gold.tolist()})
            trainer = Trainer(model, arguments, train_dataset=table)
            trainer.train()
            points, test = (model.model_body.encode(part) for part in (texts, known.test))
        default = scored(known, headed(known, points, gold, test, c=1.0))
        more = {
            "default_head_macro_f1": default["macro_f1"],
            "default_head_accuracy": default["accuracy"],
            "every_pair": every_pair,
            "steps": trainer.st_trainer.state.global_step,
        }
        yield n, scored(known, headed(known, points, gold, test, HEAD_C)) | more


def headed(known, points, gold, test, c):
    """Probabilities `(test, classes)` of a logistic head on embeddings, as SetFit has it."""
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=c, max_iter=1000).fit(points, gold)
    probs = np.zeros((len(test), len(known.labels)), dtype=np.float32)
    probs[:, head.classes_] = head.predict_proba(test)
    return probs


def pairs(gold):
    """How many pairs of the same class, and of different ones, SetFit makes of labels.

    It pairs each text with itself, too, and trains on as many of one kind as of the other.

    >>> pairs(np.array([0, 0, 1]))
    (4, 2)
    """
    sizes = np.unique(gold, return_counts=True)[1]
    same = int((sizes * (sizes + 1) // 2).sum())
    return same, len(gold) * (len(gold) + 1) // 2 - same
