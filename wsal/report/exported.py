"""The exported model, if it is that of the newest classifier."""

from typing import Any

from wsal.artifacts import Artifact
from wsal.inspection.run_view import RunView
from wsal.json_files import read_json_object
from wsal.run.pipeline import opened
from wsal.run.stage_table import STAGES


def exported_model(view: RunView) -> Artifact | None:
    """The export of the newest classifier; None if that is not exported."""
    exported, classifiers = opened(view.run_dir, STAGES["export"].writes), view.classifiers
    if exported is None or not classifiers:
        return None
    made_from = exported.manifest["inputs"].get("classifier")
    return exported if made_from == classifiers[-1].digest else None


def read_export(view: RunView, name: str) -> dict[str, Any]:
    """One of the JSON files of the export; empty if it is not there."""
    exported = exported_model(view)
    if exported is None or not (exported.path / name).exists():
        return {}
    return read_json_object(exported.path / name, "export again with `wsal export`")
