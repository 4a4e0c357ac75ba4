"""Show how the rules of a run do: coverage, conflicts, accuracy on gold labels, and examples.

`--terms 20` also shows the words of each rule (or the terms of a gazetteer, the values of a
lookup), and what each of them is worth.

`wsal rules suggest` suggests new rules, `wsal rules watch` shows what each edit of them changes.
"""

import argparse

from wsal.run import term_report, vote_report
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.pipeline import required


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
    parser.add_argument(
        "--terms",
        type=int,
        default=0,
        metavar="N",
        help="words or other terms to show for each rule, those with the most votes first, with "
        "their accuracy and what the label model has learned of them (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Print the vote report.

    Raises:
        MissingArtifactError: the rules have not voted yet.
    """
    folder = run_folder(options.run)
    votes = required(folder, "vote")
    vote_report.show_rules(votes, options.examples)
    if options.terms:
        term_report.show_terms(folder, votes, options.terms)
