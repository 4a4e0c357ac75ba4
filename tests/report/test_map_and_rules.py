"""The map of the pool and the rules in the report, compared with the artifacts."""

import base64
import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from made_up_run import write_run
from test_report import NAMES, SCRIPT, on_dev, on_sample, share  # noqa: F401  fixtures

from wsal.artifacts import Artifact
from wsal.inspection.judged import judged_texts, pool_model
from wsal.inspection.run_view import RunView
from wsal.report import pool_map
from wsal.report.page import Report, make_report
from wsal.report.pool_map import map_section, shown_rows
from wsal.report.pool_map_data import KINDS, MOST_BYTES, shortest
from wsal.report.rules import rules_section

pytestmark = pytest.mark.filterwarnings("ignore:.*numpy.*:DeprecationWarning")


@pytest.fixture(scope="session")
def mapped(on_sample):  # noqa: F811
    """A run that an evaluation sample measures, and its map."""
    return on_sample, map_section(RunView(on_sample))


def arrays(section):
    kinds = KINDS | {"points": "<i2"}
    data = section.figures["data"]
    return {k: np.frombuffer(base64.b64decode(data[k]), kind) for k, kind in kinds.items()}


def answers(run):
    """The first round and the newest label of each text that people labelled."""
    known = {}
    for number in (1, 2, 3):
        path = run / f"rounds/00{number}/annotations/annotations.parquet"
        for text, label in pl.read_parquet(path).select("text", "label").iter_rows():
            known[text] = (known.get(text, (number,))[0], NAMES.index(label))
    return known


def test_each_text_on_the_map_is_as_in_the_artifacts(mapped):
    run, section = mapped
    texts = pl.read_parquet(run / "pool/pool.parquet")["text"].to_list()
    shown, known, view = arrays(section), answers(run), RunView(run)
    probs = pool_model(view).predict(np.load(run / "embeddings/embeddings.npy"))
    assert section.figures["texts"] == texts
    for i, text in enumerate(texts):
        number, label = known.get(text, (0, int(probs[i].argmax())))
        assert (shown["round"][i], shown["label"][i]) == (number, label), text
        assert shown["by_people"][i] == (text in known)
    assert np.abs(shown["confidence"] / 255 - probs.max(axis=1)).max() < 0.003
    n_votes = pl.read_parquet(run / "weak_labels/weak_labels.parquet")["n_votes"]
    assert shown["votes"].tolist() == n_votes.to_list()
    judged = judged_texts(view)
    right = dict(zip(judged.records["text"], ~judged.wrong, strict=True))
    expected = [1 + (not right[text]) if text in right else 0 for text in texts]
    assert shown["judged"].tolist() == expected
    assert section.figures["n_judged"] == len(right)
    assert section.figures["n_labelled"] == len(known)


def test_groups_on_the_map_are_counted_and_named_by_their_class_words(mapped):
    _, section = mapped
    shown, groups = arrays(section), section.figures["groups"]
    assert [g["n"] for g in groups] == np.bincount(shown["group"]).tolist()
    for number, group in enumerate(groups):
        members = shown["group"] == number
        counts = np.bincount(shown["label"][members], minlength=len(NAMES))
        assert group["class"] == NAMES[counts.argmax()]
        assert group["share"] == pytest.approx(counts.max() / group["n"], abs=1e-4)
        assert group["without_votes"] == pytest.approx((shown["votes"][members] == 0).mean(), 1e-3)
        assert group["n_labelled"] == shown["by_people"][members].sum()
    assert max(np.abs(shown["points"])) <= 32767


def test_the_same_run_has_the_same_map(mapped):
    run, section = mapped
    assert map_section(RunView(run)).figures == section.figures


def test_a_large_pool_is_sampled_with_every_text_that_people_labelled(mapped, monkeypatch):
    run, _ = mapped
    monkeypatch.setattr(pool_map, "SHOWN", 900)
    monkeypatch.setattr(pool_map, "CERTAINLY", 800)
    section = map_section(RunView(run))
    assert len(section.figures["texts"]) == section.figures["n_shown"] == 900
    assert set(answers(run)) <= set(section.figures["texts"])
    page = Report("r", (section,)).html()
    assert "900 of the 1,200 texts of the pool" in page
    assert "a random sample" in page
    rows = shown_rows(10_000, np.arange(50), seed=1)
    assert (np.diff(rows) > 0).all()
    assert 0.4 < (rows > 5_000).mean() < 0.6


def test_texts_of_the_map_fit_into_the_page():
    long = pl.Series(["価" * 300] * 15_000)
    cut, short = shortest(long)
    assert cut == 35
    assert sum(len(text.encode()) for text in short) <= MOST_BYTES
    assert all(len(text) == cut and text.endswith("…") for text in short)


def test_a_run_without_embeddings_or_votes_says_so(tmp_path, on_dev):  # noqa: F811
    (tmp_path / "pool").symlink_to(on_dev / "pool")
    (tmp_path / "config.json").write_text((on_dev / "config.json").read_text())
    view = RunView(tmp_path)
    page = Report("r", (rules_section(view), map_section(view))).html()
    assert "The rules have not voted yet" in page
    assert "There is no map yet" in page


def test_rules_are_as_in_the_artifacts_and_measured_on_what_measures(on_dev, on_sample):  # noqa: F811
    for run in (on_dev, on_sample):
        view = RunView(run)
        figures, judged = rules_section(view).figures, judged_texts(view)
        table = pl.read_parquet(run / "votes/rules.parquet")
        assert figures["measured_on"] == judged.reference.name
        split = "_dev" if run == on_dev else ""
        source = pl.read_parquet(run / f"pool/{'dev' if split else 'pool'}.parquet")
        votes = pl.read_parquet(run / f"votes/votes{split}.parquet")
        vote_of = dict(zip(source["text"], votes.drop("id").iter_rows(named=True), strict=True))
        for row, expected in zip(figures["rows"], table.iter_rows(named=True), strict=True):
            for name in ("rule", "classes", "coverage", "overlap", "conflict", "n_votes"):
                assert row[name] == expected[name]
            hits = [
                (vote_of[text][row["rule"]] == gold, weight)
                for text, gold, weight in zip(
                    judged.records["text"], judged.gold, judged.weights, strict=True
                )
                if vote_of[text][row["rule"]] >= 0
            ]
            assert row["n_gold"] == len(hits)
            if hits:
                measured = [row["precision"][end] for end in ("value", "low", "high")]
                assert measured == pytest.approx(share(hits), abs=1e-5)


def test_conflicts_and_words_are_counted_on_the_votes(on_dev):  # noqa: F811
    section = rules_section(RunView(on_dev))
    votes = pl.read_parquet(on_dev / "votes/votes.parquet").drop("id")
    cells = {(c["rule"], c["other"]): c for c in section.figures["cells"]}
    for a, b in combinations(section.figures["map_rules"], 2):
        x, y = votes[a].to_numpy(), votes[b].to_numpy()
        both = (x >= 0) & (y >= 0)
        if both.any():
            assert cells[a, b]["both"] == both.sum()
            assert cells[a, b]["conflicts"] == (both & (x != y)).sum()
        else:
            assert (a, b) not in cells
    assert "conflicts" in section.charts
    voters = pl.read_parquet(on_dev / "votes/voters.parquet")
    for rule in section.figures["terms"]:
        expected = voters.filter(pl.col("rule") == rule["rule"]).drop_nulls("term")
        assert rule["n_terms"] == len(expected)
        counts = dict(expected.select("term", "n_votes").iter_rows())
        assert {t["term"]: t["n_votes"] for t in rule["terms"] if t["term"]} == counts


def test_precision_on_the_labels_that_came_with_the_pool(tmp_path, on_dev):  # noqa: F811
    run = tmp_path / "run"
    run.mkdir()
    for part in on_dev.iterdir():
        if part.name != "votes":
            (run / part.name).symlink_to(part)
    (run / "votes").mkdir()
    for part in (on_dev / "votes").iterdir():
        (run / "votes" / part.name).symlink_to(part)
    table = pl.read_parquet(run / "votes/rules.parquet")
    table = table.with_columns(
        n_gold=pl.lit(10), accuracy=pl.lit(0.9), low=pl.lit(0.6), high=pl.lit(0.98)
    )
    (run / "votes/rules.parquet").unlink()
    table.cast({"n_gold": pl.Int64}).write_parquet(run / "votes/rules.parquet")
    section = rules_section(RunView(run))
    assert section.figures["rows"][0]["precision"] == {"value": 0.9, "low": 0.6, "high": 0.98}
    page = Report("r", (section,)).html()
    assert "measured on the labels that came with the pool, with 95% intervals" in page


def test_nothing_from_data_becomes_code(mapped, on_sample):  # noqa: F811
    _, section = mapped
    page = Report("r", (section, rules_section(RunView(on_sample)))).html()
    assert f"<script>{SCRIPT}" not in page
    start = page.index('id="figures-map">') + len('id="figures-map">')
    assert json.loads(page[start : page.index("</script>", start)]) == section.figures
    assert Artifact.open(on_sample / "pool").facts["labels"] == section.figures["names"]


def check_keys_and_groups(tab, canvas, section):
    canvas.focus()
    tab.keyboard.press("Enter")
    assert "Texts in view" in tab.inner_text("#map-list h3")
    n_all = tab.inner_text("#map-list .note")
    for _ in range(4):
        tab.keyboard.press("+")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#map-list .note") != n_all
    tab.select_option("#map-colour", "round")
    assert "round 3" in tab.inner_text("#map-legend")
    tab.locator("#map-legend button").nth(1).click()
    assert tab.locator("#map-legend [aria-pressed=true]").count() == 1
    tab.locator("#map [data-group='1']").click()
    assert f"{section.figures['groups'][1]['n']:,} texts" in tab.inner_text("#map-list .note")


@pytest.mark.slow
def test_map_in_a_browser(mapped, browser, tmp_path):
    _, section = mapped
    path = Report("r", (section,)).save(tmp_path / "map.html")
    tab = browser.new_context(viewport={"width": 1300, "height": 1000}).new_page()
    faults = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda line: faults.append(line.text))
    tab.goto(path.as_uri())
    canvas = tab.locator("#map-canvas")
    canvas.scroll_into_view_if_needed()
    place, points = canvas.bounding_box(), arrays(section)["points"].reshape(-1, 2) / 32767
    unit = 0.48 * min(place["width"], place["height"])
    middle = np.array([place["width"], place["height"]]) / 2
    pixels = middle + points * [unit, -unit]
    low, high = np.quantile(pixels, 0.4, axis=0).round(), np.quantile(pixels, 0.7, axis=0).round()

    def drag(*corners):
        tab.mouse.move(place["x"] + corners[0][0], place["y"] + corners[0][1])
        tab.mouse.down()
        for x, y in corners[1:]:
            tab.mouse.move(place["x"] + x, place["y"] + y)
        tab.mouse.up()

    listed = tab.locator("#map-list li")
    inside = np.flatnonzero(((pixels > low) & (pixels < high)).all(axis=1))
    assert 0 < len(inside) < len(points)
    tab.keyboard.down("Shift")
    drag(low, high)
    tab.keyboard.up("Shift")
    assert f"{len(inside):,} text" in tab.inner_text("#map-list .note")
    own = [text.split("\n")[0] for text in listed.all_inner_texts()]
    assert own == [section.figures["texts"][i] for i in inside[:200]]
    tab.click("#map-lasso")
    left, top = low
    right, bottom = high
    drag((left, top), (right, top), (right, bottom), (left, bottom))
    assert f"{len(inside):,} text" in tab.inner_text("#map-list .note")
    tab.click("#map-lasso")
    check_keys_and_groups(tab, canvas, section)
    tab.click("[data-map=all]")
    canvas.scroll_into_view_if_needed()
    place = canvas.bounding_box()
    alone = int(pixels[:, 0].argmin())
    tab.mouse.move(place["x"] + pixels[alone][0], place["y"] + pixels[alone][1])
    tip = tab.inner_text("#map-tip")
    near = np.flatnonzero(np.linalg.norm(pixels - pixels[alone], axis=1) < 2)
    assert any(section.figures["texts"][i] in tip for i in near)
    assert not faults


@pytest.mark.parametrize("dev", [False, True])
def test_a_run_without_rules_has_a_report(tmp_path, dev):
    write_run(tmp_path / "run", 400, 3, dev=dev, has_rules=False)
    sections = {s.key: s for s in make_report(RunView(tmp_path / "run")).sections}
    assert sections["classes"].figures["rows"]
    assert not sections["rules"].figures.get("rows")
