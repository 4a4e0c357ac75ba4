"""Let every rule vote on every text, and report on the rules."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wsal import schemas, tables
from wsal.arrays import Votes
from wsal.artifacts import Artifact, Facts, Previous
from wsal.data.row_keys import keep_keys
from wsal.errors import TableError
from wsal.labels import LabelSet
from wsal.launch.shards import work_on_shards
from wsal.members import members_of
from wsal.multilabel import is_multilabel
from wsal.rounds.multilabel_votes import report_on_sets
from wsal.rounds.rule_report import SCHEMAS, report_tables
from wsal.rounds.shard_votes import COUNTS_FILE, RARE_FILE, REPORTED, REPORTED_FILE, VoteWork
from wsal.rounds.vote_counts import TERM_COUNTS, counts_by_voter, summed, voters_of
from wsal.rounds.vote_tables import VOTERS_FILE, parts_of, votes_file
from wsal.rules import analysis
from wsal.rules.base import Rule, named_classes, naming
from wsal.rules.functions import FunctionRule
from wsal.rules.terms import term_names
from wsal.rules.voting import check_rules
from wsal.settings import LauncherSettings
from wsal.shards import shard_files

REPORTED_VOTES = 2**27  # the most votes that the report uses; beyond it, an even sample


def vote(
    out: Path,
    *,
    pool: Artifact,
    rules: Mapping[str, Rule],
    seed: int,
    launcher: LauncherSettings,
    previous: Previous | None = None,
) -> Facts:
    """pool.parquet (and dev, test) -> votes.parquet and terms.parquet alike, rules.parquet, ...

    The report is made on the pool, and its accuracies by whatever gold the source has for it.
    Votes and terms of rules that have not changed are taken from `previous`, for records that it
    has, too.
    """
    labels = LabelSet.of_configuration(pool.facts)
    names, of_terms = tuple(rules), term_names(rules)
    previous = previous if previous and _is_usable(previous.artifact, pool) else None
    unchanged = previous.unchanged & rules.keys() if previous else frozenset()
    n_texts = tables.n_rows(pool.path / "pool.parquet")
    step = max(-(-n_texts * max(len(rules), 1) // REPORTED_VOTES), 1)
    changed = {name: rule for name, rule in rules.items() if name not in unchanged}
    check_rules(changed, tables.scan(pool.path / "pool.parquet").head(0).collect(), labels)

    def work_on(split: str) -> list[Facts]:
        sizes = tables.rows_of_shards(pool.path / f"{split}.parquet")
        earlier = previous.artifact.path if previous else None
        work = VoteWork(
            pool.path,
            split,
            rules,
            unchanged,
            tuple(map(bool, of_terms)),
            labels,
            earlier,
            step if split == "pool" else None,
        )
        done = work_on_shards(work, sizes, out, f"vote on {split}", launcher)
        _check_failures(rules, done)
        keep_keys(pool.path, out, "record_keys", split)
        return done

    for split in ("dev", "test"):
        if (pool.path / f"{split}.parquet").exists():
            work_on(split)
    on_pool = work_on("pool")
    _check_gold(pool, on_pool)
    counts = summed(tables.read(file, TERM_COUNTS) for file in shard_files(out / COUNTS_FILE))
    voters = voters_of(counts, len(names))
    of_voters = counts_by_voter(voters, counts, out / RARE_FILE)
    table = voters.table(of_voters, names, of_terms, labels)
    tables.write(table, out / VOTERS_FILE, schemas.VOTERS)
    votes, shown = _sample(out, step), tables.read(out / REPORTED_FILE, REPORTED)
    gold = shown["label"].to_numpy().astype(np.int64)
    for name, table in report_tables(votes, gold, shown, list(names), labels, seed).items():
        tables.write(table, out / f"{name}.parquet", SCHEMAS[name])
    if is_multilabel(pool.facts):
        report_on_sets(out, pool, labels)
    for name in (COUNTS_FILE, RARE_FILE, REPORTED_FILE):
        for file in shard_files(out / name):
            file.unlink()
    earlier = previous.artifact.facts.get("abstaining", []) if previous else []
    abstaining = _abstaining(rules, labels, on_pool, {*earlier} & unchanged)
    facts: Facts = {"n_rules": len(names), "n_texts": n_texts, "n_reported": len(votes)}
    if abstaining:
        facts["abstaining"] = abstaining
    facts |= analysis.overall(votes, shown["n_copies"].to_numpy(), members_of(labels))
    return facts | ({"conflict": 0.0} if is_multilabel(pool.facts) else {})


def _is_usable(earlier: Artifact, pool: Artifact) -> bool:
    """Whether votes may be taken over: rules read the names of classes, also where these are new.

    Nor are votes that were made before they had terms.
    """
    same = earlier.facts.get("edits") == pool.facts.get("edits")
    return same and (earlier.path / VOTERS_FILE).exists()


def _abstaining(
    rules: Mapping[str, Rule], labels: LabelSet, done: Sequence[Facts], earlier: set[str]
) -> list[str]:
    """The rules that name a class that was removed, in settings or in answers of functions.

    `earlier` are those of unchanged rules: their functions are called for new records only.
    """
    removed = {name for name, present in labels.configured.items() if present is None}
    of_functions = earlier.union(*(facts["removed"] for facts in done))
    return [n for n, rule in rules.items() if n in of_functions or named_classes(rule) & removed]


def _sample(out: Path, step: int) -> Votes:
    """The votes on every `step`-th text of the pool, `(texts, rules)`."""
    path = out / votes_file("pool")
    names, n_texts = tables.rule_names(path), tables.n_rows(path)
    votes = np.empty((-(-n_texts // step), len(names)), dtype=np.int16, order="F")
    sizes = tables.rows_of_shards(path)
    firsts = np.cumsum([0, *sizes]).tolist()
    for part in parts_of(sizes) if names else ():
        first = firsts[part.shard] + part.first
        chunk = tables.take_part(shard_files(path)[part.shard], part.rows, names)
        sample = chunk[-first % step :].gather_every(step)
        start = -(-first // step)
        votes[start : start + len(sample)] = sample.to_numpy()
    return votes


def _check_failures(rules: Mapping[str, Rule], done: Sequence[Facts]) -> None:
    """Check the failures of functions, counted over all shards together."""
    for name, rule in rules.items():
        if isinstance(rule, FunctionRule):
            with naming(name):
                rule.check_failures([each for of in done for each in of["failures"].get(name, [])])


def _check_gold(pool: Artifact, done: Sequence[Facts]) -> None:
    """Check that each gold label belongs to a text of its shard."""
    path = pool.path / "gold.parquet"
    n_gold, n_known = tables.n_rows(path), sum(facts["n_gold"] for facts in done)
    if len(shard_files(path)) > 1 and n_gold != n_known and not is_multilabel(pool.facts):
        raise TableError(
            f"{path}: {n_gold:,} labels in {len(shard_files(path))} files, of which {n_known:,} "
            "are of texts in the pool's file with the same number; rerun `wsal prepare`"
        )
