"""Does the model beat the weak labels it learns from, and which extra training helps?

On four published rule sets: the default, and each of two robust losses, self-training and two ways
of adapting the encoder to the texts first, all with the same seeds.

python benchmarks/weak_training.py [--data FOLDER] [--sets trec,sms] [--variants default,adapt=mlm]

Each finished training is a line of --out at once: a run that was stopped goes on from there.
"""

import argparse
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from gpu import machine
from minilm import MINILM, fresh
from product_texts import DATA
from record import cpu, mean_and_half, row, show, timed
from weak_sets import PUBLISHED, accuracy, covered, guess

from wsal.classifier.inference import predict
from wsal.classifier.losses import GeneralisedCrossEntropy, SymmetricCrossEntropy
from wsal.classifier.objectives import CROSS_ENTROPY
from wsal.label_models.auto import Auto
from wsal.labels import LabelSet
from wsal.rounds.pretraining import WeakTraining
from wsal.text import clean
from wsal.training_settings import AdaptSettings, PretrainSettings, SelfTrainingSettings

RESULTS = Path(__file__).parent / "results"
NO_ADAPT, NO_SELF_TRAINING = AdaptSettings(), SelfTrainingSettings()
VARIANTS = {
    "default": (NO_ADAPT, CROSS_ENTROPY, NO_SELF_TRAINING),
    "loss=generalised_cross_entropy": (NO_ADAPT, GeneralisedCrossEntropy(), NO_SELF_TRAINING),
    "loss=symmetric_cross_entropy": (NO_ADAPT, SymmetricCrossEntropy(), NO_SELF_TRAINING),
    "self_training=cosine": (
        NO_ADAPT, CROSS_ENTROPY, SelfTrainingSettings(passes=3, lr=2e-5)
    ),
    "adapt=contrastive": (
        AdaptSettings(objective="contrastive", lr=2e-5, batch_size=64),
        CROSS_ENTROPY, NO_SELF_TRAINING,
    ),
    "adapt=mlm": (
        AdaptSettings(objective="mlm", lr=5e-5, batch_size=64), CROSS_ENTROPY, NO_SELF_TRAINING
    ),
}  # fmt: skip
"""As in conf/: adapt, loss, self_training."""


def read(name, data):
    """Train rows without repeated texts or texts of the test split, test rows, number of classes.

    None if the file is not there.
    """
    file = data / f"{name}_weak.parquet"
    if not file.exists():
        return None
    rows = pl.read_parquet(file)
    if "text" not in rows.columns:
        rows = rows.with_columns(text=pl.col("title") + " " + pl.col("description"))
    rows = rows.with_columns(text=clean(rows["text"])).drop_nulls("text")
    test = rows.filter(pl.col("split") == "test")
    train_rows = rows.filter(pl.col("split") == "train").unique("text", maintain_order=True)
    train_rows = train_rows.filter(~pl.col("text").is_in(test["text"].implode()))
    return train_rows, test, int(rows["label"].max()) + 1


def votes_of(rows):
    """`(texts, rules)`."""
    return np.array(rows["weak_labels"].to_list(), dtype=np.int16)


def weak_labels(rows, test, n_classes):
    """Weak labels of train rows (0 where no rule votes), and the label model's test accuracy."""
    fitted = Auto().fit(votes_of(rows), n_classes)
    weak = fitted.predict_proba(votes_of(rows)) * covered(votes_of(rows))[:, None]
    guessed = guess(fitted.predict_proba(votes_of(test)))
    return weak.astype(np.float32), accuracy(guessed, test["label"].to_numpy())


def test_accuracy(texts, weak, test, variant, seed):
    """Accuracy on test of a classifier trained as `wsal pretrain` does with these settings."""
    adapt, loss, self_training = VARIANTS[variant]
    labels = LabelSet(tuple(f"class {i}" for i in range(weak.shape[1])))
    classifier = fresh(MINILM, labels, seed)
    confidence = weak.max(axis=1)
    usable = np.flatnonzero(confidence)

    def targets(rows):
        return weak[rows], confidence[rows] / confidence[rows].mean()

    with tempfile.TemporaryDirectory() as scratch:
        training = WeakTraining(PretrainSettings(), loss, adapt, self_training, seed, Path(scratch))
        training.train(classifier, classifier.tokens(texts), usable, targets)
    probs, _ = predict(classifier, test["text"].to_list(), "test")
    return accuracy(probs.argmax(axis=1), test["label"].to_numpy())


def measure(options):
    """Train what is not in --out yet, a seed of all sets and variants after the other."""
    versions = {name: version(name) for name in ("wsal", "torch", "transformers", "numpy")}
    versions["machine"] = f"{cpu()}; {machine()}"
    sets = {}
    for name in options.sets.split(","):
        if (found := read(name, options.data)) is None:
            print(f"{name}: skipped, not in {options.data} (give --data or WSAL_DATA)")
        else:
            sets[name] = (found[0]["text"].to_list(), found[1], *weak_labels(*found))
    for seed in range(options.seeds):
        for variant in options.variants.split(","):
            for name, (texts, test, weak, label_model) in sets.items():
                key = {"set": name, "variant": variant, "seed": seed}
                if any(key.items() <= line.items() for line in read_lines(options.out)):
                    continue
                value, seconds = timed(
                    lambda t=texts, w=weak, e=test, v=variant, s=seed: test_accuracy(t, w, e, v, s)
                )
                line = key | {"accuracy": round(value, 4), "label_model": round(label_model, 4)}
                with options.out.open("a") as out:
                    out.write(json.dumps(line | {"seconds": round(seconds, 1)} | versions) + "\n")
                print(json.dumps(line), flush=True)


def read_lines(file):
    """The trainings measured so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def compare(lines):
    """The default beside its label model, then each variant beside the default, set by set."""
    scores = {(e["set"], e["variant"], e["seed"]): e["accuracy"] for e in lines}
    label_models = {e["set"]: e["label_model"] for e in lines}
    for name, label_model in label_models.items():
        values = [v for (s, w, _), v in scores.items() if (s, w) == (name, "default")]
        if values:
            mean, half = mean_and_half(values)
            yield row(
                f"{name}: default", round(mean, 4), label_model, "label model (auto)", "accuracy",
                f"{len(values)} seeds, ± {half:.3f}", less_is_better=False,
            )  # fmt: skip
    for variant in (v for v in VARIANTS if v != "default"):
        differences = {
            (name, seed): value - scores[name, "default", seed]
            for (name, own, seed), value in scores.items()
            if own == variant and (name, "default", seed) in scores
        }
        for group in (*label_models, "all sets"):
            less = [d for (name, _), d in differences.items() if group in (name, "all sets")]
            if less:
                mean, half = mean_and_half(less)
                note = f"{len(less)} pairs with the same seed; 90% interval ± {half:.3f}"
                yield row(f"{group}: {variant}", round(mean, 4), None, "default",
                          "accuracy less that of the default", note)  # fmt: skip


def main():
    """Measure what is missing, and show everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(PUBLISHED))
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "weak_training.jsonl")
    options = parser.parse_args()
    measure(options)
    rows = list(compare(read_lines(options.out)))
    show("weak_training", rows, ["wsal", "torch", "transformers", "numpy"])


if __name__ == "__main__":
    main()
