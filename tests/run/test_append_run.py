"""Records are appended to a run, changed, withdrawn and brought back: what is kept, what is new."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from helpers import run_here

from wsal import tables
from wsal.annotation.handed_out import is_handed_out
from wsal.artifacts import Artifact
from wsal.commands.status import states
from wsal.data.catalog import Catalog
from wsal.inspection.outdated import outdated
from wsal.inspection.run_view import RunView
from wsal.rounds import embedding
from wsal.rules import voting
from wsal.run.history import _newest_classifier, states_of
from wsal.run.history_diff import difference
from wsal.serving.exported import Exported
from wsal.serving.harvest import FILE, Harvest
from wsal.shards import read_array, shard_files

OPTIONS = (
    "encoder=tiny", "pretrain.epochs=1", "finetune.steps=4", "report=false", "tracker=none",
    "rules=catalog", "data=csv", "data.path=shop.csv", "data.layout.text=[title,brand]",
    "data.layout.keep=[description]", "data.layout.label=category", "data.layout.id=id",
    "data.layout.test_share=0.1", "name=shop", "active.query_size=10", "active.max_candidates=60",
    "evaluation.size=12", "evaluation.top_up=12", "export=hf",
)  # fmt: skip
COLUMNS = ["id", "title", "brand", "description", "category"]
BY_ROW = ("pool", "votes", "weak_labels", "tokens")
SPLITS = ("pool", "dev", "test")


def shop_rows():
    rows = Catalog(n=420).read().unique("title", maintain_order=True).select(COLUMNS)
    return rows[:300], rows[300:330]


def wsal(folder, *words):
    done = run_here(folder, *words)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def run(folder, rounds, *more):
    """The states of all stages, by their names."""
    out = wsal(folder, "run", *OPTIONS, f"active.rounds={rounds}", *more)
    lines = [line.split() for line in out.splitlines()]
    names = [" ".join(w[:3]) if w[:1] == ["round"] else w[0] for w in lines if w]
    return dict(zip(names, (w[-1] for w in lines if w), strict=True))


def append(folder, frame, *options):
    frame.write_csv(folder / "batch.csv")
    return wsal(folder, "append", "shop", "batch.csv", *options)


def digests(folder, names=BY_ROW):
    return {name: Artifact.open(folder / "runs/shop" / name).digest for name in names}


def texts_of(folder):
    paths = [folder / f"runs/shop/pool/{split}.parquet" for split in SPLITS]
    return {text for p in paths if shard_files(p)[0].exists() for text in tables.column(p, "text")}


def fresh(folder, other, stage_states=None):
    """The same data and batches in a new run folder, with the trained classifier."""
    (other / "runs/shop").mkdir(parents=True)
    shutil.copy(folder / "shop.csv", other)
    for name in ("annotations.sqlite", "appended", "pretrained"):
        source = folder / "runs/shop" / name
        target = other / "runs/shop" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for stage in ("prepare", "vote", "aggregate", "tokenise", "embed"):
        wsal(other, stage, *OPTIONS)
    return other


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of two rounds on 300 rows."""
    folder = tmp_path_factory.mktemp("shop")
    shop_rows()[0].write_csv(folder / "shop.csv")
    run(folder, 2)
    return folder


@pytest.fixture
def shop(begun, tmp_path, monkeypatch):
    shutil.copytree(begun, tmp_path / "a")
    monkeypatch.chdir(tmp_path / "a")
    return tmp_path / "a"


def test_new_records_are_all_that_is_computed_and_give_what_a_new_run_gives(
    shop, tmp_path, monkeypatch
):
    asked, voted = [], []
    predict, vote = embedding.predict, voting.CompiledRules.vote

    def spy(classifier, texts, *rest):
        asked.append(len(texts))
        return predict(classifier, texts, *rest)

    def spy_on_rules(self, chunks, first=0):
        for chunk, cast in vote(self, chunks, first):
            voted.append(len(chunk) * self.n_rules)
            yield chunk, cast

    n_before = {s: Artifact.open(shop / "runs/shop/pool").facts[f"n_{s}"] for s in SPLITS}
    out = append(shop, shop_rows()[1])
    assert "30 records: 30 new\n" in out
    view = RunView(shop / "runs/shop")
    before = {row.title: row.state for row in states(shop / "runs/shop")}
    assert {before[s] for s in ("prepare", "vote", "tokenise", "embed")} == {"stale"}
    assert {state for title, state in before.items() if title[:5] == "round"} == {"kept"}
    monkeypatch.setattr(embedding, "predict", spy)
    monkeypatch.setattr(voting.CompiledRules, "vote", spy_on_rules)
    made = run(shop, 2)
    kept = [title for title, state in before.items() if state == "kept"]
    assert "pretrain" in kept and len(kept) == 13
    assert {made[title] for title in kept} == {"kept"}
    pool = Artifact.open(shop / "runs/shop/pool")
    n_new = {s: pool.facts[f"n_{s}"] - n_before[s] for s in SPLITS}
    assert sum(asked) == n_new["pool"] > 20
    n_rules = Artifact.open(shop / "runs/shop/votes").facts["n_rules"]
    assert sum(voted) == sum(n_new.values()) * n_rules
    after = {row.title: row.state for row in states(shop / "runs/shop")}
    assert set(after.values()) == {"done", "kept"}
    assert outdated(RunView(shop / "runs/shop")) == []
    assert view.frame is not None
    first, second = states_of(shop / "runs/shop")
    assert len(first.predictions) == difference(first, second).n_predicted > 10
    assert difference(first, second).flipped.is_empty()  # the classifier is the same
    assert _newest_classifier(shop / "runs/shop", pool).path.parent.name == "002"
    other = fresh(shop, tmp_path / "b")
    names = (*BY_ROW, "embeddings")
    assert digests(shop, names) == digests(other, names)


def test_the_loop_goes_on_with_the_classifier_it_has_and_measures_new_texts(shop):
    append(shop, shop_rows()[1])
    run_dir, stop = shop / "runs/shop", "stop.change=1"
    before = wsal(shop, "forecast", "shop", "--target", "0.9")
    assert "records were appended since" in before
    made = run(shop, 4, stop)  # held after round 1, which knew no new text
    assert made["pretrain"] == made["round 2 finetune"] == "kept"
    assert made["round 3 finetune"] != "kept"
    assert not (run_dir / "rounds/004").exists()
    assert states(run_dir)[-2].details.startswith("stopped after round 3: share of")
    assert "records were appended since" not in wsal(shop, "forecast", "shop", "--target", "0.9")
    n = Artifact.open(run_dir / "pool").facts["n_pool"]
    first_of_new = Artifact.open(run_dir / "pool").facts["periods"][0]["n_texts"]
    query = Artifact.open(run_dir / "rounds/003/query")
    view = RunView(run_dir)
    assert len(query.facts["periods"]) == 2
    laid = tables.read(query.path / "frame.parquet")
    earlier = tables.read(run_dir / "rounds/002/query/frame.parquet")
    assert set(earlier["text"]) < set(laid["text"])
    is_new = view.frame.rows >= first_of_new
    assert 0 < is_new.sum() <= (n - first_of_new) // 5
    answers = tables.read(run_dir / "rounds/003/annotations/annotations.parquet")
    trained = set(answers.filter(pl.col("purpose") == "train")["text"])
    assert not trained & set(laid["text"])
    measured = answers.filter(pl.col("purpose") == "evaluate")["text"]
    texts = pl.read_parquet(sorted((run_dir / "pool").glob("pool*.parquet")))["text"]
    assert set(measured) & set(texts[first_of_new:])
    facts = Artifact.open(run_dir / "rounds/003/assessed").facts
    assert "covers" not in facts["measured_on"]
    assert len(facts["rounds"]) == 4  # classifiers of earlier rounds looked at the new texts
    wsal(shop, "report", "shop")


def test_changed_withdrawn_and_back(shop, tmp_path):
    """No answer is lost, and an undo brings the very state back that was before."""
    run_dir = shop / "runs/shop"
    answered = tables.read(run_dir / "rounds/001/annotations/annotations.parquet")
    ids = pl.read_parquet(run_dir / "pool/pool.parquet").select("id", "text")
    ids = ids.filter(pl.col("text").is_in(answered["text"].implode()))["id"][:4]
    base = shop_rows()[0]
    edited = base.filter(pl.col("id").is_in(ids[:2].implode()))
    edited = edited.with_columns(title=pl.lit("edited ") + pl.col("id")).drop("category")
    before = digests(shop)
    out = append(shop, pl.concat([edited, base.drop("category")[200:210]]))
    assert "12 records: 2 changed, 10 unchanged" in out
    out = append(shop, pl.DataFrame({"id": [*ids[2:], "nobody"]}), "--withdraw")
    assert "3 records: 2 withdrawn, 1 not in the run" in out
    assert "2 answers of people to these texts will be set aside" in out
    assert "not read yet" not in out and "001.csv" in out  # counted without the first batch
    old = texts_of(shop)
    made = run(shop, 2)
    assert made["round 1 finetune"] == made["round 2 assess"] == "kept"
    assert len(old - texts_of(shop)) == 4
    withdrawn = digests(shop)
    assert digests(fresh(shop, tmp_path / "b")) == withdrawn
    same = [
        read_array(f / "runs/shop/embeddings/embeddings.npy")[:] for f in (shop, tmp_path / "b")
    ]
    assert np.allclose(*(a.astype(float) for a in same), atol=2e-3)
    back = base.filter(pl.col("id").is_in(ids[2:].implode()))
    assert "2 records: 2 new" in append(shop, back)
    run(shop, 3)
    paths = run_dir.glob("rounds/*/annotations/annotations.parquet")
    trained = pl.concat([tables.read(p) for p in paths]).filter(pl.col("purpose") == "train")
    there = trained.filter(pl.col("text").is_in(texts_of(shop)))
    gold = Artifact.open(run_dir / "rounds/003/finetuned").facts["n_gold"]
    assert gold == len(there) and len(trained) - 2 <= gold < len(trained)  # edited texts are others
    for expected in (None, None, before):
        assert "taken back" in wsal(shop, "append", "shop", "--undo")
        made = run(shop, 2)
        assert {made["round 1 finetune"], made["round 2 finetune"]} <= {"kept", "date"}
        assert expected in (None, digests(shop))
    done = run_here(shop, "append", "shop", "--undo")
    assert done.returncode and "has no batch of records to take back" in done.stderr


def test_killed_anywhere_it_goes_on(shop, tmp_path, monkeypatch):
    append(shop, shop_rows()[1])
    shutil.copytree(shop, tmp_path / "calm")
    run(tmp_path / "calm", 2)
    for owner, name in ((tables, "write_parts"), (embedding, "_save"), (embedding, "predict")):

        def die(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(owner, name, die)
            assert run_here(shop, "run", *OPTIONS, "active.rounds=2").returncode
    assert run(shop, 2)["round 2 finetune"] == "kept"
    names = (*BY_ROW, "embeddings")
    assert digests(shop, names) == digests(tmp_path / "calm", names)
    assert not [*(shop / "runs/shop").glob("*.unfinished")]


def test_people_keep_their_open_round(shop):
    """Half a sheet is filled in, records come and go, and the answers still count."""
    run_dir = shop / "runs/shop"
    shutil.rmtree(run_dir / "rounds")
    people = ("annotator=file", "active.wait=false")
    done = run_here(shop, "run", *OPTIONS, "active.rounds=1", *people)
    assert is_handed_out(run_dir / "rounds/001"), done.stdout + done.stderr
    sheet = run_dir / "rounds/001/query.csv"
    rows = pl.read_csv(sheet, infer_schema=False)
    texts = pl.read_parquet(run_dir / "pool/pool.parquet").select("id", "text")
    gone = texts.filter(pl.col("text") == rows["text"][0])["id"] if "text" in rows.columns else None
    gone = pl.Series([rows["id"][0]]) if gone is None else gone
    rows.with_columns(label=pl.lit("Coffee")).write_csv(sheet)
    append(shop, shop_rows()[1])
    append(shop, pl.DataFrame({"id": gone}), "--withdraw")
    out = wsal(shop, "run", *OPTIONS, "active.rounds=1", *people)
    assert "kept" in next(line for line in out.splitlines() if line.startswith("round 1 select"))
    facts = Artifact.open(run_dir / "rounds/001/annotations").facts
    assert facts["n_labels"] == len(rows)
    # The query was laid before the append: the estimate says what it does not cover.
    assessed = json.loads((run_dir / "rounds/001/assessed/assessment.json").read_text())
    assert "which were appended, is labelled for evaluation yet" in assessed["measured_on"]


def test_served_texts_are_appended_as_the_harvest_writes_them(shop):
    """Without the field that is only shown, and of a server that was killed before the first."""
    exported, harvest = Exported.open(shop / "runs/shop/exported"), Harvest(shop / "served")
    harvest.folder.mkdir()
    (harvest.folder / FILE).touch()
    assert "holds no text" in run_here(shop, "harvest", "served", "--out", "u.csv").stderr
    harvest.prepare()
    rows = [[f"strange thing {n}", "Acme"] for n in range(5)]
    harvest.add(exported, rows, [" | ".join(r) for r in rows], np.zeros(5, int), np.full(5, 0.3))
    assert "--id" in wsal(shop, "harvest", "served", "--out", "u.csv")
    out = wsal(shop, "append", "shop", "u.csv")
    assert "5 new\n" in out and "(no column description: empty in these records)" in out
    wsal(shop, "prepare", *OPTIONS)
    new = tables.read(shop / "runs/shop/pool/pool.parquet").filter(
        pl.col("text").str.starts_with("strange")
    )
    assert len(new) and new["fields"].struct.field("description").is_null().all()


def test_what_does_not_fit_is_refused_before_anything_is_recorded(shop):
    new = shop_rows()[1]
    wrong = {
        "has no column 'title'": new.drop("title"),
        "the label 'Koffee' is not a class of this run; did you mean 'Coffee'": new.with_columns(
            category=pl.lit("Koffee")
        ),
        "an id occurs several times in column 'id': 'c9' (rows 2, 3, ": new.with_columns(
            id=pl.lit("c9")
        ),
        "every row needs an id": new.with_columns(id=pl.lit("")),
        "would change nothing": shop_rows()[0][:5],
        "no column 'description', and 2 of its records are in the run": shop_rows()[0][:2].drop(
            "description"
        ),
    }
    for message, frame in wrong.items():
        frame.write_csv(shop / "bad.csv")
        done = run_here(shop, "append", "shop", "bad.csv")
        assert done.returncode and message in done.stderr, done.stderr
    for words, message in (
        (("nowhere.csv",), "nowhere.csv is not a file"), ((), "give either FILE or --undo"),
    ):  # fmt: skip
        done = run_here(shop, "append", "shop", *words)
        assert done.returncode and message in done.stderr
    assert not (shop / "runs/shop/appended").exists()
    append(shop, new)
    done = run_here(shop, "append", "shop", "batch.csv")
    assert "was appended already: it is the last batch of runs/shop, 001.csv" in done.stderr
    (shop / "runs/shop/appended/001.csv").write_text("torn")
    done = run_here(shop, "run", *OPTIONS)
    assert "is not what was appended to this run" in done.stderr
