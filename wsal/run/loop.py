"""Carry out a command on a run folder: one stage, the loop, or everything."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from wsal import processes
from wsal.active.stopping import stop_verdicts, unmeasurable_rules
from wsal.annotation.annotators import NO_GOLD, Oracle
from wsal.annotation.answers import gold_answers
from wsal.annotation.handed_out import is_corrected, is_work_of_people
from wsal.artifacts import MANIFEST, Artifact, Facts, write_json
from wsal.components import Components
from wsal.errors import (
    AnnotationError,
    BusyError,
    ConfigError,
    PoolExhaustedError,
    WaitingForAnnotations,
)
from wsal.rounds.evaluation_frame import sample_size
from wsal.rounds.migration import migrate
from wsal.run import stage_lines
from wsal.run.pipeline import (
    ROUND_STAGES,
    STAGES,
    Outcome,
    disk_errors,
    folder,
    follow,
    round_of,
    run_stage,
)

BEFORE_ROUNDS = ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed")
CONFIG = "config.json"


def run_command(
    command: str, run_dir: Path, parts: Components, nodes: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Run a stage by name, `active` (the loop) or `run` (everything); the last two sum up.

    Gives back what was written to summary.json, for `active` and `run`. Of several processes
    (torchrun) the leader does it; the others take part in training.

    Raises:
        BusyError: another process works on this run folder.
        WaitingForAnnotations: people have to answer before it can go on.
    """
    with processes.process_group(parts["hardware"].device):
        if not processes.is_leader():
            follow(run_dir, parts)
            return None
        return _lead(command, run_dir, parts, nodes)


def _lead(
    command: str, run_dir: Path, parts: Components, nodes: Mapping[str, Any]
) -> dict[str, Any] | None:
    with disk_errors(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        with alone(run_dir):
            for line in migrate(run_dir):
                stage_lines.print_line(line)
            write_json(run_dir / CONFIG, nodes)
            if command in ("annotate", "active", "run"):
                page = getattr(parts["annotator"], "serving", None)
                with page(run_dir) if page else nullcontext():
                    return _work(command, run_dir, parts, nodes)
            return _work(command, run_dir, parts, nodes)


def _work(
    command: str, run_dir: Path, parts: Components, nodes: Mapping[str, Any]
) -> dict[str, Any] | None:
    if command in STAGES:
        step(run_dir, command, parts, round_of(run_dir, command))
        return None
    for name in BEFORE_ROUNDS if command == "run" else ():
        step(run_dir, name, parts)
        if name == "prepare":
            check_rounds(run_dir, parts)
    if command == "active":
        check_rounds(run_dir, parts)
    try:
        n_rounds = loop(run_dir, parts)
    except WaitingForAnnotations:
        most = parts["active"].rounds
        write_json(run_dir / "summary.json", summarise(run_dir, nodes["name"], most))
        raise
    if command == "run":
        step(run_dir, "export", parts, n_rounds + 1)
    summary = summarise(run_dir, nodes["name"], n_rounds)
    write_json(run_dir / "summary.json", summary)
    stage_lines.show_summaries([summary])
    return summary


def check_rounds(run_dir: Path, parts: Components) -> None:
    """Refuse rounds that could not come to an end, before any work."""
    if pool := opened(run_dir, "pool"):
        check_answers(run_dir, parts, pool)
        refuse_unmeasurable_rules(run_dir, parts, pool)


def refuse_unmeasurable_rules(run_dir: Path, parts: Components, pool: Artifact) -> None:
    """Refuse stop rules that could never be judged, before hours of training.

    Raises:
        ConfigError: a rule about quality is on, and there is nothing that it may be measured on.
    """
    asked = opened(run_dir, STAGES["select"].writes, 1)
    if pool.facts["n_dev"] or (asked and asked.facts["n_evaluation"]):
        return
    why = unmeasurable_rules(parts["stop"])
    if why and not sample_size(pool.facts, parts["evaluation"], number=1):
        raise ConfigError(why)


def loop(run_dir: Path, parts: Components) -> int:
    """Round after round, until a rule of `stop` holds; gives back how many there were."""
    most: int = parts["active"].rounds
    assessed: list[Facts] = []
    for number in range(1, most + 1):
        try:
            outcomes = [step(run_dir, name, parts, number) for name in ROUND_STAGES]
        except PoolExhaustedError as error:
            if number == 1:
                raise
            stage_lines.print_line(f"stops: {error}")
            return number - 1
        assessed.append(outcomes[-1].artifact.facts)
        rules = stop_verdicts(assessed, parts["stop"], parts["active"].price_per_hour)
        stage_lines.print_line(f"round {number} stop rules {'; '.join(said for _, said in rules)}")
        if why := [said for holds, said in rules if holds]:
            stage_lines.print_line(f"stops after round {number}: {'; '.join(why)}")
            return number
    return most


def check_answers(run_dir: Path, parts: Components, pool: Artifact) -> None:
    """Make sure that there will be answers to learn from, before hours of training.

    Raises:
        AnnotationError: an oracle is to answer and there is no gold; or people's answers so far
            name classes that the data does not have.
    """
    asked = parts["active"].rounds and not opened(run_dir, STAGES["annotate"].writes, 1)
    if asked and isinstance(parts["annotator"], Oracle) and not pool.facts["n_pool_gold"]:
        raise AnnotationError(NO_GOLD)
    kept, number = list[Artifact](), 1
    while done := opened(run_dir, STAGES["annotate"].writes, number):
        if is_work_of_people("annotate", done) and not is_corrected(done, parts["annotator"]):
            kept.append(done)
        number += 1
    gold_answers(pool, kept)


def step(run_dir: Path, name: str, parts: Components, number: int = 0) -> Outcome:
    """Run one stage and say what became of it."""
    outcome = run_stage(run_dir, name, parts, number)
    stage_lines.show_outcome(outcome)
    return outcome


def summarise(run_dir: Path, name: str, n_rounds: int) -> dict[str, Any]:
    """The run in one dict, from the manifests alone: what summary.json holds.

    Numbers are of the test split; where there is none, those of rounds are of the evaluation
    sample, else of dev. None where there is no gold.
    """
    found = {stage: opened(run_dir, STAGES[stage].writes) for stage in BEFORE_ROUNDS}
    pool, weak, pretrained = found["prepare"], found["aggregate"], found["pretrain"]
    seconds = {stage: a.manifest["seconds"] for stage, a in found.items() if a}
    rounds = [_quality(0, 0, pretrained)] if pretrained else []
    for number in range(1, n_rounds + 1):
        for stage in ROUND_STAGES:
            if done := opened(run_dir, STAGES[stage].writes, number):
                total = seconds.get(stage, 0) + done.manifest["seconds"]
                seconds[stage] = round(total, 3)
                if stage == "finetune":
                    rounds.append(_quality(number, done.facts["n_gold"], done))
                elif stage == "assess":
                    _judge(rounds, done.facts, tested=bool(pool and pool.facts["n_test"]))
    if exported := opened(run_dir, STAGES["export"].writes):
        seconds["export"] = exported.manifest["seconds"]
    rules = _on_gold(weak.facts.get("covered", {})) if weak else None
    return {
        "name": name,
        "data": json.loads((run_dir / CONFIG).read_text())["data"]["_target_"],
        "n_pool": pool.facts["n_pool"] if pool else None,
        "n_classes": len(pool.facts["labels"]) if pool else None,
        "rounds": rounds,
        "rules": rules or {"coverage": None, "accuracy": None},
        "rules_alone": _on_gold(weak.facts) if weak else None,
        "exported": str(exported.path) if exported else None,
        "seconds": seconds,
    }


def opened(run_dir: Path, writes: str, number: int = 0) -> Artifact | None:
    """The artifact if it is finished, else None."""
    place = folder(run_dir, writes, number)
    return Artifact.open(place) if (place / MANIFEST).exists() else None


@contextmanager
def alone(run_dir: Path) -> Iterator[None]:
    """Hold the run folder: two processes in it would undo each other's work."""
    with (run_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another wsal process works on {run_dir}; wait for it, or give this run another "
                "name (name=...)"
            ) from error
        yield


def _quality(number: int, n_gold: int, classifier: Artifact) -> dict[str, Any]:
    numbers = _on_gold(classifier.facts) or {"accuracy": None, "macro_f1": None}
    return {"round": number, "n_gold": n_gold, **numbers}


def _judge(rounds: list[dict[str, Any]], facts: Facts, *, tested: bool) -> None:
    """Put into each round what the newest assessment says of it; figures of a test split stay."""
    rounds[-1]["n_evaluation"] = facts["n_evaluation"]
    rounds[-1]["annotator_seconds"] = facts["seconds"]
    for one, now in zip(rounds, facts["rounds"], strict=False):
        for name in () if tested else ("accuracy", "macro_f1"):
            one[name] = now[name]["value"]
            one[f"{name}_interval"] = [now[name]["low"], now[name]["high"]]


def _on_gold(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = facts.get("test") or facts.get("dev")
    return found
