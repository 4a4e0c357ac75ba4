"""Tables of the query strategy benchmark, from its lines."""

import json

import numpy as np
from record import mean_and_half, row

REFERENCES = ("random", "margin", "dbal")


def read_lines(file):
    """The points measured so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def key_of(line):
    """Which learning curve a point is of."""
    return line["set"], line["setting"], line["strategy"], line["seed"]


def means_of(lines):
    """Mean macro-F1 over the rounds by learning curve."""
    curves = {}
    for line in lines:
        curves.setdefault(key_of(line), []).append(line["macro_f1"])
    return {key: float(np.mean(values)) for key, values in curves.items()}


def differences(means, name, setting, strategy, reference):
    """What a strategy has more than another with the same seed, one number a seed."""
    own = {key[2:]: mean for key, mean in means.items() if key[:2] == (name, setting)}
    return [
        mean - own[reference, seed]
        for (label, seed), mean in own.items()
        if label == strategy and (reference, seed) in own
    ]


def seconds_of(lines, name, setting, strategy):
    """Mean seconds of a query in the least disturbed of the curves."""
    seconds = {}
    for line in lines:
        if key_of(line)[:3] == (name, setting, strategy):
            seconds.setdefault(line["seed"], []).append(line["query_seconds"])
    return min(float(np.mean(values)) for values in seconds.values())


def compare(lines):
    """Each strategy beside random, margin and DBAL with the same seed."""
    means = means_of(lines)
    for name, setting, strategy in sorted({key[:3] for key in means}):
        values = [m for key, m in means.items() if key[:3] == (name, setting, strategy)]
        random = [m for key, m in means.items() if key[:3] == (name, setting, "random")]
        notes = [f"{seconds_of(lines, name, setting, strategy):.2f} s a query"]
        for reference in REFERENCES:
            less = differences(means, name, setting, strategy, reference)
            if less and reference != strategy:
                notes.append("{:+.3f} ± {:.3f} on {}".format(*mean_and_half(less), reference))
        yield row(f"{name} {setting}: {strategy}", round(float(np.mean(values)), 4),
                  round(float(np.mean(random)), 4) if random else None, "random", "macro-F1",
                  "; ".join(notes), less_is_better=False)  # fmt: skip


def print_table(lines):
    """Macro-F1 above random for each strategy and setting, as a table in Markdown."""
    means = means_of(lines)
    settings = sorted({key[:2] for key in means}, key=lambda key: (key[1] != "with rules", key[0]))
    print("| strategy | " + " | ".join(" ".join(key) for key in settings) + " | s a query |")
    print("|" + "---|" * (len(settings) + 2))
    for strategy in sorted({key[2] for key in means}):
        cells = []
        for key in settings:
            more = differences(means, *key, strategy, "random")
            cells.append("{:+.3f} ± {:.3f}".format(*mean_and_half(more)) if more else "")
        seconds = [seconds_of(lines, *k, strategy) for k in settings if (*k, strategy, 0) in means]
        cells.append(f"{max(seconds):.2f}" if seconds else "")
        print(f"| {strategy} | " + " | ".join(cells) + " |")
