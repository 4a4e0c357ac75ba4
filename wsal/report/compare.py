"""Several runs side by side, as one HTML page."""

from collections.abc import Sequence

from wsal.report.compare_curves import costs_section, curves_section
from wsal.report.compare_differences import against_first, classes_section, differences_section
from wsal.report.compare_overview import overview_section
from wsal.report.compare_runs import ComparedRun
from wsal.report.compare_seeds import seeds_section
from wsal.report.compare_sweep import sweep_section
from wsal.report.page import Report
from wsal.run.folders import RUNS


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
    return Report(_title(runs), tuple(section for section in sections if section))


def _title(runs: Sequence[ComparedRun]) -> str:
    """The names of the runs, or that of their sweep.

    A sweep is a folder with several runs, apart from the folder of all runs.
    """
    if len(runs) <= 2:
        return f"{' and '.join(run.name for run in runs)}, compared"
    folders = {run.view.run_dir.parent for run in runs} - {RUNS}
    if len(folders) == 1:
        return f"{folders.pop().name}: {len(runs)} runs compared"
    return f"{runs[0].name} and {len(runs) - 1} other runs, compared"
