"""The command line: quick, helpful, and the same through scripts, sweeps and a user's own conf."""

import json
import subprocess
import sys
import textwrap

import fork_server
import pytest
from helpers import ROOT

TINY = ("data.n=200", "name=t")
SMALL = ("experiment=smoke", "active.rounds=1", "export=hf")
AS_MAIN = "run_name='__main__'"


def test_help_and_version_say_what_there_is(wsal):
    assert "wsal run" in wsal("--help").stdout
    assert wsal("--version").stdout.startswith("wsal 0.")
    assert "pretrain" in wsal("vote", "--help").stdout
    assert "query_size: 7" in wsal("run", "--cfg", "job", "active.query_size=7").stdout


def test_help_waits_for_neither_hydra_nor_torch():
    code = "import sys; sys.argv = ['wsal', '--help']; from wsal.cli import main; main();"
    code += "assert not {'hydra', 'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_rules_never_wait_for_torch(tmp_path):
    code = "import sys; from wsal.cli import main\n"
    for stage in ("prepare", "vote", "aggregate"):
        code += f"sys.argv = ['wsal', *{TINY!r}]; main({stage!r})\n"
        if stage == "prepare":
            code += "assert 'scipy.optimize' not in sys.modules\n"  # that is for later stages
    code += "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/t/weak_labels/manifest.json").exists()


@pytest.mark.slow
def test_a_stage_is_up_to_date_until_its_configuration_or_an_input_changes(wsal):
    stages = ("prepare", "vote", "aggregate")
    for stage in stages:
        wsal(stage, *TINY)
    assert all("up to date" in wsal(stage, *TINY).stdout for stage in stages)
    assert "up to date" not in wsal("vote", *TINY, "~rules.coffee_roast").stdout
    changed = wsal("prepare", "data.n=210", "name=t").stdout
    assert "up to date" not in changed
    states = wsal("status", "t").stdout
    assert "stale" in states
    assert "missing" in states


@pytest.mark.slow
def test_a_script_does_what_the_command_does(tmp_path):
    script = f"import runpy; runpy.run_path({str(ROOT / 'scripts' / 'run.py')!r}, {AS_MAIN})"
    module = f"import runpy; runpy.run_module('wsal', {AS_MAIN}, alter_sys=True)"
    for code, *words in ((script, "name=script"), (module, "run", "name=command")):
        line = [sys.executable, "-c", code, *words, *SMALL]
        fork_server.run(line, cwd=tmp_path, check=True, capture_output=True)
    read = [
        json.loads((tmp_path / f"runs/{n}/exported/manifest.json").read_text())
        for n in ("script", "command")
    ]
    assert read[0]["digest"] == read[1]["digest"]


@pytest.mark.slow
def test_a_sweep_gives_each_job_a_folder_of_its_own(wsal, tmp_path):
    wsal("prepare", "--multirun", "data.n=200,210", "name=sweep", check=True)
    wsal("prepare", "--multirun", "data.n=200,210")
    found = sorted(p.parent.name for p in (tmp_path / "runs/catalog").glob("*/pool"))
    assert found == ["data.n=200", "data.n=210"]


@pytest.mark.slow
def test_a_users_own_conf_and_own_rules_join(wsal, tmp_path):
    (tmp_path / "mine/rules").mkdir(parents=True)
    (tmp_path / "mine/rules/own.yaml").write_text("short: {_target_: own_rules.short_title}\n")
    (tmp_path / "own_rules.py").write_text(
        textwrap.dedent("""
        from wsal.rules.functions import rule

        @rule
        def short_title(record):
            return "Coffee" if len(record["text"]) < 25 else None
        """)
    )
    wsal("prepare", *TINY)
    own = ("vote", "--config-dir", "mine", *TINY, "rules=own")
    refused = wsal(*own, check=False)
    assert refused.returncode == 1
    assert "trusted=[my_module]" in refused.stderr
    assert "1 rule covers" in wsal(*own, "trusted=[own_rules]").stdout
    assert "up to date" in wsal(*own, "trusted=[own_rules]").stdout
    source = (tmp_path / "own_rules.py").read_text()
    (tmp_path / "own_rules.py").write_text(source.replace("25", "15"))
    assert "up to date" not in wsal(*own, "trusted=[own_rules]").stdout


@pytest.mark.slow
def test_trusted_code_is_named_on_the_command_line_only(wsal, tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/bad.yaml").write_text("# @package _global_\ntrusted: [os]\n")
    refused = wsal("prepare", "--config-dir", "mine", "experiment=bad", check=False)
    assert refused.returncode == 1
    assert "command line only" in refused.stderr
