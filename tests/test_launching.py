"""Several processes, a scheduler that takes the machine away, and jobs through SLURM's launcher."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import fork_server
import pytest
from helpers import ROOT

pytestmark = pytest.mark.slow

TWO = ("launcher=torchrun", "processes=2")
SMOKE = ("experiment=smoke", "name=t")


def manifest(folder):
    return json.loads((folder / "runs/t/pretrained/manifest.json").read_text())


def losses(folder):
    metrics = json.loads((folder / "runs/t/pretrained/metrics.json").read_text())
    return [loss for _, loss in metrics["training"]["loss"]]


def test_two_processes_by_launcher_and_by_torchrun_train_as_one_does(
    wsal, tokenised, tmp_path_factory
):
    work = tokenised
    calm = tmp_path_factory.mktemp("one")
    shutil.copytree(work, calm, dirs_exist_ok=True)
    wsal("pretrain", *SMOKE, cwd=calm)
    logs = len(list((work / "runs/t/logs").iterdir()))
    done = wsal("pretrain", *SMOKE, *TWO)
    assert done.stdout.count("pretrain") == 1  # said by the leader alone
    assert len(list((work / "runs/t/logs").iterdir())) == logs + 1
    assert losses(work) == pytest.approx(losses(calm), abs=0.02)  # dropout differs
    assert losses(work) != losses(calm)
    assert "up to date" in wsal("pretrain", *SMOKE).stdout

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


def test_two_processes_repeat_weak_training_as_one_does(wsal, tokenised):
    again = (*SMOKE, "retrain.distance=0", "active.query_size=20")
    wsal("run", *again, "export=hf")
    place = tokenised / "runs/t/rounds/002/retrained"

    def found():
        facts = json.loads((place / "manifest.json").read_text())["facts"]
        loss = json.loads((place / "metrics.json").read_text())["training"]["loss"]
        return facts["distance"], facts["n_steps"], facts["kept"], [value for _, value in loss]

    by_one = found()
    shutil.rmtree(place)
    done = wsal("retrain", *again, *TWO)
    assert done.stdout.count("round 2 retrain") == 1
    by_two = found()
    assert by_two[:3] == by_one[:3]
    assert by_two[3] == pytest.approx(by_one[3], abs=0.02)  # dropout differs
    assert by_two[3] != by_one[3]


def test_what_is_wrong_ends_all_processes_and_is_said_once(wsal, tokenised):
    shutil.rmtree(tokenised / "runs/t/tokens")
    done = wsal("pretrain", *SMOKE, *TWO, check=False)
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert "runs/t has no tokens yet: run `wsal tokenise`" in done.stderr
    refused = wsal("pretrain", *SMOKE, "launcher=ray", "processes=2", check=False)
    assert "launcher=local or torchrun" in refused.stderr


SIGTERM_IN_STEP_5 = """
import os, signal
from wsal.classifier.training import Training
from wsal.cli import main
step = Training._step

def terminated(self, *given, **more):
    if self.progress.step == 5:
        os.kill(os.getpid(), signal.SIGTERM)
    return step(self, *given, **more)

Training._step = terminated
main()
"""


def test_sigterm_writes_a_checkpoint_and_the_same_command_goes_on(
    wsal, tokenised, tmp_path_factory
):
    calm, work = tmp_path_factory.mktemp("calm"), tokenised
    shutil.copytree(work, calm, dirs_exist_ok=True)
    command = ["pretrain", *SMOKE, "tracker=tensorboard"]
    wsal(*command, cwd=calm)
    done = fork_server.run(
        [sys.executable, "-c", SIGTERM_IN_STEP_5, *command], cwd=work, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "run the same command again" in done.stderr
    assert not (work / "runs/t/pretrained").exists()
    (state,) = (work / "runs/t/pretrained.unfinished/checkpoints").glob("*/*/state.json")
    assert json.loads(state.read_text())["progress"]["step"] == 6
    wsal(*command)
    assert manifest(work)["digest"] == manifest(calm)["digest"]


def test_slurm_s_launcher_takes_what_the_documentation_gives_it(composed, tmp_path):
    from hydra import compose, initialize_config_dir

    given = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu"]
    given += ["hydra.launcher.gpus_per_node=1", "hydra.launcher.timeout_min=240"]
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        launcher = compose("config", overrides=given, return_hydra_config=True).hydra.launcher
    assert launcher._target_.endswith("submitit_launcher.SlurmLauncher")
    assert (launcher.partition, launcher.gpus_per_node, launcher.timeout_min) == ("gpu", 1, 240)
    page = (ROOT / "docs/how-to/cluster.md").read_text()
    assert all(override in page for override in given)


def test_submitit_runs_each_job_of_a_sweep(wsal, tmp_path):
    wsal("prepare", "--multirun", "hydra/launcher=submitit_local", "data.n=200,210")
    made = sorted(
        p.parent.parent.name for p in Path(tmp_path, "runs/catalog").glob("*/pool/manifest.json")
    )
    assert made == ["data.n=200", "data.n=210"]
