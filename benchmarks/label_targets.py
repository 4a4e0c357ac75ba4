"""What the label-savings benchmark has to show, and whether it does."""

import json
import statistics

from label_curves import PEERS, saving, steepest_fall
from label_sets import SETS
from label_ways import WSAL

BLIND, NAMES, NO_RULES = ((WSAL, rules) for rules in ("blind", "names", "none"))
RANDOM, FULL = ("random", None), ("full", None)
TOLERANCE, SEEDS = 1e-9, 3


def targets(macro, rare, rules, before, weak_file):
    """`(target, verdict, what was measured)` for each target.

    Args:
        macro: curves of macro-F1, by set and series.
        rare: likewise, mean F1 of rare classes.
        rules: likewise, of the rules alone: a pair of macro-F1 and rare F1.
        before: curves of macro-F1 of an earlier version.
        weak_file: results of `weak_labels_by_term.py`.
    """
    return [
        _gained(macro, before),
        _saved(macro),
        _full(macro),
        _without_rules(macro),
        _never_falls(macro),
        _not_below("macro-F1", macro, rules[0]),
        _not_below("mean F1 of rare classes", rare, rules[1]),
        _names(macro),
        *_calibrated(weak_file),
        ("a press of a key to the next text, 99th percentile: at most 100 ms", "not measured",
         "see make bench-annotation"),
        ("make run: weak training above the rules alone", "not measured", "see make run"),
    ]  # fmt: skip


def _gained(macro, before, n=200, least=4.0):
    pairs = {
        name: (ways[BLIND].at(n), before.get(name, {}).get(BLIND))
        for name, ways in macro.items() if BLIND in ways
    }  # fmt: skip
    gains = {
        name: 100 * (ours - earlier.at(n))
        for name, (ours, earlier) in pairs.items()
        if ours is not None and earlier is not None and earlier.at(n) is not None
    }
    return _mean(f"blind rules, {n} labels: {least:g} points above before", gains, least, "+.1f")


def _saved(macro, n=200, least=10.0):
    found = {name: saving(w.get(BLIND), w.get(RANDOM), n) for name, w in macro.items()}
    ratios = {name: pair[0] for name, pair in found.items() if pair}
    target = f"blind rules, {n} labels: {least:g} times fewer than random"
    _, verdict, detail = _mean(target, ratios, least, ".1f")
    if ratios:
        detail += f"; geometric mean {statistics.geometric_mean(ratios.values()):.1f}"
        beyond = [name for name, pair in found.items() if pair and not pair[1]]
        detail += f"; at least, on {', '.join(beyond)}" if beyond else ""
    return target, verdict, detail


def _mean(target, values, least, form):
    if not values:
        return target, "not measured", ""
    mean = statistics.mean(values.values())
    detail = ", ".join(f"{name} {value:{form}}" for name, value in values.items())
    verdict = _verdict(mean >= least - TOLERANCE, len(values) < len(SETS))
    return target, verdict, f"mean {mean:{form}} of {len(values)} of {len(SETS)} sets ({detail})"


def _verdict(good, partial):
    """`partial`: not all of it was measured."""
    return ("met so far" if partial else "met") if good else "missed"


def _full(macro, n=500, least=0.95, names=("pricerunner", "fashion", "banking77")):
    shares = {name: share_of_full(macro.get(name, {}), BLIND, n) for name in names}
    results = {
        name: (share >= least, f"{share:.1%}") for name, share in shares.items() if share
    }  # fmt: skip
    target = f"blind rules, {n} labels: {least:.0%} of full supervision"
    return _all(target, results, partial=len(results) < len(names))


def share_of_full(ways, series, n):
    """Macro-F1 at `n` labels by that of full supervision; None if either was not measured."""
    ours = ways[series].at(n) if series in ways else None
    return ours / float(ways[FULL].means[-1]) if ours is not None and FULL in ways else None


def _without_rules(macro, counts=(50, 100, 200, 500)):
    results = {}
    for name, ways in macro.items():
        if NO_RULES in ways:
            results |= _beside_peers(name, ways, counts)
    partial = len(results) < len(counts) * len(SETS)
    return _all("without rules: never below the best peer", results, partial=partial)


def _beside_peers(name, ways, counts):
    results = {}
    for n in counts:
        peers = {way: c.at(n) for (way, _), c in ways.items() if way in PEERS and way != "full"}
        peers = {way: value for way, value in peers.items() if value is not None}
        ours = ways[NO_RULES].at(n)
        if peers and ours is not None:
            best = max(peers, key=peers.get)
            results[f"{name} at {n}"] = (
                ours >= peers[best] - TOLERANCE, f"{ours:.3f} ({best} {peers[best]:.3f})"
            )  # fmt: skip
    return results


def _never_falls(macro, most=0.01):
    falls = {
        f"{name}, {rules}": steepest_fall(curve)
        for name, ways in macro.items() for (way, rules), curve in ways.items()
        if way == WSAL
    }  # fmt: skip
    results = {
        what: (fall <= most + TOLERANCE, f"{fall:.3f} at {n}") for what, (fall, n) in falls.items()
    }
    target = f"macro-F1 never falls by more than {most} from round to round, mean of {SEEDS} seeds"
    return _all(target, results, partial=_is_partial(macro))


def _not_below(what, ours, rules):
    results = {}
    for name, ways in ours.items():
        for series, curve in ways.items():
            alone = rules.get(name, {}).get(series)
            if series[0] != WSAL or alone is None:
                continue
            gaps = [(curve.at(n) - alone.at(n), n) for n in alone.counts if curve.at(n) is not None]
            if gaps:
                gap, n = min(gaps)
                results[f"{name}, {series[1]}"] = (gap >= -TOLERANCE, f"{gap:+.3f} at {n}")
    return _all(f"{what} never below the rules alone", results, partial=_is_partial(ours))


def _names(macro, least=3):
    target = f"class names, no labels: random at 200 reached on {least} sets"
    pairs = {
        name: (ways[NAMES].at(0), ways[RANDOM].at(200))
        for name, ways in macro.items() if NAMES in ways and RANDOM in ways
    }  # fmt: skip
    pairs = {name: pair for name, pair in pairs.items() if None not in pair}
    if not pairs:
        return target, "not measured", ""
    reached = sum(ours >= theirs for ours, theirs in pairs.values())
    detail = ", ".join(f"{name} {a:.3f} (random {b:.3f})" for name, (a, b) in pairs.items())
    verdict = "met" if reached >= least else "missed"
    if verdict == "missed" and len(pairs) < len(SETS):
        verdict = "missed so far"
    return target, verdict, f"{reached} of {len(pairs)}: {detail}"


def _calibrated(file):
    mean = json.loads(file.read_text()).get("mean", {}) if file.exists() else {}
    for what, name, most in (("no", "by term", 0.10), ("100", "by term, gold", 0.06)):
        target = f"weak labels, {what} gold labels: calibration error at most {most}"
        if name in mean:
            error = mean[name][1]
            yield target, "met" if error <= most else "missed", f"{error:.3f} ({file.name})"
        else:
            yield target, "not measured", ""


def _is_partial(macro):
    """Whether a set or a seed of wsal with blind rules is missing."""
    measured = [ways[BLIND] for ways in macro.values() if BLIND in ways]
    return len(measured) < len(SETS) or any(min(curve.n_seeds) < SEEDS for curve in measured)


def _all(target, results, *, partial):
    if not results:
        return target, "not measured", ""
    failed = {what: detail for what, (good, detail) in results.items() if not good}
    shown = failed or {what: detail for what, (_, detail) in results.items()}
    listed = "; ".join(f"{what}: {detail}" for what, detail in shown.items())
    counted = f"{len(results) - len(failed)} of {len(results)} hold; "
    return target, _verdict(not failed, partial), counted + listed
