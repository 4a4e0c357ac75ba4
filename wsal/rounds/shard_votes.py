"""The work of the vote stage on a shard: let rules vote, and count for the reports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Votes
from wsal.artifacts import Facts
from wsal.labels import LabelSet
from wsal.launch.sealing import Shard, WorkOnShard
from wsal.rounds.pool_gold import gold_of_shard
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rounds.vote_counts import RARE_TERMS, TERM_COUNTS, VoteCounts
from wsal.rounds.vote_tables import (
    Part,
    terms_file,
    terms_of_rules,
    terms_table,
    votes_file,
)
from wsal.rules.base import Rule, Sample, VotingContext
from wsal.rules.terms import Terms, Voted
from wsal.rules.voting import CHUNK, CompiledRules
from wsal.shards import shard_files

AT_ONCE = 16  # chunks whose counts are put together
VOTED_ON = ("id", "text", "fields")  # columns
REPORTED: tables.Schema = {
    "id": pl.String,
    "text": pl.String,
    "n_copies": pl.Int32,
    "label": pl.Int16,  # ABSTAIN where it is not known
}
COUNTS_FILE, RARE_FILE, REPORTED_FILE = "counts.parquet", "rare.parquet", "reported.parquet"
"""Of each shard of the pool; the stage puts them together, and keeps none of them."""


@dataclass(frozen=True)
class VoteWork:
    """From the records of a shard to its votes and terms and, of the pool, what is counted."""

    pool: Path  # the folder
    split: str
    rules: Mapping[str, Rule]
    """Those that vote; the votes of others are taken from `previous`."""
    names: tuple[str, ...]
    """Of all rules, in order."""
    has_terms: tuple[bool, ...]
    labels: LabelSet
    previous: Path | None
    """The folder of an earlier artifact of the same shards."""
    step: int | None
    """Every `step`-th text of the pool is kept for the report; None: nothing is counted."""

    @property
    def table(self) -> Path:
        """Of the records."""
        return self.pool / f"{self.split}.parquet"

    def start(self) -> WorkOnShard:
        """Compile the rules, and let those that learn from texts do so."""
        sizes = tables.rows_of_shards(self.table)
        firsts = np.cumsum([0, *sizes]).tolist()

        def every(step: int) -> pl.DataFrame:
            return tables.take(self.table, np.arange(0, firsts[-1], step), VOTED_ON)

        context = VotingContext(self.labels, Sample(firsts[-1], every), embed_for_rules)
        compiled = CompiledRules.of(self.rules, context)

        def work(shard: Shard) -> Facts:
            context.failures.clear()
            counts, n_gold = [VoteCounts.none()], 0
            first = firsts[shard.number]

            def parts() -> Iterator[list[pl.DataFrame]]:
                nonlocal counts, n_gold
                gold = None if self.step is None else gold_of_shard(self.pool, shard.number)
                columns = VOTED_ON if gold is None else (*VOTED_ON, "n_copies")
                chunks = tables.chunks(shard_files(self.table)[shard.number], columns, CHUNK)
                start = 0  # row of the shard
                for chunk, voted in compiled.vote(chunks, first):
                    rows = range(start, start + len(chunk))
                    votes, terms = self._complete(voted, Part(shard.number, rows))
                    table = dict(zip(self.names, votes.T, strict=True))
                    frames = [
                        pl.DataFrame({"id": chunk["id"], **table}),
                        terms_table(terms.shifted(start)),
                    ]
                    if self.step is not None and gold is not None:
                        known = gold[start : rows.stop]
                        more = VoteCounts.of(votes, terms, known, self.has_terms).shifted(start)
                        counts = [*counts, more]
                        if len(counts) == AT_ONCE:
                            counts = [VoteCounts.joined(counts)]
                        n_gold += int((known != ABSTAIN).sum())
                        labelled = chunk.with_columns(label=pl.Series(known))
                        offset = -(first + start) % self.step
                        frames.append(labelled[offset:].gather_every(self.step))
                    yield frames
                    start = rows.stop
                    shard.advance(len(chunk))

            schemas = {votes_file(self.split): tables.votes_schema(self.names)}
            schemas[terms_file(self.split)] = tables.TERMS
            if self.step is not None:
                schemas[REPORTED_FILE] = REPORTED
            tables.write_parts(parts(), {shard.folder / n: s for n, s in schemas.items()})
            if self.step is not None:
                total = VoteCounts.joined(counts)
                tables.write(total.counts, shard.folder / COUNTS_FILE, TERM_COUNTS)
                tables.write(total.rare, shard.folder / RARE_FILE, RARE_TERMS)
            return {"n_gold": n_gold, "failures": dict(context.failures)}

        return work

    def _complete(self, voted: Voted, part: Part) -> tuple[Votes, Terms]:
        """The votes and terms of all rules: of those that voted, and of those taken over."""
        columns = [self.names.index(name) for name in self.rules]
        kept = [name for name in self.names if name not in self.rules]
        if not kept or self.previous is None:
            return voted.votes, voted.terms
        file = shard_files(self.previous / votes_file(self.split))[part.shard]
        earlier = tables.take_part(file, part.rows, kept)
        votes = np.empty((len(voted), len(self.names)), dtype=np.int16, order="F")
        votes[:, columns] = voted.votes
        votes[:, [self.names.index(name) for name in kept]] = earlier.to_numpy()
        terms = terms_of_rules(self.previous, self.split, kept, self.names, part)
        return votes, Terms.joined([voted.terms.at(columns), terms])
