"""The stage ask, and what weak labels and training make of its answers."""

from argparse import Namespace

import numpy as np
import polars as pl
import pytest
from llm.fake_server import FakeServer

from wsal import schemas, tables
from wsal.annotation.journal import CHANGE, JOURNAL_FILE, Event, Journal
from wsal.changes import Batch, note_of
from wsal.commands import llm_plan
from wsal.config.composed import check
from wsal.data.batches import APPENDED
from wsal.data.catalog import Catalog
from wsal.digests import file_digest
from wsal.errors import ConfigError
from wsal.json_files import write_json
from wsal.rounds.answered import answered_rows
from wsal.rounds.llm_sampling import MEASURES
from wsal.run.appending import keep_copy
from wsal.run.changes import with_changes
from wsal.run.pipeline import run_stage

CATALOG = ("data=catalog_small", "data.n=600", "llm.model=fake", "llm.parallel=4")
UNTIL_ASK = ("prepare", "vote", "ask")


@pytest.fixture
def stages(composed, tmp_path):
    """A function that runs stages with overrides, and gives back the last artifact."""

    def run(names, *overrides):
        parts = check(composed(*CATALOG, *overrides)).components
        return [run_stage(tmp_path / "run", name, parts).artifact for name in names][-1]

    return run


@pytest.fixture
def server(stages):
    """A server that is right about every text."""
    pool = stages(["prepare"], "llm=none").path
    names = stages(["prepare"], "llm=none").facts["labels"]
    gold = pl.read_parquet(pool / "pool.parquet").join(
        pl.read_parquet(pool / "gold.parquet"), on="id"
    )
    classes = {text: names[label] for text, label in gold.select("text", "label").iter_rows()}
    with FakeServer(lambda text: (classes.get(text), 90)) as fake:
        fake.classes = classes
        yield fake


def using(server, *more):
    return ("llm=local", f"llm.url={server.url}", *more)


def test_answers_become_weak_labels_beside_the_votes(stages, server):
    plain = stages([*UNTIL_ASK[:2], "aggregate"], "llm=none")
    before = tables.probs_array(tables.read(plain.path / "weak_labels.parquet"))
    asked = stages(UNTIL_ASK, *using(server, "llm.texts=120"))
    answers = tables.read(asked.path / "answers.parquet", schemas.LLM_ANSWERS)
    assert len(answers) == asked.facts["n_asked"] == 120
    assert answers["label"].to_list() == [server.classes[text] for text in answers["text"]]
    weak = stages(["aggregate"], *using(server, "llm.texts=120"))
    table = tables.read(weak.path / "weak_labels.parquet")
    names = stages(["prepare"], "llm=none").facts["labels"]
    rows = answered_rows(weak)
    pool = pl.read_parquet(stages(["prepare"], "llm=none").path / "pool.parquet")
    assert sorted(pool["text"].gather(rows)) == sorted(answers["text"])
    probs = tables.probs_array(table)
    gold = np.array([names.index(server.classes[text]) for text in pool["text"].gather(rows)])
    assert (probs[rows].argmax(axis=1) == gold).mean() >= (
        before[rows].argmax(axis=1) == gold
    ).mean()
    assert table["used"].gather(rows).all()
    alone = pl.read_parquet(weak.path / "rules_alone.parquet")
    assert (alone["label"].to_numpy() >= 0).tolist() == (table["n_votes"] > 0).to_list()


def test_a_rerun_asks_nothing_and_more_texts_pay_for_the_new_ones_alone(stages, server):
    stages(UNTIL_ASK, *using(server, "llm.texts=60"))
    first = set(server.replied)
    stages(["ask"], *using(server, "llm.texts=60"))
    assert len(server.replied) == len(first) == 60
    more = stages(["ask"], *using(server, "llm.texts=90"))
    assert more.facts["n_asked"] == 90
    assert len(server.replied) == len(set(server.replied))


def test_after_an_append_only_texts_that_were_not_asked_about_are_paid_for(
    stages, server, composed, tmp_path
):
    measured = using(server, "llm.texts=80", "evaluation.size=20", "evaluation.frame=200")
    before = tables.read(stages(UNTIL_ASK, *measured).path / "answers.parquet")
    new = Catalog(n=200, seed=7).read().with_columns(id="new " + pl.col("id"))
    new.write_csv(tmp_path / "new.csv")
    run = tmp_path / "run"
    batch = Batch("", file_digest(tmp_path / "new.csv"), by="text")
    batch = keep_copy(tmp_path / "new.csv", batch, run / APPENDED)
    Journal(run / JOURNAL_FILE).append([Event("a", CHANGE, "", 1, note=note_of(batch))])
    parts = with_changes(check(composed(*CATALOG, *measured)).components, run)
    pool, _, asked = (run_stage(run, name, parts).artifact for name in UNTIL_ASK)
    n_first, n_pool = pool.facts["periods"][0]["n_texts"], pool.facts["n_pool"]
    assert n_first < n_pool
    after = tables.read(asked.path / "answers.parquet")
    assert len(after) == len(before) == 80
    assert len(server.replied) == len(set(server.replied))
    assert set(server.replied) == {*before["text"], *after["text"]}
    assert len({*before["text"]} & {*after["text"]}) > 50
    texts = tables.column(pool.path / "pool.parquet", "text")
    assert set(texts[n_first:]) & set(after["text"])
    # No text that measures was asked for another reason, before or after.
    of_frame = {
        text for t in (before, after) for text in t.filter(pl.col("reason") == MEASURES)["text"]
    }
    assert not of_frame & set(after.filter(pl.col("reason") != MEASURES)["text"])


def test_a_changed_price_makes_nothing_stale(stages, server):
    made = stages(UNTIL_ASK, *using(server, "llm.texts=20"))
    again = stages(["ask"], *using(server, "llm.texts=20", "llm.price.input=3", "llm.parallel=2"))
    assert again.digest == made.digest


def test_texts_to_measure_with_are_asked_but_never_trained_on(stages, server):
    measured = using(server, "llm.texts=120", "evaluation.size=20", "evaluation.frame=200")
    asked = stages(UNTIL_ASK, *measured)
    answers = tables.read(asked.path / "answers.parquet", schemas.LLM_ANSWERS)
    measures = answers.filter(pl.col("reason") == MEASURES)
    assert len(measures) == 30
    weak = stages(["aggregate"], *measured)
    pool = pl.read_parquet(stages(["prepare"], "llm=none").path / "pool.parquet")
    trained = pool["text"].gather(answered_rows(weak))
    assert not set(trained) & set(measures["text"])
    assert len(trained) == 90


def test_without_a_language_model_nothing_can_be_asked_and_weak_labels_stay(stages, server):
    before = stages([*UNTIL_ASK[:2], "aggregate"], "llm=none")
    with pytest.raises(ConfigError, match="llm=local"):
        stages(["ask"], "llm=none")
    stages([*UNTIL_ASK, "aggregate"], *using(server, "llm.texts=20"))
    assert stages(["aggregate"], "llm=none").digest == before.digest
    assert not (before.path / "rules_alone.parquet").exists()


def test_many_classes_are_offered_in_part_with_those_that_rules_voted_for(stages, server):
    asked = stages(UNTIL_ASK, *using(server, "llm.texts=30", "llm.options=3"))
    assert asked.facts["n_asked"] == 30
    assert asked.facts["statuses"]["class"] > 15  # the right class is among the three


def test_the_plan_shows_what_would_be_asked_first(stages, server, composed, tmp_path, capsys):
    settings = using(server, "llm.texts=40")
    stages(["prepare", "vote"], *settings)
    write_json(tmp_path / "run" / "config.json", check(composed(*CATALOG, *settings)).nodes)
    llm_plan.run(Namespace(run=str(tmp_path / "run"), texts=None))
    shown = " ".join(capsys.readouterr().out.split())
    assert not server.requests
    asked = stages(["ask"], *settings)
    answers = tables.read(asked.path / "answers.parquet", schemas.LLM_ANSWERS)
    for text in answers["text"][:3]:
        assert " ".join(text.split()) in shown
