"""Embedding and classifying a pool beside sentence-transformers and transformers' pipeline.

python benchmarks/embedding.py [--data FOLDER] [--texts N] [--turns N]
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from gpu import machine, on_gpu
from minilm import MINILM
from product_texts import DATA, titles
from record import row, show, timed
from rich.progress import track
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from training import ours
from transformers import pipeline

from wsal.classifier.encoder import encoder_path, load_tokenizer, new_classifier
from wsal.classifier.inference import predict
from wsal.settings import EncoderSettings, HardwareSettings
from wsal.training_settings import OptimizerSettings

FEW = 400  # texts that the pipeline is given one by one, as it takes them by default


def in_turn(ways, turns, what):
    """Each way's last result, and its texts a second in each turn."""
    found, rates = {}, {name: [] for name in ways}
    for _ in track(range(turns), what, transient=True):
        for name, (work, n) in ways.items():
            found[name], seconds = timed(work)
            rates[name].append(n / seconds)
    return found, rates


def compared(what, rates, mine, peer, note):
    """One row of medians."""
    pairs = sorted(a / b for a, b in zip(rates[mine], rates[peer], strict=True))
    medians = [round(statistics.median(rates[name])) for name in (mine, peer)]
    note += f"; ratio in turns {pairs[0]:.2f} to {pairs[-1]:.2f}"
    return row(what, *medians, peer, "texts/s", note, less_is_better=False)


def nearest(vectors):
    """Each text's nearest other text."""
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    return alike.argmax(axis=1)


def embedding(known, texts, turns):
    """sentence-transformers' `encode` with its defaults, and `predict` in both precisions."""
    tokenizer = load_tokenizer(encoder_path(MINILM))
    of = {
        precision: new_classifier(
            EncoderSettings(MINILM, precision=precision), HardwareSettings(), known.labels,
            tokenizer, 0,
        )
        for precision in ("fp32", "bf16")
    }  # fmt: skip
    transformer = Transformer(encoder_path(MINILM))
    peer = SentenceTransformer(modules=[transformer, Pooling(384), Normalize()])
    ways = {"sentence-transformers encode": (lambda: peer.encode(texts), len(texts))}
    for precision in of:
        ways[precision] = (lambda p=precision: predict(of[p], texts, "embed")[1], len(texts))
    found, rates = in_turn(ways, turns, "embed")
    theirs = found["sentence-transformers encode"]
    for precision in of:
        alike = (found[precision] * theirs).sum(axis=1).min()
        same = (nearest(found[precision]) == nearest(theirs)).mean()
        note = f"{known.name} titles, least cosine {alike:.6f}, same nearest neighbour {same:.4f}"
        what = f"embed, {precision}"
        yield compared(what, rates, precision, "sentence-transformers encode", note)


def classifying(known, texts, turns):
    """The pipeline with its defaults and with batches, on a trained classifier."""
    classifier, *_ = ours(MINILM, known, 2000, OptimizerSettings(), 1, 0)
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(Path(folder))
        device = "cuda" if on_gpu() else "cpu"
        peer = pipeline("text-classification", folder, device=device)
    alone, batched = "pipeline, defaults", "pipeline, batch_size=64, sorted"
    by_length = sorted(texts, key=len)
    ways = {
        "wsal": (lambda: predict(classifier, texts, "score")[0], len(texts)),
        alone: (lambda: peer(texts[:FEW], truncation=True), FEW),
        batched: (lambda: peer(by_length, batch_size=64, truncation=True), len(texts)),
    }
    found, rates = in_turn(ways, turns, "score")
    predicted = dict(zip(texts, found["wsal"].argmax(axis=1), strict=True))
    for name, given in ((alone, texts[:FEW]), (batched, by_length)):
        labels = [known.labels.index(one["label"]) for one in found[name]]
        same = np.mean(
            [predicted[text] == label for text, label in zip(given, labels, strict=True)]
        )
        yield compared("score", rates, "wsal", name, f"same label {same:.4f}")


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--texts", type=int, default=50_000 if on_gpu() else 4000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    known = titles(options.data)
    texts = (known.train + known.test)[: options.texts]
    rows = [*embedding(known, texts, options.turns), *classifying(known, texts, options.turns)]
    packages = ["wsal", "torch", "transformers", "sentence-transformers", "numpy"]
    show("embedding", rows, packages, machine())


if __name__ == "__main__":
    main()
