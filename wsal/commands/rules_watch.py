"""`wsal rules watch`: after each edit of a file of rules, the new table and what changed."""

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
from wsal.artifacts import Artifact
from wsal.components import Components
from wsal.config.composed import rules_in
from wsal.errors import MissingArtifactError, WsalError
from wsal.labels import LabelSet
from wsal.rules import analysis
from wsal.rules.voting import collect_votes
from wsal.run.pipeline import STAGES
from wsal.run.vote_report import console, rules_table
from wsal.seeding import rng

LOOK = 0.1  # seconds between two looks at the file
SHOWN = 3  # texts shown of those gained, lost, flipped


@dataclass(frozen=True)
class Embedder:
    """Makes embeddings, each text's once: an edit of a rule's own texts embeds only those."""

    vectors: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    """Encoder -> text -> `(dims,)`."""

    def __call__(self, texts: Sequence[str], encoder: str) -> Embeddings:
        """`(texts, dims)` unit vectors by the encoder at this path."""
        from wsal.classifier.text_embedding import embed_texts  # noqa: PLC0415  torch, for those who need it

        known = self.vectors.setdefault(encoder, {})
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, embed_texts(new, encoder), strict=True))
        return np.stack([known[text] for text in texts])


@dataclass(frozen=True)
class Pool:
    """Texts to try rules on, with the gold that the source has for them."""

    records: pl.DataFrame
    gold: Classes
    labels: LabelSet
    n: int
    """Texts of the whole pool."""
    embed: Embedder = field(default_factory=Embedder)


@dataclass(frozen=True)
class View:
    """What the rules of a file say of the pool: votes `(texts,)` and node by name."""

    votes: Mapping[str, Vote]
    nodes: Mapping[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("file", type=Path, help="the YAML file of rules that is edited")
    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    texts = "try rules on N texts of the pool, drawn at random (default 100000)"
    parser.add_argument("--texts", type=int, default=100_000, metavar="N", help=texts)
    trusted = "a module of your own whose functions may be called; can be given again"
    parser.add_argument("--trusted", action="append", default=[], metavar="MODULE", help=trusted)
    parser.add_argument("--once", action="store_true", help="show the table, and wait for no edit")


def watch(run_dir: Path, options: argparse.Namespace) -> None:
    """Show the table of rules, then after each edit the new one, until interrupted."""
    if not options.file.exists():
        raise MissingArtifactError(f"{options.file} not found; name the file of rules to watch")
    pool = open_pool(run_dir, options.texts)
    view = View({}, {})
    with suppress(KeyboardInterrupt):  # the way it ends
        for begun in [time.perf_counter()] if options.once else _edits(options.file):
            try:
                new = look(options.file, pool, view, options.trusted)
            except WsalError as error:
                if options.once:
                    raise
                console().print(f"error: {error}", style="red", markup=False, highlight=False)
                continue
            show(pool, view, new, options.file, begun, ends=options.once)
            view = new


def open_pool(run_dir: Path, most: int) -> Pool:
    """At most `most` texts of the run's pool."""
    pool = Artifact.open(run_dir / STAGES["prepare"].writes)
    records = tables.read(pool.path / "pool.parquet")
    n = len(records)
    if n > most:
        records = records[np.sort(rng(0, "watch").permutation(n)[:most])]
    gold = tables.read(pool.path / "gold.parquet", tables.GOLD)
    known = records.select("id").join(gold, on="id", how="left", maintain_order="left")["label"]
    classes = known.fill_null(ABSTAIN).to_numpy().astype(np.int64)
    return Pool(records, classes, LabelSet(tuple(pool.facts["labels"])), n)


def look(file: Path, pool: Pool, before: View, trusted: list[str]) -> View:
    """What the file's rules say now; votes of rules that did not change are taken over."""
    rules, given = rules_in(file, trusted)
    named = {str(name): node for name, node in given.items()}
    nodes = {
        n: Components({"rule": one}, {"rule": named[n]}).config("rule") for n, one in rules.items()
    }
    changed = {n: one for n, one in rules.items() if before.nodes.get(n) != nodes[n]}
    voted = collect_votes(changed, pool.records, pool.labels, pool.embed)
    fresh = dict(zip(changed, voted.T, strict=True))
    return View({n: fresh[n] if n in fresh else before.votes[n] for n in rules}, nodes)


def show(
    pool: Pool, before: View, now: View, file: Path, begun: float, *, ends: bool = False
) -> None:
    """Print the table of all rules, what the edit changed, and how long it took."""
    n, names = len(pool.records), list(now.votes)
    votes = np.empty((n, len(names)), dtype=np.int16, order="F")
    for j, column in enumerate(now.votes.values()):
        votes[:, j] = column
    report = analysis.summarise(votes, pool.gold, names, pool.labels)
    shares = analysis.overall(votes, pool.records["n_copies"].to_numpy())
    some = "" if n == pool.n else f" of {pool.n:,}"
    title = f"{file}: {len(names)} rules on {n:,}{some} texts"
    last = ["all", "", *(f"{shares[k]:.4f}" for k in ("coverage", "overlap", "conflict"))]
    console().print(rules_table(report, title, last))
    found = list(changes(before, now, n)) if before.nodes else []
    if before.nodes and not found:
        console().print("no vote changed")
    if found:
        console().print(_changes_table(found, pool))
    for one in found:
        for line in _examples(one, pool):
            console().print(line, markup=False, highlight=False)
    took = time.perf_counter() - begun
    told = "" if ends else "; waiting for the next edit (Ctrl-C ends)"
    console().print(f"{took:.2f} s{told}", highlight=False)


@dataclass(frozen=True)
class Change:
    """What an edit did to a rule's votes; arrays are `(texts,)`."""

    rule: str
    what: str
    before: Vote
    now: Vote

    def rows(self) -> dict[str, np.ndarray]:
        """Which texts it gained, lost, and votes otherwise on."""
        voted, votes = self.before != ABSTAIN, self.now != ABSTAIN
        return {
            "gained": np.flatnonzero(~voted & votes),
            "lost": np.flatnonzero(voted & ~votes),
            "flipped": np.flatnonzero(voted & votes & (self.before != self.now)),
        }


def changes(before: View, now: View, n: int) -> Iterator[Change]:
    """Rules that are new, gone, or vote otherwise than before."""
    none = np.full(n, ABSTAIN, dtype=np.int16)
    for name in dict.fromkeys([*before.votes, *now.votes]):
        old, new = before.votes.get(name, none), now.votes.get(name, none)
        if name not in before.votes:
            yield Change(name, "new", old, new)
        elif name not in now.votes:
            yield Change(name, "gone", old, new)
        elif not np.array_equal(old, new):
            yield Change(name, "edited", old, new)


def _changes_table(found: list[Change], pool: Pool) -> Table:
    table = Table(title="changed by this edit", title_justify="left")
    for head in ("rule", ""):
        table.add_column(head, overflow="fold")
    for head in ("votes before", "now", "gained", "lost", "flipped", "right before", "now"):
        table.add_column(head, justify="right")
    for one in found:
        counts = [(votes != ABSTAIN).sum() for votes in (one.before, one.now)]
        counts += [len(rows) for rows in one.rows().values()]
        right = [_right(votes, pool.gold) for votes in (one.before, one.now)]
        table.add_row(one.rule, one.what, *(f"{count:,}" for count in counts), *right)
    return table


def _right(votes: Vote, gold: Classes) -> str:
    judged = (votes != ABSTAIN) & (gold != ABSTAIN)
    return f"{(votes[judged] == gold[judged]).mean():.3f}" if judged.any() else ""


def _examples(one: Change, pool: Pool) -> Iterator[str]:
    """Some of the texts that the rule gained, lost, or votes otherwise on."""
    for kind, rows in one.rows().items():
        for row in rng(0, "watch", one.rule, kind).permutation(rows)[:SHOWN]:
            said = [pool.labels.names[v[row]] for v in (one.before, one.now) if v[row] != ABSTAIN]
            gold = pool.gold[row]
            wrong = gold != ABSTAIN and pool.labels.names[gold] != said[-1]
            verdict = f"  (gold: {pool.labels.names[gold]})" if wrong else ""
            text = pool.records["text"][int(row)]
            yield f"  {kind} {one.rule} {' -> '.join(said)}: {text}{verdict}"


def _edits(file: Path) -> Iterator[float]:
    """The time at once, and then whenever the file is written anew."""
    seen: tuple[int, ...] | None = None
    while True:
        begun = time.perf_counter()
        try:
            stat = file.stat()
            state: tuple[int, ...] | None = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:  # editors replace it
            state = seen
        if state != seen:
            seen = state
            yield begun
        else:
            time.sleep(LOOK)
