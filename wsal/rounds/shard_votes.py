"""The work of the vote stage on a shard: let rules vote, and count for the reports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import tee
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.artifacts import Facts
from wsal.data.batches import first_file
from wsal.digests import MANIFEST
from wsal.json_files import read_json_object
from wsal.labels import LabelSet
from wsal.launch.memory import give_back
from wsal.launch.sealing import Shard, WorkOnShard
from wsal.members import members_of
from wsal.rounds.earlier import Earlier, RowsBefore
from wsal.rounds.pool_gold import gold_of_shard
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rounds.taken_votes import TakenVotes
from wsal.rounds.vote_counts import RARE_TERMS, TERM_COUNTS, VoteCounts
from wsal.rounds.vote_tables import terms_file, terms_table, votes_file
from wsal.rules.base import Rule, Sample, VotingContext
from wsal.rules.terms import Terms
from wsal.rules.voting import CHUNK, CompiledRules
from wsal.shards import link, shard_files

AT_ONCE = 16  # chunks whose counts are put together
VOTED_ON = ("id", "text", "fields")  # columns
REPORTED: schemas.Schema = {
    "id": pl.String,
    "text": pl.String,
    "n_copies": pl.Int32,
    "label": pl.Int16,  # ABSTAIN where it is not known
}
COUNTS_FILE, RARE_FILE, REPORTED_FILE = "counts.parquet", "rare.parquet", "reported.parquet"
"""Files of each shard of the pool; the stage merges them, and keeps none of them."""


@dataclass(frozen=True)
class VoteWork:
    """From the records of a shard to its votes and terms and, for the pool, its counts."""

    pool: Path  # the folder
    split: str
    rules: Mapping[str, Rule]
    """All rules, in order."""
    unchanged: frozenset[str]
    """Those whose votes on earlier records are taken over from `previous`."""
    has_terms: tuple[bool, ...]
    labels: LabelSet
    previous: Path | None
    """The folder of an earlier artifact."""
    step: int | None
    """Every `step`-th text of the pool is kept for the report; None: nothing is counted."""

    @property
    def table(self) -> Path:
        """The path of the table of records."""
        return self.pool / f"{self.split}.parquet"

    def start(self) -> WorkOnShard:
        """Compile the rules, and let those that learn from texts do so."""
        give_back()
        sizes = tables.rows_of_shards(self.table)
        firsts = np.cumsum([0, *sizes]).tolist()
        context = VotingContext(self.labels, self._sample(firsts[-1]), embed_for_rules)
        earlier = Earlier(self.previous, self.pool, "record_keys", self.split)
        changed = {n: rule for n, rule in self.rules.items() if n not in self.unchanged}
        kept = {n: rule for n, rule in self.rules.items() if n in self.unchanged}
        of_changed = CompiledRules.of(changed, context)
        of_kept = cache(partial(CompiledRules.of, kept, context))  # some take minutes to learn

        def work(shard: Shard) -> Facts:
            context.failures.clear()
            context.removed.clear()
            first = firsts[shard.number]
            gold = None if self.step is None else gold_of_shard(self.pool, shard.number)
            counts = [VoteCounts.none()]
            before = earlier.rows(shard.number, sizes[shard.number])
            is_known = before.shard is not None and self._has_same_rules

            def parts() -> Iterator[list[pl.DataFrame]]:
                for chunk in self._voted(of_changed, of_kept, before, shard.number, first):
                    frames = [] if is_known else chunk.tables(tuple(self.rules))
                    if self.step is not None and gold is not None:
                        known = gold[chunk.first : chunk.first + len(chunk.records)]
                        counts.append(chunk.counts(known, self.has_terms, self.labels))
                        if len(counts) == AT_ONCE:
                            counts[:] = [VoteCounts.joined(counts)]
                        offset = -(first + chunk.first) % self.step
                        frames.append(chunk.reported(known)[offset:].gather_every(self.step))
                    yield frames
                    shard.advance(len(chunk.records))

            written = {}
            if is_known:
                self._link(before.shard, shard.folder)
            else:
                written[votes_file(self.split)] = schemas.votes_schema(tuple(self.rules))
                written[terms_file(self.split)] = schemas.TERMS
            if gold is not None:
                written[REPORTED_FILE] = REPORTED
            tables.write_parts(parts(), {shard.folder / n: s for n, s in written.items()})
            give_back()
            facts: Facts = {"failures": dict(context.failures), "removed": sorted(context.removed)}
            if gold is None:
                return facts
            total = VoteCounts.joined(counts)
            tables.write(total.counts, shard.folder / COUNTS_FILE, TERM_COUNTS)
            tables.write(total.rare, shard.folder / RARE_FILE, RARE_TERMS)
            n_gold = int((gold != ABSTAIN).sum())
            return {"n_gold": n_gold, **facts}

        return work

    @property
    def _has_same_rules(self) -> bool:
        """Whether the earlier tables of votes have the columns that are written now."""
        if self.previous is None or self.unchanged != self.rules.keys():
            return False
        return tables.rule_names(self.previous / votes_file(self.split)) == [*self.rules]

    def _link(self, number: int | None, folder: Path) -> None:
        """Take over the votes and terms of a shard."""
        for name in (votes_file(self.split), terms_file(self.split)):
            if self.previous and number is not None:
                link(shard_files(self.previous / name)[number], folder / name)

    def _sample(self, n_texts: int) -> Sample:
        """What rules may learn from: it does not depend on records that were appended."""
        laid = self.pool / first_file(self.split)
        if laid.exists():
            n_first = read_json_object(self.pool / MANIFEST, "")["facts"]["n_first"][self.split]
            return Sample(n_first, lambda _: tables.read(laid))

        def every(step: int) -> pl.DataFrame:
            return tables.take(self.table, np.arange(0, n_texts, step), VOTED_ON)

        return Sample(n_texts, every)

    def _voted(
        self,
        changed: CompiledRules,
        kept: Callable[[], CompiledRules],
        before: RowsBefore,
        number: int,
        first: int,
    ) -> Iterator["VotedChunk"]:
        """The records of a shard and all votes on them; `first` is its first row in the pool.

        The changed rules vote on all records, and the others on new ones.
        """
        columns = VOTED_ON if self.step is None else (*VOTED_ON, "n_copies")
        all_, copies = tee(tables.chunks(shard_files(self.table)[number], columns, CHUNK))
        taken = TakenVotes(self.previous, self.split, before, tuple(self.rules), self.unchanged)
        new = kept().vote(taken.new_of(copies), first) if before.is_new.any() else None
        start = 0
        for records, voted in changed.vote(all_, first):
            rows = slice(start, start + len(records))
            on_new = next(new)[1] if new else None
            yield VotedChunk(start, records, *taken.complete(voted, on_new, rows))
            start += len(records)


@dataclass(frozen=True)
class VotedChunk:
    """Some records of a shard, and the votes of all rules on them."""

    first: int
    """The row of the first record in the shard; the terms number it 0."""
    records: pl.DataFrame
    votes: Votes
    terms: Terms

    def tables(self, names: Sequence[str]) -> list[pl.DataFrame]:
        """The rows to add to the tables of votes and of terms."""
        votes = dict(zip(names, self.votes.T, strict=True))
        table = pl.DataFrame({"id": self.records["id"], **votes})
        return [table, terms_table(self.terms.shifted(self.first))]

    def counts(self, gold: Classes, has_terms: Sequence[bool], labels: LabelSet) -> VoteCounts:
        """What is counted of the votes; `gold` `(records,)` is -1 where unknown."""
        of_chunk = VoteCounts.of(self.votes, self.terms, gold, has_terms, members_of(labels))
        return of_chunk.shifted(self.first)

    def reported(self, gold: Classes) -> pl.DataFrame:
        """The columns of REPORTED."""
        return self.records.with_columns(label=pl.Series(gold))
