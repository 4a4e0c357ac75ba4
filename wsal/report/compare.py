"""Several runs side by side, as one HTML page."""

from collections.abc import Sequence

from wsal.report.compare_curves import costs_section, curves_section
from wsal.report.compare_differences import against_first, classes_section, differences_section
from wsal.report.compare_overview import overview_section
from wsal.report.compare_runs import ComparedRun
from wsal.report.compare_seeds import seeds_section
from wsal.report.compare_sweep import sweep_section
from wsal.report.page import Report

FILE = "compare.html"


def compare_report(runs: Sequence[ComparedRun], left_out: Sequence[str] = ()) -> Report:
    """The page about these runs, of which the first is the one that others are compared with.

    `left_out` are sentences about runs that cannot be compared.
    """
    overview, compared = overview_section(runs, left_out), against_first(runs)
    sections = [
        overview,
        curves_section(runs),
        differences_section(runs, compared),
        seeds_section(runs),
        classes_section(runs, compared),
        sweep_section(overview),
        costs_section(runs),
    ]
    if len(runs) <= 3:
        title = " and ".join(run.name for run in runs)
    else:
        title = f"{runs[0].name} and {len(runs) - 1} other runs"
    return Report(f"{title}, compared", tuple(section for section in sections if section))
