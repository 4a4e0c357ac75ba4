"""Rewritten copies of annotated records for fine-tuning, and the test that they must pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.stopping import usual_size
from wsal.amplify.amplifier import Amplified, rewrite
from wsal.amplify.consistency import consistency, swap_attributes
from wsal.amplify.lexicon import Lexicon, build_lexicon
from wsal.arrays import ABSTAIN, Classes, Probs, Rows
from wsal.artifacts import Artifact
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.errors import ConfigError
from wsal.evaluation.estimates import gain
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import Frame, Reference, choose_reference
from wsal.seeding import random_rows, rng
from wsal.settings import AmplifySettings

SWAPPED = 1_000  # texts of the frame on which consistency is measured
MINED = 20_000  # texts of the pool that attributes are learnt from
LEVEL = 0.9


def mine_lexicon(pool: Artifact, weak_labels: Artifact, labels: LabelSet, seed: int) -> Lexicon:
    """What may be exchanged for what, by the pool and its weak labels."""
    n = pool.facts["n_pool"]
    rows = np.sort(random_rows(n, MINED, rng(seed, "lexicon")))
    weak = tables.take(weak_labels.path / "weak_labels.parquet", rows)
    classes = np.where(weak["n_votes"] > 0, tables.probs_array(weak).argmax(axis=1), ABSTAIN)
    texts = tables.take(pool.path / "pool.parquet", rows, ["text"])["text"]
    return build_lexicon(texts, classes, labels.names, rng(seed, "mine"))


def make_copies(
    pool: Artifact,
    rows: Rows,
    gold: Classes,
    lexicon: Lexicon,
    settings: AmplifySettings,
    seed: int,
) -> Amplified:
    """Rewritten copies of the annotated rows, none equal to a text of the pool."""
    records = tables.take(pool.path / "pool.parquet", rows)
    made = rewrite(records, gold, lexicon, settings, rng(seed, "amplify"))
    texts = tables.scan(pool.path / "pool.parquet").select("text")
    real = texts.filter(pl.col("text").is_in(made.texts)).collect(engine="streaming")["text"]
    return rewrite(records, gold, lexicon, settings, rng(seed, "amplify"), real)


def consistency_facts(
    classifier: Classifier, pool: Artifact, frame: Rows, probs: Probs, lexicon: Lexicon, seed: int
) -> float | None:
    """Share of texts in the frame whose predicted class stays when attributes are exchanged.

    None if no text has an attribute to exchange. `probs` are the classifier's for the frame.
    """
    sample = np.sort(rng(seed, "swapped").permutation(len(frame))[:SWAPPED])
    texts = tables.take(pool.path / "pool.parquet", frame[sample], ["text"])["text"].to_list()
    before = probs[sample].argmax(axis=1)
    rows, changed = swap_attributes(texts, before, lexicon, rng(seed, "swap"))
    if not changed:
        return None
    after = predict(classifier, changed, "consistency")[0].argmax(axis=1)
    return round(consistency(before[rows], after), 4)


def compare_copies(
    reference: Reference, without: Probs, with_copies: Probs, settings: AmplifySettings, seed: int
) -> dict[str, Any]:
    """What the copies bring in macro-F1, with its interval, and whether they are used.

    Both are predictions for the texts that `reference.sample` was drawn from.
    """
    f1_gain = gain(reference.sample, without, with_copies, "macro_f1", rng(seed, "gate"), LEVEL)
    facts = {name: round(getattr(f1_gain, name), 4) for name in ("value", "low", "high")}
    return facts | {"used": f1_gain.low > settings.least_gain, "on": reference.name}


def copies_reference(pool: Artifact, frame: Frame, annotations: Sequence[Artifact]) -> Reference:
    """The gold that copies are tested on: the evaluation sample, or dev. Never the test split.

    Raises:
        ConfigError: there is neither.
    """
    reference = choose_reference(pool, frame, annotations)
    if reference is None:
        raise ConfigError(
            "amplify is used only where a paired test finds that it does no harm, and there is "
            "neither an evaluation sample nor a dev split to test it on; use evaluation.size="
            f"{usual_size(len(frame.rows))} from the first round on, or amplify=none"
        )
    return reference
