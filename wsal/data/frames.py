"""Rows from memory: a data frame, a dataset, or a list of texts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from wsal.data.base import Layout
from wsal.errors import DataError
from wsal.text import as_text


@dataclass(frozen=True, eq=False)
class TableFrame:
    """A table in memory, for callers from Python; gives the same records as the same rows in a csv.

    >>> source = TableFrame(frame_of(["red mug", "blue mug"]), Layout(text=("text",)))
    >>> source.read()["text"].to_list()
    ['red mug', 'blue mug']
    """

    frame: pl.DataFrame  # see `frame_of`
    layout: Layout

    def read(self) -> pl.DataFrame:
        """The frame."""
        return self.frame

    def content(self) -> Mapping[str, str]:
        """The digest of the cells in the layout's columns.

        Raises:
            DataError: such a column holds lists, objects or bytes.
        """
        names = [name for name in self.layout.columns if name in self.frame.columns]
        table = pl.DataFrame([as_text(self.frame[name]) for name in names])
        return {"frame": hashlib.sha256(table.write_csv().encode()).hexdigest()}


def frame_of(values: Any) -> pl.DataFrame:  # noqa: ANN401  pandas and datasets are not imported
    """The rows of any of the tables that Python users have, as a polars frame.

    Args:
        values: a polars or pandas frame, a `datasets.Dataset` or `DatasetDict` (its splits go into
            the column `split`), or a list of strings (the column is called `text`). Missing values
            become null, and class ids of a `ClassLabel` become names.

    Raises:
        DataError: it is none of these, has no rows, or a column of several types.

    >>> frame_of(["red mug", None]).rows()
    [('red mug',), (None,)]
    """
    if isinstance(values, pl.DataFrame):
        frame = values
    elif isinstance(values, list | tuple):
        frame = _of_texts(values)
    elif _is_a(values, "pandas", "DataFrame"):
        frame = _of_pandas(values)
    elif _is_a(values, "datasets", "Dataset"):
        frame = of_dataset(values)
    elif _is_a(values, "datasets", "DatasetDict"):
        frame = of_splits(values)
    else:
        kind = type(values)
        raise DataError(
            f"found a {kind.__module__}.{kind.__qualname__}; expected a polars or pandas "
            "DataFrame, a datasets.Dataset, or a list of strings"
        )
    if frame.is_empty():
        raise DataError(f"the table has no rows, only columns {frame.columns}")
    return frame


def of_dataset(dataset: Any) -> pl.DataFrame:  # noqa: ANN401  datasets is not typed
    """The rows of a `datasets.Dataset`; class ids become names, or null if there is no class."""
    import datasets  # noqa: PLC0415  takes a second to import

    for name, feature in dataset.features.items():
        if isinstance(feature, datasets.ClassLabel):
            names = feature.names
            labels = [None if i is None or i < 0 else names[i] for i in dataset[name]]
            dataset = dataset.remove_columns(name).add_column(name, labels)
    frame: pl.DataFrame = dataset.to_polars()
    return frame


def of_splits(splits: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of all splits; the column `split` has the name of each row's split."""
    frames = [of_dataset(rows).with_columns(split=pl.lit(name)) for name, rows in splits.items()]
    return pl.concat(frames, how="diagonal_relaxed")


def _of_texts(texts: list[Any] | tuple[Any, ...]) -> pl.DataFrame:
    for number, text in enumerate(texts, start=1):
        if text is not None and not isinstance(text, str):
            raise DataError(
                f"value {number} of the list is a {type(text).__name__}: {text!r:.60}; expected a "
                "string. Rows with several columns go into a DataFrame"
            )
    return pl.DataFrame({"text": texts}, schema={"text": pl.String})


def _of_pandas(values: Any) -> pl.DataFrame:  # noqa: ANN401
    """Columns as polars has them; the index is left out.

    pandas turns integers into floats where a value is missing: these become integers again, so
    that 1 does not become the text "1.0".
    """
    values = values.set_axis([str(name) for name in values.columns], axis=1)
    try:
        frame = pl.from_pandas(values)
    except Exception as error:  # pyarrow and polars raise classes of their own, or ValueError
        raise DataError(
            f"the pandas frame cannot be converted: {error}; expected columns with different names "
            "and one type each"
        ) from error
    integers = [
        pl.col(column.name).cast(pl.Int64)
        for column in frame
        if column.dtype.is_float()
        and column.null_count()
        and (column.is_null() | (column.is_finite() & (column == column.round()))).all()
    ]
    return frame.with_columns(integers)


def _is_a(value: object, package: str, name: str) -> bool:
    """Whether a class of the value is `name` of this package, which need not be installed."""
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] == package
        for kind in type(value).__mro__
    )
