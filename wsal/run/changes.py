"""The changes of a run, from its journal."""

from pathlib import Path

from wsal.annotation.changes_log import changes_in
from wsal.changes import Changes
from wsal.components import Components
from wsal.run.stage_table import CHANGES


def changes_of(run_dir: Path) -> Changes:
    """The changes of classes and records in force."""
    return changes_in(run_dir)


def with_changes(components: Components, run_dir: Path) -> Components:
    """The components of a run, and its changes."""
    changes = changes_of(run_dir)
    return Components(
        {**components.built, CHANGES: changes}, {**components.nodes, CHANGES: changes.as_node()}
    )
