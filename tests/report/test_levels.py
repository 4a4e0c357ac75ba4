"""The section on a class tree, against slow implementations."""

import numpy as np
import pytest
from made_up_run import write_run

from wsal.inspection.judged import judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.levels import levels_section
from wsal.report.rendering import render

EVIL = "<script>x</script>"
NAMES = [f"{a} > {b} > {c}" for a in (EVIL, "Home") for b in ("One", "Two") for c in "rgb"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("levels") / "run"
    above = {" > ".join(name.split(" > ")[:depth]) for name in NAMES for depth in (1, 2)}
    parents = {a: [n for n in NAMES if n.startswith(f"{a} > ")] for a in sorted(above)}
    write_run(run_dir, 1_200, len(NAMES), dev=True, names=NAMES, parents=parents)
    return RunView(run_dir)


def test_quality_by_level_and_errors(run):
    section = levels_section(run)
    figures, judged = section.figures, judged_texts(run)
    for level, row in enumerate(figures["levels"], 1):
        nodes = sorted({" > ".join(name.split(" > ")[:level]) for name in NAMES})
        of_class = np.array([nodes.index(" > ".join(n.split(" > ")[:level])) for n in NAMES])
        sums = np.zeros((len(judged.gold), len(nodes)))
        np.add.at(sums.T, of_class, judged.probs.T)
        right = sums.argmax(axis=1) == of_class[judged.gold]
        assert row["n_nodes"] == len(nodes)
        assert row["accuracy"]["value"] == pytest.approx(right.mean(), abs=1e-5)
        assert row["accuracy"]["low"] <= row["accuracy"]["value"] <= row["accuracy"]["high"]
    wrong = [
        (NAMES[g], NAMES[p]) for g, p in zip(judged.gold, judged.predicted, strict=True) if g != p
    ]
    assert figures["n_wrong"] == len(wrong)
    siblings = sum(g.rsplit(" > ", 1)[0] == p.rsplit(" > ", 1)[0] for g, p in wrong)
    across = sum(g.split(" > ")[0] != p.split(" > ")[0] for g, p in wrong)
    assert figures["n_siblings"] == siblings == figures["parted"][2]["n"]
    assert figures["parted"][0]["n"] == across
    assert sum(row["n"] for row in figures["parted"]) == len(wrong)
    assert all(pair["within"].count(" > ") == 1 for pair in figures["sibling_pairs"])
    assert all(pair["within"] == "" for pair in figures["branch_pairs"])


def test_the_page_escapes_names(run):
    page = render("Report", [levels_section(run)])
    assert EVIL not in page
    assert "name a sibling of the right class" in page


def test_a_flat_run_has_no_such_section(tmp_path):
    write_run(tmp_path / "run", 200, 3, dev=True)
    assert levels_section(RunView(tmp_path / "run")) is None
