"""Tokenise every text once, for all later stages."""

from collections.abc import Iterator
from pathlib import Path

from wsal import tables
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import new_tokenizer
from wsal.classifier.tokens import write_tokens
from wsal.progress import bar
from wsal.settings import EncoderSettings

SPLITS = ("pool", "dev", "test")


def tokenise(out: Path, *, pool: Artifact, encoder: EncoderSettings) -> Facts:
    """pool, dev, test -> their word pieces, read through a memory map; the tokenizer."""
    splits = [s for s in SPLITS if (pool.path / f"{s}.parquet").exists()]
    parquet = pool.path / "pool.parquet"
    tokenizer = new_tokenizer(encoder, (t for part in tables.texts(parquet) for t in part))
    n_pieces = {}
    for split in splits:
        path = pool.path / f"{split}.parquet"
        with bar(f"tokenise {split}", tables.n_rows(path), "texts") as advance:

            def chunks(path: Path = path) -> Iterator[list[str]]:
                for part in tables.texts(path):
                    yield part
                    advance(len(part))

            n_pieces[split] = write_tokens(tokenizer, chunks(), encoder.max_length, out / split)
    tokenizer.save_pretrained(out / "tokenizer")
    mean = n_pieces["pool"] / max(1, tables.n_rows(parquet))
    return {"n_pieces": n_pieces["pool"], "pieces_per_text": round(mean, 1)}
