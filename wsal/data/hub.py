"""A Hugging Face dataset, by name or from a local folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wsal.artifacts import file_digest
from wsal.data.base import Layout
from wsal.errors import DataError


@dataclass(frozen=True)
class HubDataset:
    """All splits of a dataset; the split's name is the column `split`. Class ids become names."""

    path: str
    """A name on the Hub (`org/name`) or a local folder (saved by `save_to_disk`, or data files)."""
    layout: Layout
    config: str | None = None
    revision: str | None = None
    """Pin it: without a commit here, a dataset that changes on the Hub is not noticed."""

    def read(self) -> pl.DataFrame:
        """The rows of every split.

        Raises:
            DataError: the dataset cannot be loaded, or it has no rows.
        """
        splits = self._load()
        frames = [
            _named_classes(split).to_polars().with_columns(pl.lit(name).alias("split"))
            for name, split in splits.items()
        ]
        frame: pl.DataFrame = pl.concat(frames, how="diagonal_relaxed")
        if frame.is_empty():
            raise DataError(f"dataset {self.path} has no rows")
        return frame

    def content(self) -> Mapping[str, str]:
        """The digest of a local folder; of a dataset on the Hub, its name and revision."""
        if Path(self.path).is_dir():
            return {"folder": file_digest(Path(self.path))}
        return {"name": self.path, "revision": str(self.revision)}

    def _load(self) -> Mapping[str, Any]:
        import datasets  # noqa: PLC0415  a second to import, for this source alone

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
        except Exception as error:  # the library raises what its readers raise
            raise DataError(
                f"dataset {self.path!r} cannot be loaded: {type(error).__name__}: {error}; "
                "expected a dataset's name on the Hub or a local folder"
            ) from error


def _named_classes(split: Any) -> Any:  # noqa: ANN401  datasets is not typed
    import datasets  # noqa: PLC0415

    for name, feature in split.features.items():
        if isinstance(feature, datasets.ClassLabel):
            names = feature.names
            values = [None if v is None or v < 0 else names[v] for v in split[name]]
            split = split.remove_columns(name).add_column(name, values)
    return split
