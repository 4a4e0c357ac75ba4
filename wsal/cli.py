"""`wsal <command> [overrides]`, and the same door for scripts/*.py."""

import os
import sys
import traceback
from typing import Any, NoReturn

from wsal import __version__, processes
from wsal.progress import install_console_output

STAGES = (
    "prepare",
    "vote",
    "aggregate",
    "tokenise",
    "pretrain",
    "embed",
    "select",
    "annotate",
    "reweigh",
    "finetune",
    "assess",
    "export",
)

HELP = """wsal: weak supervision, then active learning, for text classification.

  wsal run [OVERRIDES]      everything: rules to an exported model
  wsal active [OVERRIDES]   the loop select, annotate, reweigh, finetune, assess, until a stop rule

stages, in their order (each skips what is up to date):
  wsal prepare      any source -> pool, dev, test
  wsal vote         rules vote on every text; a report of how they do
  wsal aggregate    votes -> one weak label a text
  wsal tokenise     texts -> word pieces, once for all stages
  wsal pretrain     train the classifier on weak labels
  wsal embed        embed the pool once, and set a part of it aside to measure on
  wsal select       choose the texts to ask about in this round
  wsal annotate     have them answered
  wsal reweigh      weigh the rules anew by the gold labels, and calibrate
  wsal finetune     train on gold labels, with replay of weak ones
  wsal assess       what the round brought: quality, gain, cost, whether to stop
  wsal export       a Hugging Face folder, calibrated; ONNX and others; a model card

readers:
  wsal status [RUN]         which stages are done, stale or missing
  wsal rules [RUN]          the vote report: coverage, conflict, accuracy, examples
  wsal rules suggest [RUN]  rules to paste: from class names, gold labels, conflicts, mistakes
  wsal rules watch FILE [RUN]   after each edit of FILE: the new table, and what changed
  wsal forecast [RUN] --target 0.95   labels, hours and cost that it still needs
  wsal review [RUN]         answers that look wrong
  wsal compare RUN RUN ...  learning curves side by side
  wsal predict MODEL INPUT OUTPUT   label csv, tsv, jsonl, parquet, xlsx, a folder, or a stream (-)
  wsal serve MODEL          answer over HTTP: /predict, /health, /metrics
  wsal push MODEL OWNER/NAME   upload to the Hugging Face Hub

OVERRIDES are Hydra's: data=pricerunner data.path=FILE active.rounds=3 --multirun seed=0,1
  wsal run --help           every group and key      wsal run --cfg job   the composed values
"""


def launch(command: str) -> None:
    """Compose the configuration from conf/ and the command line, then run one command."""
    processes.limit_openmp_spins()
    install_console_output()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, and we say them once
    import hydra  # noqa: PLC0415  a third of a second that --help need not wait for

    from wsal.config.composed import CONF_DIR  # noqa: PLC0415
    from wsal.config.job import from_hydra, is_sweep  # noqa: PLC0415
    from wsal.run.loop import run_command  # noqa: PLC0415

    swept = _prepare_arguments()
    if not processes.is_leader():  # torchrun: one process alone makes Hydra's folder
        sys.argv[1:1] = ["hydra.run.dir=.", "hydra.output_subdir=null"]  # options come last
    failed: list[BaseException] = []
    begun: list[bool] = []

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=str(CONF_DIR), config_name="config"
    )
    def job(config: Any) -> None:  # noqa: ANN401  a DictConfig
        begun.append(True)
        try:
            run = from_hydra(config, swept)
            if run.nodes["launcher"] == "torchrun" and processes.count() == 1:
                processes.launch(work, run.nodes["processes"], command, run.nodes)
            else:
                run_command(command, run.run_dir, run.parts, run.nodes)
        except BaseException as error:
            if wants_traceback or is_sweep():
                raise  # the launcher counts failed jobs, and goes on with the others
            failed.append(error)  # Hydra would print an error of its own above ours

    try:
        job()
    except BaseException as error:
        if wants_traceback:
            raise
        failed.append(error if begun else _of_hydra(error))
    if failed:
        report(failed[0])


def _prepare_arguments() -> frozenset[str]:
    """Put the command line into Hydra's grammar; gives back the keys that a sweep goes over."""
    from wsal.config import overrides  # noqa: PLC0415

    try:
        sys.argv[1:] = overrides.prepared(sys.argv[1:])
    except Exception as error:  # noqa: BLE001
        report(error)
    return overrides.swept(sys.argv[1:])


def _of_hydra(error: BaseException) -> BaseException:
    """An error of Hydra's for which it has no class."""
    from wsal.config.errors import not_utf8  # noqa: PLC0415
    from wsal.errors import ConfigError  # noqa: PLC0415

    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"{not_utf8(sys.argv[1:])} is not UTF-8 ({error}); save it as UTF-8")
    if isinstance(error, ValueError | AttributeError | AssertionError | RecursionError):
        return ConfigError(f"{error} in {' '.join(sys.argv[1:])}")
    return error


def work(command: str, nodes: dict[str, Any]) -> None:
    """What each of several processes does with a configuration that was composed once."""
    from omegaconf import OmegaConf  # noqa: PLC0415

    from wsal.config.composed import check  # noqa: PLC0415
    from wsal.run.loop import run_command  # noqa: PLC0415

    install_console_output()
    try:
        run = check(OmegaConf.create(nodes), trusted=nodes["trusted"])
        run_command(command, run.run_dir, run.parts, run.nodes)
    except BaseException as error:  # noqa: BLE001
        report(error)


def main() -> None:
    """The entry point of `wsal`."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(HELP)
    elif arguments[0] == "--version":
        sys.stdout.write(f"wsal {__version__}\n")
    elif arguments[0] in (*STAGES, "run", "active"):
        launch(sys.argv.pop(1))
    else:
        processes.limit_openmp_spins()
        install_console_output()
        from wsal.commands.readers import read_command  # noqa: PLC0415

        try:
            read_command(arguments[0], arguments[1:])
        except BaseException as error:  # noqa: BLE001
            report(error)


def report(error: BaseException) -> NoReturn:
    """Say an error once and plainly, and exit; what is unexpected keeps its traceback."""
    from wsal.errors import PreemptedError, WaitingForAnnotations, WsalError  # noqa: PLC0415

    if isinstance(error, WaitingForAnnotations):
        sys.stdout.write(f"waiting: {error}\n")
        sys.exit(0)
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("interrupted; the same command goes on from here\n")
        sys.exit(130)
    if isinstance(error, PreemptedError):
        sys.stderr.write(f"{error}\n")
        sys.exit(143)  # 128 + SIGTERM
    if isinstance(error, WsalError):
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    if isinstance(error, BrokenPipeError):  # as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # 128 + SIGPIPE
    if isinstance(error, OSError) and error.filename is not None:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
        sys.exit(1)
    if isinstance(error, MemoryError):
        sys.stderr.write("error: there is not enough memory; close other programs, or take less\n")
        sys.exit(1)
    if isinstance(error, SystemExit):
        raise error
    if type(error).__module__.startswith(("hydra.", "omegaconf.", "yaml.")):
        from wsal.config.composed import CONF_DIR  # noqa: PLC0415
        from wsal.config.errors import explain  # noqa: PLC0415

        sys.stderr.write(f"error: {explain(error, CONF_DIR)}\n")
        sys.exit(1)
    traceback.print_exception(error)
    sys.stderr.write(
        f"error: this is a fault of wsal {__version__}, not yours; please report it, with the "
        "lines above and the command that you typed\n"
    )
    sys.exit(1)
