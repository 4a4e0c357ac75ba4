"""A text file as a stream of UTF-8, whatever its compression and encoding."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, BinaryIO, cast

import pyarrow as pa

from wsal.errors import DataError
from wsal.files.encodings import HEAD, encoding_of
from wsal.files.kinds import Kind, members
from wsal.files.places import Place

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)
"""Errors that damaged compressed files cause."""
OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gz": gzip.open, "bz2": bz2.open, "xz": lzma.open,
}  # fmt: skip


@contextmanager
def utf8_stream(
    path: Place, kind: Kind, encoding: str | None, note: Callable[[str], None]
) -> Iterator[BinaryIO]:
    """The file as a stream of UTF-8; `note` is called if another encoding was detected.

    Raises:
        DataError: the file is damaged, is not text, or its encoding cannot be detected.
    """
    opener = partial(_unpacked, path, kind.compression)
    try:
        used = encoding or encoding_of(opener, str(path))
        if not encoding and used != "utf-8":
            note(
                f"{path} is not UTF-8; it was read as {used} (to read it otherwise: "
                "data.encoding=NAME, or --encoding NAME with wsal predict)"
            )
        with opener() as stream:
            head = stream.read(HEAD)
        # Old Macs ended lines with \r alone; None makes Python translate that.
        newline = None if b"\r" in head and b"\n" not in head else ""
        with opener() as stream:
            if used in ("utf-8", "utf-8-sig", "ascii") and newline == "":
                yield stream
            else:
                decoded = Transcoded(stream, used, str(path), newline)
                yield cast(BinaryIO, io.BufferedReader(decoded))
    except DAMAGED as error:
        raise DataError(f"{path} is damaged: {error}") from error


class Transcoded(io.RawIOBase):
    r"""A stream in any encoding, as UTF-8; with `newline` None, every line ends in `\n`.

    Raises:
        DataError: while reading: bytes are not valid in the encoding.
    """

    def __init__(
        self, stream: BinaryIO, encoding: str, name: str, newline: str | None = ""
    ) -> None:
        self._text = io.TextIOWrapper(stream, encoding, newline=newline)
        self._encoding, self._name = encoding, name
        self._waiting, self._line = b"", 1

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as possible; returns the number of bytes, 0 at the end."""
        if not self._waiting:
            try:
                text = self._text.read(1 << 16)
            except UnicodeError as error:
                raise DataError(
                    f"{self._name} is not {self._encoding}: {error}, after line {self._line}; "
                    "name its encoding (data.encoding, or --encoding with wsal predict)"
                ) from error
            self._line += text.count("\n")
            self._waiting = text.encode("utf-8", errors="surrogatepass")
        n = min(len(buffer), len(self._waiting))
        buffer[:n], self._waiting = self._waiting[:n], self._waiting[n:]
        return n


@contextmanager
def _unpacked(path: Place, compression: str) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        if compression == "zip":
            yield _only_member(path, file, stack)
        elif compression == "zst":
            packed = stack.enter_context(pa.input_stream(file, compression="zstd"))
            yield cast(BinaryIO, stack.enter_context(io.BufferedReader(packed)))
        elif compression:
            yield stack.enter_context(OPENERS[compression](file))
        else:
            yield file


def _only_member(path: Place, file: BinaryIO, stack: ExitStack) -> BinaryIO:
    names = members(path)
    if len(names) != 1:
        raise DataError(f"{path} contains {len(names)} files {names[:10]}; expected one table")
    try:
        return cast(BinaryIO, stack.enter_context(zipfile.ZipFile(file)).open(names[0]))
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown method
        raise DataError(f"{path} cannot be unpacked: {error}") from error
