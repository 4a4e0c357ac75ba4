"""What an artifact is made from besides settings: files, and code that is not wsal's own.

A content is a mapping. Its `files` are paths with the SHA-256 of each, so that it can be checked
later, without building or importing anything, whether one of them was edited.
"""

import ast
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from wsal.digests import digest_of, file_digest
from wsal.errors import RuleError

MAX_FILE_NAME = 255  # characters; a longer string in code cannot name a file


def of_files(paths: Iterable[Path]) -> dict[str, dict[str, str]]:
    """The content of some files or whole folders: path -> SHA-256, under the key `files`."""
    return {"files": {_shown(path): file_digest(path) for path in sorted(set(paths))}}


def of_function(function: Callable[..., Any], files: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a rule that is a function: votes become stale when any of it is edited.

    It is the whole module of the function, the files that `code_files` adds to it, and `files`. A
    function that is not in a file, as in a notebook, is its source instead; where Python does not
    keep that, its compiled code; and what was not written in Python, its name.

    Args:
        function: the function.
        files: names of files, beside its module or in the working directory.

    Raises:
        RuleError: one of `files` is missing.
    """
    where = qualified_name(function)
    file = source_file(function)
    folders = [*([file.parent] if file else []), Path.cwd()]
    paths = [_path_in(folders, name, where) for name in files]
    if file:
        return of_files([*code_files(file, function.__module__), *paths])
    code = getattr(function, "__code__", None)
    try:
        content = {"source": inspect.getsource(function)}
    except (OSError, TypeError):
        content = {"bytecode": digest_of(_bytecode(code))} if code else {"name": where}
    return content | (of_files(paths) if paths else {})


def qualified_name(function: Callable[..., Any]) -> str:
    """Module and name of a function.

    >>> qualified_name(of_files)
    'wsal.contents.of_files'
    """
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', 'builtins')}.{named.__qualname__}"


def edited(content: Any) -> list[str]:  # noqa: ANN401  a content, or contents in mappings
    """The files of a content, at any depth, that are missing or differ from what is recorded."""
    if not isinstance(content, Mapping):
        return []
    names = []
    for key, value in content.items():
        if key == "files" and isinstance(value, Mapping):
            names += [name for name, digest in value.items() if _digest_now(name) != digest]
        else:
            names += edited(value)
    return names


def code_files(file: Path, module: str) -> list[Path]:
    """The module's file, and each module that it imports from outside of installed packages.

    Imports are followed through those modules in turn. They are read from the source, so a module
    that is imported by a computed name is missed. Files whose names are strings in that code count
    too: for example word lists, beside the module or in the working directory.
    """
    top = module.partition(".")[0]
    root = file.absolute().parents[module.count(".") + (file.name == "__init__.py")]
    roots = [root] if _is_installed(root) else [root, *_import_roots()]
    modules: dict[Path, None] = {}
    queue = [(file.resolve(), module)]
    while queue:
        path, name = queue.pop()
        if path in modules:
            continue
        modules[path] = None
        for imported in _imports(path, path.stat().st_mtime_ns, name):
            imported_top = imported.partition(".")[0]
            if imported_top != "wsal" and (imported_top == top or not _is_installed(root)):
                queue += _module_files(imported, roots)
    named = [
        candidate.resolve()
        for path in modules
        for name in _file_names(path, path.stat().st_mtime_ns)
        for candidate in (path.parent / name, Path.cwd() / name)
        if candidate.is_file()
    ]
    return [*modules, *named]


def source_file(code: Callable[..., Any]) -> Path | None:
    """The file of a function or a class; None if it has none, as in a notebook."""
    try:
        file = Path(inspect.getsourcefile(code) or "")
    except (OSError, TypeError):  # defined in a notebook; not written in Python
        return None
    return file if file.is_file() else None


def is_own_code(module: str) -> bool:
    """Whether a module is neither wsal's nor Python's: code that may be edited between runs."""
    top = module.partition(".")[0]
    return top != "wsal" and top not in sys.stdlib_module_names


def _path_in(folders: Iterable[Path], name: str, where: str) -> Path:
    """The file or folder of this name in the first folder that has it."""
    paths = [folder / name for folder in folders]
    for path in paths:
        if path.exists():
            return path
    tried = " nor in ".join(dict.fromkeys(str(path.parent) for path in paths))
    raise RuleError(f"{where}: its file {name!r} is not in {tried}")


def _bytecode(code: CodeType) -> list[Any]:
    """Compiled code as JSON values; the same in all processes with one version of Python."""
    constants = [
        _bytecode(value) if isinstance(value, CodeType) else _constant(value)
        for value in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]


def _constant(value: Any) -> str:  # noqa: ANN401
    """A constant as text; the order of a set differs from process to process."""
    return repr(sorted(value, key=repr) if isinstance(value, frozenset) else value)


@cache
def _imports(path: Path, _edited_at: int, name: str) -> frozenset[str]:
    """The dotted names that a module may import: modules, or names in them."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            parents = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def _file_names(path: Path, _edited_at: int) -> tuple[str, ...]:
    """Strings in the code of a module that may be names of files: those with a suffix."""
    strings = {
        node.value
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return tuple(
        s for s in strings if s.isprintable() and len(s) <= MAX_FILE_NAME and Path(s).suffix
    )


def _parsed(path: Path) -> ast.AST:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # not Python: no imports can be read from it
        return ast.Module([], [])


def _module_files(name: str, roots: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """The files of a module and of its parent packages, in each root that has them."""
    parts = name.split(".")
    for root in roots:
        for n in range(1, len(parts) + 1):
            base = root.joinpath(*parts[:n])
            for path in (base / "__init__.py", base.with_suffix(".py")):
                if path.is_file():
                    yield path.resolve(), ".".join(parts[:n])


def _import_roots() -> list[Path]:
    """Folders that modules are imported from, except those of installed packages."""
    folders = (Path(entry).resolve() for entry in sys.path)
    return [folder for folder in folders if folder.is_dir() and not _is_installed(folder)]


def _is_installed(folder: Path) -> bool:
    library = Path(sysconfig.get_paths()["stdlib"]).resolve()
    return folder.is_relative_to(library) or folder.name in ("site-packages", "dist-packages")


def _shown(path: Path) -> str:
    """Relative to the working directory if below it, so that runs can be moved together with it."""
    absolute, here = path.resolve(), Path.cwd().resolve()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _digest_now(name: str) -> str | None:
    path = Path(name)
    return file_digest(path) if path.exists() else None
