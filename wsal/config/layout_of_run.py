"""The layout of a run's data, from its configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wsal.config.composed import parts_of
from wsal.data.base import DataSource, Layout
from wsal.json_files import read_json_object
from wsal.run.stage_table import CONFIG


def layout_of_run(run_dir: Path, trusted: Sequence[str]) -> Layout:
    """The columns of a run's data; `trusted` are modules outside wsal with data sources."""
    nodes: dict[str, Any] = read_json_object(run_dir / CONFIG, "run this run's command again")
    source: DataSource = parts_of(nodes, trusted)["data"]()
    return source.layout
