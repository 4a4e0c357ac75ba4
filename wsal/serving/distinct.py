"""First pass of `wsal predict`: the distinct texts of each shard, partitioned by hash.

Equal texts of all shards are in the same partition, where they are predicted once. Only a block of
`shard_rows` rows is held in memory; in a larger shard, texts are distinct within each block.

A shard has three files: `texts.arrow` with a batch for each block and partition; `counts.npy` with
the number of texts in each batch, `(blocks, partitions)`; and `rows.npy`, `(rows,)`, which has for
each row the position of its text in its block (in order of partitions), or -1 if it has no text.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from wsal.files.lines import BadLine
from wsal.launch.sealing import Facts, Shard, WorkOnShard
from wsal.serving.backends import Model
from wsal.serving.chunk_texts import PredictOptions, texts_of
from wsal.serving.sources import Extent, Source
from wsal.shards import shard_files

TEXTS = "texts.arrow"
COUNTS = "counts.npy"
ROWS = "rows.npy"
BAD = "bad.jsonl"
KIND = pa.large_string()
SCHEMA = pa.schema([("text", KIND)])


@dataclass(frozen=True)
class ReadWork:
    """From the records of a shard to its distinct texts; bad lines go to `bad.jsonl`."""

    model: Model
    source: Source
    shards: Sequence[Sequence[Extent]]
    options: PredictOptions
    block_rows: int
    n_partitions: int

    def start(self) -> WorkOnShard:
        """Load the description of the model, which says how to compose a text."""
        exported = self.model.exported

        def work(shard: Shard) -> Facts:
            n_bad = 0

            def texts() -> Iterator[pl.Series]:
                nonlocal n_bad
                with (shard.folder / BAD).open("w", encoding="utf-8") as file:
                    for chunk in self.source.chunks(self.shards[shard.number]):
                        n_bad += len(chunk.bad)
                        file.writelines(as_json(line, chunk.file) for line in chunk.bad)
                        yield texts_of(exported, self.source, chunk, self.options)
                        shard.advance(len(chunk.table))

            n_rows = write_texts(texts(), shard.folder, self.block_rows, self.n_partitions)
            return {"n_rows": n_rows, "n_bad": n_bad}

        return work


def as_json(line: BadLine, file: str = "") -> str:
    """A line that could not be parsed, as a line of JSON, with its file if it is in a folder."""
    where = {"file": file} if file else {}
    return json.dumps({**where, **asdict(line)}, ensure_ascii=False) + "\n"


def write_texts(
    chunks: Iterator[pl.Series], folder: Path, block_rows: int, n_partitions: int
) -> int:
    """Write the files of a shard with these texts; returns the number of rows."""
    rows, counts = [np.empty(0, np.int32)], [np.empty((0, n_partitions), np.int64)]
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(folder / TEXTS, SCHEMA, options=options) as file:
        for block in _blocks(chunks, block_rows):
            texts = block.set(block == "", None).to_arrow(compat_level=pl.CompatLevel.oldest())
            distinct, text_of_row = _encoded([texts])
            hashes = [crc32(text.encode()) for text in distinct.to_pylist()]
            partition = np.array(hashes, dtype=np.int64) % n_partitions
            order = np.argsort(partition, kind="stable")
            place = np.empty(len(order) + 1, dtype=np.int32)
            place[order], place[-1] = np.arange(len(order)), -1
            rows.append(place[text_of_row])
            counts.append(np.bincount(partition, minlength=n_partitions)[None])
            distinct = distinct.take(pa.array(order))
            ends = np.cumsum(counts[-1][0])
            for start, end in zip([0, *ends[:-1]], ends, strict=True):
                file.write_batch(pa.record_batch([distinct[start:end]], schema=SCHEMA))
    np.save(folder / ROWS, np.concatenate(rows))
    np.save(folder / COUNTS, np.concatenate(counts))
    return sum(map(len, rows))


def read_partition(path: Path, number: int, n_partitions: int) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts of a partition, and for each text of each block its position in them.

    `path` is that of `texts.arrow`; there may be a file for each shard.
    """
    parts: list[pa.Array] = []
    for file in shard_files(path):
        with pa.memory_map(str(file)) as memory, pa.ipc.open_file(memory) as reader:
            numbers = range(number, reader.num_record_batches, n_partitions)
            parts += [reader.get_batch(batch).column(0) for batch in numbers]
    return _encoded(parts)


def _encoded(texts: Sequence[pa.Array]) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts in order of their first occurrence, and the position of each; -1: null."""
    encoded = pa.concat_arrays([pa.array([], KIND), *texts]).dictionary_encode()
    return encoded.dictionary, pc.fill_null(encoded.indices, -1).to_numpy()


def _blocks(chunks: Iterator[pl.Series], block_rows: int) -> Iterator[pl.Series]:
    """The texts of all chunks, in series of `block_rows` texts; the last one may be shorter."""
    waiting: list[pl.Series] = []
    n_waiting = 0
    for chunk in chunks:
        waiting.append(chunk)
        n_waiting += len(chunk)
        while n_waiting >= block_rows:
            texts = pl.concat(waiting)
            yield texts[:block_rows]
            waiting = [texts[block_rows:]]
            n_waiting = len(waiting[0])
    if n_waiting:
        yield pl.concat(waiting)
