"""What several tests need: conf/ composed as Hydra does it, and a tiny classifier."""

import fcntl
import gc
import os
import shutil
import sys

import fork_server
import pytest
from helpers import (
    CONF,
    THOROUGH,
    compose_once,
    leave_files_in_memory,
    run_here,
    tiny_classifier,
)
from hypothesis import settings
from questions_shop import SETTINGS, make_shop

from wsal.run.stage_table import BEFORE_ROUNDS

pytest_plugins = ["page_fixtures", "exported_fixtures"]

settings.register_profile("wsal", derandomize=not THOROUGH, deadline=None)
settings.load_profile("wsal")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, on models too small for two


@pytest.fixture
def composed():
    """A function from overrides to the composed configuration."""
    from hydra import compose, initialize_config_dir

    def compose_with(*overrides):
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return compose("config", overrides=list(overrides))

    return compose_with


@pytest.fixture
def wsal(tmp_path):
    """A function that runs the command in an empty folder and returns its output and status."""

    def run(*arguments, cwd=tmp_path, check=True, **environment):
        done = fork_server.run(
            [sys.executable, "-c", "from wsal.cli import main; main()", *arguments],
            cwd=cwd, capture_output=True, text=True, check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """A function from a name and a function that fills a new folder, to that folder, filled.

    pytest runs in several processes; whichever is the first to ask fills the folder. So do not
    write into it.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def build(name, fill):
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished = shared / f"{name}.unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                fill(unfinished)
                unfinished.rename(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def tokenised_run(built_once):
    """A folder with `runs/t`, an `experiment=smoke` in which everything before training is done."""
    code = "import sys\nfrom wsal.cli import main\n"
    for stage in ("prepare", "vote", "aggregate", "tokenise"):
        code += f"sys.argv = ['wsal', 'experiment=smoke', 'name=t']; main({stage!r})\n"

    def fill(folder):
        line = [sys.executable, "-c", code]
        fork_server.run(line, cwd=folder, check=True, capture_output=True)

    return built_once("tokenised", fill)


@pytest.fixture(scope="session")
def questions_run(built_once):
    """A folder with the run of `questions_shop` up to its first round."""

    def fill(folder):
        make_shop(folder)
        for stage in BEFORE_ROUNDS:
            if stage != "ask":
                done = run_here(folder, stage, *SETTINGS)
                assert not done.returncode, done.stderr

    return built_once("questions_shop", fill)


@pytest.fixture
def tokenised(tokenised_run, tmp_path):
    """A copy of it, in an empty folder."""
    return shutil.copytree(tokenised_run, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def tiny():
    """The function that makes a tiny random classifier for some texts."""
    return tiny_classifier


@pytest.fixture(scope="session", autouse=True)
def quick_commands():
    """Commands in this process compose their configuration once, and wait for no disk."""
    compose_once()
    leave_files_in_memory()


def pytest_collection_finish():
    """Look for garbage rarely, and not among the modules: this saves a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that run commands in processes are slow. Slow tests come first.

    At the end, one of them would keep one of two processes waiting.
    """
    for item in items:
        if {"wsal", "waiting"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
