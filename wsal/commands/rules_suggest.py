"""Suggest rules as YAML to paste, each with the evidence for it as a comment.

They come from the names of the classes, from gold labels, from conflicts between rules, and from
mistakes of the classifier; with --llm also from the run's language model.

  wsal rules suggest shop > suggested.yaml
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import gold_answers, read_query, rows_of
from wsal.arrays import ABSTAIN, Rows
from wsal.artifacts import Artifact
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.llm.asking import LLM
from wsal.llm.pool_texts import texts_to_send
from wsal.llm.settings import CACHE_FILE, LLMSettings
from wsal.members import for_classes
from wsal.rounds.pool_gold import gold_of_pool
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.llm_of_run import llm_of_run
from wsal.run.multilabel_checks import refuse_run
from wsal.run.pipeline import opened, required
from wsal.run.stage_table import STAGES
from wsal.same_rows import require_rows_of
from wsal.seeding import rng
from wsal.shards import read_array
from wsal.suggestion.report import RunSample, suggested_lines
from wsal.suggestion.rule_prompts import SOME_TEXTS, KnownOfClasses, confusions, example_texts
from wsal.suggestion.suggest import LabelledSample, suggest
from wsal.suggestion.written import report, write_rules

SAMPLE = 20_000  # texts without gold to read: enough for estimates, and read in seconds
LEAST_SHARE = 2_000  # by default an n-gram has to be in one of so many texts,
LEAST_TEXTS = 5  # and in so many at least
REPLY_TOKENS = 4_000  # of a language model's rules for a few classes


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
    parser.add_argument(
        "--llm",
        action="store_true",
        help="let the run's language model write rules, too (the settings `llm` of the run); names "
        "of classes and some texts are sent to it",
    )


def run(options: argparse.Namespace) -> None:
    """Write the suggestions to standard output.

    Raises:
        ConfigError: an option is out of its range, or the run has no language model.
        LLMError: the language model cannot be reached, or fails.
        UnknownNameError: `llm.fields` names a field that the data does not have.
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
    refuse_run(run_dir, "`wsal rules suggest`")
    settings = llm_of_run(run_dir) if options.llm else None
    sample = gather(run_dir, options.gold, options.seed)
    n_texts = len(sample.texts.gold)
    least = max(LEAST_TEXTS, n_texts // LEAST_SHARE)
    if options.least is not None:
        least = max(1, round(options.least * n_texts / sample.texts.n_pool))
    suggestions = suggest(sample.texts, options.precision, least)
    lines = [*suggested_lines(run_dir, sample, suggestions, options.precision)]
    if settings:
        tokens = max(settings.max_tokens, REPLY_TOKENS)
        llm = LLM(replace(settings, samples=1, max_tokens=tokens), run_dir / CACHE_FILE)
        known = _shown_to_llm(run_dir, sample, settings, options.seed)
        written = write_rules(llm, known, sample.texts, suggestions, options.precision)
        lines += report(written, sample.texts, options.precision)
    sys.stdout.write("\n".join(lines) + "\n")


def _shown_to_llm(
    run_dir: Path, sample: RunSample, settings: LLMSettings, seed: int
) -> KnownOfClasses:
    """What is sent: names of classes, guidelines, texts (only the fields allowed), confusions."""
    texts = sample.texts
    pool = required(run_dir, "prepare")
    shown = [text or "" for text in texts_to_send(pool, sample.rows, settings)]
    some = rng(seed, "texts for rules").permutation(len(shown))[:SOME_TEXTS]
    probs = _class_probs(run_dir, pool, sample.rows)
    return KnownOfClasses(
        labels=texts.labels,
        descriptions=settings.descriptions(),
        texts=example_texts(shown, texts.gold, probs, len(texts.labels)),
        some_texts=[shown[int(row)] for row in some],
        confusions=confusions(texts.gold, texts.predicted),
    )


def _class_probs(run_dir: Path, pool: Artifact, rows: Rows) -> np.ndarray | None:
    """Probabilities `(rows, classes)` from the classifier or, without one, weak labels.

    Zero for texts without a vote, None if there is neither.
    """
    if embedded := opened(run_dir, STAGES["embed"].writes):
        require_rows_of(pool, [embedded])
        probs = read_array(embedded.path / "probs.npy")
        return np.asarray(probs[rows], dtype=np.float32)
    if weak := opened(run_dir, STAGES["aggregate"].writes):
        require_rows_of(pool, [weak])
        table = tables.take(weak.path / "weak_labels.parquet", rows)
        return np.where(table["n_votes"].to_numpy()[:, None] > 0, table["probs"].to_numpy(), 0)
    return None


def gather(run_dir: Path, n_gold: int, seed: int) -> RunSample:
    """A sample of the run's pool that contains every text whose gold label is known.

    `n_gold` of the gold labels that came with the data count as known, and all answers.
    """
    pool = required(run_dir, "prepare")
    labels = LabelSet.of_pool(pool.facts)
    source = np.concatenate([*gold_of_pool(pool.path)])
    source[source >= len(labels)] = ABSTAIN  # parents
    gold = np.full(len(source), ABSTAIN, dtype=np.int64)
    predicted = gold.copy()
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
        votes = for_classes(np.column_stack([votes, *columns]), len(labels))
    records = tables.take(pool.path / "pool.parquet", rows)
    texts = LabelledSample(records, labels, gold[rows], predicted[rows], votes, nodes, len(source))
    return RunSample(texts, n_answered, len(drawn), int((source >= 0).sum()), rows)


def _answered_rounds(run_dir: Path) -> Iterator[tuple[Artifact, Artifact]]:
    """Annotations and query of each round that was answered."""
    number = 1
    while annotations := opened(run_dir, STAGES["annotate"].writes, number):
        yield annotations, required(run_dir, "select", number)
        number += 1
