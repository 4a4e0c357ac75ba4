"""What a new name of a class changes: votes that read names, but nothing that is trained."""

import polars as pl
import pytest

from wsal import schemas, tables
from wsal.artifacts import Artifact, Previous, create
from wsal.changes import Changes, ClassEdit
from wsal.data.base import Layout
from wsal.data.class_history import ClassHistory
from wsal.data.edited_classes import class_facts
from wsal.data.row_keys import with_keys, write_keys
from wsal.rounds.vote_tables import votes_file
from wsal.rules.names import NameKeywords
from wsal.run.basis import basis_of
from wsal.settings import LauncherSettings
from wsal.stages.vote import vote

TREE = ("Food > Coffee", "Food > Tea", "Pets")


def basis(*edits):
    return basis_of({"changes": {"node": Changes(edits).as_node()}}, {})


def renamed(old, new):
    return ClassEdit("rename", (old,), (new,))


@pytest.mark.parametrize("into", ["Food > Hot > Tea", "Pets > Tea", "Tea"])
def test_a_path_under_another_parent_is_no_mere_name(into):
    assert basis(renamed("Food > Tea", into)) != basis()


def test_the_last_name_of_a_path_and_of_a_parent_are_mere_names():
    assert basis(renamed("Food > Tea", "Food > Teas"), renamed("Food", "Foods")) == basis()


def pool_of(folder, texts, edits=()):
    history = ClassHistory(("Running Shoes", "Cups"), edits)
    names = [f"t{n}" for n in range(len(texts))]
    rows = pl.DataFrame({"id": names, "text": texts, "n_copies": 1})
    rows = rows.with_columns(fields=pl.struct(text="text"))
    with create(folder, {"edits": [edit.as_node() for edit in edits]}, {}) as (work, facts):
        tables.write(rows, work / "pool.parquet", schemas.records_schema(["text"]))
        write_keys(with_keys(rows), work, "pool", 0, 1)
        tables.write(pl.DataFrame(schema=schemas.GOLD), work / "gold.parquet", schemas.GOLD)
        sizes = {"n_pool": len(texts), "n_dev": 0, "n_test": 0, "n_pool_gold": 0}
        facts |= {**class_facts(history, Layout(text=["text"])), **sizes, "fields": ["text"]}
    return Artifact.open(folder)


def votes_of(folder, pool, previous=None):
    more = {"previous": previous, "launcher": LauncherSettings(), "seed": 0}
    with create(folder, {"pool": pool.digest}, {"pool": pool.digest}) as (work, facts):
        made = vote(work, pool=pool, rules={"by_name": NameKeywords()}, **more)
        facts |= {**made, **({"edits": pool.facts["edits"]} if "edits" in pool.facts else {})}
    return Artifact.open(folder)


def test_rules_that_read_names_vote_by_the_new_ones(tmp_path):
    texts = ["running shoes", "sneakers, white", "cups"]
    first = votes_of(tmp_path / "votes", pool_of(tmp_path / "pool", texts))
    now = pool_of(tmp_path / "renamed", texts, (renamed("Running Shoes", "Sneakers"),))
    again = votes_of(tmp_path / "again", now, Previous(first, frozenset({"by_name"})))
    votes = tables.read(again.path / votes_file("pool"))["by_name"].to_list()
    assert votes == [-1, 0, 1]
