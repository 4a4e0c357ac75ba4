"""Vote matrices with gold: published ones, and those of our own rules. And how to score labels."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from omegaconf import OmegaConf
from product_texts import DATA, ROOT

from wsal.building import build
from wsal.labels import LabelSet
from wsal.rules.voting import collect_votes
from wsal.text import clean, compose

CACHE = Path(tempfile.gettempdir()) / "wsal-weak-sets"
PUBLISHED = ("trec", "youtube", "sms", "agnews_test")
OWN = ("catalog", "pricerunner", "bigbasket", "debian")
LEAST = 1e-3  # a probability below counts as this in log loss: some peers give 0
BINS = 15


@dataclass(frozen=True)
class WeakSet:
    """Votes -1 or a class, and the truth, on the texts to fit on and those to test on."""

    name: str
    n_classes: int
    votes: np.ndarray
    truth: np.ndarray
    test_votes: np.ndarray
    test_truth: np.ndarray
    spam: bool = False
    """Scored by F1 of class 1 instead of accuracy, as published."""


def load(name, data=DATA):
    """The set; None if its file is not there."""
    file = data / f"{name}_weak.parquet" if name in PUBLISHED else data / f"{name}.parquet"
    if name != "catalog" and not file.exists():
        return None
    return published(name, file) if name in PUBLISHED else own(name, file)


def published(name, file):
    """A set whose rows carry the votes of published rules."""
    rows = pl.read_parquet(file)
    votes = np.array(rows["weak_labels"].to_list(), dtype=np.int16)
    truth = rows["label"].to_numpy().astype(np.int64)
    split = rows["split"].to_numpy()
    train = np.ones(len(rows), bool) if name == "agnews_test" else split == "train"
    test = np.ones(len(rows), bool) if name == "agnews_test" else split == "test"
    n_classes = int(truth.max()) + 1
    return WeakSet(
        name, n_classes, votes[train], truth[train], votes[test], truth[test], name == "sms"
    )


def own(name, file):
    """A set on which the rules of conf/rules vote; the votes are kept in `CACHE`."""
    data, rules = ROOT / f"conf/data/{name}.yaml", ROOT / f"conf/rules/{name}.yaml"
    voting = sorted((ROOT / "wsal/rules").glob("*.py")) + sorted((ROOT / "wsal/data").glob("*.py"))
    parts = [p for p in (file, data, rules, *voting) if p.exists()]
    key = hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()[:16]
    kept = CACHE / f"{name}-{key}.npz"
    if not kept.exists():
        CACHE.mkdir(exist_ok=True)
        np.savez_compressed(kept, **vote(data, rules, file))
    held = np.load(kept)
    return WeakSet(name, *(held[k] for k in ("n", "votes", "truth", "test_votes", "test_truth")))


def vote(data, rules, file):
    """Read the file, clean it, let the rules vote on train and test."""
    settings = plain(data) | ({} if "path" not in plain(data) else {"path": str(file)})
    source = build(settings, "data")
    layout = source.layout
    rows = source.read().filter(pl.col(layout.label).is_not_null())
    fields = [clean(rows[f].cast(pl.String)).alias(f) for f in layout.fields]
    cleaned = pl.DataFrame(fields)
    records = pl.DataFrame(
        {
            "id": pl.int_range(len(rows), eager=True).cast(pl.String),
            "text": compose(cleaned, layout.text, layout.separator).fill_null(""),
            "fields": cleaned.to_struct("fields"),
        }
    )
    labels = LabelSet(tuple(sorted(rows[layout.label].cast(pl.String).unique())))
    truth = np.array([labels.index(one) for one in rows[layout.label].cast(pl.String)])
    votes = np.ascontiguousarray(collect_votes(build(plain(rules), "rules"), records, labels))
    train, test = (rows[layout.split].is_in(s).to_numpy() for s in (["train", "pool"], ["test"]))
    return {
        "n": len(labels), "votes": votes[train], "truth": truth[train],
        "test_votes": votes[test], "test_truth": truth[test],
    }  # fmt: skip


def plain(file):
    """A configuration file as a plain mapping, without asking for what is missing."""
    values = OmegaConf.to_container(OmegaConf.load(file))
    return {name: value for name, value in values.items() if name != "defaults"}


def covered(votes):
    """Which texts have a vote."""
    return (votes >= 0).any(axis=1)


def guess(probs):
    """Classes as Snorkel and WRENCH take them: ties and uncovered rows go by a hash of the row."""
    tied = np.abs(probs - probs.max(axis=1, keepdims=True)) < 1e-5
    best = [np.flatnonzero(row) for row in tied]
    return np.array([classes[row_hash(i) % len(classes)] for i, classes in enumerate(best)])


def row_hash(number):
    """Snorkel's hash of a row's number (snorkel.utils.probs_to_preds, "random")."""
    return int(hashlib.sha1(str(number).encode()).hexdigest(), 16)


def accuracy(guessed, truth):
    """Share that is right."""
    return float((guessed == truth).mean())


def f1(guessed, truth):
    """F1 of class 1."""
    right = ((guessed == 1) & (truth == 1)).sum()
    return float(2 * right / max(1, (guessed == 1).sum() + (truth == 1).sum()))


def log_loss(probs, truth):
    """Mean -log P(truth)."""
    return float(-np.log(np.clip(probs[np.arange(len(truth)), truth], LEAST, 1)).mean())


def calibration_error(probs, truth):
    """ECE: how far confidence is from accuracy, over 15 bins of equal width."""
    sure, right = probs.max(axis=1), probs.argmax(axis=1) == truth
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[which == b].sum() - right[which == b].sum()) for b in range(BINS)]
    return float(sum(gaps) / len(truth))


def synthetic_columns(n_texts, n_rules, seed=0, n_classes=10):
    """The truth, and a generator of columns: each rule votes for one class.

    About 5 votes a text of 100 rules; 10 rules cast one a text.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_texts).astype(np.int16)
    cover = 0.05 if n_rules >= 100 else 0.1

    def columns():
        for rule in range(n_rules):
            label, right = rule % n_classes, rng.uniform(0.6, 0.95)
            of_class = cover * right * n_classes
            of_other = cover * (1 - right) * n_classes / (n_classes - 1)
            odds = rng.random(n_texts, dtype=np.float32)
            fires = odds < np.where(truth == label, of_class, of_other)
            yield np.where(fires, label, -1).astype(np.int16)

    return truth, columns()
