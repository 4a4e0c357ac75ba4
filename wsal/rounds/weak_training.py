"""Train the encoder on the weak labels of an artifact; for the stages `pretrain` and `retrain`."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from wsal.arrays import Classes, Mask, Probs, Rows
from wsal.artifacts import Artifact, Facts
from wsal.class_tree import ClassTree
from wsal.classifier.encoder import Classifier, load_tokenizer, new_classifier
from wsal.classifier.losses import Loss
from wsal.classifier.multilabel import BINARY, PROBLEM_TYPE
from wsal.classifier.tokens import read_tokens
from wsal.labels import LabelSet
from wsal.llm.settings import LLMSettings
from wsal.members import members_of, within
from wsal.multilabel import is_multilabel
from wsal.rounds.answered import answered_rows
from wsal.rounds.pretraining import WeakTraining
from wsal.rounds.scoring import dev_score, dev_texts
from wsal.rounds.weak_labels import usable
from wsal.rounds.weak_set import NO_ROWS, Predicted
from wsal.rounds.weak_targets import weak_targets
from wsal.seeding import integer
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import AdaptSettings, PretrainSettings, SelfTrainingSettings


def train_on_weak_labels(
    scratch: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    encoder: EncoderSettings,
    adapt: AdaptSettings,
    loss: Loss,
    pretrain: PretrainSettings,
    self_training: SelfTrainingSettings,
    llm: LLMSettings | None,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
    prefix: str = "",
    gold: tuple[Rows, Classes] = (NO_ROWS, NO_ROWS),
    left_out: Rows = NO_ROWS,
) -> tuple[Classifier, Facts, Predicted | None]:
    """The encoder with a new head, trained on weak labels, and what `WeakTraining.train` returns.

    With the same weak labels it gives the same classifier. All processes of a torchrun take part.

    Args:
        scratch: the folder of checkpoints.
        pool: the texts.
        tokens: their word pieces.
        weak_labels: an artifact of `aggregate` or `reweigh`.
        encoder: as all other settings, of the group with this name.
        adapt: see there.
        loss: see there.
        pretrain: see there.
        self_training: see there.
        llm: how answers of a language model are trained on; None: there is none.
        seed: of the head, the order of texts, and dropout.
        hardware: see there.
        tracker: see there.
        prefix: of what progress bars and trackers call the training.
        gold: rows with a gold label, and these labels (codes or sets), in place of weak ones.
        left_out: rows that are not trained on, such as those of no class.
    """
    labels, multilabel = LabelSet.of_pool(pool.facts), is_multilabel(pool.facts)
    tokenizer = load_tokenizer(str(tokens.path / "tokenizer"))
    classifier = new_classifier(encoder, hardware, labels, tokenizer, integer(seed, "head"))
    if multilabel:  # yes/no decisions are neither refined nor weighted by the likeliest class
        classifier.model.config.problem_type = PROBLEM_TYPE
        loss, pretrain = BINARY, replace(pretrain, refine=0, weighting="none")
    training = WeakTraining(
        settings=pretrain,
        loss=loss,
        adapt=adapt,
        self_training=self_training,
        seed=seed,
        scratch=scratch,
        dev_score=dev_score(classifier, pool, tokens, labels, pretrain),
        tracker=tracker,
        answer_settings=replace(pretrain, epochs=llm.epochs, lr=llm.lr) if llm else None,
        dev=None if multilabel else dev_texts(pool, tokens),
        prefix=prefix,
        paths=ClassTree.of(labels).class_paths,
        multilabel=multilabel,
    )
    used = usable(weak_labels).copy()
    used[gold[0]] = True
    used[left_out] = False
    facts, predicted = training.train(
        classifier,
        read_tokens(tokens.path / "pool"),
        used,
        lambda rows: weak_targets(
            weak_labels,
            rows,
            scratch / "pretrain",
            lambda probs: put_gold(probs, rows, *gold, members_of(labels)),
        ),
        answered_rows(weak_labels),
    )
    return classifier, facts, predicted


def put_gold(
    probs: Probs, rows: Rows, gold_rows: Rows, gold: Classes, members: Mask | None = None
) -> None:
    """Put gold in the place of weak labels of some of the `rows`.

    Where gold is a parent, the weak label says how probable each of its classes is.

    >>> half = np.array([[0.5, 0.5], [0.5, 0.5]])
    >>> put_gold(half, np.array([3, 8]), np.array([8]), np.array([1]))
    >>> half.tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    known = np.isin(rows, gold_rows)
    order = np.argsort(gold_rows)
    at = order[np.searchsorted(gold_rows, rows[known], sorter=order)]
    probs[known] = within(probs[known], gold[at], members)
