"""The cost table is arithmetic on recorded lines."""

import importlib.util
import json

import pytest
from helpers import ROOT

SPEC = importlib.util.spec_from_file_location("cost_table", ROOT / "benchmarks" / "cost_table.py")
cost_table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(cost_table)
MACHINE = "AMD EPYC, 2 cores, not measured on a GPU; Python 3.11"


def record(folder, name, *lines):
    rows = [{"what": what, "wsal": value, "unit": unit} for what, value, unit in lines]
    content = {"benchmark": name, "machine": MACHINE, "versions": {"wsal": "0.7.0"}, "rows": rows}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1))


def test_hours_and_cost_of_recorded_rates(tmp_path):
    record(tmp_path, "prepare", ("prepare 10 titles, parquet", 1, "rows/s"),
           ("prepare 2,000 titles, parquet", 200_000, "rows/s"))  # fmt: skip
    record(tmp_path, "large_votes", ("100 rules vote on 1,000,000 titles", 2.0, "s"))
    record(tmp_path, "rules", ("10,000,000 titles, expressions", 1.0, "s"))
    lines = {line["step"]: line for line in cost_table.computed(tmp_path, 10**9, 10, 0.5)}
    prepare, vote = lines["prepare"], lines["vote, 100 rules"]
    assert (prepare["rate"], vote["rate"]) == (200_000, 500_000)
    assert prepare["core_hours"] == pytest.approx(10**9 / 200_000 / 3600 * 2)
    assert prepare["hours"] == pytest.approx(prepare["core_hours"] / 10)
    assert prepare["cost"] == pytest.approx(prepare["core_hours"] / 2)
    assert vote["benchmark"] == "large_votes"
    assert lines["cascade, Fashion"]["rate"] is None
    assert cost_table.cells(lines["cascade, Fashion"])[1] == "not recorded"
    assert "not measured on a GPU" in cost_table.cells(prepare)[2]


def test_the_recorded_results_give_a_table():
    lines = {line["step"]: line for line in
             cost_table.computed(ROOT / "benchmarks" / "results", 10**9, 64, None)}  # fmt: skip
    assert lines["embed with MiniLM, fp32"]["core_hours"] > 0
    assert lines["predict with MiniLM"]["cost"] is None
