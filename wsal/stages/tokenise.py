"""Tokenise every text once, for all later stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.artifacts import Artifact, Facts, Previous
from wsal.classifier.encoder import load_tokenizer, new_tokenizer, save_tokenizer
from wsal.classifier.tokens import joined, link_shard, read_tokens, write_pieces
from wsal.classifier.tokens import tokenise as tokenise_texts
from wsal.data.batches import first_file
from wsal.data.row_keys import keep_keys
from wsal.digests import file_digest
from wsal.launch.sealing import Shard, WorkOnShard
from wsal.launch.shards import work_on_shards
from wsal.rounds.earlier import Earlier
from wsal.rules.base import Sample
from wsal.settings import EncoderSettings, LauncherSettings
from wsal.shards import shard_files

SPLITS = ("pool", "dev", "test")


@dataclass(frozen=True)
class TokeniseWork:
    """From the texts of a shard to `NAME.tokens` and its index."""

    table: Path  # of records
    tokenizer: Path
    max_length: int
    previous: Path | None = None
    """The folder of an earlier artifact, with the same tokenizer."""

    def start(self) -> WorkOnShard:
        """Load the tokenizer."""
        tokenizer = load_tokenizer(str(self.tokenizer))
        files, sizes = shard_files(self.table), tables.rows_of_shards(self.table)
        stem = self.table.stem
        earlier = Earlier(self.previous, self.table.parent, "text_keys", stem)
        taken = read_tokens(self.previous / stem) if self.previous else joined([])

        def work(shard: Shard) -> Facts:
            before = earlier.rows(shard.number, sizes[shard.number])
            if self.previous and before.shard is not None:
                return {"n_pieces": link_shard(self.previous / stem, before.shard, shard.folder)}

            def parts() -> Iterator[list[np.ndarray]]:
                first = 0
                for texts in tables.texts(files[shard.number]):
                    rows = before.rows[first : first + len(texts)]
                    new = compress(texts, rows < 0)
                    made = iter(tokenise_texts(tokenizer, list(new), self.max_length))
                    yield [taken[row] if row >= 0 else next(made) for row in rows.tolist()]
                    first += len(texts)
                    shard.advance(len(texts))

            return {"n_pieces": write_pieces(tokenizer, parts(), shard.folder / stem)}

        return work


def tokenise(
    out: Path,
    *,
    pool: Artifact,
    encoder: EncoderSettings,
    launcher: LauncherSettings,
    previous: Previous | None = None,
) -> Facts:
    """pool, dev, test -> their word pieces, read through a memory map; the tokenizer.

    Texts that `previous` has are taken from it. A tokenizer that learns from texts does so from
    those that the data had without batches.
    """
    parquet = pool.path / "pool.parquet"
    tokenizer = new_tokenizer(encoder, _learned_from(pool))
    save_tokenizer(tokenizer, out / "tokenizer")
    earlier = previous.artifact.path if previous else None
    if earlier and file_digest(earlier / "tokenizer") != file_digest(out / "tokenizer"):
        earlier = None
    n_pieces = {}
    for split in SPLITS:
        table = pool.path / f"{split}.parquet"
        if shard_files(table)[0].exists():
            sizes = tables.rows_of_shards(table)
            has_split = earlier and shard_files(earlier / f"{split}.tokens")[0].exists()
            work = TokeniseWork(
                table, out / "tokenizer", encoder.max_length, earlier if has_split else None
            )
            done = work_on_shards(work, sizes, out, f"tokenise {split}", launcher)
            n_pieces[split] = sum(facts["n_pieces"] for facts in done)
            keep_keys(pool.path, out, "text_keys", split)
    mean = n_pieces["pool"] / max(1, tables.n_rows(parquet))
    return {"n_pieces": n_pieces["pool"], "pieces_per_text": round(mean, 1)}


def _learned_from(pool: Artifact) -> Iterator[str]:
    """The texts that a tokenizer may learn from: the sample that rules learn from."""
    parquet, laid = pool.path / "pool.parquet", pool.path / first_file("pool")
    if laid.exists():
        yield from tables.column(laid, "text")
        return
    sample = Sample(
        tables.n_rows(parquet),
        lambda step: tables.take(parquet, np.arange(0, tables.n_rows(parquet), step), ["text"]),
    )
    yield from sample.records["text"]
