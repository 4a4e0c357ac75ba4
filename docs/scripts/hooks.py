"""Pages that are made when the site is built: see `hooks` in mkdocs.yml."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

from configuration import configuration_page
from mkdocs.structure.files import File, Files
from notebook import notebook_page

from wsal.cli import run
from wsal.commands import COMMANDS

ROOT = Path(__file__).parents[2]
PLOTS = ROOT / "benchmarks" / "results" / "plots"


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages, and the plots that they show."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/configuration.md": configuration_page(),
        "tutorials/notebook.md": notebook_page(ROOT / "docs" / "tutorials" / "notebook.ipynb"),
        "benchmarks.md": benchmarks_page(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    for plot in PLOTS.glob("*.svg"):
        name = f"results/plots/{plot.name}"
        files.append(File.generated(config, name, content=plot.read_bytes()))
    return files


def commands_page() -> str:
    """What `--help` prints, of every command."""
    os.environ["COLUMNS"] = "100"  # argparse wraps lines to the terminal
    parts = [
        "# Commands\n\nEach command and its options, as `--help` prints them. The settings of "
        "`wsal run`, `wsal active` and the stages are in [Configuration](configuration.md).\n",
        _help_of(),
    ]
    parts += [f"## wsal {name}\n\n{_help_of(*name.split())}" for name in COMMANDS]
    return "\n".join(parts)


def benchmarks_page() -> str:
    """benchmarks/README.md; what it links to is in the repository, not on the site."""
    path = ROOT / "benchmarks" / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    return text.replace("[results](results)", "`benchmarks/results`")


def _help_of(*words: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        run([*words, "--help"])
    return f"```text\n{out.getvalue()}```\n"
