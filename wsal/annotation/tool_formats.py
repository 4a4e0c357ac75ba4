"""Queries as files that other annotation tools read, and the answers in their exports."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl

from wsal.annotation import tool_exports
from wsal.annotation.multilabel_tools import checked, multilabel_setup, multilabel_task
from wsal.annotation.returned_sheet import Row, text_keys
from wsal.annotation.sheet import shown
from wsal.annotation.tool_files import records
from wsal.class_tree import ClassTree
from wsal.errors import AnnotationError, listed
from wsal.labels import NONE, LabelSet

Record = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """How one tool reads tasks and exports answers."""

    tool: str
    suffix: str  # of the tasks: .json holds one list, .jsonl one object per line
    exports: tuple[str, ...]  # suffixes of its export files, the most complete first
    task: Callable[[Record, ClassTree], Record]
    answers: Callable[[Mapping[str, Any]], Iterator[Row]]
    setup: tuple[str, Callable[[LabelSet], str]] | None = None  # a file that defines the classes


def tasks(
    query: pl.DataFrame, labels: LabelSet, name: str, guesses: Mapping[str, str] | None = None
) -> list[Record]:
    """The query as a tool's tasks; for what is shown beside a text see `sheet.shown`.

    With `guesses`, sets of classes by id, a text may have several classes.
    """
    beside = pl.DataFrame(
        shown(query, labels, guesses), schema={"suggestion": pl.String, "reason": pl.String}
    )
    rows = query.with_columns(beside)
    tree = ClassTree.of(labels)
    made = [FORMATS[name].task(row, tree) for row in rows.iter_rows(named=True)]
    return made if guesses is None else [multilabel_task(task, name) for task in made]


def setup_of(labels: LabelSet, name: str, *, multilabel: bool = False) -> str:
    """The content of the file that defines the classes for a tool; empty if it needs none."""
    content = setup[1](labels) if (setup := FORMATS[name].setup) else ""
    return multilabel_setup(content, name) if multilabel else content


def write(
    query: pl.DataFrame,
    labels: LabelSet,
    name: str,
    path: Path,
    guesses: Mapping[str, str] | None = None,
) -> None:
    """Write the tasks, completely or not at all, and beside them the file with the classes."""
    tool, to_do = FORMATS[name], tasks(query, labels, name, guesses)
    if tool.setup is not None:
        content = setup_of(labels, name, multilabel=guesses is not None)
        path.with_name(tool.setup[0]).write_text(content, "utf-8")
    lines = tool.suffix == ".jsonl"
    text = "".join(f"{_json(task)}\n" for task in to_do) if lines else _json(to_do, indent=1)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def read(path: Path, name: str, *, multilabel: bool = False) -> list[Row]:
    """The answers in a file that a tool exported: one row per text and person.

    Raises:
        AnnotationError: the file cannot be read, or records are not understood; the message has
            the reason for each.
    """
    tool, rows, problems = FORMATS[name], list[Row](), list[str]()
    for where, record in records(path):
        try:
            rows += answers(record, tool, where, multilabel=multilabel)
        except ValueError as error:
            problems.append(f"{where}: {error}")
    if problems:
        what = "1 record is" if len(problems) == 1 else f"{len(problems)} records are"
        raise AnnotationError(
            f"{path}: {what} not in the form that {tool.tool} exports:{listed(problems)}"
        )
    return keyed(rows)


def answers(record: object, tool: Format, where: str, *, multilabel: bool = False) -> list[Row]:
    """The answers in one record; with `multilabel`, an answer may name several classes.

    Raises:
        ValueError: the record is not understood.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"expected an object, found {record!r:.60}")
    try:
        return [
            row._replace(where=where, label=checked(row.label, multilabel=multilabel))
            for row in tool.answers(record)
        ]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def keyed(rows: Sequence[Row]) -> list[Row]:
    """The rows with the keys of their texts, which tools return unchanged."""
    keys = iter(text_keys(row.text for row in rows if row.text is not None))
    return [row if row.text is None else row._replace(key=next(keys), text=None) for row in rows]


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


# ---- Label Studio: https://labelstud.io/guide/export -----


def _label_studio_task(row: Record, tree: ClassTree) -> Record:
    task: Record = {"data": {"id": row["id"], "wsal_id": row["id"],
                              "text": row["text"], "reason": row["reason"]}}  # fmt: skip
    if row["suggestion"]:
        kind, value = "choices", [row["suggestion"]]
        if not tree.is_flat:
            kind, value = "taxonomy", [[tree.short(name) for name in tree.way(row["suggestion"])]]
        choice = {"from_name": "label", "to_name": "text", "type": kind, "value": {kind: value}}
        score = row.get("confidence") or 0.0
        task["predictions"] = [{"model_version": "wsal", "score": score, "result": [choice]}]
    return task


def label_studio_config(labels: LabelSet) -> str:
    """The labelling interface, to paste into a project's settings.

    A class tree is a Taxonomy, in which parents can be chosen, too.
    """
    if labels.parents:
        return _label_studio_taxonomy(ClassTree.of(labels))
    keys = "123456789"
    choices = "\n".join(
        f"    <Choice value={quoteattr(name, {chr(10): '&#10;'})}"
        + _hotkey("0" if name == NONE else keys[n : n + 1])
        for n, name in enumerate((*labels.names, NONE))
    )
    return (
        '<View>\n  <Text name="text" value="$text"/>\n'
        '  <Choices name="label" toName="text" choice="single" required="true">\n'
        f"{choices}\n  </Choices>\n</View>\n"
    )


def _hotkey(key: str) -> str:
    return f' hotkey="{key}"/>' if key else "/>"


def _label_studio_taxonomy(tree: ClassTree) -> str:
    lines = []
    depth = 0
    for name in tree.nodes:
        level = len(tree.way(name))
        while depth >= level:  # close the parents that this node is not in
            lines.append(f"{'  ' * (depth + 1)}</Choice>")
            depth -= 1
        choice = f"<Choice value={quoteattr(tree.short(name), {chr(10): '&#10;'})}"
        is_parent = name in tree.children
        lines.append(f"{'  ' * (level + 1)}{choice}{'>' if is_parent else '/>'}")
        depth += is_parent
    lines += [f"{'  ' * (level + 1)}</Choice>" for level in range(depth, 0, -1)]
    lines.append(f"    <Choice value={quoteattr(NONE)}/>")
    return (
        '<View>\n  <Text name="text" value="$text"/>\n'
        '  <Taxonomy name="label" toName="text" required="true" maxUsages="1" showFullPath="true" '
        'pathSeparator=" &gt; ">\n' + "\n".join(lines) + "\n  </Taxonomy>\n</View>\n"
    )


# ---- Argilla 2: dataset.records.to_json, Settings.from_json -----


def _argilla_task(row: Record, tree: ClassTree) -> Record:  # noqa: ARG001
    guess = {"value": row["suggestion"], "score": row.get("confidence"), "agent": "wsal"}
    return {
        "id": row["id"], "fields": {"text": row["text"]}, "metadata": {"reason": row["reason"]},
        "shown": {"label": guess} if row["suggestion"] else {}, "responses": {},
        "vectors": {},
    }  # fmt: skip


def _argilla_settings(labels: LabelSet) -> str:
    options = [{"value": name, "text": name} for name in (*ClassTree.of(labels).nodes, NONE)]
    question = {"name": "label", "title": "label", "description": None, "required": True,
                "settings": {"type": "label_selection", "options": options,
                             "visible_options": min(len(options), 20)}}  # fmt: skip
    field = {"name": "text", "title": "text", "required": True,
             "settings": {"type": "text", "use_markdown": False}}  # fmt: skip
    reason = {"name": "reason", "title": "reason", "visible_for_annotators": True,
              "settings": {"type": "terms"}}  # fmt: skip
    return _json({"guidelines": None, "questions": [question], "fields": [field], "vectors": [],
                  "metadata": [reason], "allow_extra_metadata": False}, indent=1)  # fmt: skip


# ---- Prodigy: the choice interface, `prodigy db-out` -----


def _prodigy_task(row: Record, tree: ClassTree) -> Record:
    meta = {"id": row["id"], "reason": row["reason"]}
    if row["suggestion"]:
        meta["guess"] = row["suggestion"]
    options = [{"id": name, "text": name} for name in (*tree.nodes, NONE)]
    return {"text": row["text"], "options": options, "meta": meta}


# ---- doccano: text classification, JSONL; it gives `id` a meaning of its own -----


def _doccano_task(row: Record, tree: ClassTree) -> Record:  # noqa: ARG001
    return {"text": row["text"], "label": [], "wsal_id": row["id"], "reason": row["reason"]}


def _doccano_labels(labels: LabelSet) -> str:
    return _json([{"text": name} for name in (*ClassTree.of(labels).nodes, NONE)], indent=1)


FORMATS = {
    "label_studio": Format(
        "Label Studio", ".json", (".json", ".csv", ".tsv"), _label_studio_task,
        tool_exports.label_studio, ("labels.xml", label_studio_config),
    ),
    "argilla": Format(
        "Argilla", ".json", (".json", ".jsonl"), _argilla_task, tool_exports.argilla,
        ("settings.json", _argilla_settings),
    ),
    "prodigy": Format(
        "Prodigy", ".jsonl", (".jsonl", ".json"), _prodigy_task, tool_exports.prodigy
    ),
    "doccano": Format(
        "doccano", ".jsonl", (".jsonl", ".json", ".csv", ".zip"), _doccano_task,
        tool_exports.doccano,
        ("labels.json", _doccano_labels),
    ),
}  # fmt: skip
