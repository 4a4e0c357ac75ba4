"""Carry out a command on a run folder: one stage, the loop, or everything."""

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from wsal import processes
from wsal.active.stopping import stop_verdicts
from wsal.annotation.early import Serving, keeps_journal
from wsal.artifacts import Facts
from wsal.components import Components
from wsal.errors import BusyError, PoolExhaustedError, WaitingForAnnotations
from wsal.json_files import write_json
from wsal.rounds.early import early_kept
from wsal.rounds.migration import migrate
from wsal.run.changes import with_changes
from wsal.run.checks import check_rounds
from wsal.run.folders import LOCK, removed_if_nothing_made
from wsal.run.history import record_state
from wsal.run.multilabel_checks import check_multilabel, wants_multilabel
from wsal.run.pipeline import Outcome, disk_errors, follow, open_round, opened, round_of, run_stage
from wsal.run.stage_table import BEFORE_ROUNDS, CHANGES, CONFIG, ROUND_STAGES, STAGES, names_used
from wsal.run.summary import summarise

LOCK_SECONDS = 180
"""How long processes that torchrun may restart wait for the run folder. A file server may keep it
locked this long for a machine that failed, and a leader that lost the others may live this long."""
Report = Callable[[Outcome | str], None]
"""Receives the outcome of each stage, and lines about the rules that end the loop."""
Show = Callable[[int], None]
"""Is called with the number of the last round when the run is worth a look."""


class Detail(str):
    """A line that is printed only if details are wanted."""

    __slots__ = ()


def run_command(
    command: str,
    run_dir: Path,
    components: Components,
    nodes: Mapping[str, Any],
    report: Report = lambda _: None,
    show: Show = lambda _: None,
) -> dict[str, Any] | None:
    """Run a stage by name, `active` (the loop) or `run` (everything).

    Of several processes (torchrun) the leader does it; the others take part in training.

    Args:
        command: the name of a stage, `active` or `run`.
        run_dir: the run folder; is made.
        components: the configuration as objects.
        nodes: the configuration as plain values, for config.json.
        report: is called after each stage.
        show: is called after each round, at the end, and when people have to answer.

    Returns:
        What was written to summary.json, for `active` and `run`; else None.

    Raises:
        BusyError: another process works on this run folder.
        ConfigError: some settings do not go with several classes per text.
        WaitingForAnnotations: people have to answer before it can go on.
    """
    with processes.process_group(components["hardware"].device):
        if not processes.is_leader():
            follow(run_dir, with_changes(components, run_dir))
            return None
        check_multilabel(components)
        with disk_errors(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            with locked(run_dir), removed_if_nothing_made(run_dir):
                for line in migrate(run_dir):
                    report(line)
                write_json(run_dir / CONFIG, nodes)
                components = with_changes(components, run_dir)
                if command == "run" and not opened(run_dir, STAGES["prepare"].writes):
                    components.config("data")  # a file that is missing: say so before all else
                with _page(command, run_dir, components) as say_over:
                    steps = partial(_run, command, run_dir, components, nodes["name"])
                    return steps(report, show, say_over)


def _page(
    command: str, run_dir: Path, components: Components
) -> AbstractContextManager[Callable[[str], None]]:
    """What keeps people's page up, if they answer on one; see `early.Serving`."""
    serving: Serving | None = getattr(components["annotator"], "serving", None)
    if serving is None or command not in ("annotate", "active", "run"):
        return nullcontext(lambda _: None)
    waits = command == "annotate" or components["active"].wait or wants_multilabel(components)
    return serving(run_dir, 0 if waits else components["active"].rounds)


def _run(
    command: str,
    run_dir: Path,
    components: Components,
    name: str,
    report: Report,
    show: Show,
    say_over: Callable[[str], None],
) -> dict[str, Any] | None:
    def step(stage: str, number: int = 0) -> Outcome:
        outcome = run_stage(run_dir, stage, components, number)
        report(outcome)
        return outcome

    if command in STAGES:
        step(command, round_of(run_dir, command))
        return None
    if command == "run":
        for stage in names_used(BEFORE_ROUNDS, components.built):
            step(stage)
            if stage == "prepare":  # the first moment at which the classes are known
                check_rounds(run_dir, components)
    else:
        check_rounds(run_dir, components)
    try:
        n_rounds = loop(step, components, report, show)
    except WaitingForAnnotations:
        summary = summarise(run_dir, name, components["active"].rounds)
        write_json(run_dir / "summary.json", summary)
        record_state(run_dir)
        show(open_round(run_dir))
        raise
    kept = early_kept(run_dir, n_rounds) if keeps_journal(components["annotator"]) else ""
    if kept:
        report(kept)
    say_over(f"The last round is done. {kept}".strip())
    if command == "run":
        step("export", n_rounds + 1)
    summary = summarise(run_dir, name, n_rounds)
    write_json(run_dir / "summary.json", summary)
    record_state(run_dir)
    show(n_rounds)
    return summary


def loop(
    step: Callable[[str, int], Outcome],
    components: Components,
    report: Report,
    show: Show = lambda _: None,
) -> int:
    """Round after round, until a rule of `stop` holds or no text is left.

    `step` runs a stage of a round, and `show` is called between rounds. Returns the number of
    rounds. Round 1 is the first with gold; round 0 is the weakly trained classifier.
    """
    max_rounds: int = components["active"].rounds
    assessments: list[Facts] = []
    for number in range(1, max_rounds + 1):
        try:
            outcomes = [step(stage, number) for stage in ROUND_STAGES]
        except PoolExhaustedError as error:
            if number == 1:
                raise
            report(f"stops: {error}")
            return number - 1
        assessments.append(outcomes[-1].artifact.facts)
        price, batches = components["active"].price_per_hour, components[CHANGES].batches
        verdicts = stop_verdicts(assessments, components["stop"], price, batches)
        words_of_all = "; ".join(words for _, words in verdicts)
        report(Detail(f"round {number} stop rules {words_of_all}"))
        if reasons := [words for holds, words in verdicts if holds]:
            report(f"stops after round {number}: {'; '.join(reasons)}")
            return number
        if number < max_rounds:
            show(number)
    return max_rounds


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the run folder: two processes in it would undo each other's work.

    Raises:
        BusyError: another process holds it.
    """
    until = time.monotonic() + (LOCK_SECONDS if processes.may_restart() else 0)
    with (run_dir / LOCK).open("w") as lock:
        while not _took(lock):
            if time.monotonic() >= until:
                raise BusyError(
                    f"another wsal process works on {run_dir}; wait for it, or give this run "
                    "another name (name=...)"
                )
            time.sleep(1)
        yield


def _took(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
