"""How a table is to be read, where the file itself does not say it well enough."""

import codecs
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field


def _text_encoding(name: str) -> str:
    try:
        "".encode(name)  # codecs.lookup takes rot13, zlib and the like, too
    except LookupError as error:
        raise ValueError("expected an encoding, such as utf-8, utf-16, cp1252 or cp1251") from error
    return codecs.lookup(name).name


def _one_character(text: str) -> str:
    if text != "tab" and (len(text) != 1 or text.isalnum() or text in '"_\r\n'):
        raise ValueError(
            "expected one character that is no letter, digit or quote, or the word tab"
        )
    return text


Delimiter = Annotated[str, AfterValidator(_one_character)]
"""One character that is no letter, digit or quote; or the word `tab`."""
Encoding = Annotated[str, AfterValidator(_text_encoding)]
"""The name of an encoding that Python knows."""
Sheet = Annotated[str, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
"""The name of a sheet; 2024 is one, too."""
Row = Annotated[int, Field(ge=1)]
"""A row or line, counted from 1."""


@dataclass(frozen=True)
class TableOptions:
    """What is None is detected."""

    delimiter: Delimiter | None = None
    """Stands between two fields of csv, tsv and txt; detected: comma, semicolon, tab, bar."""
    encoding: Encoding | None = None
    """Detected: UTF-8, UTF-16, UTF-32; and Windows-1252, if the file is none of these."""
    sheet: Sheet | None = None
    """Of a workbook, by name; the first, if it is None."""
    header_row: Row | None = None
    """The line or row that names the columns; the first that is not empty, if it is None."""

    @property
    def separator(self) -> str | None:
        r"""The delimiter as it stands in the file.

        >>> TableOptions(delimiter="tab").separator
        '\t'
        """
        return "\t" if self.delimiter == "tab" else self.delimiter
