"""`wsal estimate`: what it prints, how it marks assumptions, and which options it refuses."""

import json

import polars as pl
import pytest
from helpers import run_here

from wsal import schemas
from wsal.commands import estimate
from wsal.data.base import Layout
from wsal.errors import ConfigError
from wsal.planning.clusters import Cluster, cluster_of
from wsal.planning.draws import constant, figure
from wsal.planning.measuring import Job, measure
from wsal.planning.plan import GPUSpeed, Prices, planned
from wsal.planning.report import notes
from wsal.rules.patterns import Keyword
from wsal.settings import EncoderSettings

N = 600
NO_PRICES = Prices()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A third of the rows repeat the text of another, and 60 have none."""
    path = tmp_path_factory.mktemp("table") / "products.parquet"
    titles = [f"red kettle {i % 360} l" if i % 10 else None for i in range(N)]
    frame = pl.DataFrame(
        {"title": titles, "brand": ["b"] * N, "description": ["d"] * N, "id": range(N)}
    )
    frame = frame.sample(fraction=1.0, shuffle=True, seed=0)
    frame.write_parquet(path, row_group_size=50)
    return path


def job(path, **changes):
    settings = {
        "path": path, "layout": Layout(text=("title",)), "labels": ("Kettles", "Mugs"),
        "rules": {"kettle": Keyword("Kettles", ["kettle"])}, "encoder": EncoderSettings("tiny"),
        "model": None, "on_gpu": False, "n_rows": 10**6, "seconds": 0.05,
    }  # fmt: skip
    return Job(**settings | changes)


@pytest.fixture(scope="module")
def measured(table):
    return measure(job(table))


def test_facts_of_a_table_that_was_read_as_a_whole(measured, table):
    titles = pl.read_parquet(table)["title"].drop_nulls()
    assert (measured.n_rows == N).all()
    assert measured.is_exact
    assert measured.repeated == pytest.approx((1 - titles.n_unique() / len(titles),) * 2)
    assert measured.n_texts[0] == pytest.approx(titles.n_unique())
    assert figure(measured.characters).value == pytest.approx(
        titles.unique().str.len_chars().mean()
    )
    words = titles.unique().str.split(" ").list.len().mean()
    assert figure(measured.pieces).value >= words + 2  # at least one for a word, and two special
    assert [stage.name for stage in measured.stages] == ["prepare", "vote", "tokenise", "embed"]
    assert all((stage.seconds > 0).all() for stage in measured.stages)


def test_bounds_of_a_sample_cover_the_whole(table, measured):
    sample = measure(job(table, n_rows=200, rules={}))
    assert sample.n_sample < N
    low, high = sample.repeated
    assert low < measured.repeated[0] < high
    texts = figure(sample.n_texts)
    assert texts.low < measured.n_texts[0] < texts.high


def test_disk_is_that_of_the_pool_of_a_run(table, measured, tmp_path):
    from wsal import Pool, tables

    pool = Pool(pl.read_parquet(table), text="title", labels=["Kettles", "Mugs"]).records
    tables.write(pool, tmp_path / "pool.parquet", schemas.records_schema(("title",)))
    size = (tmp_path / "pool.parquet").stat().st_size
    assert measured.stages[0].n_bytes[0] == pytest.approx(size, rel=0.1)


def test_predict_with_an_exported_model(folder, table):
    made = measure(job(table, model=folder, rules={}))
    assert [stage.name for stage in made.stages] == ["read", "tokenise", "predict"]
    assert made.stages[-1].n_bytes[0] > table.stat().st_size


def test_hours_and_cost_are_computed_from_the_rates(measured):
    on_cores = planned(measured, cluster_of("ray:10xCPU"), Prices(core_hour=2.0), GPUSpeed())
    for line, stage in zip(on_cores.stages, measured.stages, strict=True):
        n = measured.n_rows if stage.per_row else measured.n_texts
        assert line.core_hours.value == pytest.approx(n[0] * stage.seconds[0] / 3600)
        assert line.hours.value == pytest.approx(line.core_hours.value / 10)
        assert line.cost.value == pytest.approx(line.core_hours.value * 2)
        assert line.basis == "measured"
        assert line.core_hours.low <= line.core_hours.value <= line.core_hours.high
    total = sum(line.core_hours.value for line in on_cores.stages)
    assert on_cores.total.core_hours.value == pytest.approx(total)


def test_a_gpu_that_was_not_measured_is_assumed_or_given(measured):
    cluster = cluster_of("ray:2xGPU+4xCPU")
    embed = measured.stages[-1]

    def line(gpu, prices=NO_PRICES):
        plan = planned(measured, cluster, prices, gpu)
        text = " ".join(notes(measured, plan, cluster, priced=True))
        assert ("ASSUMED" in text) == (plan.stages[-1].basis == "assumed")
        assert plan.stages[0].basis == "measured"
        return plan.stages[-1]

    given = line(GPUSpeed(rate=1000.0))
    assert given.basis == "given"
    assert given.gpu_hours.value == pytest.approx(measured.n_texts[0] / 1000 / 3600)
    assert given.hours.value == pytest.approx(given.gpu_hours.value / 2)
    faster = line(GPUSpeed(per_core=50.0), Prices(gpu_hour=3.0))
    assert faster.basis == "assumed"
    assert faster.rate.value == pytest.approx(50 / embed.seconds[0])
    assert faster.cost.value == pytest.approx(3 * faster.gpu_hours.value)
    unknown = line(GPUSpeed(), Prices(core_hour=1.0))
    assert unknown.basis == "assumed"
    assert unknown.rate.high > 5 * unknown.rate.low
    assert unknown.cost is None


def test_names_of_clusters():
    assert cluster_of("local:16") == Cluster("local:16", 16)
    assert cluster_of("ray:64xCPU") == Cluster("ray:64xCPU", 64)
    assert cluster_of("ray:8xGPU") == Cluster("ray:8xGPU", 64, 8, assumed=True)
    assert cluster_of("ray:8xGPU+96xCPU") == Cluster("ray:8xGPU+96xCPU", 96, 8)
    for wrong in ("", "ray", "ray:", "ray:0xGPU", "local:0", "ray:8", "gpu:8", "ray:8xTPU"):
        with pytest.raises(ConfigError, match="expected local, local:16"):
            cluster_of(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere.csv"], "file nowhere.csv not found"),
        (["s3://bucket/x"], "s3://bucket/x is an address"),
        (["a.csv", "--on", "ray:8"], "--on is 'ray:8'; expected local"),
        (["a.csv"], "name those with the text: --text"),
        (["a.csv", "--text", "nane"], "no column 'nane'; did you mean 'name'"),
        (["a.csv", "--run", "shop"], "unknown run 'shop'"),
        (["a.csv", "--model", "shop"], "there is no folder shop"),
        (["a.csv", "--price-gpu", "-1"], "--price-gpu is -1.0; expected a price of 0 or more"),
        (["a.csv", "--rows", "0", "--seconds", "nan"], "2 things are wrong"),
        (["a.csv", "--gpu-rate", "1", "--gpu-speed", "1"], "both say how fast a GPU is"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_measured(
    tmp_path, monkeypatch, options, message
):
    monkeypatch.setattr(estimate, "measure", None)
    (tmp_path / "a.csv").write_text("id,name\n1,mug\n")
    done = run_here(tmp_path, "estimate", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr


@pytest.mark.slow
def test_the_command_plans_for_a_run(tokenised, table):
    words = ("estimate", str(table), "--run", "t", "--seconds", "0.1")
    done = run_here(tokenised, *words, "--on", "ray:2xGPU", "--json", "--price-cpu", "0.1")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["rows"] == {"value": N, "low": N, "high": N}
    assert [line["stage"] for line in made["stages"]] == ["prepare", "vote", "tokenise", "embed"]
    assert made["stages"][-1]["basis"] == "assumed"
    assert made["total"]["cost"] is None
    assert made["processor"]


def test_known_numbers_have_no_interval():
    assert figure(constant(2.5) * 2).low == figure(constant(2.5) * 2).high == 5
