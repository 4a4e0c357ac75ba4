"""The built wheel with its base dependencies alone: `wsal run` works, the rest names its extra."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from helpers import ROOT, Done
from installation import built_wheel, installed

pytestmark = pytest.mark.slow
RUN = "run experiment=smoke"
WORKS = (
    "status", "rules", "forecast", "compare smoke", "rules suggest",
    "predict runs/smoke/exported in.csv out.xlsx",
)  # fmt: skip
NEEDS = {
    "review": "review",
    "serve runs/smoke/exported": "serve",
    "predict runs/smoke/exported in.csv out.csv --backend openvino": "openvino",
    "run experiment=smoke name=again active.review=2": "review",
    "pretrain experiment=smoke encoder.lora_rank=4": "lora",
    "tokenise experiment=smoke launcher=ray": "ray",
    "pretrain experiment=smoke pretrain.epochs=1 tracker=tensorboard": "tensorboard",
    "pretrain experiment=smoke pretrain.epochs=1 tracker=wandb": "wandb",
    "export experiment=smoke export=openvino": "openvino",
}  # command -> extra
DEFAULT_ENCODER = "tokenise experiment=smoke encoder=minilm"  # last: it replaces the tokens
IN_TURN = """
import json, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from helpers import run_here
done = [run_here(".", *command.split()) for command in sys.argv[2:]]
Path("done.json").write_text(json.dumps(done))
"""


def environment():
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return given | {"HF_HUB_OFFLINE": "1", "PYTHONNOUSERSITE": "1"}


def run_all(folder):
    """Install the wheel, run smoke in a process of its own, then all other commands in one."""
    scripts = installed(built_wheel(folder), folder / "environment")
    (folder / "in.csv").write_text("title,brand,description\nespresso machine,Brewista,15 bar\n")
    options = {"cwd": folder, "env": environment(), "text": True}
    run = subprocess.run(
        [scripts / "wsal", *RUN.split()], capture_output=True, check=False, **options
    )
    line = [scripts / "python", "-c", IN_TURN, str(ROOT / "tests"), *WORKS, *NEEDS, DEFAULT_ENCODER]
    subprocess.run(line, check=True, **options)
    others = json.loads((folder / "done.json").read_text())
    all_done = [(run.returncode, run.stdout, run.stderr), *others]
    names = [RUN, *WORKS, *NEEDS, DEFAULT_ENCODER]
    (folder / "done.json").write_text(json.dumps(dict(zip(names, all_done, strict=True))))


@pytest.fixture(scope="module")
def folder(built_once):
    return built_once("installation", run_all)


@pytest.fixture(scope="module")
def done(folder):
    """Command -> what it did in an installation without extras."""
    outcomes = json.loads((folder / "done.json").read_text())
    return {command: Done(*outcome) for command, outcome in outcomes.items()}


def test_every_file_of_conf_is_shipped(folder):
    (wheel,) = folder.glob("*.whl")
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".yaml")]
    conf = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {name.relative_to("wsal/conf") for name in names} == conf


def test_a_base_installation_runs_everything_by_default(done):
    assert done[RUN].returncode == 0, done[RUN].stderr
    assert "onnx_int8" in done[RUN].stdout
    assert "The model is in runs/smoke/exported" in done[RUN].stdout
    for command in (*WORKS, DEFAULT_ENCODER):
        assert done[command].returncode == 0, done[command].stderr


@pytest.mark.parametrize("command", NEEDS)
def test_what_needs_an_extra_says_which(done, command):
    assert done[command].returncode == 1, done[command].stdout
    assert f'pip install "wsal[{NEEDS[command]}]"' in done[command].stderr
    assert "Traceback" not in done[command].stderr
