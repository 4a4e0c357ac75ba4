"""The sheet that people fill in: one row per text, with a column `label` for the answers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas
from wsal.annotation.named_classes import SKIP_MARK
from wsal.annotation.query import REVIEW_REASON, Query
from wsal.annotation.returned_sheet import Row, match_answers, text_keys
from wsal.class_tree import ClassTree
from wsal.errors import AnnotationError, DataError, did_you_mean
from wsal.files import NumberedTable, TableOptions, numbered_table
from wsal.files.sheets import sheet_names
from wsal.labels import NONE, LabelSet
from wsal.seeding import rng

COLUMNS = ("id", "label", "text", "suggestion", "reason", "key")
SHEET = "query"  # of a workbook
BLIND = 0.15  # share of training texts that people label without seeing a guess
TITLE_ROWS = 10  # rows in which the header is looked for
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs cells that begin with these


def annotations(
    ids: pl.Series,
    answers: Sequence[str | None],
    annotator: str,
    seconds: Sequence[float | None] | None = None,
) -> pl.DataFrame:
    """A table with the columns schemas.ANSWERS.

    An answer of None is a skipped text; a time of None is unknown.
    """
    frame = pl.DataFrame({"id": ids, "label": pl.Series(answers, dtype=pl.String)})
    frame = frame.with_columns(
        annotator=pl.lit(annotator),
        seconds=pl.Series(seconds or [None] * len(frame), dtype=pl.Float32),
    )
    return frame.select(*schemas.ANSWERS)


def write(
    query: pl.DataFrame, labels: LabelSet, path: Path, guesses: Mapping[str, str] | None = None
) -> None:
    """Write the sheet, completely or not at all; in xlsx, `label` has a drop-down list of classes.

    The list of a class tree has its parents, too. For the columns beside a text see `shown`. With
    `guesses`, sets of classes by id, a text may have several classes, and there is no drop-down
    list, which would let people choose only one.
    """
    rows = pl.DataFrame(
        {
            "id": query["id"],
            "label": [""] * len(query),
            "text": query["text"],
            **shown(query, labels, guesses),
            "key": text_keys(query["text"]),  # ids may be numbers, which spreadsheets change
        }
    ).with_columns(pl.all().map_elements(_quoted, return_dtype=pl.String))
    temporary = path.with_name(f".{path.name}")
    if path.suffix == ".csv":
        rows.write_csv(temporary, include_bom=True)  # or Excel takes UTF-8 for Latin-1
    else:
        _write_xlsx(rows, labels, temporary, multilabel=guesses is not None)
    temporary.replace(path)


def shown(
    query: pl.DataFrame, labels: LabelSet, sets: Mapping[str, str] | None = None
) -> dict[str, list[str]]:
    """What is shown beside each text: the model's guess, and the reason for asking.

    Both are "" for evaluation texts and those under review, since a guess would influence people,
    and for a random share of the others, so that nobody can tell which texts are for evaluation. A
    suggestion is also "" where its class no longer exists.
    """
    blind = (query["purpose"] == schemas.EVALUATE) | (query["reason"] == REVIEW_REASON)
    hidden = blind.to_numpy() | (rng(0, "blind", *query["id"]).random(len(query)) < BLIND)
    guesses = [labels.names[c] if c >= 0 else "" for c in query["predicted"]]
    if sets is not None:
        guesses = [sets.get(text_id, "") for text_id in query["id"]]
    return {
        "suggestion": np.where(hidden, "", guesses).tolist(),
        "reason": np.where(hidden, "", query["reason"].to_list()).tolist(),
    }


def read(path: Path) -> Iterator[Row]:
    """The rows of a sheet, as any spreadsheet program saved it: the delimiter is detected.

    Raises:
        DataError: the file cannot be read.
        AnnotationError: a required column is missing, or a column occurs twice.
    """
    numbered = _table(path)
    names = [name.strip().lower() for name in numbered.frame.columns]
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise AnnotationError(f"{path} has two columns {twice[0]!r}; delete one of them")
    frame = numbered.frame.rename(dict(zip(numbered.frame.columns, names, strict=True)))
    if "label" not in names:
        raise AnnotationError(f"{path} has no column 'label'{did_you_mean('label', names)}")
    identifying = [name for name in ("key", "id", "text") if name in names]
    if not identifying:
        raise AnnotationError(
            f"{path} has no column 'id', 'key' or 'text' to identify the rows"
            f"{did_you_mean('id', names)}"
        )
    cells = frame.select(pl.col("label", *identifying).cast(pl.String).fill_null(""))
    for number, cell_of in zip(numbered.rows, cells.iter_rows(named=True), strict=True):
        values = {name: _unquoted(cell.strip()) for name, cell in cell_of.items()}
        yield Row(
            where=f"row {number}",
            label=values["label"],
            id=values.get("id", ""),
            key=values.get("key", ""),
            text=values.get("text") or None,
        )


def _table(path: Path) -> NumberedTable:
    """The table with answers: people move sheets, and some programs write a title above the header.

    Raises:
        DataError: the file cannot be read.
    """
    sheets: list[str | None] = [None]
    if path.suffix == ".xlsx":
        sheets = sorted(sheet_names(path), key=lambda name: name != SHEET)  # wsal's own first
    for row in (None, *range(2, TITLE_ROWS)):
        for sheet in sheets:
            with suppress(DataError):
                options = TableOptions(sheet=sheet, header_row=row)
                table = numbered_table(path, options, _ignore_note)
                if "label" in {name.strip().lower() for name in table.frame.columns}:
                    return table
    return numbered_table(path, TableOptions(sheet=sheets[0]), _ignore_note)


def _ignore_note(_note: str) -> None:
    """Notes on how a file was decoded are not needed: its rows are compared with what was asked."""


def table(rows: Sequence[Row], annotator: str) -> pl.DataFrame:
    """The answers in these rows as a table with the columns schemas.ANSWERS."""
    labels = [None if row.label == SKIP_MARK else row.label for row in rows]
    ids = pl.Series([row.id for row in rows], dtype=pl.String)
    return annotations(ids, labels, annotator, [row.seconds for row in rows])


def read_or_write(query: Query, path: Path) -> list[Row]:
    """The rows of the sheet, which is written if it is not there or belongs to an older query."""
    if path.exists():
        rows = list(read(path))
        if any(row.label for row in rows) or not match_answers(rows, query, path).missing:
            return rows  # never overwritten: it holds answers, or is the sheet of this query
    write(query.table, query.labels, path, query.sets_guessed)
    return list(read(path))


def _quoted(text: str) -> str:
    """The text, with a quote before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _unquoted(cell: str) -> str:
    """The text of a cell that `_quoted` wrote."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _write_xlsx(
    rows: pl.DataFrame, labels: LabelSet, path: Path, *, multilabel: bool = False
) -> None:
    import xlsxwriter  # noqa: PLC0415  needed for this format only

    with xlsxwriter.Workbook(
        path, {"strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        page = book.add_worksheet(SHEET)
        classes = book.add_worksheet("classes")
        answers = [*ClassTree.of(labels).nodes, NONE, SKIP_MARK]
        classes.write_column(0, 0, answers)
        page.write_row(0, 0, rows.columns)
        for number, row in enumerate(rows.iter_rows(), start=1):
            for column, value in enumerate(row):
                page.write_string(number, column, value)
        source = f"=classes!$A$1:$A${len(answers)}"
        if not multilabel:
            page.data_validation(1, 1, len(rows), 1, {"validate": "list", "source": source})
        page.set_column(1, 1, 24)
        page.set_column(2, 2, 80)
        page.freeze_panes(1, 0)
