"""Tables and plots of the money benchmark, from its lines.

python benchmarks/money_report.py [--lines FILE] [--labels FILE] [--plots FOLDER]

Random labels without rules, and rules with people where the rules are those of wsal's experiments,
are taken from the lines of the label benchmark where this benchmark has not measured them.
"""

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path

from money import PER_HOUR, RESULTS, SECONDS, WAYS
from record import row, show

FROM_LABELS = {
    ("random", "none"): "people, random labels",
    ("wsal_without_rules", "none"): "people, chosen labels",
    ("wsal", "present"): "rules + people",
}
AT = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)  # dollars
SHADES = ("#888888", "#2e8b57", "#b8860b", "#9370db", "#1f77b4", "#c0392b")
COLOURS = dict(zip(WAYS, SHADES, strict=True))
CASCADE = "rules + LLM + people"


def curves(lines, labels, price, metric):
    """(set, rules, way) -> the mean quality over seeds at each number of people's labels."""
    points = defaultdict(lambda: defaultdict(list))
    for line in lines:
        key = (line["set"], line["rules"], line["way"])
        for point in line["points"]:
            cost = point["people"] + point[f"llm_{price}"]
            points[key][point["n_people"]].append((cost, point[metric]))
    measured = set(points)
    for line in labels:
        way, rules = FROM_LABELS.get((line["way"], "none")), "none"
        if line["way"] == "wsal":
            way, rules = FROM_LABELS["wsal", "present"], "present"
        key = (line["set"], rules, way)
        if way and key not in measured:
            cost = line["n_gold"] * SECONDS / 3600 * PER_HOUR
            points[key][line["n_gold"]].append((cost, line[metric]))
    return {
        key: sorted(
            tuple(statistics.mean(values) for values in zip(*seeds, strict=True))
            for seeds in by_labels.values()
        )
        for key, by_labels in points.items()
    }


def at(curve, cost):
    """The quality of the last point that costs no more than this; None if there is none."""
    within = [quality for spent, quality in curve if spent <= cost + 1e-9]
    return within[-1] if within else None


def table(by_way, name, rules):
    """A line for each way: the quality at each cost."""
    ways = [way for way in WAYS if (name, rules, way) in by_way or (name, "none", way) in by_way]
    cells = {}
    for way in ways:
        curve = by_way.get((name, rules, way)) or by_way[name, "none", way]
        cells[way] = [at(curve, cost) for cost in AT]
    return cells


def show_table(cells, title):
    """Print a table as Markdown."""
    print(f"\n{title}\n\n| | " + " | ".join(f"${cost:g}" for cost in AT) + " |")
    print("|---|" + "---|" * len(AT))
    for way, values in cells.items():
        numbers = ["" if value is None else f"{value:.3f}" for value in values]
        print(f"| {way} | " + " | ".join(numbers) + " |")


def comparisons(cells, what):
    """The cascade beside every other way, at each cost."""
    return [
        row(f"{what} at ${cost:g}", round(ours, 4), round(other, 4), way, "", less_is_better=False)
        for way, values in cells.items()
        for cost, ours, other in zip(AT, cells.get(CASCADE, []), values, strict=False)
        if way != CASCADE and ours and other
    ]


def plot(by_way, name, rules, price, folder):
    """Macro-F1 against money."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "wsal"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for way in WAYS:
        curve = by_way.get((name, rules, way)) or by_way.get((name, "none", way))
        if curve:
            spent, quality = zip(*curve, strict=True)
            axes.plot(spent, quality, marker="o", label=way, color=COLOURS[way])
    axes.set_xlim(-0.5, 20.5)
    axes.set(xlabel=f"dollars, people and a {price} model", ylabel="macro-F1 on the test split")
    axes.set_title(f"{name}, {rules} rules")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / f"money-{name}-{rules}.svg", metadata={"Date": None})
    pyplot.close(figure)


def main():
    """Print the tables and the JSON line, and draw the plots."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=Path, default=RESULTS / "money.jsonl")
    parser.add_argument("--labels", type=Path, default=RESULTS / "labels.jsonl")
    parser.add_argument("--plots", type=Path, help="a folder; needs matplotlib")
    options = parser.parse_args()
    lines, labels = (
        [json.loads(line) for line in file.read_text().splitlines()]
        for file in (options.lines, options.labels)
    )
    pairs = sorted({(line["set"], line["rules"]) for line in lines if line["rules"] != "none"})
    rows = []
    for price in ("frontier", "small"):
        for metric in ("macro_f1", "accuracy"):
            by_way = curves(lines, labels, price, metric)
            for name, rules in pairs:
                cells = table(by_way, name, rules)
                show_table(cells, f"{name}, {rules} rules, {metric}, price of a {price} model")
                rows += comparisons(cells, f"{name}, {rules} rules, {metric}, {price} model")
    if options.plots:
        options.plots.mkdir(parents=True, exist_ok=True)
        by_way = curves(lines, labels, "frontier", "macro_f1")
        for name, rules in pairs:
            plot(by_way, name, rules, "frontier", options.plots)
    show("money", rows, ("wsal", "torch", "transformers"))


if __name__ == "__main__":
    main()
