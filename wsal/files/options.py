"""How to read a table, if it cannot be detected."""

import codecs
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field


def _text_encoding(name: str) -> str:
    try:
        "".encode(name)  # codecs.lookup also accepts rot13, zlib and so on
    except LookupError as error:
        raise ValueError("expected an encoding, such as utf-8, utf-16, cp1252 or cp1251") from error
    return codecs.lookup(name).name


WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
"""Names of delimiters, as the characters have a special meaning for shells and for Hydra."""


def _one_character(text: str) -> str:
    if text not in WORDS and (len(text) != 1 or text.isalnum() or text in '"_\r\n'):
        raise ValueError(
            f"expected {', '.join(WORDS)}, or one character other than a letter, digit or quote"
        )
    return text


Delimiter = Annotated[str, AfterValidator(_one_character)]
"""A name in `WORDS`, or one character other than a letter, digit or quote."""
Encoding = Annotated[str, AfterValidator(_text_encoding)]
"""The name of an encoding that Python knows."""
Sheet = Annotated[str, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
"""The name of a sheet; it may be a number, such as 2024."""
Row = Annotated[int, Field(ge=1)]
"""The number of a row or line, counted from 1."""


@dataclass(frozen=True)
class TableOptions:
    """How to read a table; None means that it is detected."""

    delimiter: Delimiter | None = None
    """Between two fields of csv, tsv and txt. Detected: comma, semicolon, tab, bar."""
    encoding: Encoding | None = None
    """Of text. Detected: UTF-8, UTF-16, UTF-32, otherwise Windows-1252."""
    sheet: Sheet | None = None
    """Name of the sheet in a workbook; None: the first sheet."""
    header_row: Row | None = None
    """The line or row with the names of the columns; None: the first that is not empty."""

    @property
    def separator(self) -> str | None:
        """The delimiter as a character.

        >>> TableOptions(delimiter="semicolon").separator
        ';'
        """
        return WORDS.get(self.delimiter, self.delimiter) if self.delimiter else None
