"""The rejection of an export: the texts that it is learned from, set on and measured on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import coded_answers, gold_answers
from wsal.annotation.none_answers import none_of_present
from wsal.arrays import Classes, Mask, Rows, Scores, Weights
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.rejection import Rejection
from wsal.evaluation.rejection import keeping, separation
from wsal.export.base import ExportSettings
from wsal.rounds.evaluation_frame import frame_sample, read_frame
from wsal.rounds.rejection import FEWEST, FEWEST_NONE, MOST, Learned, learn_rejection
from wsal.rounds.rejection_methods import Answered
from wsal.seeding import random_rows, rng

MEASURED = 5_000  # texts of a split, at most
TEST = "the test split"
CROSS_VALIDATED = "the texts that people labelled (cross-validated)"
OF_REJECTION = (
    "left_out", "method", "auroc", "fpr95", "measured_on", "measured_on_answers", "n_none",
)  # fmt: skip
"""What the facts of an export keep of the metrics of its rejection."""


@dataclass(frozen=True)
class GoldTexts:
    """Texts with gold that the classifier was not trained on, some of them of no class."""

    name: str
    texts: Sequence[str]
    gold: Classes
    """A class, or the number of classes for a text of no class."""
    weights: Weights
    """How many rows of the source each text stands for."""


@dataclass(frozen=True)
class RejectionTexts:
    """What is known of texts of no class; rows are those of the pool."""

    gold_texts: Sequence[str]
    """Texts that people gave a class for training."""
    gold: Classes
    none_texts: Sequence[str]
    """Texts that people said belong to no class, when all present classes were there."""
    measured: Sequence[GoldTexts]
    """The test split, the evaluation sample and the dev split, as far as there are any."""

    @classmethod
    def read(
        cls, pool: Artifact, queries: Sequence[Artifact], annotations: Sequence[Artifact]
    ) -> "RejectionTexts":
        """Those of a run."""
        rows, gold = gold_answers(pool, annotations)
        if len(rows) > MOST:
            chosen = random_rows(len(rows), MOST, rng(0, "rejection texts"))
            rows, gold = rows[chosen], gold[chosen]
        none = none_of_present(pool, annotations)[:MOST]
        measured = [_split(pool, "test"), _sample(pool, queries, annotations), _split(pool, "dev")]
        return cls(
            _texts(pool, rows), gold, _texts(pool, none), [each for each in measured if each]
        )


def rejection_of_export(
    model: Classifier, known: RejectionTexts, settings: ExportSettings, seed: int
) -> tuple[Rejection | None, Facts]:
    """The rejection to export, and what metrics.json says about it.

    Without a rejection, the facts are empty or say under `left_out` why there is none. The
    threshold keeps the share `settings.keep` of the texts with a class in the evaluation sample or
    the dev split, which the classifier was not trained on. Where there is neither, the answered
    texts take their place. These may be hard, and the encoder was trained on them, so it may keep
    more or fewer of others.
    """
    n_none = len(known.none_texts)
    if settings.reject == "never" or (settings.reject == "auto" and not n_none):
        return None, {}
    gold_vectors = predict(model, known.gold_texts, "embed labelled texts")[1]
    none_vectors = predict(model, known.none_texts, "embed texts of no class")[1]
    answered = Answered(gold_vectors, known.gold, none_vectors)
    learned = learn_rejection(answered, rng(seed, "rejection"))
    if learned is None:
        return None, {"left_out": _too_few(known)}
    method = learned.rejection.method
    scored = [_scored(model, each, learned.rejection) for each in known.measured]
    of_classes, set_on = learned.of_classes[method], CROSS_VALIDATED
    weights = np.ones(len(of_classes))
    for each in scored:  # never the test split
        if each.texts.name != TEST and (~each.is_none).sum() >= FEWEST:
            of_classes, weights = each.scores[~each.is_none], each.texts.weights[~each.is_none]
            set_on = each.texts.name
            break
    threshold = keeping(of_classes, weights, settings.keep)
    facts = {
        "method": method,
        "threshold": threshold,
        "keep": settings.keep,
        "set_on": set_on,
        "set_on_answers": set_on == CROSS_VALIDATED,
        "n_none": n_none,
        "n_gold": len(known.gold),
        "aurocs": dict(learned.aurocs),
        "by_classes": learned.by_classes,
        **_measured(learned, scored, threshold, seed),
    }
    return replace(learned.rejection, threshold=threshold), facts


@dataclass(frozen=True)
class _Scored:
    texts: GoldTexts
    scores: Scores
    is_none: Mask
    right: Mask  # whether the likeliest class is the gold one


def _scored(model: Classifier, texts: GoldTexts, rejection: Rejection) -> _Scored:
    probs, vectors = predict(model, texts.texts, f"embed {texts.name}")
    right = probs.argmax(axis=1) == texts.gold
    return _Scored(texts, rejection.scores(vectors), texts.gold == probs.shape[1], right)


def _measured(learned: Learned, scored: Sequence[_Scored], threshold: float, seed: int) -> Facts:
    """AUROC and FPR95 on the first texts of both kinds, and what the threshold does there.

    Without such texts, they are cross-validated on the answered texts, as `measured_on_answers`
    says. Texts that a strategy chose are hard: in a simulation, AUROC was 0.1 to 0.2 lower on them.
    """
    for each in scored:
        n_none = int(each.is_none.sum())
        if 0 < n_none < len(each.is_none):
            draw, weights = rng(seed, "rejection", "bootstrap"), each.texts.weights
            rejected = each.scores > threshold
            right = np.where(each.is_none, rejected, each.right & ~rejected)
            made = _separation(each.scores, each.is_none, draw, weights)
            return made | {
                "measured_on": each.texts.name,
                "measured_on_answers": False,
                "kept": _share(~rejected, ~each.is_none, weights),
                "rejected": _share(rejected, each.is_none, weights),
                "accuracy": float(np.average(right, weights=weights)),
                "accuracy_without": float(np.average(each.right, weights=weights)),
            }
    method = learned.rejection.method
    scores = np.concatenate([learned.of_classes[method], learned.of_none[method]])
    is_none = np.arange(len(scores)) >= len(learned.of_classes[method])
    draw = rng(seed, "rejection", "bootstrap")
    made = _separation(scores, is_none, draw, np.ones(len(scores)))
    which = "left-out classes" if learned.by_classes else CROSS_VALIDATED
    return made | {"measured_on": which, "measured_on_answers": True}


def _separation(
    scores: Scores, is_none: Mask, draw: np.random.Generator, weights: Weights
) -> Facts:
    """The fields of a `Separation`; the texts of no class that it is about are counted apart."""
    facts: Facts = asdict(separation(scores, is_none, draw, weights))
    return {"n_none_measured": facts.pop("n_none"), **facts}


def _share(chosen: Mask, among: Mask, weights: Weights) -> float:
    return float(np.average(chosen[among], weights=weights[among]))


def _too_few(known: RejectionTexts) -> str:
    return (
        f"{len(known.gold)} texts of {len(np.unique(known.gold))} classes are too few to learn "
        f"from: it takes {FEWEST} texts with a class and, with fewer than {FEWEST_NONE} of no "
        "class, three classes"
    )


def _texts(pool: Artifact, rows: Rows) -> list[str]:
    texts: list[str] = tables.take(pool.path / "pool.parquet", rows, ["text"])["text"].to_list()
    return texts


def _split(pool: Artifact, split: str) -> GoldTexts | None:
    """A split with gold, and its texts of no class."""
    columns, n_classes = ["text", "label", "n_copies"], len(pool.facts["labels"])
    parts = []
    if (path := pool.path / f"{split}.parquet").exists():
        parts.append(tables.read(path).select(columns))
    if (path := pool.path / "none.parquet").exists():
        none = tables.read(path).filter(pl.col("split") == split)
        parts.append(none.with_columns(label=pl.lit(n_classes, pl.Int16)).select(columns))
    if not parts or (records := pl.concat(parts)).is_empty():
        return None
    records = records[random_rows(len(records), MEASURED, rng(0, "rejection", split))]
    return GoldTexts(
        TEST if split == "test" else f"the {split} split",
        records["text"].to_list(),
        records["label"].to_numpy().astype(np.int64),
        records["n_copies"].to_numpy().astype(np.float64),
    )


def _sample(
    pool: Artifact, queries: Sequence[Artifact], annotations: Sequence[Artifact]
) -> GoldTexts | None:
    """The evaluation sample, with its texts of no class."""
    if not queries:
        return None
    frame = read_frame(pool, queries[0])
    rows, codes = coded_answers(pool, annotations, schemas.EVALUATE)
    known = (codes <= len(pool.facts["labels"])) & np.isin(rows, frame.rows)
    rows, codes = rows[known], codes[known]
    if not len(rows):
        return None
    copies = tables.take(pool.path / "pool.parquet", frame.rows, ["n_copies"])["n_copies"]
    sample = frame_sample(frame, rows, codes, copies.to_numpy())
    if sample is None:
        return None
    weights = sample.weights * sample.n_copies[sample.rows]
    return GoldTexts(f"an evaluation sample of {len(rows)}", _texts(pool, rows), codes, weights)
