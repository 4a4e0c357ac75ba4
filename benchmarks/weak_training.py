"""Does the model beat the labels it learns from? On published rule sets, and what else helps.

python benchmarks/weak_training.py [--data FOLDER] [--sets trec,sms] [--ways default,cosine]
"""

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from record import row, show
from rich.progress import track
from training import MINILM, fresh
from weak_sets import DATA, PUBLISHED, accuracy, covered, guess

from wsal.classifier.inference import predict
from wsal.classifier.losses import GeneralisedCrossEntropy, SymmetricCrossEntropy
from wsal.classifier.objectives import CROSS_ENTROPY, LabelObjective
from wsal.classifier.training import train
from wsal.classifier.training_plan import pretraining_plan
from wsal.classifier.training_run import TrainingRun
from wsal.label_models.auto import Auto
from wsal.labels import LabelSet
from wsal.seeding import rng
from wsal.settings import AdaptSettings, PretrainSettings, SelfTrainingSettings
from wsal.stages.pretrain import adapt_to, self_train
from wsal.text import clean

OFF, ALONE = AdaptSettings(), SelfTrainingSettings()
WAYS = {
    "default": (OFF, CROSS_ENTROPY, ALONE),
    "loss=generalised_cross_entropy": (OFF, GeneralisedCrossEntropy(), ALONE),
    "loss=symmetric_cross_entropy": (OFF, SymmetricCrossEntropy(), ALONE),
    "self_training=cosine": (OFF, CROSS_ENTROPY, SelfTrainingSettings(passes=3, lr=2e-5)),
    "adapt=mlm": (AdaptSettings(objective="mlm", lr=5e-5, batch_size=64), CROSS_ENTROPY, ALONE),
    "adapt=contrastive": (
        AdaptSettings(objective="contrastive", lr=2e-5, batch_size=64), CROSS_ENTROPY, ALONE,
    ),
}  # fmt: skip
"""As in conf/: adapt, loss, self_training."""


def read(name, data):
    """Distinct texts of train and test, apart; None if the file is not there."""
    file = data / f"{name}_weak.parquet"
    if not file.exists():
        return None
    rows = pl.read_parquet(file)
    if "text" not in rows.columns:
        rows = rows.with_columns(text=pl.col("title") + " " + pl.col("description"))
    rows = rows.with_columns(text=clean(rows["text"])).drop_nulls("text")
    test = rows.filter(pl.col("split") == "test")
    train_rows = rows.filter(pl.col("split") == "train").unique("text", maintain_order=True)
    seen = train_rows.filter(pl.col("text").is_in(test["text"].implode())).height
    train_rows = train_rows.filter(~pl.col("text").is_in(test["text"].implode()))
    print(f"{name}: {train_rows.height} train, {test.height} test; {seen} train texts left out")
    return train_rows, test, int(rows["label"].max()) + 1


def votes_of(rows):
    """`(texts, rules)`."""
    return np.array(rows["weak_labels"].to_list(), dtype=np.int16)


def scored(texts, weak, test, n_classes, way, seed):
    """Accuracy on test of a classifier trained as `wsal pretrain` does with these settings."""
    adapt, loss, own = WAYS[way]
    labels = LabelSet(tuple(f"class {i}" for i in range(n_classes)))
    classifier = fresh(MINILM, labels, seed)
    tokens, settings = classifier.tokens(texts), PretrainSettings()
    has = np.flatnonzero(weak.max(axis=1) > 0)
    with tempfile.TemporaryDirectory() as scratch:
        course = TrainingRun(settings, Path(scratch), seed, "pretrain")
        adapt_to(classifier, tokens, adapt, course, seed)
        surest = weak[has].max(axis=1)
        objective = LabelObjective(
            classifier, tokens.take(has), weak[has], surest / surest.mean(), loss
        )
        plan = pretraining_plan(
            objective.lengths, settings.batch_size, settings.epochs, rng(seed, "order")
        )
        course = replace(course, scratch=course.scratch / "pretrain")
        train(classifier, objective, plan, course)
        rest = np.setdiff1d(np.arange(len(tokens)), has)
        self_train(classifier, tokens.take(rest), own, course, seed)
    probs, _ = predict(classifier, test["text"].to_list(), "test")
    return accuracy(probs.argmax(axis=1), test["label"].to_numpy())


def compare(name, data, ways, seeds):
    """A row for each way: the model's accuracy beside that of its own labels."""
    found = read(name, data)
    if found is None:
        print(f"{name}: skipped, not in {data} (give --data or WSAL_DATA)")
        return
    rows, test, n_classes = found
    fitted = Auto().fit(votes_of(rows), n_classes)
    on_test = fitted.predict_proba(votes_of(test))
    weak = fitted.predict_proba(votes_of(rows)) * covered(votes_of(rows))[:, None]
    own = accuracy(guess(on_test), test["label"].to_numpy())
    for way in ways:
        got = [
            scored(rows["text"].to_list(), weak.astype(np.float32), test, n_classes, way, seed)
            for seed in track(range(seeds), f"{name}: {way}", transient=True)
        ]
        note = f"{way}; seeds {', '.join(f'{one:.3f}' for one in got)}"
        mean = round(statistics.mean(got), 4)
        one = row(f"pretrain on {name}", mean, round(own, 4), "its label model (auto)",
                  "accuracy", note, less_is_better=False)  # fmt: skip
        print(one, flush=True)
        yield one


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(PUBLISHED))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for way in options.ways.split(","):
        for name in options.sets.split(","):
            rows += compare(name, options.data, [way], options.seeds)
    show("weak_training", rows, ["wsal", "torch", "transformers", "numpy"])


if __name__ == "__main__":
    main()
