"""The page about Spark, run on a local Spark: the same rows as without it. Skipped without it."""

import contextlib
import os
import shutil
import sys
from contextlib import chdir

import polars as pl
import pytest
from helpers import ROOT

import wsal
from wsal.api.exported import load
from wsal.data.catalog import Catalog

BLOCKS = (ROOT / "docs" / "how-to" / "spark.md").read_text().split("```python\n")[1:]
SETTINGS = {"spark.master": "local[2]", "spark.ui.enabled": "false", "spark.driver.memory": "1g",
            "spark.driver.host": "127.0.0.1"}  # fmt: skip


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    """What the names in the code of the page mean, and the folder that it wrote to."""
    pyspark = pytest.importorskip("pyspark")
    path = tmp_path_factory.mktemp("spark")
    rows = Catalog(n=1500).read().filter(pl.col("category").str.contains("Coffee|Pet Food"))
    rows = rows.with_columns(title=pl.when(pl.int_range(pl.len()) % 50 > 0).then("title"))
    rows.select("id", "title", "brand").write_csv(path / "products.csv")
    shutil.copytree(folder, path / "runs" / "shop" / "exported")
    os.environ.update(PYSPARK_PYTHON=sys.executable, PYTHONPATH=os.pathsep.join(sys.path))
    builder = pyspark.sql.SparkSession.builder
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    names = {}
    with chdir(path), contextlib.closing(_Stop(builder.getOrCreate())):
        for block in BLOCKS:
            exec(block.partition("```")[0].replace("20000", "100"), names)
        assert names["products"].repartition(3).mapInArrow(names["vote"], names["schema"]).count()
    return names, path


class _Stop:
    def __init__(self, spark):
        self.close = spark.stop


def products_of(page):
    return pl.read_csv(page[1] / "products.csv", infer_schema=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Spark
def test_labels_are_those_of_the_model(page):
    rows = products_of(page)
    model = load(page[1] / "runs" / "shop" / "exported")
    made = model.predict(rows.select("title", "brand").to_dicts())
    labelled = pl.read_parquet(page[1] / "spark" / "labelled" / "*.parquet")
    assert labelled.select("id", "title", "brand").equals(rows)
    assert labelled["label"].to_list() == [each.label for each in made]
    assert labelled["abstain"].to_list() == [each.abstain for each in made]
    same = [each.probability for each in made]
    assert labelled["probability"].to_list() == pytest.approx(same, abs=1e-5, nan_ok=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_votes_are_those_of_the_rules(page):
    names, rows = page[0], products_of(page)
    voted = pl.read_parquet(page[1] / "spark" / "voted" / "*.parquet")
    votes = wsal.vote_table(names["RULES"], rows, text=["title", "brand"], labels=names["CLASSES"])
    assert voted.equals(rows.select("id").hstack(votes))
    assert votes.null_count().row(0) < (len(rows),) * 3
    pool = wsal.Pool(rows, text=["title", "brand"], labels=names["CLASSES"], id="id")
    matrix = wsal.vote(names["RULES"], pool).matrix
    of_pool = pool.records.select("id").join(voted, on="id", maintain_order="left")
    for number, rule in enumerate(names["RULES"]):
        wanted = [names["CLASSES"][vote] if vote >= 0 else None for vote in matrix[:, number]]
        assert of_pool[rule].to_list() == wanted
