"""The pictures of pages in the documentation, taken of a run in a real browser.

python docs/scripts/screenshots.py RUN [NAME ...]     (needs chromium, and the extra `dev`)
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsal.inspection.run_view import RunView
from wsal.report.page import make_report
from wsal.run.folders import run_folder

IMAGES = Path(__file__).parents[1] / "images"
SIZE = {"width": 1280, "height": 800}
DRAWN = "() => [...document.querySelectorAll('.chart')].every((c) => c.querySelector('svg'))"


def report(tab: Any, run_dir: Path, image: Path) -> None:
    """The beginning of the report."""
    _open_report(tab, run_dir)
    tab.screenshot(path=image)


def report_confusion(tab: Any, run_dir: Path, image: Path) -> None:
    """The confusion matrix, with the texts of its largest cell of errors."""
    _open_report(tab, run_dir)
    tab.locator("#confusion [data-cell]").first.click()
    tab.locator("#confusion").screenshot(path=image)


def report_map(tab: Any, run_dir: Path, image: Path) -> None:
    """The map of the pool."""
    _open_report(tab, run_dir)
    tab.locator("#map").scroll_into_view_if_needed()
    tab.locator("#map .map").screenshot(path=image)


def report_slices(tab: Any, run_dir: Path, image: Path) -> None:
    """The slices, worst first."""
    _open_report(tab, run_dir)
    tab.locator("#slices").scroll_into_view_if_needed()
    tab.screenshot(path=image)


def workspace(tab: Any, run_dir: Path, image: Path) -> None:
    """A group of errors, with the preview of a proposed rule."""
    code = "from wsal.cli import main; main()"
    arguments = ["workspace", str(run_dir), "--port", "0", "--no-browser"]
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout  # noqa: S101
            tab.goto(process.stdout.readline().split(" at ")[1].split(";")[0])
            tab.locator("#groups button").first.click()
            tab.keyboard.press("e")
            tab.wait_for_selector("#preview table")
            tab.screenshot(path=image)
        finally:
            process.terminate()


PICTURES: dict[str, Callable[[Any, Path, Path], None]] = {
    "report": report,
    "report-confusion": report_confusion,
    "report-map": report_map,
    "report-slices": report_slices,
    "workspace": workspace,
}
"""Name of the image -> the function that takes it, in a new tab, of a run."""


def _open_report(tab: Any, run_dir: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = make_report(RunView(run_dir)).save(Path(folder) / "report.html")
        tab.goto(path.as_uri())
        tab.wait_for_function(DRAWN)


def main(run: str, *names: str) -> None:
    """Take all pictures, or those with these names."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name in names or PICTURES:
            tab = chromium.new_context(viewport=SIZE, color_scheme="light").new_page()
            tab.set_default_timeout(120_000)
            PICTURES[name](tab, run_folder(run), IMAGES / f"{name}.png")
            tab.close()
        chromium.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
