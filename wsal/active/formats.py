"""Queries as files that other annotation tools read, and their answers back."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl

from wsal.active.sheet import SKIP, Row, suggestions
from wsal.errors import AnnotationError
from wsal.labels import LabelSet

Record = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """How one tool wants tasks, and gives answers."""

    tool: str
    suffix: str  # .json holds one list, .jsonl one object a line
    task: Callable[[Record, LabelSet], Record]
    answer: Callable[[Record], tuple[str, list[tuple[str, float | None]]]]  # id; labels, seconds
    setup: tuple[str, Callable[[LabelSet], str]] | None = None  # a file that tells it the classes


def tasks(query: pl.DataFrame, labels: LabelSet, name: str) -> list[Record]:
    """The query as a tool's tasks; texts that measure come without a suggestion."""
    rows = query.with_columns(suggestion=pl.Series(suggestions(query, labels), dtype=pl.String))
    return [FORMATS[name].task(row, labels) for row in rows.iter_rows(named=True)]


def write(query: pl.DataFrame, labels: LabelSet, name: str, path: Path) -> None:
    """Write the tasks, whole or not at all, and beside them what tells the tool the classes."""
    known, found = FORMATS[name], tasks(query, labels, name)
    if known.setup is not None:
        path.with_name(known.setup[0]).write_text(known.setup[1](labels), "utf-8")
    lines = known.suffix == ".jsonl"
    text = "".join(f"{_json(one)}\n" for one in found) if lines else _json(found, indent=1)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def read(path: Path, name: str) -> Iterator[Row]:
    """The answers in a file that a tool exported.

    Raises:
        AnnotationError: the file is no JSON of that kind, lacks an id, or people disagree on one.
    """
    known, found = FORMATS[name], []
    for where, record in _records(path, known.suffix):
        try:
            one, said = known.answer(record)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise AnnotationError(
                f"{path}, {where}: not an answer as {known.tool} exports it "
                f"({type(error).__name__}: {error})"
            ) from error
        found += [Row(where, one, label, seconds) for label, seconds in said or [("", None)]]
    try:
        yield from agreed(found)
    except AnnotationError as error:
        raise AnnotationError(f"{path}, {error}") from error


def agreed(rows: Iterable[Row]) -> Iterator[Row]:
    """One row an id: several people may answer a text, as long as they say the same.

    Raises:
        AnnotationError: they do not.
    """
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    for one, said in by_id.items():
        given = list(dict.fromkeys(row.label for row in said if row.label not in ("", SKIP)))
        if len(given) > 1:
            raise AnnotationError(
                f"{said[-1].where}: people disagree on id {one!r}: "
                f"{' and '.join(map(repr, given))}; leave one answer"
            )
        skipped = SKIP if any(row.label == SKIP for row in said) else ""
        times = [row.seconds for row in said if row.seconds is not None]
        label = given[0] if given else skipped
        yield Row(said[-1].where, one, label, sum(times) if times else None)


def _records(path: Path, suffix: str) -> Iterator[tuple[str, Record]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}") from error
    kind = "line" if suffix == ".jsonl" else "record"
    chunks: list[Any] = text.split("\n") if kind == "line" else [text]  # U+2028 may stand in text
    for number, chunk in enumerate(chunks, start=1):
        if not chunk.strip():
            continue
        try:
            found = json.loads(chunk)
        except json.JSONDecodeError as error:
            line = number if kind == "line" else error.lineno
            raise AnnotationError(f"{path}, line {line}: no JSON: {error.msg}") from error
        listed = found if isinstance(found, list) else [found]
        for place, record in enumerate(listed, start=number):
            yield f"{kind} {place}", record


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


# ---- Label Studio: https://labelstud.io/guide/export -----


def _label_studio_task(row: Record, labels: LabelSet) -> Record:  # noqa: ARG001
    task: Record = {"data": {"id": row["id"], "text": row["text"], "reason": row["reason"]}}
    if row["suggestion"]:
        choice = {"from_name": "label", "to_name": "text", "type": "choices",
                  "value": {"choices": [row["suggestion"]]}}  # fmt: skip
        score = row.get("confidence") or 0.0
        task["predictions"] = [{"model_version": "wsal", "score": score, "result": [choice]}]
    return task


def _label_studio_answer(record: Record) -> tuple[str, list[tuple[str, float | None]]]:
    said: list[tuple[str, float | None]] = []
    for one in record.get("annotations") or []:
        choices = [
            c for r in one["result"] if r["type"] == "choices" for c in r["value"]["choices"]
        ]
        if len(choices) > 1:
            raise ValueError(f"more than one label: {choices}")
        label = SKIP if one.get("was_cancelled") or not choices else choices[0]
        said.append((label, one.get("lead_time")))
    return _id(record["data"]), said


def label_studio_config(labels: LabelSet) -> str:
    """The labelling interface, to paste into a project's settings."""
    keys = "123456789"
    choices = "\n".join(
        f"    <Choice value={quoteattr(name, {chr(10): '&#10;'})}"
        + (f' hotkey="{keys[n]}"/>' if n < len(keys) else "/>")
        for n, name in enumerate(labels.names)
    )
    return (
        '<View>\n  <Text name="text" value="$text"/>\n'
        '  <Choices name="label" toName="text" choice="single" required="true">\n'
        f"{choices}\n  </Choices>\n</View>\n"
    )


# ---- Argilla 2: dataset.records.to_json, Settings.from_json -----


def _argilla_task(row: Record, labels: LabelSet) -> Record:  # noqa: ARG001
    guess = {"value": row["suggestion"], "score": row.get("confidence"), "agent": "wsal"}
    return {
        "id": row["id"], "fields": {"text": row["text"]}, "metadata": {"reason": row["reason"]},
        "suggestions": {"label": guess} if row["suggestion"] else {}, "responses": {},
        "vectors": {},
    }  # fmt: skip


def _argilla_answer(record: Record) -> tuple[str, list[tuple[str, float | None]]]:
    said = (record.get("responses") or {}).get("label") or []
    return _id(record), [(SKIP if one["value"] is None else one["value"], None) for one in said]


def _argilla_settings(labels: LabelSet) -> str:
    options = [{"value": name, "text": name} for name in labels.names]
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


def _prodigy_task(row: Record, labels: LabelSet) -> Record:
    meta = {"id": row["id"], "reason": row["reason"]}
    if row["suggestion"]:
        meta["guess"] = row["suggestion"]
    options = [{"id": name, "text": name} for name in labels.names]
    return {"text": row["text"], "options": options, "meta": meta}


def _prodigy_answer(record: Record) -> tuple[str, list[tuple[str, float | None]]]:
    if "answer" not in record:
        return _id(record["meta"]), []
    accepted = record.get("accept") or []
    if len(accepted) > 1:
        raise ValueError(f"more than one label: {accepted}")
    taken = record["answer"] == "accept" and accepted
    return _id(record["meta"]), [(accepted[0] if taken else SKIP, None)]


# ---- doccano: text classification, JSONL; it gives `id` a meaning of its own -----


def _doccano_task(row: Record, labels: LabelSet) -> Record:  # noqa: ARG001
    return {"text": row["text"], "label": [], "wsal_id": row["id"], "reason": row["reason"]}


def _doccano_answer(record: Record) -> tuple[str, list[tuple[str, float | None]]]:
    given = record.get("label") or []
    if len(given) > 1:
        raise ValueError(f"more than one label: {given}")
    return _id({"id": record["wsal_id"]}), [(one, None) for one in given]


def _doccano_labels(labels: LabelSet) -> str:
    return _json([{"text": name} for name in labels.names], indent=1)


def _id(record: Mapping[str, Any]) -> str:
    if not isinstance(record["id"], str):
        raise TypeError(f"expected text as id, found {record['id']!r}")
    return record["id"]


FORMATS = {
    "label_studio": Format(
        "Label Studio", ".json", _label_studio_task, _label_studio_answer,
        ("labels.xml", label_studio_config),
    ),
    "argilla": Format(
        "Argilla", ".json", _argilla_task, _argilla_answer, ("settings.json", _argilla_settings)
    ),
    "prodigy": Format("Prodigy", ".jsonl", _prodigy_task, _prodigy_answer),
    "doccano": Format(
        "doccano", ".jsonl", _doccano_task, _doccano_answer, ("labels.json", _doccano_labels)
    ),
}  # fmt: skip
