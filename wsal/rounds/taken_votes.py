"""The votes on records that were there before, taken over from an earlier artifact."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Rows, Votes
from wsal.rounds.earlier import RowsBefore
from wsal.rounds.vote_tables import Part, parts_at, terms_of_rules, votes_file
from wsal.rules.terms import Terms, Voted


@dataclass(frozen=True)
class TakenVotes:
    """The votes and terms of unchanged rules on the earlier records of a shard."""

    folder: Path | None
    """The earlier artifact; None: all records are new to all rules."""
    split: str
    before: RowsBefore
    names: Sequence[str]
    """All rules, in order."""
    unchanged: frozenset[str]

    @property
    def kept(self) -> list[str]:
        """The unchanged rules, in order."""
        return [name for name in self.names if name in self.unchanged]

    def new_of(self, chunks: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The records of each chunk of the shard that are new."""
        first = 0
        for chunk in chunks:
            is_new = self.before.is_new[first : first + len(chunk)]
            first += len(chunk)
            yield chunk.filter(pl.Series(is_new)) if self.unchanged else chunk.head(0)

    def complete(self, changed: Voted, new: Voted | None, rows: slice) -> tuple[Votes, Terms]:
        """The votes and terms of all rules on a chunk.

        Args:
            changed: those of the rules that have changed.
            new: those of the others, on the records that are new, if there are any.
            rows: of the chunk, in the shard.
        """
        kept = [i for i, name in enumerate(self.names) if name in self.unchanged]
        if not kept:
            return changed.votes, changed.terms
        before = self.before.rows[rows]
        is_new = before < 0
        votes = np.empty((len(before), len(self.names)), dtype=np.int16, order="F")
        others = [i for i in range(len(self.names)) if i not in set(kept)]
        votes[:, others] = changed.votes
        terms = [changed.terms.at(others)]
        if new is not None:
            for i, cast in zip(kept, new.votes.T, strict=True):
                votes[is_new, i] = cast
            new_rows, of_new = np.flatnonzero(is_new).astype(np.int32), new.terms.at(kept)
            terms.append(Terms(new_rows[of_new.rows], of_new.rules, of_new.terms))
        if not is_new.all() and self.folder is not None:
            taken = self._taken(before[~is_new])
            for i, name in zip(kept, self.kept, strict=True):
                votes[~is_new, i] = taken[name].to_numpy()
            terms += self._terms(before)
        return votes, Terms.joined(terms)

    def _taken(self, rows: Rows) -> pl.DataFrame:
        """The votes of the unchanged rules in these rows of the earlier artifact."""
        path = (self.folder or Path()) / votes_file(self.split)
        if _is_range(rows):
            return tables.scan(path).select(self.kept).slice(rows[0], len(rows)).collect()
        return tables.take(path, rows, self.kept)

    def _terms(self, before: Rows) -> list[Terms]:
        """The terms that cast these votes; they number the rows of the chunk."""
        folder = self.folder or Path()
        places = np.flatnonzero(before >= 0)
        places = places[np.argsort(before[places])].astype(np.int32)
        sizes = tables.rows_of_shards(folder / votes_file(self.split))
        terms, first = [], 0
        for part in parts_at(before[places], sizes):
            rows = np.asarray(part.rows)
            read = Part(part.shard, range(int(rows[0]), int(rows[-1]) + 1))
            of_part = terms_of_rules(
                folder, self.split, self.kept, self.names, read if _is_range(rows) else part
            )
            at = places[first : first + len(rows)][of_part.rows]
            terms.append(Terms.of(at, of_part.rules, of_part.terms))
            first += len(rows)
        return terms


def _is_range(rows: Rows) -> bool:
    return bool(len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all())
