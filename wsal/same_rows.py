"""Row n of every artifact is row n of the pool; artifacts of another pool are refused.

Only what was trained may be older than records that were appended: it has no row for each text, and
recognises the texts that measure it by their keys.
"""

from collections.abc import Iterable

from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError

TRAINED = ("pretrained", "retrained", "finetuned", "assessed")


def require_rows_of(pool: Artifact, artifacts: Iterable[Artifact]) -> None:
    """Check that these artifacts were made from the present pool.

    Raises:
        MissingArtifactError: some were made from a pool that has been replaced since.
    """
    stale = [str(artifact.path) for artifact in artifacts if not is_of(pool, artifact)]
    if stale:
        raise MissingArtifactError(
            f"{', '.join(stale)}: made from another pool than the present {pool.path}, so rows "
            "would be matched with the wrong texts; run the stages in between first (`wsal run` "
            "runs all of them in order, `wsal status` lists what is stale)"
        )


def is_of(pool: Artifact, artifact: Artifact) -> bool:
    """Whether an artifact belongs to the present pool; what was trained may be older than batches.

    What was made from no pool belongs to each.
    """
    is_same = bool(artifact.manifest["inputs"].get("pool", pool.digest) == pool.digest)
    return is_same or (artifact.path.name in TRAINED and _same_basis(pool, artifact))


def _same_basis(pool: Artifact, artifact: Artifact) -> bool:
    """Whether an artifact was made from a pool that differs by batches of records alone."""
    then, now = artifact.manifest.get("bases", {}).get("pool"), pool.manifest.get("basis")
    return then is not None and then == now
