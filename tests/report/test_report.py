"""The report of made-up runs: every figure compared with the artifacts, and with the page."""

import argparse
import html
import json
import re
import shutil
from collections import Counter

import numpy as np
import polars as pl
import pytest
from made_up_run import write_run

from wsal.annotation.answers import gold_answers
from wsal.artifacts import Artifact
from wsal.commands import report as command
from wsal.commands import run as run_command
from wsal.errors import MissingArtifactError
from wsal.inspection.judged import judged_texts
from wsal.inspection.outdated import outdated
from wsal.inspection.run_view import RunView
from wsal.json_files import write_json
from wsal.report import confusion
from wsal.report.next_steps import next_steps
from wsal.report.page import FILE, make_report, report_of
from wsal.report.rendering import render

SCRIPT = "document.title='owned'"
EVIL = f'</script><script>{SCRIPT}</script><img src=x onerror="{SCRIPT}">'
NAMES = ["tea", EVIL, "coffee & cake", "pets", "shoes", "phones"]
N = 1_200


def made(built_once, *, dev):
    def fill(folder):
        write_run(folder / "run", N, 6, dev=dev, names=NAMES)

    return built_once(f"made-up-{'dev' if dev else 'sample'}", fill) / "run"


@pytest.fixture(scope="session")
def on_dev(built_once):
    """A run that is measured on its dev split."""
    return made(built_once, dev=True)


@pytest.fixture(scope="session")
def on_sample(built_once):
    """A run that is measured on an evaluation sample."""
    return made(built_once, dev=False)


@pytest.fixture(scope="session")
def reports(on_dev, on_sample):
    """Both runs with their reports and pages."""
    made = [(run, make_report(RunView(run))) for run in (on_dev, on_sample)]
    return [(run, {s.key: s for s in report.sections}, report.html()) for run, report in made]


def facts(run, place):
    return json.loads((run / place / "manifest.json").read_text())["facts"]


def judged_by_hand(run):
    """Gold, prediction, weight, largest probability and text of each judged text."""
    newest = run / "rounds" / "003" / "finetuned"
    if (run / "pool" / "dev.parquet").exists():
        table, probs = pl.read_parquet(run / "pool/dev.parquet"), np.load(newest / "dev_probs.npy")
        texts = zip(table["label"], probs, table["text"], strict=True)
        return [(gold, int(p.argmax()), 1.0, float(p.max()), text) for gold, p, text in texts]
    frame = pl.read_parquet(run / "rounds/001/query/frame.parquet")
    probs, texts, answered = np.load(newest / "frame_probs.npy"), frame["text"].to_list(), {}
    for number in (1, 2, 3):
        table = pl.read_parquet(run / f"rounds/00{number}/annotations/annotations.parquet")
        measure = table.filter(pl.col("purpose") == "evaluate")
        answered |= dict(measure.select("text", "label").iter_rows())
    strata = dict(zip(texts, frame["stratum"], strict=True))
    in_frame, in_sample = Counter(strata.values()), Counter(strata[text] for text in answered)
    assert set(in_frame) == set(in_sample), "in this made-up run, no strata are merged"
    return [
        (NAMES.index(answered[text]), int(p.argmax()),
         in_frame[strata[text]] / in_sample[strata[text]], float(p.max()), text)
        for text, p in zip(texts, probs, strict=True)
        if text in answered
    ]  # fmt: skip


def share(rows):
    """The weighted share of hits among `(is hit, weight)`, and Wilson's interval."""
    rows, z = list(rows), 1.6448536269514722
    if not rows:
        return None, None, None
    total, squares = sum(w for _, w in rows), sum(w * w for _, w in rows)
    n, p = total**2 / squares, sum(w for hit, w in rows if hit) / total
    centre, radius = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((centre + sign * radius) / (1 + z * z / n) for sign in (-1, 1))
    return p, max(low, 0), min(high, 1)


def words_of(part):
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", part).split()))


def ends(estimate):
    return tuple(estimate[key] for key in ("value", "low", "high"))


def nearly(expected):
    return pytest.approx(expected, abs=1e-5)


def test_headline_and_curve_are_what_was_assessed(reports):
    for run, sections, _ in reports:
        figures, assessed = sections["headline"].figures, facts(run, "rounds/003/assessed")
        rounds = assessed["rounds"]
        for metric in ("macro_f1", "accuracy"):
            assert ends(figures["quality"][metric]) == ends(rounds[-1][metric])
            curve = sections["curve"].figures["curves"][metric]
            assert [ends(point) for point in curve["rounds"]] == [ends(r[metric]) for r in rounds]
            assert [point["labels"] for point in curve["rounds"]] == [r["n_gold"] for r in rounds]
            assert curve["forecast"][0]["labels"] == assessed["n_gold"]
        assert figures["quality"]["measured_on"] == assessed["measured_on"]
        assert figures["n_gold"] == assessed["n_gold"]
        assert figures["n_evaluation"] == assessed["n_evaluation"]
        assert figures["minutes"] == round(assessed["seconds"] / 60, 2)
        assert figures["bill"]["total"] == round(assessed["seconds"] / 3600 * 30, 2)
        probs = np.load(run / "rounds/003/finetuned/test_probs.npy")
        gold = pl.read_parquet(run / "pool/test.parquet")["label"].to_numpy()
        assert figures["test"]["accuracy"]["value"] == nearly((probs.argmax(axis=1) == gold).mean())
        assert figures["test"]["n"] == len(gold)


def test_a_stop_rule_would_have_ended_the_run_where_its_limit_is_reached(reports):
    for run, sections, _ in reports:
        newest = [facts(run, f"rounds/00{n}/assessed")["rounds"][-1] for n in (1, 2, 3)]
        lows = enumerate((measured["macro_f1"]["low"] for measured in newest), 1)
        first = next((n for n, low in lows if low >= 0.9), None)
        target = next(r for r in sections["curve"].figures["rules"] if r["rule"] == "target")
        assert target == {"rule": "target", "on": True, "limit": 0.9, "round": first}


def test_classes_and_confusions_by_hand(reports):
    for run, sections, _ in reports:
        texts = judged_by_hand(run)
        for c, row in enumerate(sections["classes"].figures["rows"]):
            of_gold = [(g == p, w) for g, p, w, _, _ in texts if g == c]
            of_predicted = [(g == p, w) for g, p, w, _, _ in texts if p == c]
            either = [(g == p, w) for g, p, w, _, _ in texts if c in (g, p)]
            assert row["support"] == len(of_gold)
            assert ends(row["recall"]) == nearly(share(of_gold))
            assert ends(row["precision"]) == nearly(share(of_predicted))
            assert ends(row["f1"]) == nearly(tuple(2 * j / (1 + j) for j in share(either)))
            errors = {(text, NAMES[p]) for g, p, _, _, text in texts if g == c != p}
            assert {(e["text"], e["predicted"]) for e in row["errors"]} <= errors
            assert len(row["errors"]) == min(3, len(errors))
            assert row["threshold"] == (None if c == 0 else 0.5 + (c - 1) / 12)
        figures = sections["confusion"].figures
        for cell in figures["cells"]:
            place = cell["gold"], cell["predicted"]
            inside = {text for g, p, _, _, text in texts if (g, p) == place}
            assert cell["n"] == len(inside)
            assert cell["texts"]
            assert {text["text"] for text in cell["texts"]} <= inside
        assert sum(cell["n"] for cell in figures["cells"]) == len(texts) == figures["n_judged"]


def test_with_many_classes_the_matrix_has_those_that_are_often_confused(tmp_path, monkeypatch):
    monkeypatch.setattr(confusion, "LISTED", 15)
    write_run(tmp_path / "wide", 3_000, 130, dev=True, has_rules=False)
    view = RunView(tmp_path / "wide")
    figures = confusion.confusion_section(view).figures
    judged = view.once(judged_texts)
    errors = Counter(zip(judged.gold[judged.wrong], judged.predicted[judged.wrong], strict=True))
    most = sorted(errors.values(), reverse=True)
    listed = [cell for cell in figures["cells"] if not cell["is_right"]]
    assert [cell["n"] for cell in listed[: figures["listed"]]] == most[: figures["listed"]]
    assert all(errors[c["gold"], c["predicted"]] == c["n"] for c in listed)
    assert 10 < figures["n_classes"] == len(figures["order"]) <= 30 < len(figures["names"])
    inside = set(figures["order"])
    left = sum(n for (g, p), n in errors.items() if not {g, p} <= inside)
    assert figures["n_wrong_left_out"] == left > 0
    gold = Counter(judged.gold.tolist())
    assert {c["share"] for c in figures["cells"]} == {
        round(c["n"] / gold[c["gold"]], 4) for c in figures["cells"]
    }
    page = render("wide", [confusion.confusion_section(view)])
    assert f"of 130 classes with the most frequent kinds of errors; {left:,} errors" in page


def test_probabilities_by_hand(reports):
    for run, sections, _ in reports:
        texts, figures = judged_by_hand(run), sections["trust"].figures
        for one in figures["reliability"]:
            tenth = int(one["confidence"] * 10)
            inside = [(g == p, w) for g, p, w, sure, _ in texts if min(int(sure * 10), 9) == tenth]
            assert one["n"] == len(inside)
            assert ends(one) == nearly(share(inside))
        total = sum(w for _, _, w, _, _ in texts)
        for point in figures["curve"]:
            accepted = [(g != p, w) for g, p, w, sure, _ in texts if sure >= point["threshold"]]
            assert ends(point) == nearly(share(accepted))
            assert point["coverage"] == nearly(sum(w for _, w in accepted) / total)
        assert figures["curve"][-1]["coverage"] == 1


def test_sources_and_times_are_what_the_stages_counted(reports):
    for run, sections, _ in reports:
        figures, weak = sections["sources"].figures, facts(run, "weak_labels")
        measures = facts(run, "rounds/003/assessed")["n_evaluation"]
        assert figures["rules"]["coverage"] == facts(run, "votes")["coverage"]
        assert figures["rules"]["n_covered"] == weak["n_covered"]
        assert figures["people"] == [
            {"annotator": "ann", "train": 180, "measure": measures, "skipped": 0,
             "minutes": (180 + measures) * 4 / 60, "timed": 180 + measures}
        ]  # fmt: skip
        alone, trained = figures["steps"][:2]
        assert (alone["step"], trained["step"]) == ("rules alone", "weak training")
        if "dev" in weak:
            assert alone["accuracy"]["value"] == nearly(weak["dev"]["accuracy"])
            assert alone["macro_f1"]["low"] is None
        else:
            answers = RunView(run).of_rounds("annotate")
            rows, gold = gold_answers(Artifact(run / "pool"), answers, "evaluate")
            table = pl.read_parquet(run / "weak_labels/weak_labels.parquet")
            plain = (table["probs"].to_numpy()[rows].argmax(axis=1) == gold).mean()
            assert abs(alone["accuracy"]["value"] - plain) < 0.1
        seconds = [json.loads(path.read_text())["seconds"] for path in run.rglob("manifest.json")]
        assert sections["about"].figures["total_seconds"] == nearly(sum(seconds))


def test_the_page_shows_the_figures_and_escapes_what_comes_from_data(reports):
    for _, sections, page in reports:
        parts = re.findall(r'<section id="(\w+)".*?>(.*?)</section>', page, re.DOTALL)
        shown = {key: words_of(part) for key, part in parts}
        assert list(shown) == list(sections)
        for metric in ("macro_f1", "accuracy"):
            value, low, high = ends(sections["headline"].figures["quality"][metric])
            assert f"{value:.3f} 90% interval {low:.3f} to {high:.3f}" in shown["headline"]
            for measured in sections["curve"].figures["curves"][metric]["rounds"]:
                value, low, high = ends(measured)
                assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in shown["curve"]
        for row in sections["classes"].figures["rows"]:
            for metric in ("precision", "recall", "f1"):
                value, low, high = ends(row[metric])
                assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in shown["classes"]
        for cell in sections["confusion"].figures["cells"]:
            if not cell["is_right"]:
                words = f"{cell['n']} {NAMES[cell['gold']]} → {NAMES[cell['predicted']]}"
                assert words in shown["confusion"]
        assert EVIL not in page
        assert "<script>document" not in page
        assert len(page) < 5_000_000


def test_the_same_run_makes_the_same_page(on_sample):
    pages = [make_report(RunView(on_sample)).html() for _ in range(2)]
    assert pages[0] == pages[1]


def test_no_text_of_the_test_split_is_in_the_page(reports):
    for run, _, page in reports:
        texts = pl.read_parquet(run / "pool/test.parquet")["text"]
        assert not [text for text in texts if text in page]
        judged = judged_texts(RunView(run))
        assert judged.reference.place in ("dev", "frame")


def test_command_writes_page_and_plots(on_dev, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    out, plots = tmp_path / "out" / "page.html", tmp_path / "plots"
    command.run(parser.parse_args([str(on_dev), "--out", str(out), "--plots", str(plots)]))
    printed = capsys.readouterr().out
    assert f"{out} (1." in printed.replace("\n", "")
    names = {path.name for path in plots.iterdir()}
    assert {"curve-macro-f1.svg", "confusion-matrix.png", "trust-risk.svg"} <= names
    assert (plots / "confusion-matrix.png").read_bytes()[:4] == b"\x89PNG"
    assert "<iframe srcdoc=" in report_of(on_dev)._repr_html_()


def test_runs_that_lack_almost_everything(on_dev, tmp_path, capsys):
    """A pool alone; then votes, too; a run folder without a pool is a warning after a round."""
    config = json.loads((on_dev / "config.json").read_text())
    write_json(tmp_path / "config.json", config)
    with pytest.raises(MissingArtifactError):
        make_report(RunView(tmp_path))
    run_command._write_report(tmp_path, 1)
    printed = capsys.readouterr().out
    assert "the report was not written (MissingArtifactError" in printed
    assert not (tmp_path / FILE).exists()
    for name in ("pool", "votes", "weak_labels"):
        (tmp_path / name).symlink_to(on_dev / name)
        page = make_report(RunView(tmp_path)).html()
        assert "No classifier is trained yet" in page
    assert "The quality of single classes is not measured yet" in page
    for name in ("embeddings", "pretrained"):
        (tmp_path / name).symlink_to(on_dev / name)
    page = make_report(RunView(tmp_path)).html()
    assert "90% interval" in page
    assert "no round is finished" in page
    run_command._write_report(tmp_path, 0)
    assert (tmp_path / FILE).exists()


def test_a_round_that_waits_says_so(on_sample, tmp_path):
    for path in on_sample.iterdir():
        if path.name not in ("rounds", "exported"):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "rounds" / "001").mkdir(parents=True)
    (tmp_path / "rounds/001/query").symlink_to(on_sample / "rounds/001/query")
    steps = make_report(RunView(tmp_path)).sections[0].figures["next"]
    assert steps[0]["text"].startswith("Round 1 waits for answers to ")


def test_later_rounds_are_left_out(on_sample):
    report = make_report(RunView(on_sample, last=1))
    figures = {s.key: s.figures for s in report.sections}
    assert figures["headline"]["n_rounds"] == 1
    assert [p["round"] for p in figures["curve"]["curves"]["accuracy"]["rounds"]] == [0, 1]
    assert all(row["threshold"] is None for row in figures["classes"]["rows"])  # exported later


def test_artifacts_that_are_out_of_date_are_named(on_sample, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(on_sample, run)
    assert outdated(RunView(run)) == []
    manifest = run / "rounds/003/finetuned/manifest.json"
    content = json.loads(manifest.read_text())
    del content["checksum"]
    content["inputs"]["annotations"] = ["those before a correction"] * 3
    manifest.write_text(json.dumps(content))
    assert outdated(RunView(run)) == ["round 3 finetune"]
    step = next_steps(RunView(run))[0]
    assert "round 3 finetune" in step["text"]
    assert step["command"] == f"wsal status {run}"
