"""Row n of every artifact is row n of the pool: a stage refuses those of a pool that is gone."""

import pytest

from wsal.config.composed import check
from wsal.errors import MissingArtifactError
from wsal.run.pipeline import run_stage


def test_votes_on_an_earlier_pool_are_not_taken_for_those_on_this_one(composed, tmp_path):
    def stage(name, n):
        return run_stage(
            tmp_path, name, check(composed("data=catalog_small", f"data.n={n}")).components
        )

    for name in ("prepare", "vote", "aggregate"):
        stage(name, 400)
    stage("prepare", 401)
    with pytest.raises(MissingArtifactError, match="votes: made from another pool than"):
        stage("aggregate", 401)
    stage("vote", 401)
    assert stage("aggregate", 401).state == "made"
