"""Several processes, a scheduler that takes the machine away, and jobs through SLURM's launcher."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT

pytestmark = pytest.mark.slow

TWO = ("launcher=torchrun", "processes=2")
SMOKE = ("experiment=smoke", "name=t")
BEFORE = ("prepare", "vote", "aggregate", "tokenise")


@pytest.fixture(scope="module")
def tokenised(tmp_path_factory):
    """A folder in which everything before pretraining is done."""
    folder = tmp_path_factory.mktemp("tokenised")
    code = "import sys\nfrom wsal.cli import main\n"
    for stage in BEFORE:
        code += f"sys.argv = ['wsal', *{SMOKE!r}]; main({stage!r})\n"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def work(tokenised, tmp_path):
    """A copy of it."""
    shutil.copytree(tokenised, tmp_path, dirs_exist_ok=True)
    return tmp_path


def manifest(folder):
    return json.loads((folder / "runs/t/pretrained/manifest.json").read_text())


def losses(folder):
    metrics = json.loads((folder / "runs/t/pretrained/metrics.json").read_text())
    return [loss for _, loss in metrics["training"]["loss"]]


def test_two_processes_by_launcher_and_by_torchrun_train_as_one_does(wsal, work, tmp_path_factory):
    calm = tmp_path_factory.mktemp("one")
    shutil.copytree(work, calm, dirs_exist_ok=True)
    wsal("pretrain", *SMOKE, cwd=calm)
    logs = len(list((work / "runs/t/logs").iterdir()))
    done = wsal("pretrain", *SMOKE, *TWO)
    assert done.stdout.count("pretrain") == 1  # said by the leader alone
    assert len(list((work / "runs/t/logs").iterdir())) == logs + 1
    assert losses(work) == pytest.approx(losses(calm), abs=0.02)  # dropout differs
    assert losses(work) != losses(calm)
    assert "(up to date)" in wsal("pretrain", *SMOKE).stdout

    shutil.rmtree(work / "runs/t/pretrained")
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    torchrun += ["--standalone", "--nproc_per_node", "2"]
    script = str(ROOT / "scripts/pretrain.py")
    found = losses(work_after(torchrun, script, work))
    assert found == pytest.approx(losses(calm), abs=0.02)


def work_after(launcher, script, work):
    done = subprocess.run(
        [*launcher, script, *SMOKE], cwd=work, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return work


def test_what_is_wrong_ends_all_processes_and_is_said_once(wsal, work):
    shutil.rmtree(work / "runs/t/tokens")
    done = wsal("pretrain", *SMOKE, *TWO, check=False)
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert "runs/t/tokens has no manifest.json" in done.stderr
    refused = wsal("pretrain", *SMOKE, "processes=2", check=False)
    assert "launcher=torchrun" in refused.stderr


def preempted(work, command):
    """Run until training has taken some steps, then send SIGTERM."""
    process = subprocess.Popen(
        command, cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    events = work / "runs/t/tracker/pretrain"
    while process.poll() is None and not events.exists():
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate()
    return process.returncode, said


def test_sigterm_writes_a_checkpoint_and_the_same_command_goes_on(work, tmp_path_factory):
    calm = tmp_path_factory.mktemp("calm")
    shutil.copytree(work, calm, dirs_exist_ok=True)
    command = [sys.executable, "-c", "from wsal.cli import main; main()", "pretrain", *SMOKE]
    command += ["pretrain.epochs=120", "tracker=tensorboard"]
    subprocess.run(command, cwd=calm, check=True, capture_output=True)
    code, said = preempted(work, command)
    assert code == 128 + signal.SIGTERM, said
    assert "run the same command again" in said
    assert not (work / "runs/t/pretrained").exists()
    assert list((work / "runs/t/pretrained.unfinished/checkpoints").glob("*/*/state.json"))
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    assert manifest(work)["digest"] == manifest(calm)["digest"]


def test_slurm_s_launcher_takes_what_the_readme_gives_it(composed, tmp_path):
    from hydra import compose, initialize_config_dir

    given = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu"]
    given += ["hydra.launcher.gpus_per_node=1", "hydra.launcher.timeout_min=240"]
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        launcher = compose("config", overrides=given, return_hydra_config=True).hydra.launcher
    assert launcher._target_.endswith("submitit_launcher.SlurmLauncher")
    assert (launcher.partition, launcher.gpus_per_node, launcher.timeout_min) == ("gpu", 1, 240)
    readme = (ROOT / "README.md").read_text()
    assert all(one in readme for one in given)


def test_submitit_runs_each_job_of_a_sweep(wsal, tmp_path):
    wsal("prepare", "--multirun", "hydra/launcher=submitit_local", "data.n=200,210")
    made = sorted(
        p.parent.parent.name for p in Path(tmp_path, "runs/catalog").glob("*/pool/manifest.json")
    )
    assert made == ["data.n=200", "data.n=210"]
