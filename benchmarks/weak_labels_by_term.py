"""What it brings that each term of a rule votes for itself; how well weak labels are calibrated.

python benchmarks/weak_labels_by_term.py

On the blind rules in WSAL_DATA, and on published vote matrices, which have no terms. Up to 8,000
training texts of each set; gold of 100 of them, drawn three times, in the last columns.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
from label_sets import SETS, written_rules
from product_texts import DATA
from rich.console import Console
from rich.table import Table
from weak_sets import PUBLISHED, calibration_error, load

from wsal.label_models.auto import Auto
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.rounds.voters import Voters
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.voting import collect_by_term
from wsal.text import clean, clean_text

TEXTS, GOLD, DRAWS = 8_000, 100, 3
RESULTS = Path(__file__).parent / "results" / "weak_labels_by_term.json"


def blind(name):
    """The votes of the blind rules on training texts, the truth, and the number of classes."""
    source, written = SETS[name], written_rules(name)
    rows = pl.read_parquet(DATA / f"{source.file}.parquet").filter(pl.col("split") == "train")
    rows = rows.sample(fraction=1, shuffle=True, seed=0).head(TEXTS)
    rules = {
        f"words_{n}": Keyword(clean_text(c), tuple(words), unless=tuple(unless))
        for n, (c, words, unless) in enumerate(written["keywords"])
    }
    rules |= {
        f"pattern_{n}": Regex(clean_text(c), p) for n, (c, p) in enumerate(written["regexes"])
    }
    labels = LabelSet(tuple(sorted({rule.label for rule in rules.values()})))
    text = pl.concat_str([pl.col(c).fill_null("") for c in source.text], separator=" ")
    records = rows.select(text=text, label=pl.col(source.label).cast(pl.String))
    records = records.with_columns(text=clean(records["text"]), label=clean(records["label"]))
    records = records.filter(pl.col("label").is_in(labels.names))
    truth = np.array([labels.index(c) for c in records["label"]])
    records = records.with_row_index("id").with_columns(fields=pl.struct(none=pl.lit(0)))
    voted = collect_by_term(rules, records, labels)
    votes = Voters.of(voted.terms, len(rules)).with_terms(SparseVotes.of(voted.votes), voted.terms)
    return votes, truth, len(labels)


def published(name):
    """The votes of published rules, likewise."""
    weak_set = load(name)
    return SparseVotes.of(weak_set.votes), weak_set.truth, weak_set.n_classes


def measure(votes, truth, n_classes):
    """Accuracy and calibration error on covered texts."""
    covered, figures = votes.n_votes > 0, {}

    def score(name, by_term, gold=None):
        fitted = Auto(by_term=by_term).fit(votes, n_classes, gold=gold)
        unseen = covered if gold is None else covered & (gold < 0)
        probs, right = fitted.predict_proba(votes)[unseen].astype(float), truth[unseen]
        quality = ((probs.argmax(axis=1) == right).mean(), calibration_error(probs, right))
        figures.setdefault(name, []).append([float(q) for q in quality])

    score("whole", by_term=False)
    score("by term", by_term=True)
    for draw in range(DRAWS):
        known = np.random.default_rng(draw).permutation(len(truth))[:GOLD]
        gold = np.full(len(truth), -1)
        gold[known] = truth[known]
        score("by term, gold", by_term=True, gold=gold)
    return {name: np.mean(values, axis=0).round(4).tolist() for name, values in figures.items()}


def main():
    """Measure all sets; a table and the results as JSON."""
    sets = {f"{name}, blind": blind(name) for name in SETS}
    sets |= {f"{name}, published": published(name) for name in PUBLISHED}
    results = {name: measure(*votes) for name, votes in sets.items()}
    results["mean"] = {
        what: np.mean([figures[what] for figures in results.values()], axis=0).round(4).tolist()
        for what in ("whole", "by term", "by term, gold")
    }
    table = Table("set", *(f"{what}: {m}" for what in results["mean"] for m in ("accuracy", "ECE")))
    for name, figures in results.items():
        table.add_row(name, *(f"{value:.3f}" for pair in figures.values() for value in pair))
    Console(width=150).print(table)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
