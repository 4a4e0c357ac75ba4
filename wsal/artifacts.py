"""A stage's output folder and the manifest that proves it is whole."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from wsal import __version__
from wsal.errors import MissingArtifactError

MANIFEST = "manifest.json"
CHECKPOINTS = "checkpoints"  # scratch inside an unfinished artifact; gone when it is sealed
Facts = dict[str, Any]  # what a stage reports of its work: counts, names, metrics
Inputs = Mapping[str, Any]  # noun -> digest, or a list of digests


@dataclass(frozen=True)
class Artifact:
    """A finished stage folder. `path / "manifest.json"` exists if and only if it is whole."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "Artifact":
        """The artifact at `path`.

        Raises:
            MissingArtifactError: nothing finished lies there.
        """
        if not (path / MANIFEST).exists():
            raise MissingArtifactError(
                f"{path} has no {MANIFEST}, so it is absent or unfinished; "
                "`wsal status` names the stage to run"
            )
        return cls(path)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was written when the artifact was sealed.

        Raises:
            MissingArtifactError: the file is damaged.
        """
        try:
            manifest: dict[str, Any] = json.loads((self.path / MANIFEST).read_bytes())
            whole = manifest.pop("checksum") == digest_of(manifest)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            whole, manifest = False, {}
        if not whole:
            raise MissingArtifactError(
                f"{self.path / MANIFEST} is damaged, or of an older wsal; delete the folder "
                f"{self.path} and run the same command again: that stage is then done anew"
            )
        return manifest

    @property
    def facts(self) -> Facts:
        """What the stage that wrote this artifact reported."""
        facts: Facts = self.manifest["facts"]
        return facts

    @property
    def digest(self) -> str:
        """The hash of configuration, inputs and files; seconds stay out of it."""
        return str(self.manifest["digest"])

    def made_from(self, config: Mapping[str, Any], inputs: Inputs) -> bool:
        """Whether this configuration and these inputs are the ones it was made from."""
        return bool(self.manifest["made_from"] == digest_of(_origin(config, inputs)))


@dataclass(frozen=True)
class Previous:
    """What a stage made last time from the same inputs, and the entries that are unchanged."""

    artifact: Artifact
    unchanged: frozenset[str]


def unchanged(path: Path, config: Mapping[str, Any], inputs: Inputs, part: str) -> Previous | None:
    """What of the artifact at `path` may be kept, if only the mapping `part` was edited since."""
    if not (path / MANIFEST).exists():
        return None
    done = Artifact.open(path)
    then, now = done.manifest["config"].get(part), config[part]
    if done.manifest["inputs"] != inputs or done.manifest["wsal"] != __version__ or not then:
        return None
    same = (
        name
        for name, node in now["node"].items()
        if then["node"].get(name) == node and then["content"].get(name) == now["content"].get(name)
    )
    return Previous(done, frozenset(same))


@contextmanager
def create(path: Path, config: Mapping[str, Any], inputs: Inputs) -> Iterator[tuple[Path, Facts]]:
    """Yield an unfinished folder and a dict for the facts; seal it on success, manifest last.

    Work goes on beside `path`, which is replaced only when the new artifact is whole. Of an
    unfinished folder the checkpoints are kept, if it was begun from the same origin.
    """
    work = _unfinished(path)
    origin = digest_of(_origin(config, inputs))
    begun = work / "begun_from"
    if begun.exists() and begun.read_text() == origin:
        _empty_but(work, {begun.name, CHECKPOINTS})
    else:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        begun.write_text(origin)
    facts: Facts = {}
    start = time.perf_counter()
    yield work, facts
    begun.unlink()
    shutil.rmtree(work / CHECKPOINTS, ignore_errors=True)
    files = {str(file.relative_to(work)): file_digest(file) for file in _files(work)}
    manifest = {
        "format": 1,
        "artifact": path.name,
        "wsal": __version__,
        "made_from": origin,
        "digest": digest_of([origin, files]),
        "config": config,
        "inputs": inputs,
        "files": files,
        "facts": facts,
        "seconds": round(time.perf_counter() - start, 3),
    }
    manifest = json.loads(json.dumps(manifest, default=str))
    write_json(work / MANIFEST, {**manifest, "checksum": digest_of(manifest)})
    shutil.rmtree(path, ignore_errors=True)
    work.rename(path)


def recover(path: Path) -> None:
    """Finish the last step of `create` where a kill came between sealing and renaming."""
    work = _unfinished(path)
    if (work / MANIFEST).exists():
        shutil.rmtree(path, ignore_errors=True)
        work.rename(path)


def _empty_but(folder: Path, kept: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path)
        elif path.name not in kept:
            path.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".unfinished")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Write `value` whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2, default=str) + "\n")
    temporary.replace(path)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, or of a folder's files with their names."""
    if path.is_dir():
        return digest_of([[str(p.relative_to(path)), file_digest(p)] for p in _files(path)])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:  # noqa: ANN401  whatever JSON can hold
    """16 hexadecimal digits that stand for a JSON value.

    >>> digest_of({"a": 1}) == digest_of({"a": 1}) != digest_of({"a": 2})
    True
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _origin(config: Mapping[str, Any], inputs: Inputs) -> list[Any]:
    return [__version__, config, inputs]


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
