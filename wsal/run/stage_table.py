"""The whole framework in one table: what each stage reads, writes, and is configured by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Facts = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A function from finished artifacts to a new one: `wsal.stages.NAME.NAME`."""

    reads: tuple[str, ...]
    writes: str
    needs: tuple[str, ...]
    uses: tuple[str, ...] = ()
    """Settings that it needs, but that may change without making the artifact stale."""
    shared: bool = False
    """Whether all processes of a torchrun take part; the other stages are run by the leader alone."""
    by_row: bool = False
    """Whether the work on a row depends on the row alone; what was made of it is taken over."""
    reuses: str = ""
    """A mapping among its needs; only what was made of unchanged entries is taken over."""
    origin: tuple[str, ...] = ()
    """Those of its needs that its rows come from; it is given a digest of them."""

    @staticmethod
    def function(name: str) -> Callable[..., Facts]:
        """The stage's function, imported only now, so that rule authors never wait for torch."""
        function: Callable[..., Facts] = getattr(import_module(f"wsal.stages.{name}"), name)
        return function


# fmt: off
STAGES = {
    #                  reads                                                                              writes                   configured by
    "prepare":   Stage((),                                                                                "pool",                  ("data", "changes", "seed", "shard_rows"), origin=("data", "seed")),
    "vote":      Stage(("pool",),                                                                         "votes",                 ("rules", "seed"), ("launcher",), by_row=True, reuses="rules"),
    "ask":       Stage(("pool", "votes"),                                                                 "llm_votes",             ("llm", "evaluation", "seed")),
    "aggregate": Stage(("pool", "votes", "llm_votes"),                                                    "weak_labels",           ("label_model", "aggregate"), ("launcher",)),
    "tokenise":  Stage(("pool",),                                                                         "tokens",                ("encoder",), ("launcher",), by_row=True),
    "pretrain":  Stage(("pool", "tokens", "weak_labels"),                                                 "pretrained",            ("encoder", "adapt", "loss", "pretrain", "self_training", "llm", "seed"), ("hardware", "tracker"), shared=True),
    "embed":     Stage(("pool", "tokens", "pretrained"),                                                  "embeddings",            ("encoder",), ("hardware", "launcher"), by_row=True),
    "select":    Stage(("pool", "tokens", "votes", "llm_votes", "weak_labels", "embeddings", "classifier", "earlier_annotations", "earlier_queries"), "rounds/{}/query", ("encoder", "strategy", "active", "evaluation", "seed"), ("hardware", "annotator", "launcher")),
    "annotate":  Stage(("pool", "query", "earlier_queries"),                                              "rounds/{}/annotations", ("annotator", "llm", "seed")),
    "reweigh":   Stage(("pool", "votes", "llm_votes", "annotations"),                                   "rounds/{}/reweighed",   ("label_model", "aggregate"), ("launcher",)),
    "retrain":   Stage(("pool", "tokens", "weak_labels", "reweighings", "pretrained", "earlier_retrainings", "embeddings", "query", "annotations"), "rounds/{}/retrained", ("encoder", "adapt", "loss", "pretrain", "self_training", "retrain", "llm", "seed"), ("hardware", "tracker"), shared=True),
    "finetune":  Stage(("pool", "tokens", "reweighed", "pretrained", "retrainings", "query", "annotations"), "rounds/{}/finetuned",         ("encoder", "finetune", "amplify", "seed"), ("hardware", "tracker"), shared=True),
    "assess":    Stage(("pool", "llm_votes", "embeddings", "pretrained", "first_query", "query", "classifiers", "annotations", "tokens"), "rounds/{}/assessed", ("seed",), ("encoder", "hardware")),
    "export":    Stage(("pool", "votes", "classifier", "earlier_queries", "earlier_annotations"),         "exported",              ("encoder", "export", "seed")),
}
# fmt: on
BEFORE_ROUNDS = ("prepare", "vote", "ask", "aggregate", "tokenise", "pretrain", "embed")
ROUND_STAGES = ("select", "annotate", "reweigh", "retrain", "finetune", "assess")
CONFIG = "config.json"
"""The configuration of a run, as plain values."""
LLM_ONLY = ("ask", "llm_votes", "llm")
"""The stage, the input and the settings that only a run with a language model has."""
CHANGES = "changes"
"""What only a run has whose classes or records were changed; see `wsal.changes`."""
BY_ROW = ("pool", "tokens")
"""Inputs of which rows are recognised again when records were appended."""
MAKERS = {stage.writes.rpartition("/")[2]: name for name, stage in STAGES.items()}
"""The name of an artifact's folder -> the stage that writes it."""
WITH_TEXTS = ("query", "first_query", "earlier_queries", "annotations", "earlier_annotations")
"""Inputs that find their texts in any pool. Row n of every other input is row n of the pool."""
IN_ALL_ROUNDS = {
    "queries": "select",
    "annotations": "annotate",
    "reweighings": "reweigh",
    "retrainings": "retrain",
    "classifiers": "finetune",
}


def names_used(names: Sequence[str], built: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of some stages, inputs or settings that a run has, by its components.

    Without a language model, artifacts are made as if wsal knew nothing of language models, and
    without changes as if there could be none.
    """
    absent = set[str]()
    if getattr(built.get("llm"), "url", None) is None:
        absent.update(LLM_ONLY)
    if not built.get(CHANGES):
        absent.add(CHANGES)
    return tuple(name for name in names if name not in absent)
