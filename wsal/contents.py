"""What besides settings an artifact is made from: files, and code that is not wsal's own.

A content is a mapping whose `files` are paths with the SHA-256 of each, so that anyone can see
later, without building anything, whether one of them was edited.
"""

import ast
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from wsal.artifacts import file_digest
from wsal.errors import RuleError

LONGEST_NAME = 255  # of a file; a longer string in code names none


def of_files(paths: Iterable[Path]) -> dict[str, dict[str, str]]:
    """The content that files, or whole folders, amount to."""
    return {"files": {_shown(path): file_digest(path) for path in sorted(set(paths))}}


def of_function(function: Callable[..., Any], files: Sequence[str]) -> dict[str, Any]:
    """The content of a rule that is a function: an edit of any of it makes the votes stale.

    It is the function's module, whole, with what `code_files` adds to it, and `files`. Of a
    function that is in no file, as in a notebook, it is the source.

    Raises:
        RuleError: a file is missing, or there is no source.
    """
    where = f"{function.__module__}.{function.__qualname__}"
    try:
        file = Path(inspect.getsourcefile(function) or "")
        if not file.is_file():
            return {"source": inspect.getsource(function)}
    except (OSError, TypeError) as error:
        raise RuleError(f"{where}: its source cannot be read ({error})") from error
    named = []
    for name in files:
        places = [folder / name for folder in (file.parent, Path.cwd())]
        there = [place for place in places if place.exists()]
        if not there:
            tried = " nor in ".join(dict.fromkeys(str(place.parent) for place in places))
            raise RuleError(f"{where}: its file {name!r} is not in {tried}")
        named.append(there[0])
    return of_files([*code_files(file, function.__module__), *named])


def edited(content: Any) -> list[str]:  # noqa: ANN401  a content, or contents in mappings
    """The files of a content, at any depth, that are gone or not what they were."""
    if not isinstance(content, Mapping):
        return []
    found = []
    for key, value in content.items():
        if key == "files" and isinstance(value, Mapping):
            found += [name for name, digest in value.items() if _digest_now(name) != digest]
        else:
            found += edited(value)
    return found


def code_files(file: Path, module: str) -> list[Path]:
    """The module's file, and each module that it imports from outside of installed packages.

    Imports are followed through those modules in turn, and taken from the source: what is imported
    by a computed name is not seen. Files whose names stand as strings in that code count, too:
    word lists, for example, beside the module or in the working directory.
    """
    top = module.partition(".")[0]
    root = file.absolute().parents[module.count(".") + (file.name == "__init__.py")]
    roots = [root] if _installed(root) else [root, *_roots()]
    seen: dict[Path, None] = {}
    left = [(file.resolve(), module)]
    while left:
        path, name = left.pop()
        if path in seen:
            continue
        seen[path] = None
        for imported in _imports(path, path.stat().st_mtime_ns, name):
            inside = imported.partition(".")[0] == top
            if imported.partition(".")[0] != "wsal" and (inside or not _installed(root)):
                left += _found(imported, roots)
    named = [
        place.resolve()
        for path in seen
        for name in _file_names(path, path.stat().st_mtime_ns)
        for place in (path.parent / name, Path.cwd() / name)
        if place.is_file()
    ]
    return [*seen, *named]


def is_own_code(module: str) -> bool:
    """Whether a module is neither wsal's nor Python's: code that may be edited between runs."""
    top = module.partition(".")[0]
    return top != "wsal" and top not in sys.stdlib_module_names


@cache
def _imports(path: Path, _edited_at: int, name: str) -> frozenset[str]:
    """The dotted names that a module may import: modules, or what stands in them."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join([*(above if node.level else ()), *filter(None, [node.module])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def _file_names(path: Path, _edited_at: int) -> tuple[str, ...]:
    """Strings in the code of a module that may be names of files: they have a suffix."""
    strings = {
        node.value
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return tuple(
        s for s in strings if s.isprintable() and len(s) <= LONGEST_NAME and Path(s).suffix
    )


def _parsed(path: Path) -> ast.AST:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # no Python: nothing in it can be seen
        return ast.Module([], [])


def _found(name: str, roots: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """The files of a module and of the packages that it lies in, in each root that has them."""
    parts = name.split(".")
    for root in roots:
        for n in range(1, len(parts) + 1):
            place = root.joinpath(*parts[:n])
            for path in (place / "__init__.py", place.with_suffix(".py")):
                if path.is_file():
                    yield path.resolve(), ".".join(parts[:n])


def _roots() -> list[Path]:
    """Folders that modules are imported from, but for those of installed packages."""
    folders = (Path(entry).resolve() for entry in sys.path)
    return [folder for folder in folders if folder.is_dir() and not _installed(folder)]


def _installed(folder: Path) -> bool:
    library = Path(sysconfig.get_paths()["stdlib"]).resolve()
    return folder.is_relative_to(library) or folder.name in ("site-packages", "dist-packages")


def _shown(path: Path) -> str:
    """The path from the working directory, where it lies below it: runs can be moved with it."""
    whole, here = path.resolve(), Path.cwd().resolve()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def _digest_now(name: str) -> str | None:
    path = Path(name)
    return file_digest(path) if path.exists() else None
