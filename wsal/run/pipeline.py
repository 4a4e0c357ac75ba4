"""Run a stage: open what it reads, skip it if it is up to date, seal what it wrote."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsal import artifacts, processes
from wsal.annotation.handed_out import is_corrected, is_work_of_people, withdraw
from wsal.artifacts import Artifact
from wsal.components import Components
from wsal.digests import MANIFEST
from wsal.errors import DiskError, MissingArtifactError
from wsal.run.basis import bases_of, basis_of, is_kept
from wsal.run.stage_table import (
    BY_ROW,
    IN_ALL_ROUNDS,
    MAKERS,
    STAGES,
    WITH_TEXTS,
    Stage,
    names_used,
)
from wsal.same_rows import require_rows_of


@dataclass(frozen=True)
class Outcome:
    """What became of a stage: `made`, `up to date`, or `kept`.

    What is kept is work of people, although stale, or was trained before records were appended.
    """

    stage: str
    round: int
    state: str
    artifact: Artifact
    note: str = ""  # what the user can do about it


def run_stage(run_dir: Path, name: str, components: Components, number: int = 0) -> Outcome:
    """Open the inputs of a stage, run it unless its artifact is up to date, and seal the artifact.

    `number` is the round: for stages outside rounds, the first round not yet finished.

    Raises:
        MissingArtifactError: an input is missing, or inputs were made from different pools.
        DiskError: there is no space left.
    """
    stage = STAGES[name]
    out = folder(run_dir, stage.writes, number)
    artifacts.recover(out)
    inputs, config, origin = origin_of(run_dir, name, components, number)
    bases = bases_of(inputs)
    basis = basis_of(config, bases)
    if (out / MANIFEST).exists():
        done = Artifact.open(out)
        corrected = name == "annotate" and is_corrected(done, components["annotator"])
        if done.made_from(config, origin) and not corrected:
            return Outcome(name, number, "up to date", done)
        if is_work_of_people(name, done) and not corrected:
            note = ""
            if name == "select" and not _is_answered(run_dir, number):
                note = (
                    "people were given these texts; to choose others, delete the folder "
                    f"{out.parent}"
                )
            return Outcome(name, number, "kept", done, note)
        finished = is_finished(run_dir, number)
        if is_kept(run_dir, name, done, basis, finished=finished) and not corrected:
            return Outcome(name, number, "kept", done)
    if isinstance(pool := inputs.get("pool"), Artifact):
        require_rows_of(pool, _of_pool_rows(inputs))
    more = {"basis": basis, "bases": bases}
    with disk_errors(out), artifacts.create(out, config, origin, more) as (work, facts):
        built = _built(stage, components) | _origin_of_rows(stage, config)
        if stage.by_row:
            of_rows = {noun: bases[noun] for noun in BY_ROW if noun in bases}
            built["previous"] = artifacts.unchanged(out, config, origin, stage.reuses, of_rows)
        if stage.shared:
            processes.broadcast((name, str(work), number, os.nice(0)))
        function = stage.function(name)
        facts.update(_names_of(pool) | function(work, **inputs, **built))
    if name == "select":
        withdraw(out.parent)
    return Outcome(name, number, "made", Artifact.open(out))


def _names_of(pool: object) -> dict[str, Any]:
    """What says what the names of classes in an artifact of this pool mean."""
    facts = pool.facts if isinstance(pool, Artifact) else {}
    return {"edits": facts["edits"]} if "edits" in facts else {}


def origin_of(
    run_dir: Path, name: str, components: Components, number: int
) -> tuple[dict[str, Artifact | list[Artifact]], dict[str, Any], dict[str, Any]]:
    """What the stage would be made from now: inputs, configuration, digests of the inputs.

    Raises:
        MissingArtifactError: an input is not there.
    """
    stage = STAGES[name]
    inputs = {
        noun: read(run_dir, noun, number) for noun in names_used(stage.reads, components.built)
    }
    config = {need: components.config(need) for need in names_used(stage.needs, components.built)}
    return inputs, config, {noun: _digests(value) for noun, value in inputs.items()}


def follow(run_dir: Path, components: Components) -> None:
    """Take part in each stage that the leader of several processes announces; write nothing."""
    while message := processes.broadcast():
        name, work, number, niceness = message
        os.nice(max(0, niceness - os.nice(0)))  # as the leader, beside a page that people answer on
        stage = STAGES[name]
        nouns = names_used(stage.reads, components.built)
        inputs = {noun: read(run_dir, noun, number) for noun in nouns}
        built = _built(stage, components)
        stage.function(name)(Path(work), **inputs, **built)


def _origin_of_rows(stage: Stage, config: Mapping[str, Any]) -> dict[str, str]:
    """The argument of a stage that identifies the rows that it reads; nothing if it reads none."""
    parts = {need: config[need] for need in stage.origin}
    return {"origin": basis_of(parts, {})} if parts else {}


def _built(stage: Stage, components: Components) -> dict[str, Any]:
    """The settings and components that a stage is given."""
    needs = names_used((*stage.needs, *stage.uses), components.built)
    return {need: components[need] for need in needs}


def folder(run_dir: Path, writes: str, number: int) -> Path:
    """Where a stage's artifact lies in the run.

    >>> folder(Path("runs/a"), "rounds/{}/query", 3).as_posix()
    'runs/a/rounds/003/query'
    """
    return run_dir / writes.format(f"{number:03d}")


def read(run_dir: Path, noun: str, number: int) -> Artifact | list[Artifact]:
    """The artifact, or the artifacts of all rounds, that a name in `reads` stands for."""
    if noun.removeprefix("earlier_") in IN_ALL_ROUNDS:
        last = number - 1 if noun.startswith("earlier_") else number
        stage = IN_ALL_ROUNDS[noun.removeprefix("earlier_")]
        return [required(run_dir, stage, n) for n in range(1, last + 1)]
    if noun == "first_query":
        return required(run_dir, "select", 1)
    if noun == "classifier":
        return required(run_dir, "finetune" if number > 1 else "pretrain", number - 1)
    return required(run_dir, MAKERS[noun], number)


def required(run_dir: Path, stage: str, number: int = 0) -> Artifact:
    """The finished artifact of a stage.

    Raises:
        MissingArtifactError: there is none; the message names the stage to run.
    """
    path = folder(run_dir, STAGES[stage].writes, number)
    if not (path / MANIFEST).exists():
        raise MissingArtifactError(
            f"{run_dir} has no {path.relative_to(run_dir)} yet: run `wsal {stage}` with the run's "
            "overrides first (or `wsal run`, which does all stages)"
        )
    return Artifact.open(path)


def opened(run_dir: Path, writes: str, number: int = 0) -> Artifact | None:
    """The artifact if it is finished, else None."""
    path = folder(run_dir, writes, number)
    return Artifact.open(path) if (path / MANIFEST).exists() else None


def open_round(run_dir: Path) -> int:
    """The first round without a fine-tuned classifier."""
    number = 1
    while is_finished(run_dir, number):
        number += 1
    return number


def is_finished(run_dir: Path, number: int) -> bool:
    """Whether a round has a fine-tuned classifier."""
    return (folder(run_dir, STAGES["finetune"].writes, number) / MANIFEST).exists()


def round_of(run_dir: Path, name: str) -> int:
    """The round that a stage works on if it is run alone."""
    number = open_round(run_dir)
    answered = _is_answered(run_dir, number)
    of_last = ("assess",) if answered else ("reweigh", "retrain", "finetune", "assess")
    return max(number - 1, 1) if name in of_last else number


@contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """Raise one clear error when the disk is full, whichever library noticed."""
    try:
        yield
    except Exception as error:
        full = getattr(error, "errno", None) == errno.ENOSPC
        if full or "No space left" in str(error) or "os error 28" in str(error):
            raise DiskError(
                f"no space is left on the disk while writing {out}; free some and run the same "
                "command again: what was finished is kept"
            ) from error
        raise


def _of_pool_rows(inputs: Mapping[str, Artifact | list[Artifact]]) -> list[Artifact]:
    """The inputs whose rows are those of the pool; of those of earlier rounds, the newest."""
    values = [value for noun, value in inputs.items() if noun not in WITH_TEXTS]
    return [a for value in values for a in (value[-1:] if isinstance(value, list) else [value])]


def _is_answered(run_dir: Path, number: int) -> bool:
    return (folder(run_dir, STAGES["annotate"].writes, number) / MANIFEST).exists()


def _digests(value: Artifact | list[Artifact]) -> Any:  # noqa: ANN401  a digest, or a list
    return [a.digest for a in value] if isinstance(value, list) else value.digest
