"""A stage's output folder, and the manifest that proves that it is complete."""

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
from wsal.digests import MANIFEST, digest_of, file_digest, files_in
from wsal.errors import MissingArtifactError
from wsal.json_files import fsync, read_json_object, write_json

CHECKPOINTS = "checkpoints"  # scratch folder in an unfinished artifact
BEGUN_FROM = "begun_from"  # scratch file in an unfinished artifact: the digest of its origin
SCRATCH = {BEGUN_FROM, CHECKPOINTS}
REQUIRED_KEYS = {"artifact", "wsal", "made_from", "digest", "config", "inputs", "files", "facts"}
Facts = dict[str, Any]  # what a stage reports about its work: counts, names, metrics
Inputs = Mapping[str, Any]  # name of an artifact -> its digest, or a list of digests


@dataclass(frozen=True)
class Artifact:
    """A finished stage folder. `path / "manifest.json"` exists if and only if it is complete."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "Artifact":
        """The artifact at `path`.

        Raises:
            MissingArtifactError: there is no finished artifact.
        """
        if not (path / MANIFEST).exists():
            raise MissingArtifactError(
                f"{path} has no {MANIFEST}, so it is absent or unfinished; "
                "`wsal status` names the stage to run"
            )
        return cls(path)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The contents of the manifest.

        Raises:
            MissingArtifactError: the file is missing or damaged.
        """
        file = self.path / MANIFEST
        advice = (
            f"delete the folder {self.path} and run the same command again, which repeats that "
            "stage"
        )
        manifest = read_json_object(file, advice, MissingArtifactError)
        checksum = manifest.pop("checksum", None)  # before version 0.2, there was none
        if missing := sorted(REQUIRED_KEYS - manifest.keys()):
            raise MissingArtifactError(
                f"{file} is damaged: it lacks {', '.join(missing)}; {advice}"
            )
        if checksum is not None and checksum != digest_of(manifest):
            raise MissingArtifactError(
                f"{file} is damaged: its contents do not match its checksum; {advice}"
            )
        return manifest

    @property
    def facts(self) -> Facts:
        """What the stage that wrote this artifact reported."""
        facts: Facts = self.manifest["facts"]
        return facts

    @property
    def digest(self) -> str:
        """The hash of configuration, inputs and files.

        Times are not part of it, nor may they be part of files: hence safetensors, not npz.
        """
        return str(self.manifest["digest"])

    def made_from(self, config: Mapping[str, Any], inputs: Inputs) -> bool:
        """Whether it was made from this configuration and these inputs by this version of wsal."""
        return bool(self.manifest["made_from"] == digest_of(_origin(config, inputs)))


@dataclass(frozen=True)
class Previous:
    """The artifact that a stage made earlier, and the entries of it that can be reused."""

    artifact: Artifact
    unchanged: frozenset[str]  # names in the mapping that was edited


def unchanged(
    path: Path, config: Mapping[str, Any], inputs: Inputs, part: str, bases: Inputs | None = None
) -> Previous | None:
    """What of the artifact at `path` can be reused, if only entries of `config[part]` have changed.

    None if there is no artifact, or if it has other inputs or is from another version of wsal.
    Without a part, the configuration must be the same. Inputs with the same row-wise work may
    differ by batches of records: these have the same basis, given in `bases`.
    """
    if not (path / MANIFEST).exists():
        return None
    done = Artifact.open(path)
    if done.manifest["wsal"] != __version__ or not _same_inputs(done, inputs, bases or {}):
        return None
    if not part:
        same_config = digest_of(done.manifest["config"]) == digest_of(config)
        return Previous(done, frozenset()) if same_config else None
    then, now = done.manifest["config"].get(part), config[part]
    if not then:
        return None
    same = (
        name
        for name, node in now["node"].items()
        if then["node"].get(name) == node and then["content"].get(name) == now["content"].get(name)
    )
    return Previous(done, frozenset(same))


def _same_inputs(done: Artifact, inputs: Inputs, bases: Inputs) -> bool:
    """Whether an artifact has these inputs, or such with the same basis where one is given."""
    then, bases_then = done.manifest["inputs"], done.manifest.get("bases", {})
    return then.keys() == inputs.keys() and all(
        then[noun] == digest or (noun in bases and bases_then.get(noun) == bases[noun])
        for noun, digest in inputs.items()
    )


@contextmanager
def create(
    path: Path, config: Mapping[str, Any], inputs: Inputs, more: Mapping[str, Any] | None = None
) -> Iterator[tuple[Path, Facts]]:
    """Yield a work folder and a dict for the facts; on success, turn the folder into an artifact.

    The work folder is `NAME.unfinished`. If it exists already and was begun from the same
    configuration and inputs, its checkpoints are kept. The manifest is written last, `path` is
    replaced only after that, and checkpoints are deleted only after that: a process killed at any
    moment leaves either the checkpoints or the artifact.

    `more` goes into the manifest, but is no part of the digest.
    """
    recover(path)
    work = _unfinished(path)
    origin = digest_of(_origin(config, inputs))
    begun = work / BEGUN_FROM
    if begun.exists() and begun.read_text() == origin:
        _delete_all_but(work, SCRATCH)
    else:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        begun.write_text(origin)
    facts: Facts = {}
    start = time.perf_counter()
    yield work, facts
    made = [p for p in files_in(work) if p.relative_to(work).parts[0] not in SCRATCH]
    for file in made:
        fsync(file)  # otherwise, a power cut could leave a manifest beside empty files
    files = {str(file.relative_to(work)): file_digest(file) for file in made}
    manifest = {
        "format": 1,
        "artifact": path.name,
        "wsal": __version__,
        "made_from": origin,
        "digest": digest_of([origin, files]),
        "config": config,
        "inputs": inputs,
        **(more or {}),
        "files": files,
        "facts": facts,
        "seconds": round(time.perf_counter() - start, 3),
    }
    write_manifest(work, manifest)
    _publish(work, path)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of an artifact with its checksum, atomically."""
    as_read = json.loads(json.dumps(manifest, default=str))
    write_json(folder / MANIFEST, {**as_read, "checksum": digest_of(as_read)})


def recover(path: Path) -> None:
    """Finish the last steps of `create` if the process was killed after writing the manifest."""
    work = _unfinished(path)
    if (work / MANIFEST).exists():
        _publish(work, path)
    elif _replaced(path).exists():  # killed after the new artifact had been moved to its place
        shutil.rmtree(_replaced(path))


def _publish(work: Path, path: Path) -> None:
    """Move a complete artifact to its place. If killed at any line, all of it can be repeated."""
    (work / BEGUN_FROM).unlink(missing_ok=True)
    shutil.rmtree(work / CHECKPOINTS, ignore_errors=True)
    shutil.rmtree(_replaced(path), ignore_errors=True)
    if path.exists():
        path.rename(_replaced(path))  # atomic: deleting it would take a while, file by file
    work.rename(path)
    fsync(path.parent)
    shutil.rmtree(_replaced(path), ignore_errors=True)


def _delete_all_but(folder: Path, kept: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path)
        elif path.name not in kept:
            path.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".unfinished")


def _replaced(path: Path) -> Path:
    return path.with_name(path.name + ".replaced")


def _origin(config: Mapping[str, Any], inputs: Inputs) -> list[Any]:
    return [__version__, config, inputs]
