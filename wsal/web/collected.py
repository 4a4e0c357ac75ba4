"""What page and terminal share: the desk of a query, its answers, the guidelines."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from wsal.active import sheet
from wsal.active.annotators import Query
from wsal.active.journal import NAME, Journal, consensus
from wsal.errors import ConfigError
from wsal.web.desk import Desk
from wsal.web.rounds import read_round


def desk_of(query: Query, blind: float, overlap: float, again: float) -> Desk:
    """The desk at which a query is answered."""
    run_dir, number = query.round_dir.parents[1], int(query.round_dir.name)
    found = read_round(run_dir, number, blind)
    return Desk(Journal(run_dir / NAME), found, overlap=overlap, again=again)


def answers(desk: Desk, query: Query) -> pl.DataFrame:
    """The answers that stand, columns of tables.ANSWERS; seconds are those of all people."""
    decided, labels, times, who = desk.decided(), [], [], []
    for one in query.table["id"]:
        said = decided.get(one, {})
        labels.append(consensus(said)[1])
        taken = [e.seconds for e in said.values() if e.seconds is not None]
        times.append(sum(taken) if taken else None)
        who.append("+".join(sorted({e.annotator for e in said.values()})) or "nobody")
    frame = sheet.annotations(query.table["id"], labels, "", times)
    return frame.with_columns(annotator=pl.Series(who, dtype=pl.String))


def read_guidelines(path: str | None) -> dict[str, str]:
    """Class -> what belongs there, from a YAML file.

    Raises:
        ConfigError: the file cannot be read, or is no mapping.
    """
    if path is None:
        return {}
    try:
        found: Any = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"annotator.guidelines={path}: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected a mapping from class to text")
    return {str(name): str(text) for name, text in found.items()}
