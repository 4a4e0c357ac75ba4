"""A class tree from a file: the paths of its nodes, and the other names that nodes go by."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from wsal.class_tree import SEPARATOR
from wsal.errors import DataError, did_you_mean
from wsal.files import read_table
from wsal.text import clean_text

ID_BEFORE_PATH = re.compile(r"^\s*(\d+)\s+-\s+(.+)$")  # as in Google's product taxonomy
COLUMNS = ("id", "parent", "name", "description", "path")


@dataclass(frozen=True)
class Taxonomy:
    """The nodes of a class tree by path, such as `Food > Beverages > Tea`, in the file's order.

    A class is a leaf, and its name is its path.

    >>> tree = Taxonomy.of(["Food > Tea", "Food > Coffee", "Pets"])
    >>> tree.leaves, tree.parents
    (('Food > Tea', 'Food > Coffee', 'Pets'), {'Food': ('Food > Tea', 'Food > Coffee')})
    >>> tree.names["Tea"]
    'Food > Tea'
    """

    ids: Mapping[str, str | None]
    """Path -> the id of the node, or None; every node is here, parents before their children."""
    descriptions: Mapping[str, str]
    """Path -> what belongs there, for nodes that have a description."""

    @classmethod
    def of(
        cls,
        paths: Sequence[str],
        ids: Sequence[str | None] = (),
        descriptions: Sequence[str | None] = (),
    ) -> "Taxonomy":
        """The tree of these paths; a parent need not have a line of its own.

        Raises:
            DataError: a path has an empty name, or occurs twice.
        """
        nodes: dict[str, str | None] = {}
        given = set[str]()
        for number, raw in enumerate(paths):
            names = [clean_text(name) or "" for name in raw.split(SEPARATOR.strip())]
            if not all(names):
                raise DataError(f"the class tree has an empty name in the path {raw!r}")
            path = SEPARATOR.join(names)
            if path in given:
                raise DataError(f"the class tree has the path {path!r} twice")
            given.add(path)
            for depth in range(1, len(names)):
                nodes.setdefault(SEPARATOR.join(names[:depth]), None)
            nodes[path] = ids[number] if ids else nodes.get(path)
        texts = dict(zip(paths, descriptions, strict=True)) if descriptions else {}
        by_path = {normal_path(path): text for path, text in texts.items() if text}
        return cls(nodes, by_path)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The paths without children: the classes."""
        inner = {parent_of(path) for path in self.ids}
        return tuple(path for path in self.ids if path not in inner)

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """The leaves below each inner node, nodes in the order of the file."""
        leaves = set(self.leaves)
        below: dict[str, list[str]] = {path: [] for path in self.ids if path not in leaves}
        for leaf in self.leaves:
            names = leaf.split(SEPARATOR)
            for depth in range(1, len(names)):
                below[SEPARATOR.join(names[:depth])].append(leaf)
        return {path: tuple(leaves) for path, leaves in below.items()}

    @cached_property
    def names(self) -> dict[str, str]:
        """Other names of nodes -> their paths: ids, and last names that only one node has."""
        last = {path: path.rpartition(SEPARATOR)[2] for path in self.ids}
        counts = Counter(last.values())
        unique = {name: path for path, name in last.items() if counts[name] == 1 and name != path}
        return {**unique, **{id_: path for path, id_ in self.ids.items() if id_}}


def parent_of(path: str) -> str:
    """The path of the parent; empty for a root.

    >>> parent_of("Food > Tea"), parent_of("Food")
    ('Food', '')
    """
    return path.rpartition(SEPARATOR)[0]


def normal_path(path: str) -> str:
    """The path with clean names and one way to write the separator.

    >>> normal_path("Food>Hot  drinks >Tea")
    'Food > Hot drinks > Tea'
    """
    return SEPARATOR.join(clean_text(name) or "" for name in path.split(SEPARATOR.strip()))


def read_taxonomy(path: Path | str) -> Taxonomy:
    """The class tree in a file.

    A text file (`.txt`) has a path in each line, such as `Food > Beverages > Tea`, which may begin
    with an id (`412 - Food > Beverages`); empty lines and those that begin with `#` are left out.
    A table (csv, tsv, jsonl, parquet, xlsx) has the column `path`, and perhaps `id`; or the columns
    `id`, `parent` (the parent's id; empty for a root) and `name`. Either may have `description`.

    Raises:
        DataError: there is no such file, it has other columns, a parent is missing, nodes are their
            own ancestors, or a path or an id occurs twice.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"data.layout.taxonomy={path}: there is no such file")
    try:
        tree = _from_lines(file) if file.suffix == ".txt" else _from_table(file)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    twice = [id_ for id_, n in Counter(filter(None, tree.ids.values())).items() if n > 1]
    if twice:
        raise DataError(f"{file}: the class tree has the id {twice[0]!r} twice")
    return tree


def _from_lines(file: Path) -> Taxonomy:
    lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    matches = [ID_BEFORE_PATH.match(line) for line in kept]
    paths = [match[2] if match else line for line, match in zip(kept, matches, strict=True)]
    return Taxonomy.of(paths, [match[1] if match else None for match in matches])


def _from_table(file: Path) -> Taxonomy:
    table = read_table(file)
    table = table.rename({name: name.strip().lower() for name in table.columns})
    wanted = ["path"] if "path" in table.columns else ["id", "parent", "name"]
    for name in wanted:
        if name not in table.columns:
            raise DataError(
                f"the class tree has no column {name!r}{did_you_mean(name, table.columns)}; "
                "expected `path`, or `id`, `parent` and `name`"
            )
    rows = table.select(pl.col(n).cast(pl.String) for n in COLUMNS if n in table.columns)
    ids = rows["id"].to_list() if "id" in rows.columns else ()
    paths = rows["path"].to_list() if wanted == ["path"] else _paths_of(rows)
    descriptions = rows["description"].to_list() if "description" in rows.columns else ()
    return Taxonomy.of(paths, ids, descriptions)


def _paths_of(rows: pl.DataFrame) -> list[str]:
    """The path of each row of a table with `id`, `parent` and `name`."""
    nodes = {id_: (parent or "", name) for id_, parent, name in rows["id", "parent", "name"].rows()}
    paths = []
    for id_ in rows["id"]:
        names: list[str] = []
        at, seen = id_, set[str]()
        while at:
            if at in seen:
                raise DataError(f"the node {at!r} of the class tree is its own ancestor")
            if at not in nodes:
                raise DataError(f"the class tree has no node {at!r}, the parent of {names[-1]!r}")
            seen.add(at)
            at, name = nodes[at]
            names.append(name)
        paths.append(SEPARATOR.join(reversed(names)))
    return paths
