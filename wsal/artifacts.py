"""A stage's output folder and the manifest that proves it is whole."""

import hashlib
import json
import os
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
BEGUN_FROM = "begun_from"  # the origin of an unfinished artifact
SCRATCH = {BEGUN_FROM, CHECKPOINTS}
ALWAYS_THERE = {"artifact", "wsal", "made_from", "digest", "config", "inputs", "files", "facts"}
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
        file = self.path / MANIFEST
        manifest: dict[str, Any] = {}
        try:
            manifest = json.loads(file.read_bytes())
            missing = sorted(ALWAYS_THERE - manifest.keys())
            problem = f"it lacks {', '.join(missing)}" if missing else ""
            checksum = manifest.pop("checksum", None)  # manifests of before 0.2 have none
            if checksum is not None and checksum != digest_of(manifest):
                problem = "it is not as it was written"
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            problem = f"it is not a JSON object ({error})"
        if problem:
            raise MissingArtifactError(
                f"{file} is damaged: {problem}; delete the folder {self.path} and run the same "
                "command again: that stage is then done anew"
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
    unfinished folder the checkpoints are kept, if it was begun from the same origin. They go when
    the manifest is on the disk, not before: a kill at any moment leaves the one or the other.
    """
    recover(path)
    work = _unfinished(path)
    origin = digest_of(_origin(config, inputs))
    begun = work / BEGUN_FROM
    if begun.exists() and begun.read_text() == origin:
        _empty_but(work, SCRATCH)
    else:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        begun.write_text(origin)
    facts: Facts = {}
    start = time.perf_counter()
    yield work, facts
    made = [p for p in _files(work) if p.relative_to(work).parts[0] not in SCRATCH]
    for file in made:
        _to_disk(file)  # or a power cut could leave a manifest that vouches for empty files
    files = {str(file.relative_to(work)): file_digest(file) for file in made}
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
    write_manifest(work, manifest)
    _show(work, path)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of an artifact with its checksum, whole or not at all."""
    read = json.loads(json.dumps(manifest, default=str))  # as it will be read
    write_json(folder / MANIFEST, {**read, "checksum": digest_of(read)})


def recover(path: Path) -> None:
    """Finish the last steps of `create` where a kill came after the manifest was written."""
    work = _unfinished(path)
    if (work / MANIFEST).exists():
        _show(work, path)
    elif _replaced(path).exists():  # the kill came when the new artifact stood in its place already
        shutil.rmtree(_replaced(path))


def _show(work: Path, path: Path) -> None:
    """Put a sealed artifact in its place. A kill at any line is mended by doing all of it again."""
    (work / BEGUN_FROM).unlink(missing_ok=True)
    shutil.rmtree(work / CHECKPOINTS, ignore_errors=True)
    shutil.rmtree(_replaced(path), ignore_errors=True)
    if path.exists():
        path.rename(_replaced(path))  # in one step: removed file by file, it could be seen in half
    work.rename(path)
    _to_disk(path.parent)
    shutil.rmtree(_replaced(path), ignore_errors=True)


def _empty_but(folder: Path, kept: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path)
        elif path.name not in kept:
            path.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".unfinished")


def _replaced(path: Path) -> Path:
    return path.with_name(path.name + ".replaced")


def _to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Write `value` whole or not at all, whatever is killed or cut off meanwhile."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2, default=str) + "\n")
    _to_disk(temporary)
    temporary.replace(path)
    _to_disk(path.parent)


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
