"""Training where a text may have several classes: one yes/no decision for each class."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.arrays import Mask, Probs, Rows
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import Classifier, load_tokenizer, new_classifier
from wsal.classifier.head import PULL_TO_FRESH, fit_last_layer
from wsal.classifier.inference import predict
from wsal.classifier.multilabel import PROBLEM_TYPE, BinaryCrossEntropy
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.tokens import Tokens, read_tokens
from wsal.classifier.training import train
from wsal.classifier.training_plan import pretraining_plan
from wsal.classifier.training_run import TrainingRun
from wsal.evaluation.multilabel import evaluate_sets, f1_thresholds
from wsal.json_files import write_json
from wsal.labels import LabelSet
from wsal.rounds.balance import SAMPLE, balanced
from wsal.rounds.multilabel_gold import sets_of
from wsal.rounds.pretraining import fit_head
from wsal.rounds.training_set import TrainingSet, make_training_set, replay_counts
from wsal.rounds.weak_labels import usable
from wsal.seeding import integer, random_of, rng
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import FinetuneSettings, OptimizerSettings, PretrainSettings

LOSS = BinaryCrossEntropy()
NAMES = ("accuracy", "macro_f1", "micro_f1", "example_f1", "map")
NO_GOLD = (np.empty(0, np.int64), np.empty((0, 0), bool))


def train_on_weak_labels(
    scratch: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    encoder: EncoderSettings,
    pretrain: PretrainSettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
    prefix: str = "",
    gold: tuple[Rows, Mask] = NO_GOLD,
) -> tuple[Classifier, Facts]:
    """The encoder with a new head, trained on weak labels, and its history.

    Weak labels are not refined, and each text has the weight 1. Texts are balanced by the class
    whose weak label stands out most from those of other texts.

    Args:
        scratch: the folder of checkpoints.
        pool: the texts.
        tokens: their word pieces.
        weak_labels: an artifact of `aggregate` or `reweigh`.
        encoder: as all other settings, of the group with this name.
        pretrain: see there.
        seed: of the head, the order of texts, and dropout.
        hardware: see there.
        tracker: see there.
        prefix: of what progress bars and trackers call the training.
        gold: rows with gold, and their classes, in place of weak labels.
    """
    labels = LabelSet.of_pool(pool.facts)
    tokenizer = load_tokenizer(str(tokens.path / "tokenizer"))
    classifier = new_classifier(encoder, hardware, labels, tokenizer, integer(seed, "head"))
    classifier.model.config.problem_type = PROBLEM_TYPE
    used = usable(weak_labels).copy()
    used[gold[0]] = True
    targets_of = weak_reader(weak_labels, scratch, gold)
    n = int(np.count_nonzero(used))
    n, draw = min(n, pretrain.max_texts or n), rng(seed, "pretrain")
    rows = balanced_rows(used, targets_of, n, pretrain.balance, draw)
    targets = targets_of(rows)
    texts = read_tokens(tokens.path / "pool").take(rows)
    objective = LabelObjective(classifier, texts, targets, np.ones(len(rows)), LOSS)
    history: Facts = {}
    if pretrain.head_first and pretrain.epochs and len(rows):
        history["head"] = fit_head(objective, seed)
    plan = pretraining_plan(
        texts.lengths, pretrain.batch_size, pretrain.epochs, rng(seed, "order"), pretrain.max_tokens
    )
    run = TrainingRun(
        settings=pretrain,
        scratch=scratch / "pretrain",
        seed=integer(seed, "dropout", "pretrain"),
        title=f"{prefix}pretrain",
        tracker=tracker,
        score=dev_score(classifier, pool, tokens, labels, pretrain),
    )
    history["training"] = train(classifier, objective, plan, run)
    n_steps = history["training"]["n_steps"]
    return classifier, {"n_texts": len(rows), "n_steps": n_steps, "history": history}


def weak_reader(
    weak_labels: Artifact, scratch: Path, gold: tuple[Rows, Mask] = NO_GOLD
) -> Callable[[Rows], Probs]:
    """From rows of the pool, ascending, perhaps repeated, to their weak labels."""
    path = weak_labels.path / "weak_labels.parquet"

    def read(rows: Rows) -> Probs:
        scratch.mkdir(parents=True, exist_ok=True)
        probs = np.array(tables.write_probs(path, rows, scratch / "targets.npy"))
        known = np.isin(rows, gold[0])
        order = np.argsort(gold[0], kind="stable")
        if known.any():
            probs[known] = gold[1][order[np.searchsorted(gold[0][order], rows[known])]]
        return probs

    return read


def standing_out(probs: Probs) -> np.ndarray:
    """`(texts,)`: the class whose probability is the highest multiple of its mean over the texts.

    >>> standing_out(np.array([[0.9, 0.1], [0.9, 0.4]])).tolist()
    [0, 1]
    """
    mean = probs.mean(axis=0, dtype=np.float64) if len(probs) else np.ones(probs.shape[1])
    classes: np.ndarray = (probs / np.maximum(mean, 1e-9)).argmax(axis=1)
    return classes


def balanced_rows(
    usable: Mask,
    targets_of: Callable[[Rows], Probs],
    n: int,
    power: float,
    draw: np.random.Generator,
) -> Rows:
    """`n` of the `usable` rows, ascending, balanced by the class that stands out."""
    sample = np.sort(random_of(usable, SAMPLE * n, draw))
    rows: Rows = sample[balanced(standing_out(targets_of(sample)), n, power, draw)]
    return rows


def training_set(
    texts: Tokens,
    gold: tuple[Rows, Mask],
    usable: Mask,
    targets_of: Callable[[Rows], Probs],
    settings: FinetuneSettings,
    draw: np.random.Generator,
) -> tuple[TrainingSet, int]:
    """Gold texts and replayed weak ones, and how many of the latter there are."""
    rest = usable.copy()
    rest[gold[0]] = False
    n = min(int(replay_counts(settings).sum()), int(np.count_nonzero(rest)))
    rows = balanced_rows(rest, targets_of, n, settings.replay_balance, draw)
    of_weak = targets_of(rows)
    made = make_training_set(
        texts.take(gold[0]),
        gold[1].astype(np.float32),
        texts.take(rows),
        of_weak,
        np.ones(len(rows)),
        settings,
        draw,
    )
    return made, len(rows)


def fine_tune(
    classifier: Classifier,
    chosen: TrainingSet,
    settings: FinetuneSettings,
    run: TrainingRun,
) -> Facts:
    """Train in place on gold and replayed texts; returns the history."""
    objective = LabelObjective(classifier, chosen.tokens, chosen.targets, chosen.weights, LOSS)
    counts = np.bincount(chosen.plan.order, minlength=len(chosen.weights))
    if not len(chosen.plan):
        return {"loss": [], "looks": [], "n_steps": 0}
    if settings.head_only:
        return fit_last_layer(objective, counts, run.title)
    if settings.head_first:
        fit_last_layer(objective, counts, f"{run.title}: head", PULL_TO_FRESH / len(counts))
    return train(classifier, objective, chosen.plan, replace(run, settings=settings))


def split_probs(classifier: Classifier, tokens: Artifact, split: str) -> Probs:
    """The classifier's predictions for a split, `(texts, classes)`."""
    return predict(classifier, read_tokens(tokens.path / split), f"measure on {split}")[0]


def score_on_gold(probs: Probs, pool: Artifact, labels: LabelSet, split: str) -> Facts:
    """The metrics of a split, at thresholds for which no gold is needed; see `f1_thresholds`."""
    return evaluate_sets(probs, *sets_of(pool, split), labels, f1_thresholds(probs))


def score_splits(
    out: Path,
    classifier: Classifier,
    pool: Artifact,
    tokens: Artifact,
    labels: LabelSet,
    more: Facts,
) -> Facts:
    """Write metrics.json for dev and test, where they exist; returns the main metrics of each.

    The predictions for a split are kept in `dev_probs.npy` and `test_probs.npy`.
    """
    metrics: Facts = dict(more)
    for split in ("dev", "test"):
        if (pool.path / f"{split}.parquet").exists():
            probs = split_probs(classifier, tokens, split)
            np.save(out / f"{split}_probs.npy", probs)
            metrics[split] = score_on_gold(probs, pool, labels, split)
    write_json(out / "metrics.json", metrics)
    return {s: {n: metrics[s][n] for n in NAMES} for s in ("dev", "test") if s in metrics}


def dev_score(
    classifier: Classifier, pool: Artifact, tokens: Artifact, labels: LabelSet,
    settings: OptimizerSettings,
) -> Callable[[], float] | None:  # fmt: skip
    """What early stopping looks at: macro-F1 on dev; None where it is off or there is no dev."""
    if not settings.patience or not (pool.path / "dev.parquet").exists():
        return None

    def score() -> float:
        probs = split_probs(classifier, tokens, "dev")
        return float(score_on_gold(probs, pool, labels, "dev")["macro_f1"])

    return score
