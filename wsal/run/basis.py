"""What artifacts are made from, apart from batches and new names; it decides what is kept.

The basis of an artifact is a digest of its configuration and of the bases of its inputs, so that it
is the same before and after records were appended or classes renamed. People's answers have no
basis but themselves.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from wsal import __version__
from wsal.annotation.changes_log import was_changed
from wsal.artifacts import Artifact
from wsal.class_tree import SEPARATOR
from wsal.digests import digest_of
from wsal.run.stage_table import CHANGES, ROUND_STAGES

TRAINED = ("pretrain", "retrain", "finetune", "assess")
"""Stages that are not repeated because of batches or names; in a finished round, no stage is."""
Bases = dict[str, Any]
"""The basis of each input, or a list of bases."""


def bases_of(
    inputs: Mapping[str, Artifact | list[Artifact]], expected: Mapping[Path, str] | None = None
) -> Bases:
    """The bases of some inputs: as expected, else as they are on the disk."""
    known = expected or {}

    def of(artifact: Artifact) -> str:
        return known[artifact.path] if artifact.path in known else basis(artifact)

    return {
        noun: [*map(of, value)] if isinstance(value, list) else of(value)
        for noun, value in inputs.items()
    }


def basis(artifact: Artifact) -> str:
    """The basis of an artifact; its digest if it holds answers."""
    is_answers = artifact.path.name == "annotations"
    return artifact.digest if is_answers else str(artifact.manifest.get("basis", artifact.digest))


def basis_of(config: Mapping[str, Any], bases: Bases) -> str:
    """The basis of what a stage makes from this configuration and inputs with these bases."""
    config = dict(config)
    if CHANGES in config:
        classes = _without_last_renamings(config.pop(CHANGES)["node"]["classes"])
        config |= {CHANGES: classes} if classes else {}
    return digest_of([__version__, config, bases])


def _without_last_renamings(edits: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The edits up to the last that is not a renaming: those after it leave all classes in place.

    Earlier renamings have to stay, since the names in later edits depend on them.
    """
    n_last = len(list(takewhile(_is_new_name, reversed(edits))))
    return list(edits[: len(edits) - n_last])


def _is_new_name(edit: Mapping[str, Any]) -> bool:
    """Whether an edit is a renaming; in a tree, one to a path under another parent is a move."""
    paths = (*edit["names"], *edit["into"])
    return edit["action"] == "rename" and len({p.rpartition(SEPARATOR)[0] for p in paths}) == 1


def is_kept(run_dir: Path, name: str, done: Artifact, now: str, *, finished: bool) -> bool:
    """Whether an artifact stays because only batches and names have changed since it was made.

    Args:
        run_dir: the run folder.
        name: of the stage.
        done: its artifact.
        now: the basis of what the stage would make.
        finished: whether it is of a round that has a classifier.
    """
    stays = name in TRAINED or (finished and name in ROUND_STAGES)
    same = done.manifest.get("basis") == now
    return stays and same and was_changed(run_dir)
