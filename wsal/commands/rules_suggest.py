"""`wsal rules suggest`: from what a run holds to rules to paste."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import gold_answers, read_query, rows_of
from wsal.arrays import ABSTAIN, Classes
from wsal.artifacts import Artifact
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.run.loop import opened
from wsal.run.pipeline import STAGES, folder
from wsal.same_rows import require_rows_of
from wsal.seeding import rng
from wsal.suggestion.proposals import Proposal, to_yaml
from wsal.suggestion.suggest import LabelledSample, Suggestions, suggest

SAMPLE = 20_000  # texts of the pool to look at, besides those with gold


@dataclass(frozen=True)
class Found:
    """What a run knows, and where its gold is from."""

    known: LabelledSample
    n_answered: int
    n_drawn: int
    n_source: int
    """Texts of the pool that the source has gold for."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    drawn = "draw N of the gold labels the source brought (default 100)"
    parser.add_argument("--gold", type=int, default=100, metavar="N", help=drawn)
    share = "least estimated precision of an n-gram (default 0.9)"
    parser.add_argument("--precision", type=float, default=0.9, help=share)
    texts = "least texts of an n-gram (default: 1 in 2,000, 5 or more)"
    parser.add_argument("--least", type=int, default=None, metavar="N", help=texts)
    parser.add_argument("--seed", type=int, default=0, help="of the draws")


def print_suggestions(run_dir: Path, options: argparse.Namespace) -> None:
    """Write YAML to standard output; what it rests on, as comments."""
    if not 0 < options.precision < 1:
        raise ConfigError(f"--precision is {options.precision}; expected a share, as 0.9")
    if options.gold < 0 or (options.least is not None and options.least < 1):
        raise ConfigError("--gold is a number from 0 up, --least one from 1 up")
    found = gather(run_dir, options.gold, options.seed)
    n = len(found.known.gold)
    least = max(5, n // 2000)
    if options.least is not None:
        least = max(1, round(options.least * n / found.known.n_pool))
    made = suggest(found.known, options.precision, least)
    sys.stdout.write("\n".join(_lines(run_dir, found, made, options.precision)) + "\n")


def gather(run_dir: Path, n_gold: int, seed: int) -> Found:
    """What the run knows of a sample of its pool; texts with gold are always in it."""
    pool = Artifact.open(run_dir / STAGES["prepare"].writes)
    labels = LabelSet(tuple(pool.facts["labels"]))
    records = tables.read(pool.path / "pool.parquet")
    gold = np.full(len(records), ABSTAIN, dtype=np.int64)
    predicted = gold.copy()
    source = _aligned(records, tables.read(pool.path / "gold.parquet", tables.GOLD), "label")
    drawn = rng(seed, "suggest gold").permutation(np.flatnonzero(source >= 0))[:n_gold]
    gold[drawn] = source[drawn]
    for annotations, query in _rounds(run_dir):
        rows, classes = gold_answers(pool, [annotations])
        gold[rows] = classes
        thought = read_query(pool, query).filter(pl.col("predicted") >= 0)
        thought = thought.with_columns(row=rows_of(pool, thought["text"])).drop_nulls("row")
        asked = thought.filter(pl.col("row").is_in(rows))
        predicted[asked["row"].to_numpy()] = asked["predicted"].to_numpy()
    n_answered = int((predicted >= 0).sum())
    others = rng(seed, "suggest texts").permutation(np.flatnonzero(gold < 0))[:SAMPLE]
    rows = np.sort(np.concatenate([np.flatnonzero(gold >= 0), others]))
    votes, nodes = np.empty((len(rows), 0), dtype=np.int16), {}
    if voted := opened(run_dir, STAGES["vote"].writes):
        require_rows_of(pool, [voted])
        nodes = voted.manifest["config"]["rules"]["node"]
        columns = [one[rows] for one in tables.vote_columns(voted.path / "votes.parquet")]
        votes = np.column_stack([votes, *columns])
    known = LabelledSample(
        records[rows], labels, gold[rows], predicted[rows], votes, nodes, len(records)
    )
    return Found(known, n_answered, len(drawn), int((source >= 0).sum()))


def _rounds(run_dir: Path) -> Iterator[tuple[Artifact, Artifact]]:
    """Annotations and query of each round that was answered."""
    number = 1
    while annotations := opened(run_dir, STAGES["annotate"].writes, number):
        yield annotations, Artifact.open(folder(run_dir, STAGES["select"].writes, number))
        number += 1


def _aligned(records: pl.DataFrame, table: pl.DataFrame, name: str) -> Classes:
    """A column of a table as classes of the records, by id; -1 where it has none."""
    joined = records.select("id").join(table, on="id", how="left", maintain_order="left")
    return joined[name].fill_null(ABSTAIN).to_numpy().astype(np.int64)


def _lines(run_dir: Path, found: Found, made: Suggestions, precision: float) -> Iterator[str]:
    known = found.known
    n_read, n_rules = len(known.gold), len(known.nodes)
    yield f"# Suggested for {run_dir}: {n_read:,} of its {known.n_pool:,} texts were read;"
    yield (
        f"# {found.n_drawn:,} gold labels drawn of {found.n_source:,} that the source brought, "
        f"{found.n_answered:,} answered; {n_rules} rules so far."
    )
    yield "# For each word: texts it is in, estimated precision, and what gold says of them."
    if made.held_out is None:
        yield "# These estimates are UNCHECKED, and so too high: checking takes 30 gold labels."
    else:
        yield (
            "# The estimates were corrected by gold kept back in turn; "
            f"{made.held_out:.0%} of it were guessed right."
        )
    if made.doubted:
        some = ", ".join(made.doubted[:5]) + (", ..." if len(made.doubted) > 5 else "")
        yield f"# By gold, the names of {len(made.doubted)} classes mislead: {some}."
    sections: Sequence[tuple[str, list[Proposal]]] = (
        ("class names", made.names),
        ("n-grams, codes and units, for texts without a vote", made.terms),
        ("what the model got wrong and people put right", made.mistakes),
        ("amended: these replace the rules of the same names", made.amended),
    )
    for title, proposals in sections:
        if proposals:
            yield f"\n# --- {title}\n"
            yield to_yaml(proposals)
    if not made.terms:
        yield (
            f"\n# No n-gram of {precision:.2f} or more covers texts without a vote; the best of "
            f"all seems to have {made.best:.2f}. Lower --precision, or give more gold labels."
        )
