"""Tokenise every text once, for all later stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsal import tables
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_tokenizer, new_tokenizer, save_tokenizer
from wsal.classifier.tokens import write_tokens
from wsal.launch.sealing import Shard, WorkOnShard
from wsal.launch.shards import work_on_shards
from wsal.settings import EncoderSettings, LauncherSettings
from wsal.shards import shard_files

SPLITS = ("pool", "dev", "test")


@dataclass(frozen=True)
class TokeniseWork:
    """From the texts of a shard to `NAME.tokens` and its index."""

    table: Path  # of records
    tokenizer: Path
    max_length: int

    def start(self) -> WorkOnShard:
        """Load the tokenizer."""
        tokenizer = load_tokenizer(str(self.tokenizer))
        files = shard_files(self.table)

        def work(shard: Shard) -> Facts:
            def chunks() -> Iterator[list[str]]:
                for texts in tables.texts(files[shard.number]):
                    yield texts
                    shard.advance(len(texts))

            path = shard.folder / self.table.stem
            return {"n_pieces": write_tokens(tokenizer, chunks(), self.max_length, path)}

        return work


def tokenise(
    out: Path, *, pool: Artifact, encoder: EncoderSettings, launcher: LauncherSettings
) -> Facts:
    """pool, dev, test -> their word pieces, read through a memory map; the tokenizer."""
    parquet = pool.path / "pool.parquet"
    tokenizer = new_tokenizer(encoder, (t for part in tables.texts(parquet) for t in part))
    save_tokenizer(tokenizer, out / "tokenizer")
    n_pieces = {}
    for split in SPLITS:
        table = pool.path / f"{split}.parquet"
        if shard_files(table)[0].exists():
            sizes = tables.rows_of_shards(table)
            work = TokeniseWork(table, out / "tokenizer", encoder.max_length)
            done = work_on_shards(work, sizes, out, f"tokenise {split}", launcher)
            n_pieces[split] = sum(facts["n_pieces"] for facts in done)
    mean = n_pieces["pool"] / max(1, tables.n_rows(parquet))
    return {"n_pieces": n_pieces["pool"], "pieces_per_text": round(mean, 1)}
