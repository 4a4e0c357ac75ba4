"""Watch a file of rules: after each edit, show the table of rules and what the edit changed.

Only rules that changed vote again, so an edit takes well under a second. Nothing is saved: to use
the rules in a run, name the file with `rules=NAME`.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.table import Table

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Embeddings, Vote
from wsal.components import Components
from wsal.config.composed import rules_in
from wsal.errors import MissingArtifactError, WsalError
from wsal.labels import LabelSet
from wsal.members import members_of
from wsal.multilabel import refuse
from wsal.rules import analysis
from wsal.rules.voting import collect_votes
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.pipeline import required
from wsal.run.vote_report import console, rules_table
from wsal.seeding import random_rows, rng

INTERVAL = 0.1  # seconds between two looks at the file
SHOWN = 3  # examples of texts gained, lost, changed


@dataclass(frozen=True)
class Embedder:
    """Embeds each text once, so that an edit of a rule's example texts embeds only those."""

    vectors: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    """Encoder -> text -> `(dims,)`."""

    def __call__(
        self, texts: Sequence[str], encoder: str, *, learned_from: Sequence[str] | None = None
    ) -> Embeddings:
        """Unit vectors `(texts, dims)` by the encoder at this path."""
        from wsal.classifier.text_embedding import embed_texts  # noqa: PLC0415  torch takes seconds

        known = self.vectors.setdefault(encoder, {})
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, embed_texts(new, encoder, learned_from), strict=True))
        return np.stack([known[text] for text in texts])


@dataclass(frozen=True)
class Pool:
    """Texts to try rules on, with the gold labels that came with the data."""

    records: pl.DataFrame
    gold: Classes
    labels: LabelSet
    n: int
    """Texts of the whole pool."""
    embed: Embedder = field(default_factory=Embedder)


@dataclass(frozen=True)
class FileVotes:
    """Votes `(texts,)` and configuration of each rule of a file, by the rule's name."""

    votes: Mapping[str, Vote]
    nodes: Mapping[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal rules watch`."""
    parser.add_argument("file", type=Path, help="the YAML file of rules to watch")
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    texts = "try the rules on N texts of the pool, drawn at random (default: %(default)s)"
    parser.add_argument("--texts", type=int, default=100_000, metavar="N", help=texts)
    trusted = "a module of your own with rules; may be given several times"
    parser.add_argument("--trusted", action="append", default=[], metavar="MODULE", help=trusted)
    parser.add_argument("--once", action="store_true", help="print the table once and exit")


def run(options: argparse.Namespace) -> None:
    """Print the table of rules, and again after each edit, until interrupted.

    Raises:
        MissingArtifactError: the file does not exist, or the run has no pool.
        WsalError: with `--once`, the file is wrong. Otherwise this is printed, and it goes on.
    """
    file = options.file
    if not file.exists():
        raise MissingArtifactError(f"{file} not found; name the file of rules to watch")
    pool = open_pool(run_folder(options.run), options.texts)
    before = FileVotes({}, {})
    with suppress(KeyboardInterrupt):  # the only way it ends
        for started in [time.perf_counter()] if options.once else _edits(file):
            try:
                now = votes_of_file(file, pool, before, options.trusted)
            except WsalError as error:
                if options.once:
                    raise
                console().print(f"error: {error}", style="red", markup=False, highlight=False)
                continue
            print_edit(pool, before, now, file)
            wait = "" if options.once else "; waiting for the next edit (Ctrl-C to stop)"
            console().print(f"{time.perf_counter() - started:.2f} s{wait}", highlight=False)
            before = now


def open_pool(run_dir: Path, most: int) -> Pool:
    """At most `most` texts of the run's pool."""
    pool = required(run_dir, "prepare")
    refuse(pool.facts, "`wsal rules watch`")
    path, n = pool.path / "pool.parquet", int(pool.facts["n_pool"])
    records = tables.take(path, np.sort(random_rows(n, most, rng(0, "watch"))))
    ids, gold = records.lazy().select("id"), tables.scan(pool.path / "gold.parquet")
    labels = ids.join(gold, on="id", how="left", maintain_order="left").collect()["label"]
    classes = labels.fill_null(ABSTAIN).to_numpy().astype(np.int64)
    return Pool(records, classes, LabelSet.of_configuration(pool.facts), n)


def votes_of_file(file: Path, pool: Pool, before: FileVotes, trusted: list[str]) -> FileVotes:
    """Votes of the rules in the file; those of unchanged rules are taken from `before`.

    Raises:
        ConfigError: the file is not a file of rules, or a rule cannot be built.
        RuleError: a rule names a class or a field that the data does not have.
    """
    rules, configured = rules_in(file, trusted)
    by_name = {str(name): node for name, node in configured.items()}
    nodes = {
        name: Components({"rule": rule}, {"rule": by_name[name]}).config("rule")
        for name, rule in rules.items()
    }
    changed = {name: rule for name, rule in rules.items() if before.nodes.get(name) != nodes[name]}
    columns = collect_votes(changed, pool.records, pool.labels, pool.embed)
    fresh = dict(zip(changed, columns.T, strict=True))
    votes = {name: fresh[name] if name in fresh else before.votes[name] for name in rules}
    return FileVotes(votes, nodes)


def print_edit(pool: Pool, before: FileVotes, now: FileVotes, file: Path) -> None:
    """Print the table of all rules, and what the edit changed."""
    n, names = len(pool.records), list(now.votes)
    votes = np.empty((n, len(names)), dtype=np.int16, order="F")
    for j, column in enumerate(now.votes.values()):
        votes[:, j] = column
    report = analysis.summarise(votes, pool.gold, names, pool.labels)
    copies = pool.records["n_copies"].to_numpy()
    shares = analysis.overall(votes, copies, members_of(pool.labels))
    of_all = "" if n == pool.n else f" of {pool.n:,}"
    title = f"{file}: {len(names)} rules on {n:,}{of_all} texts"
    last = ["all", "", *(f"{shares[key]:.4f}" for key in ("coverage", "overlap", "conflict"))]
    console().print(rules_table(report, title, last))
    if not before.nodes:
        return
    edits = list(changes(before, now, n))
    if not edits:
        console().print("no vote changed")
        return
    console().print(_changes_table(edits, pool))
    for change in edits:
        for line in _examples(change, pool):
            console().print(line, markup=False, highlight=False)


@dataclass(frozen=True)
class Change:
    """A rule whose votes an edit changed; arrays are `(texts,)`."""

    rule: str
    kind: str
    """new, edited or removed."""
    before: Vote
    now: Vote

    def rows(self) -> dict[str, np.ndarray]:
        """The texts on which the rule votes only now, no longer, or for another class."""
        voted, votes = self.before != ABSTAIN, self.now != ABSTAIN
        return {
            "gained": np.flatnonzero(~voted & votes),
            "lost": np.flatnonzero(voted & ~votes),
            "changed": np.flatnonzero(voted & votes & (self.before != self.now)),
        }


def changes(before: FileVotes, now: FileVotes, n: int) -> Iterator[Change]:
    """Rules that are new, removed, or vote differently than before."""
    none = np.full(n, ABSTAIN, dtype=np.int16)
    for name in dict.fromkeys([*before.votes, *now.votes]):
        old, new = before.votes.get(name, none), now.votes.get(name, none)
        if name not in before.votes:
            yield Change(name, "new", old, new)
        elif name not in now.votes:
            yield Change(name, "removed", old, new)
        elif not np.array_equal(old, new):
            yield Change(name, "edited", old, new)


def _changes_table(edits: Sequence[Change], pool: Pool) -> Table:
    table = Table(title="changed by this edit", title_justify="left")
    for head in ("rule", ""):
        table.add_column(head, overflow="fold")
    for head in ("votes before", "now", "gained", "lost", "changed", "right before", "now"):
        table.add_column(head, justify="right")
    for change in edits:
        counts = [(votes != ABSTAIN).sum() for votes in (change.before, change.now)]
        counts += [len(rows) for rows in change.rows().values()]
        accuracies = [
            analysis.accuracy_of(v, pool.gold, pool.labels) for v in (change.before, change.now)
        ]
        table.add_row(change.rule, change.kind, *(f"{n:,}" for n in counts), *accuracies)
    return table


def _examples(change: Change, pool: Pool) -> Iterator[str]:
    """A few of the texts whose vote changed, a line for each."""
    names = pool.labels.answers
    for kind, rows in change.rows().items():
        for row in rng(0, "watch", change.rule, kind).permutation(rows)[:SHOWN]:
            votes = [names[v] for v in (change.before[row], change.now[row]) if v != ABSTAIN]
            gold = names[pool.gold[row]] if pool.gold[row] != ABSTAIN else votes[-1]
            text = pool.records["text"][int(row)]
            text += f"  (gold: {gold})" if gold != votes[-1] else ""
            yield f"  {kind} {change.rule} {' -> '.join(votes)}: {text}"


def _edits(file: Path) -> Iterator[float]:
    """The time now, and then whenever the file has been written again."""
    seen: tuple[int, ...] | None = None
    while True:
        noticed = time.perf_counter()
        try:
            stat = file.stat()
            state: tuple[int, ...] | None = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:  # for a moment, while an editor replaces it
            state = seen
        if state != seen:
            seen = state
            yield noticed
        else:
            time.sleep(INTERVAL)
