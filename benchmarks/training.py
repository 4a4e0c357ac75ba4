"""Training beside transformers' Trainer: speed and quality.

python benchmarks/training.py [--speed] [--quality] [--data FOLDER] [--encoders minilm,bert-base]
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import transformers
from gpu import machine, on_gpu, share_of_peak
from minilm import MINILM, fresh
from product_texts import DATA, titles
from record import row, show, timed
from rich.progress import track
from trainer_peer import WAYS, trained

from wsal.classifier.encoder import encoder_path, load_tokenizer
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.training import train
from wsal.classifier.training_plan import pretraining_plan
from wsal.classifier.training_run import TrainingRun
from wsal.evaluation.metrics import evaluate
from wsal.seeding import rng
from wsal.training_settings import OptimizerSettings

RANDOM = {"bert-base": "BertConfig", "modernbert-base": "ModernBertConfig"}  # their default sizes
TEXTS = {"Trainer, padding to 128": 128, "Trainer, dynamic padding": 640}
"""How many texts a slow peer trains on in a turn; the others, and wsal, on `--texts`."""


def encoder(name, folder):
    """The path of the encoder; one other than MiniLM is random, of the usual size."""
    if name == "minilm":
        return MINILM
    tokenizer = load_tokenizer(encoder_path(MINILM))
    special = {f"{n}_token_id": tokenizer.pad_token_id for n in ("pad", "bos", "eos", "cls", "sep")}
    config = getattr(transformers, RANDOM[name])(vocab_size=len(tokenizer), **special)
    transformers.AutoModel.from_config(config).save_pretrained(folder / name)
    tokenizer.save_pretrained(folder / name)
    return str(folder / name)


def ours(path, known, n, settings, epochs, seed):
    """A classifier of wsal trained on the first `n` titles, and the seconds."""
    classifier = fresh(path, known.labels, seed)
    tokens = classifier.tokens(known.train[:n])
    targets = np.eye(len(known.labels), dtype=np.float32)[known.train_gold[:n]]
    objective = LabelObjective(classifier, tokens, targets, np.ones(n))
    plan = pretraining_plan(tokens.lengths, settings.batch_size, epochs, rng(seed, "order"))
    with tempfile.TemporaryDirectory() as scratch:
        course = TrainingRun(settings, Path(scratch), seed, "train")
        _, seconds = timed(lambda: train(classifier, objective, plan, course))
    return classifier, tokens, seconds


def theirs(path, known, n, settings, epochs, way, seed):
    """The same with Trainer, and torch's own attention."""
    classifier = fresh(path, known.labels, seed, "sdpa")
    tokens = classifier.tokens(known.train[:n])
    gold = known.train_gold[:n]
    _, seconds = timed(lambda: trained(classifier, tokens, gold, settings, epochs, way, seed))
    return classifier, tokens, seconds


def speed(name, path, known, options):
    """Texts a second of each, in turn."""
    settings = OptimizerSettings(lr=1e-4, batch_size=options.batch_size)
    rates = {way: [] for way in ("wsal", *WAYS)}
    share = None
    for _ in track(range(options.turns), f"{name}: speed", transient=True):
        classifier, tokens, seconds = ours(path, known, options.texts, settings, 1, 0)
        rates["wsal"].append(options.texts / seconds)
        share = share_of_peak(classifier, tokens, seconds)
        for way in WAYS:
            n = options.texts if on_gpu() else TEXTS.get(way, options.texts)
            rates[way].append(n / theirs(path, known, n, settings, 1, way, 0)[2])
    for way in WAYS:
        mine, its = statistics.median(rates["wsal"]), statistics.median(rates[way])
        pairs = sorted(a / b for a, b in zip(rates["wsal"], rates[way], strict=True))
        note = f"{known.name} titles, {name}, batch {settings.batch_size}, dropout 0.1; "
        note += f"ratio in turns {pairs[0]:.2f} to {pairs[-1]:.2f}"
        if share:
            note += f"; wsal at {share:.0%} of the card's bf16 peak"
        what = f"train {name}"
        yield row(what, round(mine, 1), round(its, 1), way, "texts/s", note, less_is_better=False)


def macro_f1(classifier, known, n_test):
    """On the first `n_test` titles of the test split."""
    probs, _ = predict(classifier, known.test[:n_test], "test")
    gold = known.test_gold[:n_test]
    return evaluate(probs, gold, np.ones(len(gold)), known.labels)["macro_f1"]


def quality(known, options):
    """Macro-F1 after the same training, over seeds."""
    settings, n = OptimizerSettings(lr=1e-4), options.quality_texts
    ways = [way for way in WAYS if "128" not in way]
    found = {way: [] for way in ("wsal", *ways)}
    for seed in track(range(options.seeds), "quality", transient=True):
        found["wsal"].append(macro_f1(ours(MINILM, known, n, settings, 2, seed)[0], known, 3000))
        for way in ways:
            model = theirs(MINILM, known, n, settings, 2, way, seed)[0]
            found[way].append(macro_f1(model, known, 3000))
    mean = {way: statistics.mean(each) for way, each in found.items()}
    spread = {way: statistics.stdev(each) for way, each in found.items()}
    for way in ways:
        note = f"{n} titles, 2 epochs, {options.seeds} seeds; standard deviation "
        note += f"{spread['wsal']:.4f} and {spread[way]:.4f}"
        yield row(
            "quality of minilm", round(mean["wsal"], 4), round(mean[way], 4), way,
            "macro-F1", note, less_is_better=False,
        )  # fmt: skip


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    all_encoders = "minilm,bert-base,modernbert-base"
    parser.add_argument("--encoders", default=all_encoders if on_gpu() else "minilm")
    parser.add_argument("--batch-size", type=int, default=256 if on_gpu() else 32)
    parser.add_argument("--texts", type=int, default=15_000 if on_gpu() else 1920)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quality-texts", type=int, default=2000)
    options = parser.parse_args()
    known, rows = titles(options.data), []
    both = not (options.speed or options.quality)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.encoders.split(",") if options.speed or both else ():
            rows += speed(name, encoder(name, Path(folder)), known, options)
    if options.quality or both:
        rows += quality(known, options)
    show("training", rows, ["wsal", "torch", "transformers", "accelerate", "numpy"], machine())


if __name__ == "__main__":
    main()
