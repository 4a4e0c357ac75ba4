"""What the benchmark of saved labels counts: lines, learning curves, quality, targets."""

import json
import sys

import numpy as np
import polars as pl
import pytest
from helpers import ROOT

from wsal.evaluation.metrics import evaluate
from wsal.labels import LabelSet


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])


def line(n_gold, macro_f1, way="wsal", seed=0, version="0.6.0", name="tea", **more):
    return {
        "set": name, "way": way, "seed": seed, "n_gold": n_gold, "macro_f1": macro_f1,
        "wsal": version, **({"rules": "blind"} if way == "wsal" else {}), **more,
    }  # fmt: skip


def curve_of(*points, way="wsal", **more):
    from label_curves import curves, newest

    lines = [line(n, value, way=way, **more) for n, value in points]
    return curves(newest(lines), "macro_f1")["tea"][way, "blind" if way == "wsal" else None]


def test_rounds_of_wsal_are_of_one_version_and_points_of_a_peer_of_the_newest():
    from label_curves import newest

    old = [line(n, 0.5, version="0.1.0") for n in (0, 50, 100)]
    new = [line(n, 0.6, version="0.10.0") for n in (0, 50)]
    random = [line(n, 0.4, way="random", version="0.1.0") for n in (50, 100)]
    again = [line(100, 0.45, way="random", version="0.2.0")]
    tried = [line(0, 0.9, version="0.11.0", extra=["pretrain.epochs=1"])]
    chosen = newest([*old, *new, *random, *again, *tried])
    assert [one["n_gold"] for one in chosen if one["way"] == "wsal"] == [0, 50]
    assert {one["wsal"] for one in chosen if one["way"] == "wsal"} == {"0.10.0"}
    assert [one["macro_f1"] for one in chosen if one["way"] == "random"] == [0.4, 0.45]


def test_a_line_without_rules_is_of_the_present_ones():
    from label_curves import newest

    old = {key: value for key, value in line(0, 0.5).items() if key != "rules"}
    assert newest([old])[0]["rules"] == "present"


def test_a_curve_has_means_over_seeds_and_intervals():
    from label_curves import curves

    interval = {"macro_f1_interval": [0.3, 0.7]}
    lines = [line(50, 0.4, seed=0, **interval), line(50, 0.6, seed=1), line(0, 0.3)]
    curve = curves(lines, "macro_f1")["tea"]["wsal", "blind"]
    assert curve.counts.tolist() == [0, 50]
    assert curve.at(50) == pytest.approx(0.5)
    assert curve.at(100) is None
    assert np.isnan(curve.halves[0])
    assert curve.halves[1] == pytest.approx(6.314 * 0.1, abs=1e-3)  # Student's t, one degree
    assert curve.n_seeds.tolist() == [1, 2]
    single = curves([line(50, 0.4, **interval)], "macro_f1")["tea"]["wsal", "blind"]
    assert (single.lows[0], single.highs[0]) == (0.3, 0.7)


def test_labels_needed_lie_between_points_and_beyond_the_last_there_are_none():
    from label_curves import needed, saving

    random = curve_of((50, 0.2), (100, 0.4), (400, 0.6), (800, 0.5), way="random")
    assert needed(random, 0.1) == 50
    assert needed(random, 0.5) == pytest.approx(200)  # halfway in log(n)
    assert needed(random, 0.61) is None
    ours = curve_of((50, 0.5), (100, 0.7))
    assert saving(ours, random, 50) == (pytest.approx(4), True)
    assert saving(ours, random, 100) == (8, False)
    assert saving(ours, None, 100) is None
    assert saving(ours, random, 200) is None


def test_an_effect_is_measured_on_the_same_labels_seeds_and_version():
    from label_curves import effects

    plain = [line(0, 0.5), line(50, 0.6), line(100, 0.7), line(0, 0.9, seed=1)]
    changed = [
        {**line(0, 0.4), "way": "margin"}, {**line(50, 0.55), "way": "margin"},
        {**line(100, 0.1, version="0.5.0"), "way": "margin"},
    ]  # fmt: skip
    assert effects(plain + changed, "margin", "blind", "macro_f1") == {"tea": pytest.approx(-0.075)}
    assert effects(plain + changed, "margin", "present", "macro_f1") == {}


def test_quality_is_that_of_wsal_with_intervals_and_rare_classes():
    from label_quality import quality

    draw = np.random.default_rng(0)
    gold = np.concatenate([draw.integers(0, 4, 400), np.full(5, 4)])
    probs = draw.dirichlet(np.ones(5), len(gold)).astype(np.float32)
    probs[np.arange(len(gold)), gold] += 0.3
    weights = draw.integers(1, 3, len(gold)).astype(float)
    figures = quality(probs, gold, weights)
    expected = evaluate(probs, gold, weights, LabelSet(tuple("abcde")))
    assert figures["macro_f1"] == pytest.approx(expected["macro_f1"], abs=1e-4)
    assert figures["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-4)
    assert figures["rare_f1"] == pytest.approx(expected["classes"]["e"]["f1"], abs=1e-4)
    low, high = figures["accuracy_interval"]
    assert low < figures["accuracy"] < high
    assert high - low == pytest.approx(2 * 1.645 * np.sqrt(0.25 / len(gold)), rel=0.3)
    assert quality(probs[:400], gold[:400], weights[:400])["rare_f1"] is None


def test_a_set_has_neither_a_dev_split_nor_a_text_of_test_in_train():
    from label_sets import LabelledSet, train_and_test

    rows = pl.DataFrame(
        {
            "text": ["green tea", "GREEN  Tea", "Mug", "Pot", "spoon"],
            "label": ["tea", "tea", "mug", "mug", "spoon"],
            "split": ["test", "train", "train", "valid", "train"],
        }
    )
    source = LabelledSet("file", ("text",), "label", "blind", least=2, lower=True)
    assert train_and_test(rows, source)["text"].to_list() == ["green tea", "mug"]


def test_a_target_is_met_or_missed_or_not_measured(tmp_path):
    from label_targets import targets

    ours, random = curve_of((0, 0.7), (200, 0.8)), curve_of((50, 0.3), (1000, 0.7), way="random")
    falling = curve_of((0, 0.7), (50, 0.68))
    weak_file = tmp_path / "weak.json"
    weak_file.write_text(json.dumps({"mean": {"by term": [0.8, 0.11]}}))
    ways = {("wsal", "blind"): ours, ("random", None): random, ("wsal", "names"): falling}
    before = {"tea": {("wsal", "blind"): curve_of((200, 0.77))}}
    rules = {"tea": {("wsal", "blind"): curve_of((0, 0.75), (200, 0.76))}}
    verdicts = targets({"tea": ways}, {}, (rules, {}), before, weak_file)
    found = {target: (verdict, detail) for target, verdict, detail in verdicts}

    def verdict(start):
        return next(value for target, value in found.items() if target.startswith(start))

    assert verdict("blind rules, 200 labels: 4")[0] == "missed"  # 3 points
    saved, detail = verdict("blind rules, 200 labels: 10")
    assert saved == "missed"
    assert "at least, on tea" in detail
    assert verdict("blind rules, 500")[0] == "not measured"
    assert verdict("macro-F1 never falls") == (
        "missed", "1 of 2 hold; tea, names: 0.020 at 50"
    )  # fmt: skip
    assert verdict("macro-F1 never below") == ("missed", "0 of 1 hold; tea, blind: -0.050 at 0")
    assert verdict("mean F1 of rare")[0] == "not measured"
    assert verdict("weak labels, no gold")[0] == "missed"
    assert verdict("weak labels, 100 gold")[0] == "not measured"
