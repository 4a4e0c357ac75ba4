"""Row n of every artifact is row n of the pool; artifacts of another pool are refused."""

from collections.abc import Iterable

from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError


def require_rows_of(pool: Artifact, artifacts: Iterable[Artifact]) -> None:
    """Check that these artifacts were made from the present pool.

    Raises:
        MissingArtifactError: some were made from a pool that has been replaced since.
    """
    stale = [
        str(artifact.path)
        for artifact in artifacts
        if artifact.manifest["inputs"].get("pool", pool.digest) != pool.digest
    ]
    if stale:
        raise MissingArtifactError(
            f"{', '.join(stale)}: made from another pool than the present {pool.path}, so rows "
            "would be matched with the wrong texts; run the stages in between first (`wsal run` "
            "runs all of them in order, `wsal status` lists what is stale)"
        )
