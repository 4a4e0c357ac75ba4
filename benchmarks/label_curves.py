"""Learning curves from the lines of the label-savings benchmark, and what they say."""

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_ways import WSAL
from packaging.version import Version
from record import mean_and_half

RESULTS = Path(__file__).parent / "results"
PEERS = (
    "random", "full", "small_text_breaking_ties", "small_text_embedding_kmeans", "linear_head",
    "setfit", "fastfit",
)  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """A metric at several numbers of labels, in ascending order."""

    counts: np.ndarray
    means: np.ndarray
    """Over seeds."""
    halves: np.ndarray
    """Half a 90% interval of the mean over seeds, by Student's t; NaN for one seed."""
    lows: np.ndarray
    """Ends of a 90% interval over test texts, mean over seeds; NaN where a line has none."""
    highs: np.ndarray
    n_seeds: np.ndarray
    versions: str
    """Of wsal, which also trains most peers."""

    def at(self, n):
        """The mean at so many labels; None if it was not measured."""
        where = np.flatnonzero(self.counts == n)
        return float(self.means[where[0]]) if len(where) else None


def read_lines(file):
    """The points measured so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def newest(lines):
    """The lines that count: of the newest version.

    A way of wsal is taken from one version as a whole, so that its rounds and seeds are comparable.
    A point of a peer is taken from the newest version that has it. Old lines name no rules: they
    are of the present ones. Lines with further overrides (`--extra`) are left out.
    """
    chosen, kept = {}, defaultdict(list)
    for line in (line for line in lines if not line.get("extra")):
        named = line if line["way"] in PEERS else {"rules": "present"} | line
        key = tuple(named.get(k) for k in ("set", "way", "rules"))
        if line["way"] in PEERS:
            key += (line["seed"], line["n_gold"])
        kept[key, line["wsal"]].append(named)
        if key not in chosen or Version(line["wsal"]) >= Version(chosen[key]):
            chosen[key] = line["wsal"]
    return [line for key, version in chosen.items() for line in kept[key, version]]


def curves(lines, metric):
    """By set and series, `(way, rules)`: a `Curve`."""
    found = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line.get(metric) is not None:
            found[line["set"]][line["way"], line.get("rules")].append(line)
    return {
        name: {series: _curve(points, metric) for series, points in ways.items()}
        for name, ways in found.items()
    }


def _curve(lines, metric):
    by_count = defaultdict(dict)
    for line in lines:
        by_count[line["n_gold"]][line["seed"]] = line
    counts = sorted(by_count)
    points = [list(by_count[n].values()) for n in counts]
    means, halves = zip(*(mean_and_half([p[metric] for p in some]) for some in points), strict=True)
    nothing = [np.nan, np.nan]
    ends = [
        np.mean([p.get(f"{metric}_interval") or nothing for p in some], axis=0) for some in points
    ]
    versions = sorted({line["wsal"] for line in lines}, key=Version)
    return Curve(
        np.array(counts), np.array(means), np.array(halves), *np.array(ends).T,
        np.array([len(some) for some in points]), " and ".join(versions),
    )  # fmt: skip


def needed(curve, level):
    """Labels at which a curve first reaches a level, between points by log(n); None if never."""
    counts, means = curve.counts, np.maximum.accumulate(curve.means)
    if level <= means[0]:
        return float(counts[0])
    if level > means[-1]:
        return None
    after = int(np.searchsorted(means, level))
    share = (level - means[after - 1]) / (means[after] - means[after - 1])
    low, high = np.log(np.maximum(counts[[after - 1, after]], 1))
    return float(np.exp(low + share * (high - low)))


def saving(ours, peer, n):
    """How many times `n` labels a peer needs for what ours has at `n`, and whether it got there.

    None where one of them was not measured. If the peer did not get there, it is the most it had.
    """
    level = ours.at(n) if ours else None
    if level is None or peer is None:
        return None
    labels = needed(peer, level)
    return (labels or float(peer.counts[-1])) / n, labels is not None


def steepest_fall(curve):
    """By how much the mean falls most from one point to the next, and at how many labels."""
    falls = curve.means[:-1] - curve.means[1:]
    if not len(falls):
        return 0.0, int(curve.counts[0])
    worst = int(falls.argmax())
    return max(0.0, float(falls[worst])), int(curve.counts[worst + 1])


def effects(lines, part, rules, metric):
    """By set: metric of a changed part less that of wsal, mean over common seeds and labels.

    Only lines of the same version are compared.
    """
    found = defaultdict(dict)
    for line in lines:
        if line["way"] in (WSAL, part) and line.get("rules") == rules:
            key = (line["set"], line["seed"], line["n_gold"], line["wsal"])
            if line.get(metric) is not None:
                found[key][line["way"]] = line[metric]
    differences = defaultdict(list)
    for (name, *_), ways in found.items():
        if len(ways) == 2:
            differences[name].append(ways[part] - ways[WSAL])
    return {name: statistics.mean(values) for name, values in differences.items()}
