"""Suggest rules as YAML to paste, each with the evidence for it as a comment.

They come from the names of the classes, from gold labels, from conflicts between rules, and from
mistakes of the classifier.

  wsal rules suggest shop > suggested.yaml
"""

import argparse
import sys
from collections.abc import Iterator
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
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.pipeline import folder, opened
from wsal.run.stage_table import STAGES
from wsal.same_rows import require_rows_of
from wsal.seeding import rng
from wsal.suggestion.proposals import to_yaml
from wsal.suggestion.suggest import LabelledSample, Suggestions, suggest

SAMPLE = 20_000  # texts without gold to read: enough for estimates, and read in seconds
LEAST_SHARE = 2_000  # by default an n-gram has to be in one of so many texts,
LEAST_TEXTS = 5  # and in so many at least


@dataclass(frozen=True)
class RunSample:
    """A sample of a run's pool, and where its gold labels are from."""

    texts: LabelledSample
    n_answered: int
    n_drawn: int
    """Gold labels drawn from those that came with the data."""
    n_source: int
    """Gold labels that came with the data."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal rules suggest`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    parser.add_argument(
        "--gold",
        type=int,
        default=100,
        metavar="N",
        help="use N of the gold labels that came with the data, drawn at random "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="the least estimated precision of an n-gram (default: %(default)s)",
    )
    parser.add_argument(
        "--least",
        type=int,
        default=None,
        metavar="N",
        help=f"the least number of texts with an n-gram (default: 1 in {LEAST_SHARE:,}, and at "
        f"least {LEAST_TEXTS})",
    )
    parser.add_argument("--seed", type=int, default=0, help="for drawing at random")


def run(options: argparse.Namespace) -> None:
    """Write the suggestions to standard output.

    Raises:
        ConfigError: an option is out of its range.
    """
    if not 0 < options.precision < 1:
        raise ConfigError(
            f"--precision is {options.precision}; expected a number between 0 and 1, as 0.9"
        )
    if options.gold < 0:
        raise ConfigError(f"--gold is {options.gold}; expected a whole number of 0 or more")
    if options.least is not None and options.least < 1:
        raise ConfigError(f"--least is {options.least}; expected a whole number of 1 or more")
    run_dir = run_folder(options.run)
    sample = gather(run_dir, options.gold, options.seed)
    n_texts = len(sample.texts.gold)
    least = max(LEAST_TEXTS, n_texts // LEAST_SHARE)
    if options.least is not None:
        least = max(1, round(options.least * n_texts / sample.texts.n_pool))
    suggestions = suggest(sample.texts, options.precision, least)
    lines = _lines(run_dir, sample, suggestions, options.precision)
    sys.stdout.write("\n".join(lines) + "\n")


def gather(run_dir: Path, n_gold: int, seed: int) -> RunSample:
    """A sample of the run's pool that contains every text whose gold label is known.

    `n_gold` of the gold labels that came with the data count as known, and all answers.
    """
    pool = Artifact.open(run_dir / STAGES["prepare"].writes)
    labels = LabelSet(tuple(pool.facts["labels"]))
    records = tables.read(pool.path / "pool.parquet")
    gold = np.full(len(records), ABSTAIN, dtype=np.int64)
    predicted = gold.copy()
    source = _source_gold(records, pool)
    drawn = rng(seed, "suggest gold").permutation(np.flatnonzero(source >= 0))[:n_gold]
    gold[drawn] = source[drawn]
    for annotations, query in _answered_rounds(run_dir):
        rows, classes = gold_answers(pool, [annotations])
        gold[rows] = classes
        queried = read_query(pool, query).filter(pl.col("predicted") >= 0)
        queried = queried.with_columns(row=rows_of(pool, queried["text"])).drop_nulls("row")
        answered = queried.filter(pl.col("row").is_in(rows))
        predicted[answered["row"].to_numpy()] = answered["predicted"].to_numpy()
    n_answered = int((predicted >= 0).sum())
    others = rng(seed, "suggest texts").permutation(np.flatnonzero(gold < 0))[:SAMPLE]
    rows = np.sort(np.concatenate([np.flatnonzero(gold >= 0), others]))
    votes, nodes = np.empty((len(rows), 0), dtype=np.int16), {}
    if voted := opened(run_dir, STAGES["vote"].writes):
        require_rows_of(pool, [voted])
        nodes = voted.manifest["config"]["rules"]["node"]
        columns = [column[rows] for column in tables.vote_columns(voted.path / "votes.parquet")]
        votes = np.column_stack([votes, *columns])
    texts = LabelledSample(
        records[rows], labels, gold[rows], predicted[rows], votes, nodes, len(records)
    )
    return RunSample(texts, n_answered, len(drawn), int((source >= 0).sum()))


def _answered_rounds(run_dir: Path) -> Iterator[tuple[Artifact, Artifact]]:
    """Annotations and query of each round that was answered."""
    number = 1
    while annotations := opened(run_dir, STAGES["annotate"].writes, number):
        yield annotations, Artifact.open(folder(run_dir, STAGES["select"].writes, number))
        number += 1


def _source_gold(records: pl.DataFrame, pool: Artifact) -> Classes:
    """The gold label that came with each record, `(records,)`; -1 where there is none."""
    gold = tables.read(pool.path / "gold.parquet", tables.GOLD)
    joined = records.select("id").join(gold, on="id", how="left", maintain_order="left")
    return joined["label"].fill_null(ABSTAIN).to_numpy().astype(np.int64)


def _lines(
    run_dir: Path, sample: RunSample, suggestions: Suggestions, precision: float
) -> Iterator[str]:
    texts = sample.texts
    yield f"# Suggested rules for {run_dir}, from {len(texts.gold):,} of its {texts.n_pool:,} texts"
    yield (
        f"# with {sample.n_drawn:,} of {sample.n_source:,} gold labels that came with the data, "
        f"{sample.n_answered:,} answers, and {len(texts.nodes)} rules so far."
    )
    yield "# The comment after each word: texts that contain it, estimated precision, gold labels."
    if suggestions.held_out is None:
        yield (
            "# The estimates are UNCHECKED and therefore too high: checking needs 30 gold labels."
        )
    else:
        yield (
            "# The estimates were corrected by cross-validation on gold labels, "
            f"{suggestions.held_out:.0%} of which were predicted correctly."
        )
    if suggestions.doubted:
        names = ", ".join(suggestions.doubted[:5])
        more = ", ..." if len(suggestions.doubted) > 5 else ""
        n = len(suggestions.doubted)
        yield f"# Gold labels contradict the names of {n} classes: {names}{more}."
    sections = (
        ("from class names", suggestions.names),
        ("n-grams, codes and units, for texts without a vote", suggestions.terms),
        ("from answers that corrected the classifier", suggestions.mistakes),
        ("changed rules: they replace the rules of the same name", suggestions.amended),
    )
    for title, proposals in sections:
        if proposals:
            yield f"\n# --- {title}\n"
            yield to_yaml(proposals)
    if not suggestions.terms:
        yield (
            f"\n# No n-gram with a precision of {precision:.2f} or more covers texts without a "
            f"vote;\n# the best n-gram of all has an estimated {suggestions.best:.2f}. "
            "Lower --precision, or get more gold labels."
        )
