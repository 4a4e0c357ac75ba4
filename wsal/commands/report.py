"""Write the report of a run: one HTML file that opens without a network.

It shows the quality, the learning curve, where labels came from, the classes, confusions and more.
"""

import argparse
from pathlib import Path

from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.stage_lines import print_line


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal report`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    out = "where to write the page (default: RUN/report.html)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=out)
    plots = "write each chart to this folder, too, as PNG and SVG"
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help=plots)


def run(options: argparse.Namespace) -> None:
    """Write the page, and print where it is and how large.

    Raises:
        MissingArtifactError: the run has no pool yet.
    """
    from wsal.inspection.run_view import RunView  # noqa: PLC0415  takes a while
    from wsal.report.page import FILE, make_report  # noqa: PLC0415

    run_dir = run_folder(options.run)
    report = make_report(RunView(run_dir))
    path = report.save(options.out or run_dir / FILE)
    print_line(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    if options.plots:
        written = report.save_plots(options.plots)
        print_line(f"{options.plots}: {len(written)} images")
