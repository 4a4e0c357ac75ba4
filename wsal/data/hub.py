"""A Hugging Face dataset, by name or from a local folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wsal.data.base import Layout
from wsal.data.frames import of_splits
from wsal.digests import file_digest
from wsal.errors import DataError


@dataclass(frozen=True)
class HubDataset:
    """All splits of a dataset. The column `split` has the split's name; class ids become names."""

    path: str
    """A name on the Hub (`org/name`) or a local folder (saved by `save_to_disk`, or data files)."""
    layout: Layout
    """What the columns mean."""
    config: str | None = None
    """Name of one of the dataset's configurations, if it has several."""
    revision: str | None = None
    """Commit of the dataset. Without it, changes of the dataset on the Hub are not noticed."""

    def read(self) -> pl.DataFrame:
        """The rows of all splits.

        Raises:
            DataError: the dataset cannot be loaded, or it has no rows.
        """
        frame = of_splits(self._load())
        if frame.is_empty():
            raise DataError(f"dataset {self.path} has no rows")
        return frame

    def content(self) -> Mapping[str, str]:
        """The digest of a local folder, or the name and revision of a dataset on the Hub."""
        if Path(self.path).is_dir():
            return {"folder": file_digest(Path(self.path))}
        return {"name": self.path, "revision": str(self.revision)}

    def _load(self) -> Mapping[str, Any]:
        import datasets  # noqa: PLC0415  takes a second to import, and only this source needs it

        folder = Path(self.path)
        try:
            if (folder / "state.json").exists():
                if not json.loads((folder / "state.json").read_text())["_data_files"]:
                    raise DataError(f"dataset {self.path} has no rows")
                return {"train": datasets.load_from_disk(self.path)}
            if (folder / "dataset_dict.json").exists():
                return dict(datasets.load_from_disk(self.path))
            return dict(datasets.load_dataset(self.path, self.config, revision=self.revision))
        except DataError:
            raise
        except Exception as error:  # the library passes on whatever its readers raise
            raise DataError(
                f"dataset {self.path!r} cannot be loaded: {type(error).__name__}: {error}; "
                "expected a dataset's name on the Hub or a local folder"
            ) from error
