"""Show how the rules of a run do: coverage, conflicts, accuracy on gold labels, and examples.

`wsal rules suggest` suggests new rules, `wsal rules watch` shows what each edit of them changes.
"""

import argparse

from wsal.artifacts import Artifact
from wsal.run import vote_report
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.stage_table import STAGES


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal rules`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    parser.add_argument(
        "--examples",
        type=int,
        default=3,
        metavar="N",
        help="texts to show for each rule (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Print the vote report.

    Raises:
        MissingArtifactError: the rules have not voted yet.
    """
    votes = Artifact.open(run_folder(options.run) / STAGES["vote"].writes)
    vote_report.show_rules(votes, options.examples)
