"""`wsal compare`: figures compared with artifacts, the page, and what it does with odd runs."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from helpers import run_here
from made_up_run import write_run
from scipy.stats import t
from sklearn.metrics import accuracy_score, f1_score

from wsal.inspection.groupings import OTHERS
from wsal.inspection.run_view import RunView
from wsal.json_files import write_json
from wsal.report.compare import compare_report
from wsal.report.compare_overview import best_of
from wsal.report.compare_runs import ComparedRun, names_of
from wsal.report.slices import slices_section
from wsal.run.summary import summarise

EVIL = "</script><script>document.title='owned'</script>"
NAMES = ["tea", EVIL, "coffee & cake", "pets", "shoes", "phones"]
LAST = "rounds/003/finetuned/dev_probs.npy"


def configure(run, **changes):
    config = json.loads((run / "config.json").read_text())
    changes = {"data": {"_target_": "a.Table"}, "strategy": {"_target_": "a.Margin"}} | changes
    write_json(run / "config.json", config | {"name": "sweep"} | changes)
    write_json(run / "summary.json", summarise(run, "sweep", 3))


@pytest.fixture(scope="session")
def sweep(built_once):
    """`runs/sweep` with two strategies and two seeds; `random` is worse in the last round."""

    def fill(folder):
        base = folder / "runs/sweep/seed=0,strategy=margin"
        write_run(base, 1_200, 6, dev=True, names=NAMES)
        rng = np.random.default_rng(0)
        for strategy in ("margin", "random"):
            for seed in (0, 1):
                run = folder / f"runs/sweep/seed={seed},strategy={strategy}"
                if run != base:
                    shutil.copytree(base, run)
                    probs = np.load(run / LAST)
                    worse = rng.random(len(probs)) < (0.3 if strategy == "random" else 0.05)
                    probs[worse] = np.roll(probs[worse], 1, axis=1)
                    np.save(run / LAST, probs)
        for run in sorted((folder / "runs/sweep").iterdir()):
            strategy = {"_target_": f"a.{run.name.rpartition('=')[2].title()}"}
            configure(run, seed=int(run.name[5]), strategy=strategy)

    return built_once("compared", fill)


def opened(folders):
    return [
        ComparedRun(name, RunView(folder), json.loads((folder / "summary.json").read_text()))
        for name, folder in zip(names_of(folders), folders, strict=True)
    ]


@pytest.fixture(scope="session")
def page(sweep):
    """The runs, the sections of the page, and the page."""
    folders = sorted((sweep / "runs/sweep").iterdir())
    report = compare_report(opened(folders))
    return folders, {section.key: section for section in report.sections}, report.html()


def predictions(run):
    return np.load(run / LAST).argmax(axis=1)


def gold(run):
    return pl.read_parquet(run / "pool/dev.parquet")["label"].to_numpy()


def test_differences_are_those_of_the_predictions_on_the_dev_split(page):
    folders, sections, _ = page
    figures = sections["compare_differences"].figures
    assert figures["first"] == "seed=0,strategy=margin"
    assert [row["run"] for row in figures["rows"]] == [folder.name for folder in folders[1:]]
    first, truth = predictions(folders[0]), gold(folders[0])
    for folder, row in zip(folders[1:], figures["rows"], strict=True):
        other = predictions(folder)
        assert row["paired"]
        assert (row["n"], row["on"]) == (len(truth), "texts of the dev split")
        expected = accuracy_score(truth, other) - accuracy_score(truth, first)
        assert row["accuracy"]["value"] == pytest.approx(expected, abs=1e-6)
        expected = f1_score(truth, other, average="macro") - f1_score(truth, first, average="macro")
        assert row["macro_f1"]["value"] == pytest.approx(expected, abs=1e-6)
        assert row["accuracy"]["low"] < row["accuracy"]["value"] < row["accuracy"]["high"]
    by_name = {row["run"]: row for row in figures["rows"]}
    assert by_name["seed=0,strategy=random"]["accuracy"]["high"] < 0


def test_classes_have_their_f1_in_both_runs(page):
    folders, sections, _ = page
    figures = sections["compare_classes"].figures
    assert figures["rows"]
    for row in figures["rows"]:
        run = next(folder for folder in folders if folder.name == row["run"])
        for key, folder in (("first", folders[0]), ("second", run)):
            scores = f1_score(gold(run), predictions(folder), average=None, labels=range(6))
            assert row[key] == pytest.approx(scores[NAMES.index(row["class"])], abs=1e-6)


def test_the_overview_has_settings_quality_and_costs(page):
    folders, sections, _ = page
    figures = sections["compare_overview"].figures
    assert figures["settings"] == ["strategy", "seed"]
    for folder, row in zip(folders, figures["rows"], strict=True):
        assessed = json.loads((folder / "rounds/003/assessed/assessment.json").read_text())
        summary = json.loads((folder / "summary.json").read_text())
        newest = {key: assessed["rounds"][-1]["accuracy"][key] for key in ("value", "low", "high")}
        assert row["accuracy"] == newest
        assert row["settings"] == {
            "strategy": folder.name.rpartition("=")[2].title(), "seed": int(folder.name[5]),
        }  # fmt: skip
        assert row["money"] == summary["bill"]["total"] > 0
        assert row["measured_on"] == "the dev split"


def test_runs_that_differ_in_seeds_are_grouped(page):
    folders, sections, _ = page
    assessed = {
        folder.name: json.loads((folder / "rounds/003/assessed/assessment.json").read_text())
        for folder in folders
    }
    values = {name: a["rounds"][-1]["accuracy"]["value"] for name, a in assessed.items()}
    margin, random = sections["compare_seeds"].figures["rows"]
    assert (margin["group"], margin["n"]) == ("strategy=Margin", 2)
    assert random["runs"] == ["seed=0,strategy=random", "seed=1,strategy=random"]
    changes = np.array(
        [values[f"seed={s},strategy=random"] - values[f"seed={s},strategy=margin"] for s in (0, 1)]
    )
    difference = random["accuracy_difference"]
    assert difference["value"] == pytest.approx(changes.mean(), abs=1e-6)
    radius = t.ppf(0.95, 1) * changes.std(ddof=1) / np.sqrt(2)
    assert difference["high"] == pytest.approx(min(changes.mean() + radius, 1), abs=1e-5)


def test_the_parallel_coordinates_have_every_run_on_every_axis(page):
    folders, sections, _ = page
    figures = sections["compare_sweep"].figures
    assert [axis["name"] for axis in figures["axes"]][:2] == ["strategy", "seed"]
    assert len(figures["lines"]) == len(folders) * len(figures["axes"])
    assert {0, 1} <= {line["at"] for line in figures["lines"]}


def test_the_page_escapes_what_comes_from_data(page):
    assert EVIL not in page[2]
    assert "sweep: 4 runs compared" in page[2]


def test_slices_have_the_accuracy_of_their_texts(page):
    folder = page[0][1]
    figures = slices_section(RunView(folder)).figures
    records = pl.read_parquet(folder / "pool/dev.parquet")
    right = predictions(folder) == gold(folder)
    by_class = {s["value"]: s for s in figures["slices"] if s["by"] == "gold class"}
    by_class.pop(OTHERS, None)
    for name, found in by_class.items():
        own = gold(folder) == NAMES.index(name)
        assert (found["n"], found["n_wrong"]) == (own.sum(), (own & ~right).sum())
        assert found["accuracy"]["value"] == pytest.approx(right[own].mean(), abs=1e-6)
        assert found["rest"] == pytest.approx(right[~own].mean(), abs=1e-6)
    assert by_class
    shown = {error["text"] for s in figures["slices"] for error in s["errors"]}
    assert shown <= set(records["text"])


def test_the_command_writes_the_page_and_images(sweep, tmp_path):
    shutil.copytree(sweep, tmp_path, dirs_exist_ok=True)
    (tmp_path / "runs/sweep/seed=1,strategy=random/summary.json").unlink()
    words = ("--out", "pages/two.html", "--plots", "plots")
    done = run_here(tmp_path, "compare", "sweep", "runs/sweep/seed=0,strategy=margin", *words)
    assert done.returncode == 0, done.stderr
    assert "seed=1,strategy=random is not finished" in done.stdout
    assert str(tmp_path / "pages/two.html") in done.stdout
    assert "is not finished" in (tmp_path / "pages/two.html").read_text()
    assert {"compare_curves-macro-f1.png", "compare_differences-accuracy.svg"} <= {
        path.name for path in (tmp_path / "plots").iterdir()
    }


def test_odd_runs_are_sentences_and_no_errors(sweep, tmp_path):
    runs = []
    for name in ("first", "ungold", "elsewhere"):
        run = shutil.copytree(sweep / "runs/sweep/seed=0,strategy=margin", tmp_path / name)
        runs.append(run)
    shutil.rmtree(runs[1] / "embeddings")
    texts = pl.col("text") + " elsewhere"
    dev = runs[2] / "pool/dev.parquet"
    pl.read_parquet(dev).with_columns(texts).write_parquet(dev)
    report = compare_report(opened(runs))
    sections = {section.key: section.figures for section in report.sections}
    differences = sections["compare_differences"]
    assert differences["unmeasured"] == ["ungold"]
    assert [row["paired"] for row in differences["rows"]] == [False]
    assert differences["rows"][0]["accuracy"]["value"] == 0
    assert "compare_classes" not in sections
    assert "different texts" in report.html()
    alone = compare_report(opened(runs[:1])).html()
    assert "only one run" in alone
    nothing = run_here(tmp_path, "compare", "nowhere")
    assert nothing.returncode == 1
    assert "Traceback" not in nothing.stderr


def test_only_runs_that_are_measured_alike_are_ranked():
    def row(run, value, on):
        return {"run": run, "macro_f1": {"value": value}, "measured_on": on}

    rows = [row("a", 0.5, "an evaluation sample of 50"), row("b", 0.9, "the test split"),
            row("c", 0.6, "an evaluation sample of 120, on average"),
            {"run": "d", "macro_f1": None, "measured_on": None}]  # fmt: skip
    best = best_of(rows)
    assert (best["run"], best["of"]) == ("c", 2)
    assert best_of(rows[3:]) is None
