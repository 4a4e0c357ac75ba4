"""Row n of every artifact is row n of the pool, or the artifact is not read."""

from collections.abc import Iterable

from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError


def require_rows_of(pool: Artifact, others: Iterable[Artifact]) -> None:
    """Make sure that row n of each of these artifacts is row n of the pool as it is now.

    Raises:
        MissingArtifactError: some were made from a pool that has been replaced since.
    """
    old = [
        str(one.path)
        for one in others
        if one.manifest["inputs"].get("pool", pool.digest) != pool.digest
    ]
    if old:
        raise MissingArtifactError(
            f"{', '.join(old)}: made from another pool than the present {pool.path}, so its rows "
            "would be taken for those of other texts; run the stages between them first "
            "(`wsal run` does all in order, `wsal status` lists what is stale)"
        )
