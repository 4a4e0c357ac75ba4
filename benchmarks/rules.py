"""100 rules on a million made-up titles: Snorkel's applier (20,000, scaled) and wsal in turn.

python benchmarks/rules.py [--rows 1000000] [--long]
"""

import argparse
import contextlib
import io
import json
import re
import statistics
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from bench_rules import EXPRESSIONS, FUNCTIONS, plain
from record import in_child, peak_mib, row, show, timed
from titles import keyword_lists, records, regexes, titles

from wsal.commands.rules_watch import FileVotes, Pool, print_edit, votes_of_file
from wsal.labels import LabelSet
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.voting import vote_in_chunks

LABELS = LabelSet(tuple(f"c{i}" for i in range(10)))
SNORKEL_ROWS = 20_000


def patterns():
    """60 keyword lists of 10 words, 30 regexes."""
    words = {f"k{i}": Keyword(f"c{i % 10}", tuple(w)) for i, w in enumerate(keyword_lists())}
    return words | {f"r{i}": Regex(f"c{i % 10}", p) for i, p in enumerate(regexes())}


def snorkel_functions():
    """The same 100 rules as a user of Snorkel writes them."""
    from snorkel.labeling import LabelingFunction

    def finder(name, regex, label):
        compiled = re.compile(regex, re.IGNORECASE)
        return LabelingFunction(name, lambda x: label if compiled.search(x.text) else -1)

    found = [
        finder(f"k{i}", r"(?:^|\W)(?:" + "|".join(w) + r")(?:\W|$)", i % 10)
        for i, w in enumerate(keyword_lists())
    ]
    found += [finder(f"r{i}", p, i % 10) for i, p in enumerate(regexes())]
    for n in range(10):
        function = plain(n)
        found.append(
            LabelingFunction(
                f"f{n}", lambda x, function=function, n=n: n if function(x.text) else -1
            )
        )
    return found


def snorkel(texts):
    """Snorkel's votes and seconds."""
    import pandas as pd
    from snorkel.labeling import PandasLFApplier

    frame = pd.DataFrame({"text": texts.to_list()})
    applier = PandasLFApplier(snorkel_functions())
    return timed(lambda: applier.apply(frame, progress_bar=False))


def run(rules, n_rows, part=1_000_000):
    """Wsal's seconds for so many rows, made and voted on a million at a time; votes cast."""
    seconds, cast = 0.0, 0
    for first in range(0, n_rows, part):
        table = records(titles(min(part, n_rows - first), seed=first))
        for_table, spent = timed(lambda t=table: count(rules, t))
        seconds, cast = seconds + spent, cast + for_table
    return seconds, cast


def count(rules, table):
    """Compile, vote, and count the votes: they are held a chunk at a time."""
    chunks = vote_in_chunks(rules, table, LABELS)
    return sum(int(np.count_nonzero(voted.votes >= 0)) for voted in chunks)


def whole(rules, table):
    """The vote matrix."""
    return np.concatenate([voted.votes for voted in vote_in_chunks(rules, table, LABELS)])


def after_an_edit(n_rows=100_000):
    """Seconds from an edit of one of 100 rules in a file to the new table with the difference."""
    table = records(titles(n_rows)).with_columns(n_copies=pl.lit(1))
    pool = Pool(table, np.full(n_rows, -1), LABELS, n_rows)
    kinds = "wsal.rules.patterns."
    nodes = {
        f"k{i}": {"_target_": f"{kinds}Keyword", "label": f"c{i % 10}", "words": words}
        for i, words in enumerate(keyword_lists())
    }
    for i, pattern in enumerate(regexes()):
        node = {"_target_": f"{kinds}Regex", "label": f"c{i % 10}", "pattern": pattern}
        nodes[f"r{i}"] = node
    nodes |= {f"f{n}": {"_target_": f"bench_rules.function_{n}"} for n in range(10)}
    spent = []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:

        def write(some):
            Path(file.name).write_text(json.dumps(some))

        def see(before):
            with contextlib.redirect_stdout(io.StringIO()):
                found = votes_of_file(Path(file.name), pool, before, ["bench_rules"])
                print_edit(pool, before, found, Path(file.name))
            return found

        write(nodes)
        view = see(FileVotes({}, {}))
        for turn in range(5):
            edited = {**nodes["k0"], "words": [*nodes["k0"]["words"], nodes["k1"]["words"][turn]]}
            write(nodes | {"k0": edited})
            view, seconds = timed(lambda before=view: see(before))
            spent.append(seconds)
    return statistics.median(spent)


def main():
    """Measure, check, show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--long", action="store_true", help="ten times the rows as well")
    parser.add_argument("--child", help="one kind of rules, in a process of its own")
    options = parser.parse_args()
    kinds = {"functions": patterns() | FUNCTIONS, "expressions": patterns() | EXPRESSIONS}
    if options.child:
        seconds, cast = run(kinds[options.child], options.rows)
        print(json.dumps({"seconds": seconds, "cast": cast, "peak": peak_mib()}))
        return
    few = titles(SNORKEL_ROWS)
    theirs, spent = snorkel(few)
    for kind, rules in kinds.items():
        ours = whole(rules, records(few))
        if not (ours == theirs).all():
            differ = int((ours != theirs).sum())
            raise SystemExit(f"{kind}: {differ} of {ours.size} votes differ from Snorkel's")
    times = {"snorkel": [spent], "functions": [], "expressions": []}
    peaks = {}
    for turn in range(3):
        if turn:
            times["snorkel"].append(snorkel(few)[1])
        for kind in kinds:
            found = in_child("--child", kind, "--rows", str(options.rows))
            times[kind].append(found["seconds"])
            peaks[kind] = found["peak"]
    median = {kind: statistics.median(spent) for kind, spent in times.items()}
    scaled = round(median["snorkel"] * options.rows / SNORKEL_ROWS, 1)
    rows = []
    for kind in kinds:
        what = f"100 rules, {options.rows:,} titles, ten of the rules Python {kind}"
        note = f"Snorkel: {SNORKEL_ROWS:,} rows, scaled; votes identical there; n=3"
        rows.append(row(what, round(median[kind], 2), scaled, "snorkel PandasLFApplier", "s", note))
        rows.append(row(f"peak memory, {kind}", peaks[kind], None, "", "MiB", "bar: 1024"))
    if options.long:
        for kind in kinds:
            found = in_child("--child", kind, "--rows", str(options.rows * 10))
            ten = round(median[kind] * 10, 1)
            note = f"peak {found['peak']} MiB; peer is ten times the above; above 1: below linear"
            what = f"{options.rows * 10:,} titles, {kind}"
            rows.append(row(what, round(found["seconds"], 1), ten, "linear", "s", note))
    note = "bar: 2 s; n=5"
    edited = round(after_an_edit(), 2)
    what = "from an edit of one of 100 rules to the new table, 100,000 titles"
    rows.append(row(what, edited, None, "", "s", note))
    show("rules", rows, ["wsal", "snorkel", "polars", "pandas", "numpy"])


if __name__ == "__main__":
    main()
