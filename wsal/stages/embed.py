"""Embed the whole pool with the weakly trained classifier."""

from pathlib import Path

from wsal import tables
from wsal.artifacts import Artifact, Facts, Previous
from wsal.classifier.hardware import settled
from wsal.data.row_keys import keep_keys
from wsal.launch.shards import work_on_shards
from wsal.rounds.embedding import EmbedWork
from wsal.settings import EncoderSettings, HardwareSettings, LauncherSettings


def embed(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    pretrained: Artifact,
    encoder: EncoderSettings,
    hardware: HardwareSettings,
    launcher: LauncherSettings,
    previous: Previous | None = None,
) -> Facts:
    """The pretrained classifier -> embeddings.npy `(texts, dims)` and probs.npy `(texts, classes)`.

    Both in half precision, to be read through a memory map. After a kill it goes on where it was.
    Texts that `previous` has are taken from it.
    """
    sizes = tables.rows_of_shards(pool.path / "pool.parquet")
    encoder, hardware = settled(encoder, hardware, launcher)
    earlier = previous.artifact.path if previous else None
    work = EmbedWork(tokens.path / "pool", pretrained.path, encoder, hardware, pool.path, earlier)
    done = work_on_shards(work, sizes, out, "embed the pool", launcher)
    keep_keys(pool.path, out, "text_keys", "pool")
    return {"n_texts": sum(sizes), "n_dims": done[0]["n_dims"]}
