"""What cannot work where a text may have several classes is refused before any work starts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsal.active.anchors import Anchors
from wsal.active.badge import Badge
from wsal.active.candidates import QueryStrategy
from wsal.active.wrappers import ClassCap
from wsal.annotation.llm_annotators import Cascade, Llm
from wsal.classifier.losses import SoftCrossEntropy
from wsal.components import Components
from wsal.errors import ConfigError
from wsal.label_models.auto import Auto
from wsal.label_models.majority import Majority
from wsal.label_models.precision import Precision
from wsal.multilabel import is_multilabel, refuse
from wsal.run.pipeline import opened
from wsal.run.stage_table import STAGES

BY_CLASS = (ClassCap, Badge, Anchors)
"""Strategies that look at the predicted class of a text."""


def wants_multilabel(components: Components) -> bool:
    """Whether the configured data has several classes per text."""
    return bool(getattr(components["data"].layout, "multilabel", False))


def check_multilabel(components: Components) -> None:
    """Refuse settings that several classes per text do not go with.

    Raises:
        ConfigError: there are some; the message lists all of them.
    """
    if not wants_multilabel(components):
        return
    if problems := [*_problems(components)]:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise ConfigError(f"with data.layout.multilabel=true, this does not work:{listed}")


def refuse_run(run_dir: Path, what: str) -> None:
    """Refuse a command for a run with several classes per text.

    Raises:
        ConfigError: the run's pool has several classes per text.
    """
    if pool := opened(run_dir, STAGES["prepare"].writes):
        refuse(pool.facts, what)


def pool_is_multilabel(run_dir: Path) -> bool:
    """Whether the run has a pool with several classes per text."""
    pool = opened(run_dir, STAGES["prepare"].writes)
    return pool is not None and is_multilabel(pool.facts)


def _problems(components: Components) -> Iterator[str]:
    active, strategies = components["active"], _all_in(components["strategy"])
    layout = components["data"].layout
    is_loss = isinstance(components["loss"], SoftCrossEntropy)
    is_model = isinstance(components["label_model"], Auto | Precision | Majority)
    by_class = [type(s).__name__ for s in strategies if isinstance(s, BY_CLASS)]
    refused = {
        "llm: a language model is asked for one class; use llm=none": (
            getattr(components["llm"], "url", None) is not None
        ),
        "annotator: a language model answers with one class; use another annotator": (
            isinstance(components["annotator"], Llm | Cascade)
        ),
        "active.questions: only texts can be asked about; use active.questions=[text]": (
            tuple(active.questions) != ("text",)
        ),
        "active.disagreement compares single classes; use 0": active.disagreement,
        "active.contradiction compares single classes; use 0": active.contradiction,
        "active.review compares single classes; use 0": active.review,
        "amplify.copies: copies keep a single class; use amplify=none": (
            components["amplify"].copies
        ),
        "self_training: single classes are learnt; use self_training=none": (
            components["self_training"].passes
        ),
        "adapt: the encoder is not adapted to the texts in this mode; use adapt=none": (
            components["adapt"].objective != "none"
        ),
        "loss: each class has a binary cross entropy; use loss=soft_cross_entropy": not is_loss,
        "label_model: rules that only say yes do not disagree, which this one learns from; use "
        "auto, precision or majority": not is_model,
        "aggregate.uncovered=default: there is no default set of classes; use drop or prior": (
            components["aggregate"].uncovered == "default"
        ),
        f"strategy: {', '.join(by_class)} looks at single classes; use dbal or random": by_class,
        "launcher=torchrun: training runs in one process; use launcher=local": (
            components["launcher"].name == "torchrun"
        ),
        "export.reject: a model with several classes per text rejects none; use auto or never": (
            components["export"].reject == "always"
        ),
        "data.layout.taxonomy and several columns in data.layout.label make a class tree; name the "
        "classes in data.layout.labels, and one column": (
            layout.taxonomy or len(layout.label_columns) > 1
        ),
        "export.nearest: labelled texts are shown with one class; use export.nearest=false": (
            components["export"].nearest
        ),
    }
    yield from (problem for problem, is_there in refused.items() if is_there)


def _all_in(strategy: QueryStrategy) -> Iterator[QueryStrategy]:
    """The strategy and all that it is made of."""
    yield strategy
    inner: list[Any] = [getattr(strategy, name, None) for name in ("base", "first")]
    for part in [*inner, *getattr(strategy, "parts", {}).values()]:
        if part is not None:
            yield from _all_in(part)
