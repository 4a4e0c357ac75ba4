"""Workbooks: which sheet, which row is the header, which rows are none."""

import pytest
import xlsxwriter

from wsal.errors import DataError
from wsal.files import TableOptions, numbered_table
from wsal.files.sheets import sheet_names


@pytest.fixture
def book(tmp_path):
    """A note on the first sheet; on the second a title, a gap, a table with a gap."""
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as file:
        file.add_worksheet("Read me").write(0, 0, "hello")
        page = file.add_worksheet("data")
        page.write(1, 1, "Products of May")
        page.write_row(3, 1, ["id", "title", "", "price"])
        page.write_row(4, 1, ["0042", "mug", "", 1.5])
        page.write_row(5, 1, ["", " "])
        page.write_row(7, 1, ["7", "cup", "", 2])
        file.add_worksheet("empty")
    return path


def test_sheet_and_header_row(book):
    found = numbered_table(book, TableOptions(sheet="data", header_row=4))
    assert found.frame.rows(named=True) == [
        {"id": "0042", "title": "mug", "price": "1.5"}, {"id": "7", "title": "cup", "price": "2"},
    ]  # fmt: skip
    assert list(found.rows) == [5, 8]
    assert "Read me, data, empty" in found.advice
    assert numbered_table(book, TableOptions(sheet="data")).frame.columns[0] == "Products of May"
    assert sheet_names(book) == ["Read me", "data", "empty"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            TableOptions(),
            r"'Read me' \(sheets: Read me, data, empty\) has no rows.*data\.sheet=NAME",
        ),
        (TableOptions(sheet="Data"), r"no sheet 'Data'; did you mean 'data'\?"),
        (TableOptions(sheet="empty"), r"sheet 'empty' .* is empty"),
        (TableOptions(sheet="data", header_row=3), "row 3 is empty; expected the header"),
        (TableOptions(sheet="data", header_row=99), "row 99 is empty; expected the header"),
    ],
)
def test_what_is_not_there_is_said_with_the_sheets(book, options, words):
    with pytest.raises(DataError, match=words):
        numbered_table(book, options)
