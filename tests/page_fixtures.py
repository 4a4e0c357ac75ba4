"""A run that waits for answers to its first round, and the page over it."""

import re
import shutil
import subprocess
import sys
import time

import fork_server
import polars as pl
import pytest

PATIENCE = 900
"""Seconds until a wait fails. Whatever works takes less, on the slowest machine, too: no test may
conclude from the time that something took that it has ended. That a run has ended is seen from its
process."""
SMOKE = ("experiment=smoke", "name=w", "data.n=700", "active.query_size=50", "active.rounds=1")
PAGE = ("annotator=web", "annotator.browser=false", "annotator.blind=0.2")

GATE = """
from wsal import artifacts
create = artifacts.create
def gated(path, *more):
    if str(path).endswith('rounds/001/finetuned'):
        open('gate').read()
    return create(path, *more)
artifacts.create = gated
"""
"""Before the first round is trained, wait until somebody has written to the pipe `gate`."""


def command(*arguments, before=""):
    """A line that runs wsal, after some code."""
    return [sys.executable, "-c", f"{before}from wsal.cli import main; main()", *arguments]


@pytest.fixture(scope="session")
def waiting(built_once):
    """A folder with a run whose first query is there."""

    def fill(folder):
        done = fork_server.run(
            command("run", *SMOKE, "annotator=file"), cwd=folder, capture_output=True, text=True
        )
        assert "waiting" in done.stdout, done.stdout + done.stderr

    return built_once("waiting", fill)


@pytest.fixture
def run(waiting, tmp_path):
    """A copy of it."""
    shutil.copytree(waiting, tmp_path / "here")
    return tmp_path / "here"


class Page:
    """`wsal COMMAND annotator=web` in a process of its own, which can be killed and begun anew."""

    def __init__(self, folder, *overrides, name="annotate", base=SMOKE, port=0, before=""):
        self.folder, self.name, self.port, self.before = folder, name, port, before
        self.overrides, self.process, self.starts = (*base, *overrides), None, 0

    def start(self):
        given = [self.name, *PAGE, *self.overrides, f"annotator.port={self.port}"]
        self.starts += 1
        self.log = self.folder / f"log_{self.starts}.txt"
        with self.log.open("w") as log:
            self.process = fork_server.Popen(
                command(*given, before=self.before), cwd=self.folder, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            log = self.log.read_text()
            if addresses := re.findall(r"annotate at (http://127.0.0.1:(\d+)/\?token=\S+)", log):
                self.urls = [url for url, _ in addresses]
                self.port = int(addresses[0][1])
                return
            assert self.process.poll() is None, log
            time.sleep(0.1)
        raise AssertionError(log)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wait(self):
        """Wait for the end of the command, which succeeds."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = "still running"
        assert code == 0, f"{code}: {self.log.read_text()}"

    def has_ended(self):
        """Whether the command has ended."""
        return self.process.poll() is not None


@pytest.fixture
def page(request):
    """A function that opens the page over a run folder."""
    opened = []

    def start(folder, *overrides, **more):
        opened.append(Page(folder, *overrides, **more))
        opened[-1].start()
        return opened[-1]

    yield start
    for one in opened:
        one.kill()


@pytest.fixture(scope="module")
def chromium():
    """A real browser, headless. Not of the session: while it is there, its event loop is, too."""
    sync_api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no browser here: apt-get install chromium, to test the page in one")
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def browser(chromium):
    """It, without tabs and cookies of another test."""
    yield chromium
    for context in chromium.contexts:
        context.close()


def open_tab(browser, url, **context):
    """The page in a browser tab of its own; `faults` are what its scripts did not catch."""
    tab = browser.new_context(**context).new_page()
    tab.set_default_timeout(1000 * PATIENCE)
    tab.set_default_navigation_timeout(1000 * PATIENCE)
    tab.faults = []
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.goto(url)
    return tab


def shown_id(tab, other_than=""):
    """The id of the text that is shown, once it is another one."""
    tab.wait_for_function(
        "(old) => ![undefined, '', old].includes(document.getElementById('text').dataset.shown)",
        arg=other_than,
    )
    return tab.get_attribute("#text", "data-shown")


def undo(tab, text_id):
    """Take back the answer to a text, and wait until the text is shown again."""
    shown_id(tab, text_id)
    tab.keyboard.press("u")
    tab.wait_for_function(
        "(id) => document.getElementById('text').dataset.shown === id", arg=text_id
    )


@pytest.fixture
def answers_of():
    """A function: a folder's first round as id -> label, as its artifact has them."""

    def answers(folder):
        place = folder / "runs" / "w" / "rounds" / "001" / "annotations"
        table = pl.read_parquet(place / "annotations.parquet")
        return dict(table.select("id", "label").iter_rows())

    return answers


@pytest.fixture
def annotate_in_terminal():
    """The command that asks in a terminal."""
    return command("annotate", *SMOKE, "annotator=terminal", "annotator.name=ann")
