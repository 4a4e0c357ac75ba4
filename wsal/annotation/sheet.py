"""The sheet that people fill in: one row a text, a column `label` to answer in."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.returned_sheet import SKIP, Row, keys_of
from wsal.errors import AnnotationError, DataError, did_you_mean
from wsal.files import NumberedTable, TableOptions, numbered_table
from wsal.files.sheets import sheet_names
from wsal.labels import LabelSet
from wsal.seeding import rng

AGAIN = "asked again"  # the reason of a text that was answered before
COLUMNS = ("id", "label", "text", "suggestion", "reason", "key")
SHEET = "query"  # of a workbook
BLIND = 0.15  # share of the texts that train which people judge without a guess
TITLE_ROWS = 10  # the header is looked for in so many
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so


def annotations(
    ids: pl.Series,
    answers: Sequence[str | None],
    annotator: str,
    seconds: Sequence[float | None] | None = None,
) -> pl.DataFrame:
    """A table of annotations; None stands for a text that was skipped, or a time nobody took."""
    frame = pl.DataFrame({"id": ids, "label": pl.Series(answers, dtype=pl.String)})
    frame = frame.with_columns(
        annotator=pl.lit(annotator),
        seconds=pl.Series(seconds or [None] * len(frame), dtype=pl.Float32),
    )
    return frame.select(*tables.ANSWERS)


def write(query: pl.DataFrame, labels: LabelSet, path: Path) -> None:
    """Write the sheet, whole or not at all; xlsx offers the classes in a drop-down list.

    What is shown beside a text: see `shown`.
    """
    rows = pl.DataFrame(
        {
            "id": query["id"],
            "label": [""] * len(query),
            "text": query["text"],
            **shown(query, labels),
            "key": keys_of(query["text"]),  # ids may be numbers, which spreadsheets change
        }
    ).with_columns(pl.all().map_elements(_harmless, return_dtype=pl.String))
    temporary = path.with_name(f".{path.name}")
    if path.suffix == ".csv":
        rows.write_csv(temporary, include_bom=True)  # else Excel takes UTF-8 for Latin-1
    else:
        _write_xlsx(rows, labels, temporary)
    temporary.replace(path)


def shown(query: pl.DataFrame, labels: LabelSet) -> dict[str, list[str]]:
    """For each text the model's guess as `suggestion`, and the `reason` why it was chosen.

    Both are "" for texts that measure or are asked again, since a guess would sway people, and for
    a random share of the others, so that nobody can tell which texts measure. A guess is also ""
    where its class is gone.
    """
    blind = (query["purpose"] == tables.EVALUATE) | (query["reason"] == AGAIN)
    hidden = blind.to_numpy() | (rng(0, "blind", *query["id"]).random(len(query)) < BLIND)
    guesses = [labels.names[c] if c >= 0 else "" for c in query["predicted"]]
    return {
        "suggestion": np.where(hidden, "", guesses).tolist(),
        "reason": np.where(hidden, "", query["reason"].to_list()).tolist(),
    }


def read(path: Path) -> Iterator[Row]:
    """The rows of a sheet, as any spreadsheet saved it: what separates columns is detected.

    Raises:
        DataError: the file cannot be read.
        AnnotationError: a column is gone.
    """
    found = _table(path)
    names = [name.strip().lower() for name in found.frame.columns]
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise AnnotationError(f"{path} has two columns {twice[0]!r}; delete one of them")
    frame = found.frame.rename(dict(zip(found.frame.columns, names, strict=True)))
    if "label" not in names:
        raise AnnotationError(f"{path} has no column 'label'{did_you_mean('label', names)}")
    here = [name for name in ("key", "id", "text") if name in names]
    if not here:
        raise AnnotationError(
            f"{path} has no column 'id', 'key' or 'text' to tell the rows by"
            f"{did_you_mean('id', names)}"
        )
    cells = frame.select(pl.col("label", *here).cast(pl.String).fill_null(""))
    for number, row in zip(found.rows, cells.iter_rows(named=True), strict=True):
        given = {name: _unguarded(cell.strip()) for name, cell in row.items()}
        yield Row(
            f"row {number}", given["label"], given.get("id", ""), given.get("key", ""),
            given.get("text") or None,
        )  # fmt: skip


def _table(path: Path) -> NumberedTable:
    """The table with answers: people move sheets, and some programs put a title above the header.

    Raises:
        DataError: the file cannot be read.
    """
    sheets: list[str | None] = [None]
    if path.suffix == ".xlsx":
        sheets = sorted(sheet_names(path), key=lambda name: name != SHEET)  # ours first
    for row in (None, *range(2, TITLE_ROWS)):
        for sheet in sheets:
            with suppress(DataError):
                found = numbered_table(path, TableOptions(sheet=sheet, header_row=row), _unnoted)
                if "label" in {name.strip().lower() for name in found.frame.columns}:
                    return found
    return numbered_table(path, TableOptions(sheet=sheets[0]), _unnoted)


def _unnoted(_sentence: str) -> None:
    """How the file was decoded is of no interest: what is in it is compared with what was asked."""


def table(rows: Sequence[Row], annotator: str) -> pl.DataFrame:
    """Answers, all of them there, as annotations."""
    given = [None if row.label == SKIP else row.label for row in rows]
    ids = pl.Series([row.id for row in rows], dtype=pl.String)
    return annotations(ids, given, annotator, [row.seconds for row in rows])


def _harmless(text: str) -> str:
    """The text with a quote before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _write_xlsx(rows: pl.DataFrame, labels: LabelSet, path: Path) -> None:
    import xlsxwriter  # noqa: PLC0415  for this format alone

    with xlsxwriter.Workbook(
        path, {"strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        page, classes = book.add_worksheet(SHEET), book.add_worksheet("classes")
        classes.write_column(0, 0, [*labels.names, SKIP])
        page.write_row(0, 0, rows.columns)
        for number, row in enumerate(rows.iter_rows(), start=1):
            for column, value in enumerate(row):
                page.write_string(number, column, value)
        source = f"=classes!$A$1:$A${len(labels) + 1}"
        page.data_validation(1, 1, len(rows), 1, {"validate": "list", "source": source})
        page.set_column(1, 1, 24)
        page.set_column(2, 2, 80)
        page.freeze_panes(1, 0)
