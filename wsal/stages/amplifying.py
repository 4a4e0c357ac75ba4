"""Rewritten copies of annotated records for fine-tuning, and the test that they must pass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.amplify.amplifier import Amplified, rewrite
from wsal.amplify.consistency import consistency, swapped
from wsal.amplify.lexicon import Lexicon, mine
from wsal.arrays import ABSTAIN, Classes, Probs, Rows
from wsal.artifacts import Artifact
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.errors import ConfigError
from wsal.evaluation.estimates import Sample, gain
from wsal.labels import LabelSet
from wsal.seeding import rng
from wsal.settings import AmplifySettings
from wsal.stages.frames import stratum_of

SWAPPED = 1_000  # texts of the frame on which consistency is measured
MINED = 100_000  # texts of the pool that attributes are learnt from
LEVEL = 0.9


def mined(pool: Artifact, weak_labels: Artifact, labels: LabelSet, seed: int) -> Lexicon:
    """What may be exchanged for what, by the pool and its weak labels."""
    n = pool.facts["n_pool"]
    rows = np.sort(rng(seed, "lexicon").permutation(n)[:MINED])
    weak = tables.take(weak_labels.path / "weak_labels.parquet", rows)
    classes = np.where(weak["n_votes"] > 0, tables.probs_array(weak).argmax(axis=1), ABSTAIN)
    texts = tables.take(pool.path / "pool.parquet", rows)["text"]
    return mine(texts, classes, labels.names, rng(seed, "mine"))


def copies(
    pool: Artifact,
    rows: Rows,
    gold: Classes,
    lexicon: Lexicon,
    settings: AmplifySettings,
    seed: int,
) -> Amplified:
    """Rewritten copies of the annotated rows, none equal to a text of the pool."""
    real = pl.read_parquet(pool.path / "pool.parquet", columns=["text"])["text"]
    records = tables.take(pool.path / "pool.parquet", rows)
    return rewrite(records, gold, lexicon, settings, rng(seed, "amplify"), real)


def survived(
    classifier: Classifier, pool: Artifact, frame: Rows, said: Probs, lexicon: Lexicon, seed: int
) -> float | None:
    """Share of the frame's texts whose predicted class survives other attributes; None of none."""
    some = np.sort(rng(seed, "swapped").permutation(len(frame))[:SWAPPED])
    texts = tables.take(pool.path / "pool.parquet", frame[some])["text"].to_list()
    before = said[some].argmax(axis=1)
    rows, changed = swapped(texts, before, lexicon, rng(seed, "swap"))
    if not changed:
        return None
    after = predict(classifier, changed, "consistency")[0].argmax(axis=1)
    return round(consistency(before[rows], after), 4)


@dataclass(frozen=True)
class Judge:
    """Gold that is not trained on, to compare two classifiers by."""

    sample: Sample
    place: str
    """`dev` or `frame`: what is predicted."""

    def verdict(
        self, without: Probs, given: Probs, settings: AmplifySettings, seed: int
    ) -> dict[str, Any]:
        """What the copies bring in macro-F1, and whether they are used."""
        found = gain(self.sample, without, given, "macro_f1", rng(seed, "gate"), LEVEL)
        told = {name: round(getattr(found, name), 4) for name in ("value", "low", "high")}
        return told | {"used": found.low > settings.least_gain, "on": self.place}


def judge(pool: Artifact, embeddings: Artifact, known: Rows, gold: Classes) -> Judge:
    """By the dev split; without one, by the evaluation sample: `known` rows of the frame.

    Raises:
        ConfigError: there is neither.
    """
    if (path := Path(pool.path / "dev.parquet")).exists():
        classes = tables.read(path)["label"].to_numpy().astype(np.int64)
        rows = np.arange(len(classes))
        return Judge(Sample(rows, classes, np.zeros(len(rows), np.int64)), "dev")
    if not len(known):
        raise ConfigError(
            "amplify is used only where a paired test finds that it does no harm, and there is "
            "neither a dev split nor an evaluation sample to test it on; use evaluation.size=100, "
            "or amplify=none"
        )
    return Judge(Sample(known, gold, stratum_of(embeddings)), "frame")
