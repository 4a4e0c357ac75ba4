"""`wsal accept`: what is asked, what is released, and people who stop and go on."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from exported_fixtures import LABELS, export
from fastapi.testclient import TestClient
from helpers import run_here

from wsal.api.exported import load
from wsal.classifier.rejection import Rejection
from wsal.rounds.acceptance_batch import Batch, groups_of, is_right
from wsal.rounds.acceptance_folder import answers_so_far, by_text
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.exported import Exported
from wsal.web.app import make_app
from wsal.web.site import Site

WORDS = ["red", "kettle", "2", "l", "gaming", "laptop", "15", "inch", "a", "novel", "lid", "mug"]
PLAIN = ("--annotator", "oracle", "--gold", "truth", "--precision", "0.9")


@pytest.fixture(scope="module")
def shop(folder, tmp_path_factory):
    """A folder with the model and a batch, on which nine tenths of the predictions are right."""
    here = tmp_path_factory.mktemp("shop")
    shutil.copytree(folder, here / "model")
    rng = np.random.default_rng(0)
    texts = [" ".join([*rng.choice(WORDS, rng.integers(2, 7)), str(n)]) for n in range(600)]
    predicted = load(here / "model", "onnx").predict([{"title": t, "brand": ""} for t in texts])
    truth = [
        one.label if n % 20 else next(name for name in LABELS if name != one.label)
        for n, one in enumerate(predicted)
    ]
    frame = pl.DataFrame({"sku": np.arange(600), "title": texts, "brand": "", "truth": truth})
    frame = pl.concat([frame, frame[:40], frame[:1].with_columns(title=pl.lit(""))])  # repeated
    frame.write_csv(here / "batch.csv")
    return here


@pytest.fixture
def here(shop, tmp_path):
    shutil.copytree(shop, tmp_path / "here")
    return tmp_path / "here"


def accept(here, *more):
    return run_here(here, "accept", "model", "batch.csv", "--backend", "onnx", *more)


def result_in(folder):
    return json.loads((folder / "result.json").read_text())


def test_a_good_batch_is_released_and_no_row_is_lost(here):
    done = accept(here, *PLAIN)
    assert done.returncode == 0, done.stderr
    folder = here / "batch.csv.acceptance"
    result = result_in(folder)
    assert "The whole batch passes" in done.stdout
    assert result["n_passed"] == result["n_judged"] == 640
    released, todo = (pl.read_csv(folder / f"{name}.csv") for name in ("released", "todo"))
    batch = pl.read_csv(here / "batch.csv")
    both = pl.concat([released["sku"], todo["sku"]])
    assert sorted(both) == sorted(batch["sku"])
    assert (len(released), len(todo)) == (640, 1)
    by_people = released.filter(pl.col("labelled_by") == "people")
    assert (by_people["label"] == by_people["truth"]).all()
    others = released.filter(pl.col("labelled_by") == "model")
    assert (others["label"] == others["truth"]).mean() >= 0.9
    answers = pl.read_csv(folder / "answers.csv")
    assert len(answers) == result["n_labels"] == len(answers.unique("text"))


def test_a_bad_batch_goes_to_the_next_round_with_the_most_uncertain_first(here):
    done = accept(here, *PLAIN[:-1], "0.99", "--labels", "60")
    assert done.returncode == 0, done.stderr
    folder = here / "batch.csv.acceptance"
    result = result_in(folder)
    assert "No prediction passes" in done.stdout
    assert result["n_passed"] == 0
    assert result["n_released"] == result["n_by_people"] >= result["n_labels"]
    todo = pl.read_csv(folder / "todo.csv")
    assert todo["model_probability"].drop_nulls().is_sorted()
    assert todo["model_probability"][-1] is None  # without a text


def fill_in(folder, n=None):
    """Answer the newest sheet, or its first `n` texts; returns its path."""
    truth = dict(pl.read_csv(folder.parent / "batch.csv").select("title", "truth").iter_rows())
    path = max(folder.glob("rounds/*/query.csv"))
    sheet = pl.read_csv(path).with_row_index("row")
    labels = [truth[text] for text in sheet["text"]]
    kept = pl.col("row") < (len(labels) if n is None else n)
    sheet = sheet.with_columns(label=pl.when(kept).then(pl.Series(labels)).otherwise(pl.lit("")))
    sheet.drop("row").write_csv(path)
    return path


def test_people_who_stop_go_on_where_they_were(here):
    sheets = ("--annotator", "csv", "--precision", "0.9")
    folder, asked = here / "batch.csv.acceptance", []
    done = accept(here, *sheets)
    assert (done.returncode, "wait for an answer" in done.stdout) == (0, True)
    path = fill_in(folder, n=7)
    before = path.read_text()
    done = accept(here, *sheets)
    assert "wait for an answer" in done.stdout
    assert path.read_text() == before  # half a sheet is kept
    for _ in range(20):
        asked += pl.read_csv(fill_in(folder))["text"].to_list()
        done = accept(here, *sheets)
        if "wait" not in done.stdout:
            break
    assert "The whole batch passes" in done.stdout
    assert len(asked) == len(set(asked)) == result_in(folder)["n_labels"]
    oracle = accept(here, *PLAIN, "--folder", "again")  # the same, but for the sizes of steps
    assert result_in(here / "again")["n_passed"] == 640, oracle.stdout
    n_steps = len(list(folder.glob("rounds/*/query.csv")))
    again = accept(here, *sheets)  # nothing is asked any more
    assert "The whole batch passes" in again.stdout
    assert len(list(folder.glob("rounds/*/query.csv"))) == n_steps


def test_the_page_shows_neither_guess_nor_quality(here):
    accept(here, "--annotator", "csv")  # people are asked now
    site = Site(here / "batch.csv.acceptance", {"secret": ""})
    with TestClient(make_app(site), base_url="http://127.0.0.1") as client:
        client.cookies["wsal"] = "secret"
        page, state = client.get("/").text, client.get("/api/state").json()
        (item,) = client.get("/api/next", params={"n": 1}).json()["items"]
    assert "/workspace" not in page
    assert (state["phase"], state["labels"]) == ("round", LABELS)
    assert item["blind"]
    assert not {"guess", "confidence", "votes"} & item.keys()
    assert item["reason"] == ""


def test_the_goal_cannot_be_changed_after_labels_were_seen(here):
    accept(here, "--annotator", "csv", "--precision", "0.9")
    done = accept(here, "--annotator", "csv", "--precision", "0.8")
    assert done.returncode
    assert "begun with precision 0.9" in done.stderr
    with (here / "batch.csv").open("a") as file:
        file.write("9,one more,,x\n")
    done = accept(here, "--annotator", "csv", "--precision", "0.9")
    assert "another batch" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--precision", "1.2"), "--precision is 1.2"),
        (("--annotator", "oracle"), "go together"),
        (("--labels", "0"), "--labels is 0"),
        ((*PLAIN[:-3], "nothing"), "no column 'nothing'"),
    ],
)
def test_what_is_not_valid_is_refused(here, options, message):
    done = accept(here, *options)
    assert done.returncode
    assert message in done.stderr


def test_nothing_above_a_probability_is_a_clear_sentence(here):
    done = accept(here, *PLAIN, "--above", "0.9999")
    assert done.returncode == 0, done.stderr
    assert "does not reject and a probability of at least --above" in done.stdout
    assert result_in(here / "batch.csv.acceptance")["n_to_do"] == 641


def test_classes_are_judged_by_themselves(here):
    done = accept(here, *PLAIN, "--by-class", "--labels", "300")
    assert done.returncode == 0, done.stderr
    result = result_in(here / "batch.csv.acceptance")
    table = pl.read_csv(here / "batch.csv.acceptance" / "released.csv")
    for group in result["groups"]:
        assert len(group["parts"]) == 1
        if group["n_released_parts"]:
            own = table.filter(pl.col("label") == group["class"])
            assert (own["label"] == own["truth"]).mean() >= 0.9


def test_only_the_predicted_class_confirms_a_prediction(here):
    accept(here, *PLAIN, "--labels", "100")
    folder = here / "batch.csv.acceptance"
    exported = Exported.open(here / "model")
    batch = Batch.read(folder / "predicted.parquet", exported, PredictOptions())
    text, label = batch.texts[0], batch.labels.names[batch.predicted[0]]
    for answer, expected in ((label, 1), ("none of these", 0), (None, 0)):
        right = is_right(batch, {text: answer})
        assert right[0] == expected
        assert right[600] == expected  # the same text in another row
        assert np.isnan(right).sum() == len(right) - (batch.texts == text).sum()
    assert len(by_text(answers_so_far(folder))) == result_in(folder)["n_labels"] > 0
    (group,) = groups_of(batch, 0.0, by_class=False, seed=0)
    assert -1 not in batch.predicted[group.rows]


CLASSES = ["Home > Kettles", "Home > Technical > Laptops", "Books"]
NODES = [
    {"name": "Home", "parent": None, "threshold": 0.0},
    {"name": "Home > Kettles", "parent": "Home", "threshold": 0.9},
    {"name": "Home > Technical", "parent": "Home", "threshold": None},
    {"name": "Home > Technical > Laptops", "parent": "Home > Technical", "threshold": None},
    {"name": "Books", "parent": None, "threshold": None},
]


@pytest.fixture(scope="module")
def strict(shop, tmp_path_factory):
    """A model with a class tree that rejects a fifth of the batch; all it predicts is right."""
    here = tmp_path_factory.mktemp("strict")
    export(here / "model", CLASSES, with_embedding=True)
    (here / "model/classes.json").write_text(json.dumps({"nodes": NODES}))
    frame = pl.read_csv(shop / "batch.csv", schema_overrides={"brand": pl.String})[:600]
    texts = [{"title": title, "brand": ""} for title in frame["title"]]
    dims = json.loads((here / "model/config.json").read_text())["hidden_size"]
    means = np.eye(dims, dtype=np.float32)[:1]
    Rejection("means", {"means": means}).write(here / "model")
    made = load(here / "model", "onnx").predict(texts)
    threshold = float(np.quantile([one.none_score for one in made], 0.8))
    Rejection("means", {"means": means}, threshold).write(here / "model")
    is_none = np.array([one.none_score > threshold for one in made])
    truth = pl.Series([one.label for one in made])
    frame.with_columns(
        truth=pl.when(pl.Series(is_none)).then(pl.lit("none of these")).otherwise(truth)
    ).write_csv(here / "batch.csv")
    return here, is_none


def test_what_the_model_rejects_is_neither_judged_nor_released(strict, tmp_path):
    here, is_none = strict
    shutil.copytree(here, tmp_path / "here")
    done = accept(tmp_path / "here", *PLAIN)
    assert done.returncode == 0, done.stderr
    folder, n_none = tmp_path / "here/batch.csv.acceptance", int(is_none.sum())
    assert f"{n_none} rows are not judged, as the model rejects their texts" in done.stdout
    result = result_in(folder)
    assert (result["n_rejected"], result["n_judged"]) == (n_none, 600 - n_none)
    assert result["n_passed"] == result["n_judged"] == result["n_released"]
    released, todo = (pl.read_csv(folder / f"{name}.csv") for name in ("released", "todo"))
    assert sorted(todo["sku"]) == np.flatnonzero(is_none).tolist()
    assert not released["rejected"].any()
    # What the model is not sure of is no gold label: a run may read a column `label` of a table.
    assert not {"label", "probability", "leaf"} & set(todo.columns)
    assert {"model_label", "model_rejected", "model_trusted"} <= set(todo.columns)


def test_parents_and_none_of_these_confirm_nothing_and_are_no_skips(strict, tmp_path):
    here, _ = strict
    shutil.copytree(here, tmp_path / "here")
    frame = pl.read_csv(here / "batch.csv").with_row_index("row")
    answers = ["Home", "none of these", "Books", None]
    truth = [
        answers[row % 12] if row % 12 < 4 else own
        for row, own in frame.select("row", "truth").iter_rows()
    ]
    frame = frame.drop("row").with_columns(truth=pl.Series(truth))
    frame.write_csv(tmp_path / "here/batch.csv")
    done = accept(tmp_path / "here", *PLAIN, "--labels", "60")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "here/batch.csv.acceptance"
    result, given = result_in(folder), pl.read_csv(folder / "answers.csv")["label"]
    counts = {name: int((given == name).sum()) for name in answers[:3]}
    assert result["n_none"] == counts["none of these"] > 0
    assert result["n_parents"] == counts["Home"] > 0
    assert result["n_skipped"] == given.null_count() > 0
    assert f"{counts['Home']} texts were answered with a parent" in done.stdout
    whole = result["groups"][0]["parts"][-1]
    assert whole["n_right"] <= whole["n_labels"] - result["n_none"] - result["n_parents"]
    released = pl.read_csv(folder / "released.csv")
    people = released.filter(pl.col("labelled_by") == "people")
    assert set(people["label"]) <= set(CLASSES)
    assert (people["leaf"] == people["label"].str.split(" > ").list.last()).all()
    assert (people["trusted"] == people["label"]).all()
    assert people.filter(pl.col("probability").is_null())["label"].to_list().count("Books") > 0
    facts = json.loads((folder / "pool/manifest.json").read_text())["facts"]
    assert list(facts["parents"]) == ["Home", "Home > Technical"]  # the page goes down the tree
    pl.concat([frame, frame[:1].with_columns(truth=pl.lit("Book"))]).write_csv(
        tmp_path / "here/batch.csv"
    )
    done = accept(tmp_path / "here", *PLAIN, "--folder", "other")
    assert "'Book' (1 rows); did you mean 'Books'?" in done.stderr


def test_a_column_that_results_need_is_refused_before_anybody_answers(here):
    batch = pl.read_csv(here / "batch.csv")
    for name in ("labelled_by", "model_label", "label"):
        batch.with_columns(pl.lit("x").alias(name)).write_csv(here / "batch.csv")
        done = accept(here, "--annotator", "csv")
        assert done.returncode and f"the batch has a column '{name}'" in done.stderr.replace(
            "table", "batch"
        )
        assert not (here / "batch.csv.acceptance/rounds").exists()
        shutil.rmtree(here / "batch.csv.acceptance", ignore_errors=True)
    done = accept(here, *PLAIN, "--prefix", "m_")
    assert done.returncode == 0, done.stderr
    for name in ("released", "todo"):
        table = pl.read_csv(here / f"batch.csv.acceptance/{name}.csv")
        assert {"label", "m_label"} <= set(table.columns)
