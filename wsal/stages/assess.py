"""Measure what each round brought and what it cost."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wsal import schemas, tables
from wsal.active.money import time_spent
from wsal.annotation.answers import all_answers, is_llm
from wsal.annotation.questions import NOT_ALL, group_answers, word_answers
from wsal.artifacts import Artifact, Facts
from wsal.class_tree import ClassTree
from wsal.evaluation.sample import Sample
from wsal.json_files import write_json
from wsal.labels import LabelSet
from wsal.multilabel import is_multilabel
from wsal.rounds.assessment import assess_rounds, compare_predictions
from wsal.rounds.evaluation_frame import Reference, choose_reference, frame_probs, read_frame
from wsal.rounds.frame_periods import measured_part, n_texts_left, period_names, periods_of
from wsal.rounds.llm_answers import frame_answers
from wsal.rounds.llm_worth import llm_facts
from wsal.rounds.looking import look_with
from wsal.settings import EncoderSettings, HardwareSettings

GROWN = 1.1  # times as many texts as when the sample was drawn


def assess(
    out: Path,
    *,
    pool: Artifact,
    llm_votes: Artifact | None = None,
    embeddings: Artifact,
    pretrained: Artifact,
    first_query: Artifact,
    query: Artifact | None = None,
    classifiers: Sequence[Artifact],
    annotations: Sequence[Artifact],
    tokens: Artifact | None = None,
    seed: int,
    encoder: EncoderSettings | None = None,
    hardware: HardwareSettings | None = None,
) -> Facts:
    """Every classifier on the evaluation sample (without one: on dev) -> assessment.json.

    Where there is neither a sample nor a dev split, only what labels cost and agreement are
    reported. Classifiers that are older than some texts look at these now.
    """
    frame, models = read_frame(pool, query or first_query), [pretrained, *classifiers]
    look = look_with(tokens, encoder, hardware) if tokens and encoder and hardware else None
    answers = pl.concat([tables.read(a.path / "annotations.parquet") for a in annotations])
    by_people, words = answers.filter(~is_llm()), word_answers(annotations)
    groups = group_answers(annotations)  # those with a yes are labels of their texts already
    groups = groups.filter(pl.col("label").fill_null(NOT_ALL) == NOT_ALL)
    asked = by_people.filter(pl.col("purpose") == schemas.EVALUATE)
    newest = [frame_probs(embeddings, model, frame, look) for model in models[-2:]]
    multilabel = is_multilabel(pool.facts)
    asked_rows = all_answers(pool, annotations)["row"].drop_nulls().to_numpy()
    facts: Facts = {
        "round": len(annotations),
        "n_gold": classifiers[-1].facts["n_gold"],
        **({"n_parents": n} if (n := classifiers[-1].facts.get("n_parents")) else {}),
        "n_evaluation": asked["label"].count(),
        "n_evaluation_skipped": _n_skipped(asked),
        "n_answers": len(by_people) + len(words) + len(groups),
        "seconds": time_spent(*(t["seconds"].to_list() for t in (by_people, words, groups))),
        **compare_predictions(*newest, multilabel=multilabel),
        "measured_on": None,
        "rounds": [],
        "gain": {},
        "next_gain": {},
        "n_frame": len(frame.rows),
        "n_left": n_texts_left(pool.facts["n_pool"], frame, asked_rows),
        **period_names(pool.facts),
    }
    if llm := llm_facts(llm_votes, annotations, models):
        facts["llm"] = llm
    frame = measured_part(pool, frame, annotations, with_none=True)
    auxiliary = frame_answers(pool, llm_votes, frame)
    if reference := choose_reference(pool, frame, annotations, auxiliary, with_none=True):
        probs = [reference.probs(embeddings, model, frame, pool, look) for model in models]
        n_gold = [model.facts.get("n_gold", 0) for model in models]
        facts["measured_on"] = reference.name
        if reference.place == "frame":
            is_none = reference.sample.gold == len(pool.facts["labels"])
            n_none = 0 if multilabel else int(is_none.sum())
            if n_none:
                facts["n_evaluation_none"] = n_none
            facts["measured_on"] += _without_class(n_none) + _explained(reference.sample)
            facts["measured_on"] += _skipped(facts["n_evaluation_skipped"])
            facts["measured_on"] += _grown(pool, first_query)
        facts["measured_on"] += _at_parents(reference)
        labels = LabelSet.of_pool(pool.facts)
        coded = reference.coded or reference.sample
        tree = (ClassTree.of(labels), coded) if labels.parents else None
        facts |= assess_rounds(reference.sample, probs, n_gold, seed, llm, tree)
    write_json(out / "assessment.json", facts)
    return facts


def _n_skipped(asked: pl.DataFrame) -> int:
    """Evaluation texts that nobody labelled, whoever saw them."""
    labelled = asked.drop_nulls("label")["id"].unique()
    return int(asked["id"].n_unique()) - len(labelled)


def _without_class(n: int) -> str:
    """Texts of the sample that belong to no class: no prediction of them is right."""
    return f" ({n} of them belong to no class, where every prediction counts as wrong)" if n else ""


def _explained(sample: Sample) -> str:
    """On how much of the frame a language model's answers narrow the intervals."""
    if not len(sample.asked):
        return ""
    share = len(sample.asked) / len(sample.stratum)
    return f" (with a language model's answers to {share:.0%} of the texts it stands for)"


def _skipped(n: int) -> str:
    """A warning where people could not label some texts: the estimate is not about these."""
    return (
        f" ({n} more skipped: the estimate covers only texts that people could label)" if n else ""
    )


def _at_parents(reference: Reference) -> str:
    """A warning where the gold of some texts is a parent, which does not say which class it is."""
    n = len(reference.coded.rows) - len(reference.sample.rows) if reference.coded else 0
    if not n:
        return ""
    covered = "do not cover such texts"
    if reference.place == "frame":
        covered = "take the classes of such texts from the classifier's probabilities"
    return (
        f" ({n} more with a parent as their label: accuracy and macro-F1 {covered}; the levels of "
        "the tree use their labels)"
    )


def _grown(pool: Artifact, first_query: Artifact) -> str:
    """A warning where many texts came after the frame was drawn: the estimate is not about them."""
    n_frame = tables.n_rows(first_query.path / "frame.parquet")
    then, now = first_query.facts.get("n_left", 0) + n_frame, len(periods_of(pool.facts)[0][1])
    if not n_frame or now <= GROWN * then:
        return ""
    return (
        f" (drawn when the pool had {then:,} texts; the estimate does not cover the "
        f"{now - then:,} added since)"
    )
