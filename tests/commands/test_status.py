"""`wsal status` says what the next command would do."""

import json
import shutil

import pytest
from helpers import run_here

from wsal.changes import ClassEdit
from wsal.commands.status import states
from wsal.errors import ConfigError
from wsal.run.class_changes import opened_classes, record, undo

LAYOUT = ("data=csv", "data.path=d.csv", "data.layout.text=[title]", "data.layout.label=kind",
          "name=x", "--config-dir", "mine", "rules=r", "encoder=tiny")  # fmt: skip
STAGES = ("prepare", "vote", "aggregate")
RULES = """
a: {_target_: wsal.rules.patterns.Keyword, label: mug, words: [mug]}
g: {_target_: wsal.rules.gazetteer.Gazetteer, path: terms.csv}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder where three stages are done."""
    folder = tmp_path_factory.mktemp("status")
    rows = "".join(f"{('big', 'tin')[n % 2]} {('mug', 'pan')[n % 2]} {n},{('mug', 'pan')[n % 2]}\n"
                   for n in range(30))  # fmt: skip
    (folder / "d.csv").write_text(f"title,kind\n{rows}")
    (folder / "terms.csv").write_text("term,label\nbig,mug\n")
    (folder / "mine/rules").mkdir(parents=True)
    (folder / "mine/rules/r.yaml").write_text(RULES)
    for stage in STAGES:
        done = run_here(folder, stage, *LAYOUT)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def work(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(folder)
    return folder


def seen(folder, *trusted):
    """The state of each of the three stages."""
    return [row.state for row in states(folder / "runs/x", trusted)][:3]


def test_an_edited_file_makes_stale_what_the_next_command_makes_anew(work):
    assert seen(work) == ["done"] * 3
    (work / "terms.csv").write_text("term,label\ntin,pan\n")
    assert seen(work) == ["done", "stale", "stale"]
    assert "up to date" not in run_here(work, "vote", *LAYOUT).stdout
    assert seen(work) == ["done", "done", "stale"]
    (work / "d.csv").write_text((work / "d.csv").read_text() + "copper pan,pan\n")
    assert seen(work) == ["stale"] * 3
    assert "up to date" not in run_here(work, "prepare", *LAYOUT).stdout
    assert seen(work) == ["done", "stale", "stale"]


def test_a_file_that_is_gone_is_named_and_what_was_made_from_it_stays(work):
    (work / "d.csv").rename(work / "elsewhere.csv")
    first = states(work / "runs/x")[0]
    assert first.state == "input missing"
    assert "d.csv" in first.details
    (work / "terms.csv").unlink()
    assert [row.state for row in states(work / "runs/x")][:2] == ["input missing"] * 2


def test_a_module_of_rules_is_looked_at_only_if_it_is_trusted(work):
    source = 'from wsal.rules.functions import rule\n\n@rule\ndef a(r):\n    return "mug"\n'
    (work / "status_rules.py").write_text(source)
    (work / "mine/rules/r.yaml").write_text("a: {_target_: status_rules.a}\n")
    for stage in STAGES[1:]:
        assert run_here(work, stage, *LAYOUT, "trusted=[status_rules]").returncode == 0
    vote = states(work / "runs/x")[1]
    assert vote.state == "unchecked"
    assert "trusted" in vote.details
    assert seen(work) == ["done", "unchecked", "unchecked"]
    assert seen(work, "status_rules") == ["done"] * 3


def test_a_run_of_a_version_with_fewer_settings_is_stale_but_not_damaged(work):
    config = work / "runs/x/config.json"
    nodes = json.loads(config.read_text())
    for name in ("shard_rows", "processes", "ray"):
        del nodes[name]
    config.write_text(json.dumps(nodes))
    assert seen(work) == ["stale"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{", "[]", '{"facts": {}}', "\x00\xff", ""])
def test_a_damaged_manifest_is_a_line_of_the_table_and_of_the_next_command(work, text):
    (work / "runs/x/votes/manifest.json").write_text(text)
    row = states(work / "runs/x")[1]
    assert row.state == "damaged"
    assert "delete the folder" in row.details
    assert seen(work)[2] == "stale"
    for words in (("vote", *LAYOUT), ("rules", "x"), ("aggregate", *LAYOUT)):
        done = run_here(work, *words)
        assert done.returncode == 1
        assert "damaged" in done.stderr
        assert "delete the folder runs/x/votes" in done.stderr
    shutil.rmtree(work / "runs/x/votes")
    assert run_here(work, "vote", *LAYOUT).returncode == 0


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"active": 1}'])
def test_a_damaged_configuration_is_named_after_the_other_runs(work, text):
    shutil.copytree(work / "runs/x", work / "runs/y")
    (work / "runs/x/config.json").write_text(text)
    with pytest.raises(
        ConfigError, match=r"damaged: .*x/config\.json.*command again to rewrite it"
    ):
        states(work / "runs/x")
    done = run_here(work, "status")
    assert done.returncode == 1
    assert "runs/y" in done.stdout
    assert done.stderr.startswith("error: damaged: runs/x/config.json")
    assert run_here(work, "vote", *LAYOUT).returncode == 0  # writes it anew
    assert seen(work) == ["done"] * 3


def test_several_runs_and_none_are_told_apart(work, tmp_path):
    shutil.copytree(work / "runs/x", work / "runs/y")
    for command in ("rules", "forecast", "review"):
        assert "there are several runs; name one of x, y" in run_here(work, command).stderr
    shutil.rmtree(work / "runs/y")
    for model in ("pretrained", "exported"):
        (work / "runs/x" / model).mkdir()
        (work / "runs/x" / model / "config.json").write_text("{}")  # a model's, and no run's
    assert run_here(work, "rules").returncode == 0
    assert run_here(work, "status").stderr == ""
    (work / "runs/deep/sweep").mkdir(parents=True)
    (work / "runs/x").rename(work / "runs/deep/sweep/0")
    assert "deep/sweep/0" in run_here(work, "status").stdout
    (tmp_path / "empty").mkdir()
    for command in ("status", "rules", "forecast", "review"):
        done = run_here(tmp_path / "empty", command)
        assert done.returncode == 1
        assert done.stderr.startswith("error: there are no runs in ")


def test_rounds_after_an_early_stop_are_not_missing(work):
    """Assessments as they are written; the stages between them play no part in this."""
    config = work / "runs/x/config.json"
    nodes = json.loads(config.read_text())
    nodes["active"]["rounds"], nodes["stop"]["hours"] = 5, 0.1
    config.write_text(json.dumps(nodes))
    from wsal.artifacts import create

    facts = {"rounds": [], "measured_on": None, "agreement": None, "changed": None,
             "next_gain": {}, "seconds": 100.0, "n_gold": 4, "n_evaluation": 0}  # fmt: skip
    for number, seconds in ((1, 100.0), (2, 400.0)):
        place = work / f"runs/x/rounds/00{number}/assessed"
        with create(place, {}, {}) as (_, told):
            told.update(facts, seconds=seconds)
    rows = {row.title: row for row in states(work / "runs/x")}
    assert "round 2 select" in rows
    assert "round 3 select" not in rows
    assert rows["round 3 to 5"].state == "not needed"
    assert "stopped after round 2: hours of annotators 0.111" in rows["round 3 to 5"].details


def test_a_change_of_classes_makes_all_stages_stale_and_its_undo_makes_none(work):
    classes = opened_classes(work / "runs/x")
    record(classes, ClassEdit("rename", ("mug",), ("cup",)), "ann")
    rows = states(work / "runs/x")
    assert [row.state for row in rows][:3] == ["stale"] * 3
    assert rows[0].details == "classes or records were changed since then"
    undo(opened_classes(work / "runs/x"), "ann")
    assert seen(work) == ["done"] * 3
