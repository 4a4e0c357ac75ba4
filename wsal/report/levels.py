"""Quality at each level of a class tree, and whether errors stay near the right class."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from wsal.class_tree import SEPARATOR, ClassTree
from wsal.evaluation.shares import share_of
from wsal.evaluation.tree import sample_at
from wsal.inspection.judged import Judged, judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.exported import read_export
from wsal.report.section import Section
from wsal.rounds.assessment import LEVEL, METRICS
from wsal.seeding import rng

if TYPE_CHECKING:
    import altair as alt

LISTED = 12  # pairs of classes


def levels_section(view: RunView) -> Section | None:
    """Both metrics at each level, and where errors part from the right way; None without a tree."""
    tree, judged = ClassTree.of(view.labels), view.once(judged_texts)
    if tree.is_flat:
        return None
    export = read_export(view, "metrics.json").get("tree", {})
    figures: dict[str, Any] = {
        "n_parents": len(tree.nodes) - len(tree.labels),
        "n_classes": len(tree.labels),
        "measured_on": judged.reference.name if judged else None,
        "n_judged": len(judged.gold) if judged else 0,
        "levels": [],
        "trusted": export.get("levels", []),
        "trusted_on": export.get("measured_on"),
        "cross_fitted": export.get("cross_fitted"),
        "wanted_precision": export.get("precision"),
    }
    if judged is None:
        return Section("levels", "Class tree", figures)
    seed = int(view.config["seed"])
    figures["levels"] = [_quality(tree, judged, level, seed) for level in range(tree.n_levels)]
    figures |= _errors(tree, judged)
    return Section("levels", "Class tree", figures, {"levels": _chart(figures["levels"])})


def _quality(tree: ClassTree, judged: Judged, level: int, seed: int) -> dict[str, Any]:
    """Both metrics of the likeliest node of a level, with intervals."""
    nodes = tree.levels[level]
    sums, sample = nodes.probs(judged.frame_probs), sample_at(judged.reference.sample, nodes)
    assert sample is not None  # noqa: S101  each label is a class, and so decides every level
    figures: dict[str, Any] = {"level": level + 1, "n_nodes": len(nodes.names)}
    for name, estimate in METRICS.items():
        value = estimate(sample, sums, rng(seed, "report", "levels", level, name), LEVEL)
        ends = {"value": value.value, "low": value.low, "high": value.high}
        figures[name] = {end: round(number, 6) for end, number in ends.items()}
    return figures


def _errors(tree: ClassTree, judged: Judged) -> dict[str, Any]:
    """How many errors part from the right way at each level, and the most frequent pairs."""
    ways = tree.way_of_class
    rows = np.flatnonzero(judged.wrong)
    gold, predicted = judged.gold[rows], judged.predicted[rows]
    same = ways[gold] == ways[predicted]
    shared = np.logical_and.accumulate(same, axis=1).sum(axis=1)  # levels from the top
    parents = np.array([tree.number.get(tree.parent[n], -1) for n in tree.labels.names])
    siblings = parents[gold] == parents[predicted]
    weights = judged.weights[rows]
    parted = [
        {"level": level + 1, "n": int((shared == level).sum())}
        | (share_of(shared == level, weights) if len(rows) else {})
        for level in range(tree.n_levels)
    ]
    return {
        "n_wrong": len(rows),
        "parted": parted,
        "siblings": share_of(siblings, weights) if len(rows) else None,
        "n_siblings": int(siblings.sum()),
        "sibling_pairs": _pairs(tree, gold[siblings], predicted[siblings]),
        "branch_pairs": _pairs(tree, gold[shared == 0], predicted[shared == 0]),
    }


def _pairs(tree: ClassTree, gold: np.ndarray, predicted: np.ndarray) -> list[dict[str, Any]]:
    """The most frequent pairs, with what both ways have in common."""
    counts = Counter(zip(gold.tolist(), predicted.tolist(), strict=True))
    names, listed = tree.labels.names, []
    for (right, wrong), n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:LISTED]:
        ways = tree.way(names[right]), tree.way(names[wrong])
        common = [a for a, b in zip(*ways, strict=False) if a == b]
        below = [SEPARATOR.join(map(tree.short, way[len(common) :])) for way in ways]
        within = tree.path(common[-1]) if common else ""
        listed.append({"within": within, "gold": below[0], "predicted": below[1], "n": n})
    return listed


def _chart(levels: list[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    points = [
        {"level": f"level {row['level']}", "order": row["level"], "metric": title, **row[name]}
        | {"nodes": row["n_nodes"]}
        for row in levels
        for name, title in (("accuracy", "accuracy"), ("macro_f1", "macro-F1"))
    ]
    lowest = min(point["low"] for point in points)
    least = max(0.0, np.floor(lowest * 10) / 10 - 0.05)
    scale = alt.Scale(domain=[round(float(least), 2), 1], nice=False)
    value = {"title": None, "scale": scale, "axis": alt.Axis(tickCount=6)}
    place = alt.Y("level:N", sort=alt.SortField("order"), title=None)
    offset = alt.YOffset("metric:N", sort=["accuracy", "macro-F1"])
    colour = alt.Color("metric:N", title=None, legend=alt.Legend(orient="top"))
    tooltip = [
        alt.Tooltip("level:N"),
        alt.Tooltip("nodes:Q", title="nodes", format=","),
        alt.Tooltip("metric:N"),
        alt.Tooltip("value:Q", format=".3f"),
        alt.Tooltip("low:Q", title="low (90%)", format=".3f"),
        alt.Tooltip("high:Q", title="high (90%)", format=".3f"),
    ]
    base = alt.Chart(alt.Data(values=points)).encode(
        y=place, yOffset=offset, color=colour, tooltip=tooltip
    )
    return alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", **value), x2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=alt.X("value:Q", **value)),
    ).properties(width="container", height=46 * len(levels))
