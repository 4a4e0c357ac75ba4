"""Commands that Hydra configures: `wsal run`, `wsal active` and every stage."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from wsal import processes
from wsal.commands import LAUNCHED
from wsal.components import Components
from wsal.config import overrides
from wsal.config.composed import RunConfig, check
from wsal.config.errors import not_utf8
from wsal.config.job import from_hydra, is_sweep
from wsal.error_output import report
from wsal.errors import ConfigError, WsalError
from wsal.export.openvino import OpenVino
from wsal.extras import require
from wsal.llm.settings import check_ready
from wsal.presets import CONF_DIR
from wsal.progress import install_console_output, keep_finished
from wsal.run.folders import remove_log
from wsal.run.loop import run_command
from wsal.run.output import reporter
from wsal.run.stage_lines import print_line
from wsal.run.summary_table import show_summaries

VERBOSE = "--verbose"
"""Prints the details of each stage; it may stand anywhere after the command."""


def launch(command: str, arguments: Sequence[str]) -> None:
    """Compose the configuration from conf/ and the arguments, and run the command with it.

    Raises:
        WsalError: the arguments or the configuration are wrong, or the command failed.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Without it Hydra would print errors itself and exit; with it, errors reach the caller.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    verbose = VERBOSE in arguments
    prepared = overrides.prepared([word for word in arguments if word != VERBOSE])
    swept = overrides.swept(prepared)
    if not processes.is_leader():  # with torchrun, only one process makes Hydra's folder
        prepared = ["hydra.run.dir=.", "hydra.output_subdir=null", *prepared]
    sys.argv[1:] = prepared  # Hydra reads the command line itself
    failed: list[BaseException] = []
    composed: list[bool] = []

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=str(CONF_DIR), config_name="config"
    )
    def job(config: DictConfig) -> None:
        composed.append(True)
        try:
            run = from_hydra(config, swept)
            _check_ready(command, run)
            if run.nodes["launcher"] == "torchrun" and processes.count() == 1:
                processes.launch(work, run.nodes["processes"], command, run.nodes, verbose)
            else:
                _run_and_report(command, run, verbose=verbose)
        except BaseException as error:
            if isinstance(error, WsalError | SystemExit) and processes.is_leader():
                remove_log(Path(HydraConfig.get().runtime.output_dir))
            if is_sweep():
                raise  # Hydra's launcher counts failed jobs, and goes on with the others
            failed.append(error)  # raised here, Hydra would print a message of its own

    try:
        job()
    except (ValueError, AttributeError, AssertionError, RecursionError) as error:
        if composed:
            raise
        raise ConfigError(_explained(error, prepared)) from error
    if failed:
        raise failed[0]


def _run_and_report(command: str, run: RunConfig, *, verbose: bool) -> None:
    """Run the command; print a line for each stage, and the learning curve at the end."""
    keep_finished.set(verbose)
    report_stage = reporter(verbose=verbose)
    show = partial(_write_report, run.run_dir) if run.nodes["report"] else lambda _: None
    summary = run_command(command, run.run_dir, run.components, run.nodes, report_stage, show)
    if summary:
        print_line("")
        show_summaries([summary], by_stage=verbose)


def _write_report(run_dir: Path, last: int) -> None:
    """Write the report of a run up to a round. Nothing that fails here ends the run."""
    try:
        from wsal.inspection.run_view import RunView  # noqa: PLC0415  takes a while
        from wsal.report.page import FILE, make_report  # noqa: PLC0415

        print_line(f"report: {make_report(RunView(run_dir, last)).save(run_dir / FILE)}")
    except Exception as error:  # noqa: BLE001  the run is worth more than its report
        print_line(
            f"warning: the report was not written ({type(error).__name__}: {error}); the run is "
            f"not affected. `wsal report {run_dir}` tries again; report=false leaves it out"
        )


def _check_ready(command: str, run: RunConfig) -> None:
    """Fail now rather than after hours, if what the command needs is not there.

    Raises:
        ConfigError: an extra is not installed, or a language model cannot be asked.
    """
    if run.nodes["launcher"] == "ray":
        require("ray", extra="ray", why="launcher=ray")
    if command in LAUNCHED:
        _require_extras(run.components)
        check_ready(run.components["llm"], run.run_dir)


def _require_extras(components: Components) -> None:
    """Check that what a later stage needs is installed.

    Raises:
        ConfigError: it names the extra to install.
    """
    tracker, encoder = components["tracker"].kind, components["encoder"]
    if tracker != "none":
        require(tracker, extra=tracker, why=f"tracker={tracker}")
    if encoder.lora_rank:
        require("peft", extra="lora", why="encoder.lora_rank")
    if components["active"].review:
        require("cleanlab", extra="review", why="active.review")
    if any(isinstance(exporter, OpenVino) for exporter in components["export"].formats.values()):
        require("openvino", extra="openvino", why="the export format openvino")


def _explained(error: Exception, arguments: Sequence[str]) -> str:
    """What to say of an error that Hydra raises, while it composes, without a class of its own."""
    if isinstance(error, UnicodeDecodeError):
        return f"{not_utf8(arguments)} is not UTF-8 ({error}); save it as UTF-8"
    return f"{error} in {' '.join(arguments)}"


def work(command: str, nodes: dict[str, Any], verbose: bool) -> None:  # noqa: FBT001  by position
    """Run the command in one of several processes, with the configuration composed before."""
    install_console_output()
    try:
        run = check(OmegaConf.create(nodes), trusted=nodes["trusted"])
        _run_and_report(command, run, verbose=verbose)
    except BaseException as error:  # noqa: BLE001
        report(error)
