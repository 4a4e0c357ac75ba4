"""Files and folders, on this machine or elsewhere: S3, Google Cloud, Azure, the Hugging Face Hub.

fsspec reads remote files. A `Remote` has those methods of a `Path` that reading tables needs.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from wsal.digests import digest_of, file_digest
from wsal.errors import DataError, did_you_mean
from wsal.extras import require

EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"),
          "gcs": ("gcsfs", "gcs"), "az": ("adlfs", "azure"), "abfs": ("adlfs", "azure"),
          "abfss": ("adlfs", "azure")}  # fmt: skip
"""Schemes of addresses: the package that reads them, and the extra of wsal that installs it."""
SCHEMES = (*EXTRAS, "hf", "memory", "file")
BUFFER = 1 << 20  # bytes
VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "blob_id", "LastModified", "last_modified",
            "updated", "mtime", "created")  # fmt: skip
"""What stores report that changes with the contents of a file; the first that is there counts."""


@dataclass(frozen=True)
class Remote:
    """A file or folder at an address such as `s3://bucket/folder/x.csv`."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its last suffix."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def parent(self) -> "Remote":
        """The folder that it is in."""
        return Remote(self.url.rstrip("/").rpartition("/")[0])

    def absolute(self) -> "Remote":
        """Itself."""
        return self

    def is_file(self) -> bool:
        """Whether there is a file."""
        with self._errors():
            return bool(self._system.isfile(self._path))

    def is_dir(self) -> bool:
        """Whether there is a folder."""
        with self._errors():
            return bool(self._system.isdir(self._path))

    def iterdir(self) -> Iterator["Remote"]:
        """The files and folders in the folder."""
        with self._errors():
            names = [info["name"] for info in self._system.ls(self._path, detail=True)]
        for name in names:
            yield Remote(f"{self.url.rstrip('/')}/{name.rstrip('/').rpartition('/')[2]}")

    def open(self, mode: str = "rb") -> BinaryIO:
        """The file as a stream of bytes, of which a part at a time is fetched."""
        with self._errors():
            stream = self._system.open(self._path, mode)
        return cast(BinaryIO, io.BufferedReader(stream, BUFFER))

    def version(self) -> list[Any]:
        """The name and size of the file, and its version, if the store reports one."""
        with self._errors():
            info: Mapping[str, Any] = self._system.info(self._path)
        known = [str(info[key]) for key in VERSIONS if info.get(key) is not None]
        return [self.name, info.get("size"), *known[:1]]

    @property
    def _system(self) -> Any:  # noqa: ANN401  fsspec is not typed
        scheme = self.url.partition("://")[0]
        if scheme in EXTRAS:
            package, extra = EXTRAS[scheme]
            require(package, extra, f"{self.url}: {scheme}://")
        elif scheme not in SCHEMES:
            raise DataError(
                f"{self.url}: {scheme}:// cannot be read{did_you_mean(scheme, SCHEMES)}"
            )
        import fsspec  # noqa: PLC0415  only remote files need it

        return fsspec.filesystem(scheme)

    @property
    def _path(self) -> str:
        return str(self._system._strip_protocol(self.url))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise one clear error, whichever library could not reach it."""
        try:
            yield
        except (DataError, FileNotFoundError):
            raise
        except Exception as error:
            if type(error).__module__.startswith("wsal."):
                raise
            raise DataError(
                f"{self.url} cannot be read: {type(error).__name__}: {error}"
            ) from error


Place = Path | Remote
P = TypeVar("P", bound=Place)
"""A file or folder, here or elsewhere."""


def place_of(path: str | Path) -> Place:
    """The place at a path or an address.

    >>> place_of("a/x.csv"), place_of("s3://b/x.csv").name
    (PosixPath('a/x.csv'), 'x.csv')
    """
    return Remote(path) if isinstance(path, str) and "://" in path else Path(path)


def local_path(path: str) -> Path:
    """The path, for commands that read and write on this machine only.

    Raises:
        DataError: it is an address.
    """
    if isinstance(place_of(path), Remote):
        raise DataError(
            f"{path} is an address, and this command takes files and folders on this machine only; "
            "copy the files, or mount the storage"
        )
    return Path(path)


def place_digest(place: Place) -> str:
    """What identifies the contents of a file, or of a folder's files.

    It is a digest of the contents or, for remote files, of the names, sizes and versions that
    their store reports, so that nothing is downloaded.
    """
    if isinstance(place, Path):
        return file_digest(place)
    files = sorted(place.iterdir(), key=str) if place.is_dir() else [place]
    return digest_of([file.version() for file in files])
