"""The rules: what each covers, how often it is right, where they disagree, and what none covers."""

from typing import TYPE_CHECKING, Any

import polars as pl

from wsal import schemas, tables
from wsal.artifacts import Artifact
from wsal.inspection.run_view import RunView
from wsal.members import members_of
from wsal.report.rules_conflicts import conflict_counts, conflict_map
from wsal.report.rules_judged import judged_precision
from wsal.report.section import Section
from wsal.report.words import shortened
from wsal.run.term_report import terms_of

if TYPE_CHECKING:
    import altair as alt

SHOWN = 30
"""Rules in the heat map of conflicts: those with the most conflicts."""
TERMS = 20  # of a rule, those with the most votes
EXAMPLES = 3  # of a conflict, and of a group of uncovered texts


def rules_section(view: RunView) -> Section:
    """Each rule, the conflicts of rules, what their terms are worth, and texts without a vote."""
    votes = view.artifact("vote")
    if votes is None:
        return Section("rules", "Rules", {"n_rules": None})
    report = tables.read(votes.path / "rules.parquet", schemas.RULES)
    rows, measured_on, level = _rules(view, votes, report)
    figures: dict[str, Any] = {
        **{name: votes.facts[name] for name in ("n_rules", "n_texts")},
        "n_reported": votes.facts.get("n_reported", votes.facts["n_texts"]),
        **{name: votes.facts[name] for name in ("coverage", "overlap", "conflict")},
        "rows": rows,
        "measured_on": measured_on,
        "level": level,
        "pairs": _plain(votes, "pairs", schemas.PAIRS),
        "conflicts": _plain(votes, "conflicts", schemas.CONFLICTS),
        "uncovered": _plain(votes, "uncovered", schemas.UNCOVERED),
        "terms": _terms(view, votes),
    }
    charts: dict[str, alt.LayerChart] = {}
    chosen = report.filter(pl.col("conflict") > 0).top_k(SHOWN, by="conflict")
    figures["n_in_conflict"] = int((report["conflict"] > 0).sum())
    if len(chosen) > 1:
        order = chosen.sort(pl.col("classes").list.join(", "), "rule")["rule"].to_list()
        cells, n_texts = conflict_counts(votes, order, members_of(view.labels))
        figures |= {"map_rules": order, "map_texts": n_texts, "cells": cells}
        charts["conflicts"] = conflict_map(cells, order)
    return Section("rules", "Rules", figures, charts)


def _rules(
    view: RunView, votes: Artifact, report: pl.DataFrame
) -> tuple[list[dict[str, Any]], str | None, float]:
    """A row for each rule, what precision is measured on, and the level of its interval.

    It is measured on the gold labels that came with the pool, if there are some.
    """
    rows = report.to_dicts()
    if report["n_gold"].sum():
        for row in rows:
            ends = {"value": row.pop("accuracy"), "low": row.pop("low"), "high": row.pop("high")}
            row["precision"] = ends
        return rows, "the labels that came with the pool", 0.95
    name, level, measured = judged_precision(view, votes)
    for row in rows:
        for of_pool in ("accuracy", "low", "high"):
            row.pop(of_pool)
        row["precision"], row["n_gold"] = measured.get(row["rule"], (None, 0))
    return rows, name, level


def _plain(votes: Artifact, name: str, schema: schemas.Schema) -> list[dict[str, Any]]:
    """The rows of a table of the artifact, with at most three short examples each."""
    path = votes.path / f"{name}.parquet"
    if not path.exists():
        return []
    rows = tables.read(path, schema).to_dicts()
    for row in rows:
        if "examples" in row:
            row["examples"] = [shortened(text) for text in row["examples"][:EXAMPLES]]
    return rows


def _terms(view: RunView, votes: Artifact) -> list[dict[str, Any]] | None:
    """Rules with terms, and what each of these is worth; None where no terms were recorded."""
    table = terms_of(view.run_dir, votes)
    if table is None:
        return None
    rules = []
    for group in table.partition_by("rule", maintain_order=True):
        of_terms = group.drop_nulls("term")
        if of_terms.is_empty():
            continue
        shown = of_terms.sort("n_votes", descending=True, maintain_order=True).head(TERMS)
        rest = group.filter(pl.col("term").is_null() & (pl.col("n_votes") > 0))
        terms = [
            {
                **{name: row[name] for name in ("term", "classes", "n_votes", "n_gold", "learned")},
                "precision": {"value": row["accuracy"], "low": row["low"], "high": row["high"]},
            }
            for row in pl.concat([shown, rest]).iter_rows(named=True)
        ]
        rules.append({"rule": group["rule"][0], "n_terms": len(of_terms), "terms": terms})
    return rules
