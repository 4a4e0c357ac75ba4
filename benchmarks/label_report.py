"""Tables, plots and targets of the label-savings benchmark, from its lines.

python benchmarks/label_report.py [--lines FILE] [--before FILE] [--plots FOLDER]

`--before` has lines of an earlier version (`labels.py --out FILE` with that version's code).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from label_curves import RESULTS, curves, effects, needed, newest, read_lines
from label_targets import share_of_full, targets
from label_ways import PARTS, WSAL
from record import row, show

NAMES = {
    ("random", None): "random labels, plain fine-tuning",
    ("small_text_breaking_ties", None): "small-text, breaking ties",
    ("small_text_embedding_kmeans", None): "small-text, embedding k-means",
    ("linear_head", None): "random labels, linear head on MiniLM",
    ("setfit", None): "SetFit, random labels",
    ("fastfit", None): "FastFit, random labels",
    (WSAL, "none"): "wsal without rules",
    (WSAL, "names"): "wsal, class names",
    (WSAL, "present"): "wsal, present rules",
    (WSAL, "blind"): "wsal, blind rules",
}
FULL = ("full", None)
COLOURS = dict(
    zip(
        NAMES,
        ("#888888", "#b8860b", "#cd853f", "#8c564b", "#9370db", "#e377c2",
         "#2e8b57", "#1f77b4", "#c0392b", "#c0392b"),
        strict=True,
    )
)  # fmt: skip
DASHES = {(WSAL, "present"): (5, 2)}
"""Of the lines in plots, which are solid otherwise."""
COUNTS = (0, 50, 100, 150, 200, 300, 400, 500, 1_000, 2_000, 5_000, 10_000)
TICKS = {
    20: "none", 50: "50", 100: "100", 200: "200", 500: "500", 1000: "1k", 2000: "2k", 5000: "5k",
    10_000: "10k",
}  # fmt: skip
AT = (100, 200, 500)
METRICS = {"macro_f1": "macro-F1", "accuracy": "accuracy"}


def shown(ways):
    """The series of a set that there are, in the order of `NAMES`."""
    return [series for series in NAMES if series in ways]


def cell(curve, n):
    """The mean at `n` labels, half its interval over seeds, and its interval over test texts."""
    at = np.flatnonzero(curve.counts == n) if curve else []
    if not len(at):
        return ""
    mean, half, low, high = (
        values[at[0]] for values in (curve.means, curve.halves, curve.lows, curve.highs)
    )
    text = f"{mean:.3f}" + ("" if np.isnan(half) else f" ± {half:.3f}")
    return text + ("" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]")


def table(title, head, rows):
    """A table in Markdown."""
    print(f"\n{title}\n\n| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for cells in rows:
        print("| " + " | ".join(map(str, cells)) + " |")


def learning_curves(name, ways, metric):
    """All series of a set side by side."""
    head = [f"{NAMES[s]} (version {ways[s].versions}; {_seeds(ways[s])})" for s in shown(ways)]
    rows = [[n, *(cell(ways[s], n) for s in shown(ways))] for n in COUNTS]
    rows = [cells for cells in rows if any(cells[1:])]
    title = f"{name}: {METRICS[metric]}, mean over seeds ± half a 90% interval [over test texts]"
    if FULL in ways:
        full = ways[FULL]
        title += f". Full supervision ({full.counts[-1]:,} labels): {cell(full, full.counts[-1])}"
    table(title, ["labels", *head], rows)


def _seeds(curve):
    least, most = curve.n_seeds.min(), curve.n_seeds.max()
    if least < most:
        return f"{least} to {most} seeds"
    return "1 seed" if most == 1 else f"{most} seeds"


def details(name, found):
    """Each series of wsal: time of people, quality, rare classes, and the rules alone."""
    metrics = ("annotator_seconds", "rules_seconds", "macro_f1", "accuracy", "rare_f1",
               "rules_macro_f1", "rules_accuracy", "rules_rare_f1")  # fmt: skip
    for series in (s for s in NAMES if s[0] == WSAL and s in found["macro_f1"].get(name, {})):
        answers, rules, *quality = (found[m].get(name, {}).get(series) for m in metrics)
        rows = []
        for n in (n for n in COUNTS if quality[0].at(n) is not None):
            seconds = answers.at(n) if answers else None
            total = f"{seconds + (rules.at(n) if rules else 0):.0f}" if seconds is not None else ""
            rows.append([n, total, *(cell(curve, n) for curve in quality)])
        head = ["labels", "seconds of people" + ("" if rules else ", without writing the rules"),
                "macro-F1", "accuracy", "mean F1 of rare classes", "rules alone: macro-F1",
                "accuracy", "rare classes"]  # fmt: skip
        table(f"{name}: {NAMES[series]}", head, rows)


def savings(name, ways, metric):
    """Labels that each peer needs for the quality that wsal has at 100, 200 and 500 labels."""
    for series in (s for s in shown(ways) if s[0] == WSAL and s[1] != "none"):
        for peer in (s for s in shown(ways) if s[0] != WSAL):
            for n in (n for n in AT if ways[series].at(n) is not None):
                level, theirs = ways[series].at(n), ways[peer]
                labels, most = needed(theirs, level), int(theirs.counts[-1])
                if labels is None and most <= n:
                    continue  # it was not tried with more labels than wsal had
                note = f"{metric} {level:.3f}; {_seeds(ways[series])}, and {_seeds(theirs)}"
                if labels is None:
                    note += f"; not reached with {most}, where it has {theirs.means[-1]:.3f}"
                what = f"{name}: labels to reach {NAMES[series]} at {n}"
                yield row(what, n, round(labels or most), NAMES[peer],
                          "labels" if labels else "labels, at least", note)  # fmt: skip


def shares(found):
    """How much of full supervision wsal reaches."""
    rows = [
        [name, NAMES[s], *(_percent(share_of_full(ways, s, n)) for n in AT)]
        for name, ways in found.items() for s in shown(ways) if s[0] == WSAL and FULL in ways
    ]  # fmt: skip
    if rows:
        table("Share of full supervision's macro-F1", ["set", "", *map(str, AT)], rows)


def _percent(share):
    return "" if share is None else f"{share:.1%}"


def compared(found, before):
    """Points of macro-F1 gained over an earlier version."""
    rows = []
    for name, ways in found.items():
        for series in (s for s in shown(ways) if s[0] == WSAL and s in before.get(name, {})):
            ours, earlier = ways[series], before[name][series]
            pairs = [(ours.at(n), earlier.at(n)) for n in (0, 50, *AT)]
            gains = ["" if None in p else f"{100 * (p[0] - p[1]):+.1f}" for p in pairs]
            versions = f"{ours.versions} ({_seeds(ours)}), {earlier.versions} ({_seeds(earlier)})"
            rows.append([name, NAMES[series], versions, *gains])
    if rows:
        head = ["set", "", "versions", "0", "50", *map(str, AT)]
        table("Points of macro-F1 gained over the earlier version, by labels", head, rows)


def ablations(lines, metric, rules):
    """What each changed part does, on all sets."""
    found = {part: effects(lines, part, rules, metric) for part in PARTS}
    names = sorted({name for by_set in found.values() for name in by_set})
    rows = [
        [part, *(f"{by_set[n]:+.3f}" if n in by_set else "" for n in names),
         f"{np.mean(list(by_set.values())):+.3f}"]
        for part, by_set in found.items() if by_set
    ]  # fmt: skip
    if rows:
        title = f"{METRICS[metric]} of a changed part less that of wsal, {rules} rules, same labels"
        table(title + " and seeds", ["changed", *names, "mean"], rows)


def plot(name, ways, metric, folder):
    """One learning-curve plot as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "wsal"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for series in shown(ways):
        curve, colour = ways[series], COLOURS[series]
        at = np.maximum(curve.counts, 20)  # no gold labels: drawn at the left edge
        width, dashes = 2.2 if series[0] == WSAL else 1.3, DASHES.get(series, (None, None))
        axes.plot(at, curve.means, color=colour, label=NAMES[series], linewidth=width,
                  dashes=dashes, marker="." if len(at) == 1 else None)  # fmt: skip
        low, high = curve.means - curve.halves, curve.means + curve.halves
        axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
    if FULL in ways:
        axes.axhline(ways[FULL].means[-1], color="black", linestyle=":", linewidth=1,
                     label="full supervision")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks([*TICKS], [*TICKS.values()])
    axes.minorticks_off()
    axes.set_xlabel("gold labels")
    axes.set_ylabel(METRICS[metric] + " on test")
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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=Path, default=RESULTS / "labels.jsonl")
    parser.add_argument("--before", type=Path, help="lines of an earlier version")
    parser.add_argument("--plots", type=Path, default=RESULTS / "plots")
    options = parser.parse_args()
    lines = newest(read_lines(options.lines))
    before = newest(read_lines(options.before)) if options.before else []
    found = {
        metric: curves(lines, metric)
        for metric in (*METRICS, "rare_f1", "rules_macro_f1", "rules_accuracy", "rules_rare_f1",
                       "annotator_seconds", "rules_seconds")
    }  # fmt: skip
    rows = []
    for metric in METRICS:
        for name, ways in found[metric].items():
            learning_curves(name, ways, metric)
            plot(name, ways, metric, options.plots)
            rows += savings(name, ways, metric)
    for name in found["macro_f1"]:
        details(name, found)
    earlier = curves(before, "macro_f1")
    shares(found["macro_f1"])
    compared(found["macro_f1"], earlier)
    for metric in METRICS:
        for rules in ("blind", "present"):
            ablations(lines, metric, rules)
    rules = (found["rules_macro_f1"], found["rules_rare_f1"])
    weak_file = RESULTS / "weak_labels_by_term.json"
    verdicts = targets(found["macro_f1"], found["rare_f1"], rules, earlier, weak_file)
    table("Targets", ["target", "", "measured"], verdicts)
    record = {"savings": rows, "targets": verdicts}
    options.lines.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    made = sorted({f"{line['card']}, torch {line['torch']}" for line in lines})
    show("labels", rows, ["transformers"], "runs made on: " + "; ".join(made))


if __name__ == "__main__":
    main()
