"""The built wheel with its base dependencies alone: `wsal run` works, the rest names its extra."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from helpers import ROOT
from installation import built_wheel, installed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def run_of_smoke(wheel, tmp_path_factory):
    """A function that runs the installed `wsal` in a folder with a finished run, and that run."""
    scripts = installed(wheel, tmp_path_factory.mktemp("environment"))
    folder = tmp_path_factory.mktemp("work")
    (folder / "in.csv").write_text("title,brand,description\nespresso machine,Brewista,15 bar\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"HF_HUB_OFFLINE": "1", "PYTHONNOUSERSITE": "1"}

    def wsal(*arguments):
        return subprocess.run(
            [scripts / "wsal", *arguments], cwd=folder, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    return wsal, wsal("run", "experiment=smoke")


def test_every_file_of_conf_is_shipped(wheel):
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".yaml")]
    conf = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {name.relative_to("wsal/conf") for name in names} == conf


def test_a_base_installation_runs_everything_by_default(run_of_smoke):
    wsal, run = run_of_smoke
    assert run.returncode == 0, run.stderr
    assert "onnx_int8" in run.stdout
    assert "The model is in runs/smoke/exported" in run.stdout
    predict = "predict runs/smoke/exported in.csv out.xlsx"
    for command in ("status", "rules", "forecast", "compare smoke", "rules suggest", predict):
        done = wsal(*command.split())
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("review", "review"),
        ("serve runs/smoke/exported", "serve"),
        ("predict runs/smoke/exported in.csv out.csv --backend openvino", "openvino"),
        ("run experiment=smoke name=again active.review=2", "review"),
        ("pretrain experiment=smoke encoder.lora_rank=4", "lora"),
        ("pretrain experiment=smoke pretrain.epochs=1 tracker=tensorboard", "tensorboard"),
        ("pretrain experiment=smoke pretrain.epochs=1 tracker=wandb", "wandb"),
        ("export experiment=smoke export=openvino", "openvino"),
        ("tokenise experiment=smoke encoder=minilm", "minilm"),
    ],
)
def test_what_needs_an_extra_says_which(run_of_smoke, command, extra):
    wsal, _ = run_of_smoke
    done = wsal(*command.split())
    assert done.returncode == 1, done.stdout
    assert f'pip install "wsal[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr
