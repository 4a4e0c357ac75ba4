"""Where labels came from (rules, people, a language model), and what each source brought."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import is_llm, read_annotations
from wsal.evaluation.shares import share_of, wilson
from wsal.inspection.judged import judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.outlook import assessments
from wsal.report.section import Section
from wsal.report.words import METRICS
from wsal.rounds.assessment import LEVEL
from wsal.rounds.assessment import METRICS as ESTIMATES
from wsal.rounds.evaluation_frame import Reference
from wsal.rounds.learning_curve import labels_counted
from wsal.rounds.split_gold import gold_of
from wsal.seeding import rng

if TYPE_CHECKING:
    import altair as alt


def sources_section(view: RunView) -> Section:
    """How many labels each source gave, and the quality with each further one."""
    judged = view.once(judged_texts)
    reference = judged.reference if judged else None
    steps = quality_by_step(view, reference)
    figures = {
        "measured_on": reference.name if reference else None,
        "rules": _rules(view),
        "people": _people(view),
        "llm": _llm(view, reference),
        "steps": steps,
    }
    charts = {name.replace("_", "-"): _chart(steps, name) for name in METRICS} if steps else {}
    return Section("sources", "Sources of labels", figures, charts)


def quality_by_step(view: RunView, reference: Reference | None) -> list[dict[str, Any]]:
    """Rules alone, then the classifier trained on weak labels, then that of each round."""
    assessed = assessments(view)
    steps = []
    if reference and (alone := _rules_alone(view, reference)):
        steps.append({"step": "rules alone"} | alone)
    if not assessed or not assessed[-1]["measured_on"]:
        return steps
    counted = labels_counted(assessed[-1])
    for measured, n_labels in zip(assessed[-1]["rounds"], counted, strict=True):
        name = f"round {measured['round']}: {n_labels:,.0f} labels"
        metrics = {m: {k: measured[m][k] for k in ("value", "low", "high")} for m in METRICS}
        steps.append({"step": name if measured["round"] else "weak training"} | metrics)
    return steps


def _rules_alone(view: RunView, reference: Reference) -> dict[str, Any] | None:
    """Both metrics of the weak labels, before any label of people; None if no rule votes."""
    weak = view.artifact("aggregate")
    if weak is None or not weak.facts["n_covered"]:
        return None
    if reference.place == "dev":
        if "dev" not in weak.facts:
            return None
        weights = gold_of(view.pool, "dev")[1]
        n = np.array([weights.sum() ** 2 / (weights**2).sum()])
        accuracy = wilson(np.array([weak.facts["dev"]["accuracy"]]), n).plain(0)
        macro_f1 = {"value": weak.facts["dev"]["macro_f1"], "low": None, "high": None}
        return {"accuracy": accuracy, "macro_f1": macro_f1}
    frame = view.measured
    if frame is None:
        return None
    table = tables.take(weak.path / "weak_labels.parquet", frame.rows, ["probs"])
    probs, seed = tables.probs_array(table), int(view.config["seed"])
    estimates = {
        name: estimate(reference.sample, probs, rng(seed, "report", "rules", name), LEVEL)
        for name, estimate in ESTIMATES.items()
    }
    return {
        n: {k: round(getattr(e, k), 6) for k in ("value", "low", "high")}
        for n, e in estimates.items()
    }


def _rules(view: RunView) -> dict[str, Any] | None:
    votes, weak = view.artifact("vote"), view.artifact("aggregate")
    if votes is None or weak is None or not votes.facts["n_rules"]:
        return None
    names = ("n_rules", "n_texts", "n_reported", "coverage", "overlap", "conflict")
    covered = {s: f["accuracy"] for s, f in weak.facts.get("covered", {}).items()}
    return {
        **{name: votes.facts[name] for name in names},
        "n_covered": weak.facts["n_covered"],
        "label_model": weak.facts["label_model"],
        "right_where_covered": covered,
    }


def _people(view: RunView) -> list[dict[str, Any]]:
    """Answers of each person: labels to train and to measure, skipped texts, minutes."""
    paths = [artifact.path / "annotations.parquet" for artifact in view.of_rounds("annotate")]
    if not paths:
        return []
    answers = pl.concat([read_annotations(path) for path in paths]).filter(~is_llm())
    labelled, measures = pl.col("label").is_not_null(), pl.col("purpose") == schemas.EVALUATE
    rows = answers.group_by("annotator").agg(
        train=(labelled & ~measures).sum(),
        measure=(labelled & measures).sum(),
        skipped=(~labelled).sum(),
        minutes=(pl.col("seconds").cast(pl.Float64).sum() / 60).round(2),
        timed=pl.col("seconds").count(),
    )
    return rows.sort("annotator").to_dicts()


def _llm(view: RunView, reference: Reference | None) -> dict[str, Any] | None:
    """What a language model answered, and how often it was right where people judged."""
    asked, assessed = view.artifact("ask"), assessments(view)
    facts = assessed[-1].get("llm") if assessed else None
    if asked is None and not facts:
        return None
    right, n_judged = None, 0
    if reference and reference.place == "frame" and (auxiliary := reference.sample.auxiliary):
        sample = reference.sample
        is_asked = auxiliary.asked[sample.rows]
        n_judged = int(is_asked.sum())
        if n_judged:
            hits = auxiliary.answers[sample.rows] == sample.gold
            right = share_of(hits[is_asked], sample.weights[is_asked])
    return {
        "votes": {k: asked.facts[k] for k in ("n_asked", "reasons", "statuses", "llm")}
        if asked
        else None,
        "rounds": {k: facts[k] for k in ("labels", "audited", "right", "worth")} if facts else None,
        "calls": facts["calls"] if facts else asked.facts["llm"]["calls"] if asked else 0,
        "cost": facts["cost"] if facts else asked.facts["llm"]["cost"] if asked else 0.0,
        "right": right,
        "n_judged": n_judged,
    }


def _chart(steps: Sequence[dict[str, Any]], metric: str) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    rows = [{"step": step["step"], **step[metric]} for step in steps]
    base = alt.Chart(alt.Data(values=rows))
    names = [step["step"] for step in steps]
    y = alt.Y("step:N", title=None, sort=names, axis=alt.Axis(grid=False, labelLimit=220))
    x = alt.X("value:Q", title=METRICS[metric], scale=alt.Scale(zero=False))
    tooltip = [
        alt.Tooltip("step:N", title=" "),
        *(alt.Tooltip(f"{k}:Q", title=t, format=".3f")
          for k, t in (("value", METRICS[metric]), ("low", "low (90%)"), ("high", "high (90%)"))),
    ]  # fmt: skip
    ends = alt.X("low:Q", title=METRICS[metric])
    interval = base.transform_filter("datum.low != null").mark_rule(style="interval")
    layers = (
        interval.encode(y=y, x=ends, x2="high:Q"),
        base.mark_point().encode(y=y, x=x, tooltip=tooltip),
    )
    return alt.layer(*layers).properties(width="container", height=26 * len(steps))
