"""Show the learning curves of several runs side by side, and the time that each stage took."""

import argparse

from wsal.commands.status import REWRITE, json_in
from wsal.errors import ConfigError, MissingArtifactError
from wsal.run import stage_lines
from wsal.run.folders import run_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal compare`."""
    parser.add_argument("run", nargs="+", help="the names or folders of runs")


def run(options: argparse.Namespace) -> None:
    """Print the table.

    Raises:
        MissingArtifactError: a run has no summary yet.
        ConfigError: a summary is damaged.
    """
    summaries = []
    for name in options.run:
        path = run_folder(name) / "summary.json"
        if not path.exists():
            raise MissingArtifactError(
                f"{path} not found: this run is not finished; go on with `wsal run`, then compare"
            )
        summaries.append(json_in(path))
    try:
        stage_lines.show_summaries(summaries)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ConfigError(
            f"damaged: a summary.json of {', '.join(options.run)} is incomplete "
            f"({type(error).__name__}: {error}); {REWRITE}"
        ) from error
