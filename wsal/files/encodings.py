"""Detect the encoding of a text file from all of its bytes."""

import codecs
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO

from wsal.errors import DataError

Opener = Callable[[], AbstractContextManager[BinaryIO]]
BLOCK = 1 << 20
HEAD = 4096
BYTE_ORDER_MARKS = {  # UTF-32 first, as its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
WINDOWS = "cp1252"
ACCENTS = re.compile(rb"[\x80-\xff]+")
MAX_ACCENTS = 3  # in a row: words in Western languages rarely have more, in other scripts most do


def encoding_of(opener: Opener, name: str) -> str:
    """The encoding of a file that `opener` opens from its start.

    UTF-8 if all of it is, or if most of its lines with non-ASCII characters are (the others are
    then damaged). Otherwise Windows-1252, which most programs in Western Europe and America mean
    by "ANSI".

    Raises:
        DataError: it is not text, or its encoding cannot be detected.
    """
    with opener() as stream:
        head = stream.read(HEAD)
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    if utf16 := _utf16_without_mark(head):
        return utf16
    with opener() as stream:
        if _is_utf8(stream):
            return "utf-8"
    with opener() as stream:
        return _by_lines(stream, name)


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 if every other byte is mostly 0, as it is for Latin letters and delimiters."""
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
    n_utf8 = n_other = n_western = n_foreign = 0
    where = undefined = ""
    for number, line in enumerate(stream, start=1):
        if b"\x00" in line:
            raise DataError(f"{name} is not text: line {number} has a byte 0x00")
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            n_utf8 += 1
            continue
        except UnicodeDecodeError as error:
            position = f"line {number} has byte 0x{line[error.start]:02x} at {error.start + 1}"
        n_other += 1
        where = where or position
        undefined = undefined or _undefined(line, number)
        runs = [len(run) for run in ACCENTS.findall(line)]
        n_foreign += sum(run > MAX_ACCENTS for run in runs)
        n_western += sum(run <= MAX_ACCENTS for run in runs)
    if n_utf8 > n_other:
        return "utf-8"
    if undefined or n_foreign > n_western:
        raise DataError(
            f"{name} is not UTF-8 ({where}), nor is it Windows-1252; name its encoding, for "
            "example data.encoding=cp1251 (--encoding cp1251 with wsal predict), or save it as "
            f"UTF-8{undefined and f' ({undefined})'}"
        )
    return WINDOWS


def _undefined(line: bytes, number: int) -> str:
    try:
        line.decode(WINDOWS)
    except UnicodeDecodeError as error:
        return f"line {number} has byte 0x{line[error.start]:02x}, undefined in Windows-1252"
    return ""
