"""Which encoding a text file has, by all of its bytes."""

import codecs
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO

from wsal.errors import DataError

Opened = Callable[[], AbstractContextManager[BinaryIO]]
BLOCK = 1 << 20
HEAD = 4096
MARKS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
WINDOWS = "cp1252"
ACCENTS = re.compile(rb"[\x80-\xff]+")
MOST_ACCENTS = 3  # in a row: western words have hardly more, words in other scripts mostly do


def encoding_of(opened: Opened, name: str) -> str:
    """The encoding of the bytes that `opened` gives from their start, each time anew.

    UTF-8 if all of it is, or if most of its lines beyond ASCII are (the others are damaged).
    Otherwise Windows-1252, which most programs in Western Europe and America mean by "ANSI".

    Raises:
        DataError: it is no text, or text in an encoding that must be named.
    """
    with opened() as stream:
        head = stream.read(HEAD)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    if wide := _wide(head):
        return wide
    with opened() as stream:
        if _is_utf8(stream):
            return "utf-8"
    with opened() as stream:
        return _by_lines(stream, name)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin letters and delimiters is 0."""
    first, second = head[0::2].count(0), head[1::2].count(0)
    if max(first, second) * 10 < len(head) or min(first, second) * 5 > max(first, second):
        return None
    return "utf-16-be" if first > second else "utf-16-le"


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := stream.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _by_lines(stream: BinaryIO, name: str) -> str:
    n_utf8, n_other, n_western, n_foreign = 0, 0, 0, 0
    where, undefined = "", ""
    for number, line in enumerate(stream, start=1):
        if b"\x00" in line:
            raise DataError(f"{name} is no text: line {number} has a byte 0x00")
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            n_utf8 += 1
            continue
        except UnicodeDecodeError as error:
            place = f"line {number} has byte 0x{line[error.start]:02x} at {error.start + 1}"
        n_other, where = n_other + 1, where or place
        undefined = undefined or _undefined(line, number)
        runs = [len(run) for run in ACCENTS.findall(line)]
        n_foreign += sum(run > MOST_ACCENTS for run in runs)
        n_western += sum(run <= MOST_ACCENTS for run in runs)
    if n_utf8 > n_other:
        return "utf-8"
    if undefined or n_foreign > n_western:
        raise DataError(
            f"{name} is not UTF-8 ({where}), nor text in Windows-1252; name its encoding, for "
            "example data.encoding=cp1251 (--encoding cp1251 with wsal predict), or save it as "
            f"UTF-8{undefined and f' ({undefined})'}"
        )
    return WINDOWS


def _undefined(line: bytes, number: int) -> str:
    try:
        line.decode(WINDOWS)
    except UnicodeDecodeError as error:
        return f"line {number} has byte 0x{line[error.start]:02x}, no character of Windows-1252"
    return ""
