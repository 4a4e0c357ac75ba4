"""Tables in Excel workbooks."""

from pathlib import Path
from typing import Any

import polars as pl

from wsal.errors import DataError, did_you_mean
from wsal.files.options import TableOptions
from wsal.files.places import Place


def sheet_names(path: Place) -> list[str]:
    """The names of a workbook's sheets, in their order.

    Raises:
        DataError: it is not a workbook, or damaged.
    """
    return list(_book(path).sheet_names)


def read_sheet(path: Place, options: TableOptions) -> tuple[pl.DataFrame, list[int]]:
    """The rows of a sheet, all columns as text, and the number of each as Excel shows it.

    Rows in which every cell is empty are left out.

    Raises:
        DataError: the workbook is damaged, it has no such sheet, or the sheet has no header or row.
    """
    book = _book(path)
    names = list(book.sheet_names)
    if not names:
        raise DataError(f"{path} has no sheets")
    name = options.sheet if options.sheet is not None else names[0]
    if name not in names:
        raise DataError(f"{path} has no sheet {name!r}{did_you_mean(name, names)}")
    try:  # no rows are skipped, so that they are numbered as Excel numbers them
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        cells = sheet.to_polars()
    except Exception as error:  # the library's errors have no common base class
        raise DataError(f"{path}, sheet {name!r} cannot be read: {error}") from error
    where = f"{path}, sheet {name!r}" + (f" (sheets: {', '.join(names)})" if names[1:] else "")
    cells = cells.with_columns(pl.all().cast(pl.String)).with_row_index("", offset=1)
    filled = pl.any_horizontal(pl.exclude("").str.strip_chars().fill_null("") != "")
    cells = cells.filter(filled) if cells.width > 1 else cells.clear()
    if options.header_row is not None:
        cells = cells.filter(pl.col("") >= options.header_row)
        if cells.is_empty() or cells[""][0] != options.header_row:
            raise DataError(f"{where}: row {options.header_row} is empty; expected the header")
    if cells.is_empty():
        raise DataError(f"{where} is empty; name another with data.sheet=NAME")
    rows = cells[""].to_list()[1:]
    header = cells.drop("").row(0)
    table = cells[1:].drop("")
    table = _named(table, header, where)
    if table.is_empty():
        raise DataError(
            f"{where} has no rows, only columns {table.columns}; name another sheet with "
            "data.sheet=NAME, or the row of the header with data.header_row=N"
        )
    return table, rows


def _named(table: pl.DataFrame, header: tuple[Any, ...], where: str) -> pl.DataFrame:
    """The table with the header's names, without columns that have neither name nor value."""
    cells = [(name or "").strip() for name in header]
    kept = [i for i, name in enumerate(cells) if name or table[:, i].null_count() < len(table)]
    names = [cells[i] or f"column {i + 1}" for i in kept]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{where} has two columns {repeated[0]!r}; give them different names")
    return pl.DataFrame([table[:, i].alias(name) for i, name in zip(kept, names, strict=True)])


def _book(path: Place) -> Any:  # noqa: ANN401  the library is not typed here
    import fastexcel  # noqa: PLC0415  only this format needs it

    try:
        if isinstance(path, Path):
            return fastexcel.read_excel(path)
        with path.open() as file:
            return fastexcel.read_excel(file.read())
    except Exception as error:  # the library's errors have no common base class
        raise DataError(f"{path} cannot be read as xlsx: {error}") from error
