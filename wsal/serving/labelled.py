"""Third pass of `wsal predict`: the records of a shard with the answers to their texts."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.errors import DataError
from wsal.files.lines import RECORD
from wsal.launch.sealing import Facts, Shard, WorkOnShard
from wsal.serving.answers import ANSWERS, answers_dtype
from wsal.serving.backends import Model
from wsal.serving.chunk_texts import PredictOptions, with_labels
from wsal.serving.distinct import COUNTS, ROWS
from wsal.serving.sources import Extent, Source
from wsal.serving.writers import column_kinds
from wsal.shards import shard_files

LABELLED = "labelled.parquet"
GROUP_ROWS = 100_000  # of a row group


@dataclass(frozen=True)
class LabelWork:
    """From the records of a shard and all answers to `labelled.parquet`."""

    model: Model
    source: Source
    shards: Sequence[Sequence[Extent]]
    options: PredictOptions
    block_rows: int
    read: Path
    """The folder of the first pass."""
    answered: Path
    """The folder of the second pass."""

    def start(self) -> WorkOnShard:
        """Open the answers as memory maps."""
        exported = self.model.exported
        answers = [_map(file) for file in shard_files(self.answered / ANSWERS)]
        counts = [np.load(file, allow_pickle=False) for file in shard_files(self.read / COUNTS)]
        first_block = np.cumsum([0, *map(len, counts)])
        starts = np.cumsum(np.concatenate(counts), axis=0) - np.concatenate(counts)

        def of_block(number: int, block: int) -> np.ndarray:
            """The answers to the texts of a block, in order of partitions."""
            slices = zip(starts[first_block[number] + block], counts[number][block], strict=True)
            parts = [answers[p][start : start + n] for p, (start, n) in enumerate(slices)]
            return np.concatenate(parts)

        def work(shard: Shard) -> Facts:
            rows = _map(shard_files(self.read / ROWS)[shard.number])

            def tables() -> Iterator[pa.Table]:
                answered = np.empty(0, answers_dtype(self.options.top, exported))
                done, block = 0, -1
                for chunk in self.source.chunks(self.shards[shard.number], lambda _: None):
                    table = chunk.table
                    pieces = [with_labels(exported, table[:0], answered, rows[:0], self.options)]
                    for start, end in _within_blocks(done, done + len(table), self.block_rows):
                        if end > len(rows):
                            raise changed(self.source)
                        if start // self.block_rows != block:
                            block = start // self.block_rows
                            answered = of_block(shard.number, block)
                        some = table[start - done : end - done]
                        at = rows[start:end]
                        pieces.append(with_labels(exported, some, answered, at, self.options))
                    done += len(table)
                    shard.advance(len(table))
                    yield pa.concat_tables(pieces)
                if done < len(rows):
                    raise changed(self.source)

            return write_labelled(tables(), shard.folder / LABELLED, self.source, self.options)

        return work


def write_labelled(
    tables: Iterator[pa.Table], path: Path, source: Source, options: PredictOptions
) -> Facts:
    """Write the tables, in row groups of about `GROUP_ROWS` rows.

    Returns:
        The number of rows and of abstentions; for JSON, the kinds of values under each name.
    """
    n_rows = n_abstained = n_waiting = 0
    kinds: dict[str, set[str]] = {}
    waiting: list[pa.Table] = []
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for table in tables:
            table = table.replace_schema_metadata()  # noqa: PLW2901
            if source.is_json:
                column_kinds(kinds, table[RECORD])
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
                stack.enter_context(writer)
            waiting.append(table)
            n_waiting += len(table)
            n_rows += len(table)
            n_abstained += n_abstentions(table, options.prefix)
            if n_waiting >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting, n_waiting = [], 0
        if writer is not None and n_waiting:
            writer.write_table(pa.concat_tables(waiting))
    listed = {name: sorted(values) for name, values in kinds.items()}
    return {"n_rows": n_rows, "n_abstained": n_abstained, "kinds": listed}


def n_abstentions(table: pa.Table, prefix: str) -> int:
    """How many records of a labelled table are abstentions."""
    return int(np.sum(table[f"{prefix}abstain"].to_numpy()))


def _within_blocks(start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """The range cut at multiples of `size`.

    >>> list(_within_blocks(5, 12, 4))
    [(5, 8), (8, 12)]
    """
    while start < end:
        stop = min(end, (start // size + 1) * size)
        yield start, stop
        start = stop


def _map(path: Path) -> np.ndarray:
    """The array in a file, as a memory map."""
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def changed(source: Source) -> DataError:
    """The error for an input that is not what the first pass read."""
    return DataError(f"{source.path} changed while it was read; run the same command again")
