"""The columns of the tables in artifacts, and what they contain."""

from collections.abc import Sequence

import polars as pl

Schema = dict[str, pl.DataType | type[pl.DataType]]

GOLD: Schema = {"id": pl.String, "label": pl.Int16}
MULTILABEL_GOLD: Schema = {"id": pl.String, "label": pl.List(pl.Int16)}
QUERY: Schema = {
    "id": pl.String,
    "text": pl.String,
    "rank": pl.Int32,
    "score": pl.Float32,
    "reason": pl.String,
    "predicted": pl.Int16,
    "confidence": pl.Float32,
    "purpose": pl.String,  # TRAIN or EVALUATE
}
ANSWERS: Schema = {
    "id": pl.String,
    # The name, not the number, so that answers outlive a changed set of classes; null: skipped
    "label": pl.String,
    "annotator": pl.String,
    "seconds": pl.Float32,
}
ANNOTATIONS: Schema = {
    **ANSWERS,
    "text": pl.String,  # answers are matched to the pool by text, as ids may change
    "purpose": pl.String,
}
FRAME: Schema = {"id": pl.String, "text": pl.String, "stratum": pl.Int64}
TRAIN, EVALUATE = "train", "evaluate"
LLM_PREFIX = "llm:"  # of the annotator's name where a language model answered
LLM_ANSWERS: Schema = {
    "id": pl.String,
    "text": pl.String,  # as in the pool, whatever part of it was sent
    "label": pl.String,  # null: none of these, or no valid answer
    "confidence": pl.Float32,  # the model's own, not calibrated
    "source": pl.String,  # what the confidence is made of
    "status": pl.String,
    "calls": pl.Int32,
    "input_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "cost": pl.Float64,
    "reason": pl.String,  # why this text was asked
}
RULES_ALONE: Schema = {"id": pl.String, "label": pl.Int16, "probability": pl.Float32}
RULES: Schema = {
    "rule": pl.String,
    "classes": pl.List(pl.String),  # those that it votes for
    "coverage": pl.Float64,
    "overlap": pl.Float64,
    "conflict": pl.Float64,
    "n_votes": pl.Int64,
    "n_gold": pl.Int64,
    "accuracy": pl.Float64,
    "low": pl.Float64,  # ends of the 95% interval of the accuracy
    "high": pl.Float64,
}
# Which terms cast the votes, in order: rows of the shard, columns of the votes, and positions in
# `term_names()`.
TERMS: Schema = dict.fromkeys(("text", "rule", "term"), pl.Int32)
# `number` is the `term` of TERMS; both are null for a whole rule, or for the rest of its terms.
VOTERS: Schema = {"rule": pl.String, "term": pl.String, "number": pl.Int32}
VOTERS |= {n: RULES[n] for n in ("classes", "n_votes", "n_gold", "accuracy", "low", "high")}
PAIRS: Schema = {
    "rule": pl.String,
    "other": pl.String,
    "n_rule": pl.Int64,  # votes of `rule`
    "n_other": pl.Int64,  # votes of `other`
    "n_both": pl.Int64,  # texts on which both voted
    "agreement": pl.Float64,
    "relation": pl.String,  # "same", "within" (the other's votes), "tied"
}
CONFLICTS: Schema = {
    "rule": pl.String,
    "vote": pl.String,
    "other": pl.String,
    "other_vote": pl.String,
    "n_texts": pl.Int64,
    "n_gold": pl.Int64,
    "rule_right": pl.Float64,  # share of the texts with gold on which the rule is right
    "other_right": pl.Float64,
    "examples": pl.List(pl.String),
}
UNCOVERED: Schema = {
    "n_texts": pl.Int64,
    "ngrams": pl.List(pl.String),
    "gold": pl.List(pl.String),  # the most common classes, where gold is known
    "examples": pl.List(pl.String),
}
EXAMPLES: Schema = dict.fromkeys(("rule", "id", "text", "vote", "gold"), pl.String)


def records_schema(
    fields: Sequence[str], *, gold: bool = False, multilabel: bool = False
) -> Schema:
    """Records: the text, how many rows of the source it stands for, its fields, maybe its gold."""
    schema: Schema = {
        "id": pl.String,
        "text": pl.String,
        "n_copies": pl.Int32,
        "fields": pl.Struct({field: pl.String for field in fields}),
    }
    kind = (MULTILABEL_GOLD if multilabel else GOLD)["label"]
    return schema | {"label": kind} if gold else schema


def without_class(fields: Sequence[str]) -> Schema:
    """Records of no class; `split` is pool, dev or test."""
    return {**records_schema(fields), "split": pl.String}


def votes_schema(rules: Sequence[str]) -> Schema:
    """One column per rule, so that a single rule can be read, or applied again."""
    schema: Schema = {"id": pl.String}
    return schema | {rule: pl.Int16 for rule in rules}


def weak_schema(n_classes: int) -> Schema:
    """One distribution per text; `n_votes` is 0 if every rule abstained."""
    return {
        "id": pl.String,
        "probs": pl.Array(pl.Float32, n_classes),
        "n_votes": pl.Int16,
        "used": pl.Boolean,  # whether the classifier is trained on it
    }
