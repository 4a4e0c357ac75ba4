"""Tables and plots of the label-savings benchmark, from its lines.

python benchmarks/label_report.py [--lines FILE] [--plots FOLDER]
"""

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
from labels import PARTS, RESULTS, read_lines
from record import row, show

NAMES = {
    "random": "random labels, plain fine-tuning",
    "small_text_breaking_ties": "small-text, breaking ties",
    "small_text_embedding_kmeans": "small-text, embedding k-means",
    "setfit": "SetFit, random labels",
    "wsal_without_rules": "wsal without rules",
    "wsal": "wsal",
}
COLOURS = {
    "random": "#888888",
    "small_text_breaking_ties": "#b8860b",
    "small_text_embedding_kmeans": "#cd853f",
    "setfit": "#9370db",
    "wsal_without_rules": "#2e8b57",
    "wsal": "#c0392b",
}
TICKS = {
    20: "none", 50: "50", 100: "100", 200: "200", 500: "500", 1000: "1k", 2000: "2k", 5000: "5k",
}  # fmt: skip
AT = (100, 200, 500)
PARTS_AT = (0, 50, 100, 200, 500)
METRICS = ("macro_f1", "accuracy")
Z = 1.645  # half a 90% interval of a mean, in standard errors


def curves(lines, metric):
    """By set and way: counts, means over seeds, their standard errors, number of seeds."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for one in lines:
        found[one["set"]][one["way"]][one["n_gold"]][one["seed"]] = one[metric]
    return {
        name: {way: _curve(points) for way, points in ways.items()} for name, ways in found.items()
    }


def _curve(points):
    counts = sorted(points)
    values = [list(points[n].values()) for n in counts]
    errors = [statistics.stdev(v) / len(v) ** 0.5 if len(v) > 1 else np.nan for v in values]
    means = [statistics.mean(v) for v in values]
    return np.array(counts), np.array(means), np.array(errors), len(values[0])


def needed(curve, level):
    """Labels at which a curve first reaches a level, between points by log(n); None if never."""
    counts, means = curve[0], np.maximum.accumulate(curve[1])
    if level <= means[0]:
        return float(counts[0])
    if level > means[-1]:
        return None
    after = int(np.searchsorted(means, level))
    share = (level - means[after - 1]) / (means[after] - means[after - 1])
    low, high = np.log(np.maximum(counts[[after - 1, after]], 1))
    return float(np.exp(low + share * (high - low)))


def area(curve, most=500):
    """Mean of the metric over 0 to 500 labels; before the first point it is taken to be 0."""
    counts, means = np.concatenate([[0], curve[0]]), np.concatenate([[0.0], curve[1]])
    if curve[0][0] == 0:
        counts, means = curve[0], curve[1]
    grid = np.linspace(0, most, 501)
    return float(np.interp(grid, counts, means).mean())


def savings(ways, metric, name):
    """Labels that each peer needs for the quality that wsal has at 100, 200 and 500 labels."""
    ours = ways["wsal"]
    for way in (w for w in NAMES if w in ways and w != "wsal"):
        for n in AT:
            if n not in ours[0]:
                continue
            level = float(ours[1][ours[0] == n][0])
            labels = needed(ways[way], level)
            most = int(ways[way][0][-1])
            if labels is None and most <= n:
                continue  # it was not tried with more labels than wsal had
            note = f"{metric} {level:.3f}; seeds {ours[3]} and {ways[way][3]}"
            if labels is None:
                note += f"; not reached with {most}, where it has {ways[way][1][-1]:.3f}"
            yield row(f"{name}: labels to reach what wsal has at {n}", n, round(labels or most),
                      NAMES[way], "labels" if labels else "labels, at least", note)  # fmt: skip


def table(ways, metric, name):
    """The learning curves in print."""
    print(f"\n{name}: {metric}, mean over seeds, and half a 90% interval")
    counts = sorted({int(n) for curve in ways.values() for n in curve[0]})
    print("| labels | " + " | ".join(NAMES[w] for w in NAMES if w in ways) + " |")
    print("|" + "---|" * (1 + sum(w in ways for w in NAMES)))
    for n in counts:
        cells = [_cell(ways[w], n) for w in NAMES if w in ways]
        print(f"| {n} | " + " | ".join(cells) + " |")
    areas = [f"{area(ways[w]):.3f}" for w in NAMES if w in ways]
    print("| area, 0 to 500 | " + " | ".join(areas) + " |")


def _cell(curve, n):
    at = np.flatnonzero(curve[0] == n)
    if not len(at):
        return ""
    half = Z * curve[2][at[0]]  # one seed alone has no interval
    return f"{curve[1][at[0]]:.3f}" + ("" if np.isnan(half) else f" ± {half:.3f}")


def parts(lines, metric, name):
    """The effect of each changed part: differences from wsal with the same seed and labels."""
    found = defaultdict(dict)
    for one in lines:
        found[one["way"]][one["seed"], one["n_gold"]] = one[metric]
    changed = [way for way in PARTS if way in found]
    if not changed:
        return
    print(f"\n{name}: {metric}, less that of wsal with the same seed")
    print("| changed | seeds | " + " | ".join(map(str, PARTS_AT)) + " | mean | of labels |")
    print("|" + "---|" * (5 + len(PARTS_AT)))
    for way in changed:
        less = {key: value - found["wsal"][key] for key, value in found[way].items()}
        counts = sorted({n for _, n in less})
        means = [statistics.mean([v for (_, m), v in less.items() if m == n]) for n in counts]
        at = dict(zip(counts, means, strict=True))
        cells = [f"{at[n]:+.3f}" if n in at else "" for n in PARTS_AT]
        cells += [f"{statistics.mean(means):+.3f}", f"0 to {counts[-1]}"]
        print(f"| {way} | {len({seed for seed, _ in less})} | " + " | ".join(cells) + " |")


def plot(ways, metric, name, folder):
    """One learning-curve plot as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "wsal"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for way in (w for w in NAMES if w in ways):
        counts, means, errors, _ = ways[way]
        if way == "wsal":  # its round 0 is trained on weak labels alone
            axes.axhline(means[0], color=COLOURS[way], linestyle=":", linewidth=1)
        shown = np.maximum(counts, 20)  # no gold labels: drawn at the left edge
        colour, width = COLOURS[way], 2.2 if way == "wsal" else 1.3
        axes.plot(shown, means, color=colour, label=NAMES[way], linewidth=width)
        low, high = means - Z * errors, means + Z * errors
        axes.fill_between(shown, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks([*TICKS], [*TICKS.values()])
    axes.minorticks_off()
    axes.set_xlabel("gold labels")
    axes.set_ylabel({"macro_f1": "macro-F1", "accuracy": "accuracy"}[metric] + " on test")
    axes.set_title(name, loc="left")
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}_{metric}.svg", metadata={"Date": None})
    pyplot.close(figure)


def main():
    """Print and draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=Path, default=RESULTS / "labels.jsonl")
    parser.add_argument("--plots", type=Path, default=RESULTS / "plots")
    options = parser.parse_args()
    lines, rows = read_lines(options.lines), []
    for metric in METRICS:
        for name, ways in curves(lines, metric).items():
            table(ways, metric, name)
            parts([one for one in lines if one["set"] == name], metric, name)
            if len(ways) > 1:
                plot(ways, metric, name, options.plots)
            if "wsal" in ways:
                rows += savings(ways, metric, name)
    (options.lines.with_name("labels.json")).write_text(json.dumps(rows, indent=1) + "\n")
    made = sorted({f"{one['card']}, torch {one['torch']}" for one in lines})
    show("labels", rows, ["wsal", "transformers"], "runs made on: " + "; ".join(made))


if __name__ == "__main__":
    main()
