"""What annotation tools export: one reader per tool, from a record to the answers in it.

Each reader yields everybody's answers to the record's text (label "": not answered yet), or raises
ValueError with the reason why it does not understand the record.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wsal.annotation.multilabel_tools import BETWEEN
from wsal.annotation.named_classes import SKIP_MARK
from wsal.annotation.returned_sheet import Row
from wsal.class_tree import SEPARATOR

Record = Mapping[str, Any]
EMPTY = "an answer without a choice; choose a class, or skip the text in the tool"


def label_studio(record: Record) -> Iterator[Row]:
    """JSON (with `completions` before version 1.0), and the flat JSON-MIN, CSV and TSV.

    https://labelstud.io/guide/export. Only JSON has skipped tasks: the others leave them out.
    """
    if "data" not in record:
        yield from _label_studio_flat(record)
        return
    about = _about(record["data"], "wsal_id", "id")
    entries = record.get("annotations", record.get("completions"))
    if not isinstance(entries, list):
        raise ValueError(f"no list `annotations`; the record has {_keys(record)}")
    for entry in entries:
        person = str(entry.get("completed_by") or "")
        row = about._replace(
            seconds=_seconds(entry.get("lead_time")),
            person=person,
            at=str(entry.get("updated_at") or entry.get("created_at") or ""),
            settles=bool(entry.get("ground_truth")),
        )
        if entry.get("was_cancelled") or entry.get("skipped"):
            yield row._replace(label=SKIP_MARK)
        else:
            yield row._replace(label=_chosen(entry.get("result") or []))
    if not entries:
        yield about


def _chosen(result: list[Record]) -> str:
    """The single choice in an annotation's result; of a Taxonomy, the path."""
    choices = [part for part in result if part.get("type") in ("choices", "taxonomy")]
    own = [part for part in choices if part.get("from_name") == "label"] or choices
    if len({part.get("from_name") for part in own}) > 1:
        names = ", ".join(sorted(str(part.get("from_name")) for part in own))
        raise ValueError(f"choices of several controls ({names}); name the one to read `label`")
    labels = [label for part in own for label in _choices(part["value"])]
    if not result:
        raise ValueError(EMPTY)
    if not labels:
        kinds = ", ".join(sorted({str(part.get("type")) for part in result}))
        raise ValueError(
            f"a result of type {kinds}, expected `choices` or `taxonomy` (see labels.xml)"
        )
    return _only(labels)


def _choices(value: Record) -> list[str]:
    """The choices in a value: names, or paths of a Taxonomy."""
    if "taxonomy" in value:
        return [SEPARATOR.join(path) for path in value["taxonomy"]]
    return list(value["choices"])


def _label_studio_flat(record: Record) -> Iterator[Row]:
    about = _about(record, "wsal_id")  # `id` is Label Studio's own number here
    label = record.get("label", record.get("choice"))
    if label in (None, ""):
        if "annotation_id" in record and record["annotation_id"] not in (None, ""):
            raise ValueError(
                "an annotation without a `label`; export as JSON if it is of another control, or "
                f"name the control `label`; the record has {_keys(record)}"
            )
        yield about
        return
    if isinstance(label, str) and label.startswith(("[", "{")):
        label = _json_or_text(label)
    if isinstance(label, list) and len(label) == 1 and isinstance(label[0], Mapping):
        label = label[0]  # of a Taxonomy
    if isinstance(label, Mapping) and ("choices" in label or "taxonomy" in label):
        label = _choices(label)
    if isinstance(label, list):
        label = _only([str(choice) for choice in label])
    if not isinstance(label, str):
        raise ValueError(f"expected one choice as `label`, found {label!r}")
    yield about._replace(
        label=label,
        seconds=_seconds(record.get("lead_time")),
        person=str(record.get("annotator") or ""),
        at=str(record.get("updated_at") or record.get("created_at") or ""),
    )


def _seconds(lead_time: Any) -> float | None:  # noqa: ANN401  whatever the file holds
    """The time in seconds; raises TypeError or ValueError if it is not a number."""
    return None if lead_time in (None, "") else float(lead_time)


def argilla(record: Record) -> Iterator[Row]:
    """Argilla 2: `records.to_json`, and the results of `to_list(flatten=True)` and `to_datasets`.

    The nested form has no status per answer, and contains drafts and discarded answers, too. So its
    answers count only once the record is completed. The flat form has the status.
    """
    responses = record.get("responses")
    if not isinstance(responses, Mapping):
        yield from _argilla_flat(record)
        return
    about = _about({**(record.get("fields") or {}), "id": record.get("id")}, "id")
    if responses and "label" not in responses:
        raise ValueError(f"answers to {_keys(responses)}; expected answers to the question `label`")
    answers = responses.get("label") or []
    if record.get("status") not in (None, "completed"):
        answers = []  # pending: too few people have submitted
    for answer in answers:
        yield about._replace(
            label=_of_question(answer["value"]), person=str(answer.get("user_id") or "")
        )
    if not answers:
        yield about


def _argilla_flat(record: Record) -> Iterator[Row]:
    asked = sorted(
        name.removesuffix(".responses") for name in record if name.endswith(".responses")
    )
    if asked and "label" not in asked:
        raise ValueError(f"answers to {', '.join(asked)}; expected answers to the question `label`")
    about = _about(record, "id")
    if not asked and "status" not in record:
        raise ValueError(f"no `responses`; the record has {_keys(record)}")
    values = record.get("label.responses") or []
    people = record.get("label.responses.users") or [""] * len(values)
    states = record.get("label.responses.status") or [None] * len(values)
    for value, person, state in zip(values, people, states, strict=True):
        if state in (None, "submitted"):
            yield about._replace(label=_of_question(value), person=str(person))
        elif state == "discarded":
            yield about._replace(label=SKIP_MARK, person=str(person))
        elif state != "draft":
            raise ValueError(f"an answer of status {state!r}")
    yield about


def _of_question(value: object) -> str:
    """The class that an answer to a label question names; null: the answer was left empty."""
    if value is None:
        return SKIP_MARK
    if isinstance(value, list):
        return _only([str(choice) for choice in value])
    if not isinstance(value, str):
        raise ValueError(f"expected the name of a class, found {value!r}: is it a label question?")
    return value


def prodigy(record: Record) -> Iterator[Row]:
    """`prodigy db-out`: the choice interface, and `textcat.manual` with one or several labels.

    Of a person's answers to one text, the last in the file counts. Rejecting one label says nothing
    about the others.
    """
    about = _about({**record, **(record.get("meta") or {})}, "wsal_id", "id")
    answer = record.get("answer")
    if answer is None:
        yield about
        return
    row = about._replace(
        person=str(record.get("_annotator_id") or record.get("_session_id") or ""),
        at=str(record.get("_timestamp") or ""),
    )
    accepted = record.get("accept")
    if answer == "ignore":
        yield row._replace(label=SKIP_MARK)
    elif answer not in ("accept", "reject"):
        raise ValueError(f"an answer {answer!r}; expected accept, reject or ignore")
    elif accepted is None and isinstance(record.get("label"), str):
        yield row._replace(label=record["label"]) if answer == "accept" else about
    elif accepted is None:
        raise ValueError(f"no `accept` and no `label`; the record has {_keys(record)}")
    elif answer == "reject":
        yield row._replace(label=SKIP_MARK)
    elif not accepted:
        raise ValueError("accepted without a choice; choose a class, or ignore the text")
    else:
        yield row._replace(label=_only(accepted))


def doccano(record: Record) -> Iterator[Row]:
    """Text classification: JSON, JSONL, and CSV, in which `#` separates several labels.

    `id` is doccano's own number, so wsal's id is in `wsal_id`. A text without a label is not
    answered yet.
    """
    if "annotations" in record and "label" not in record:
        raise ValueError("labels by number (`annotations`); export as JSONL with the labels' names")
    if "label" not in record and "text" not in record:
        raise ValueError(f"no `label` and no `text`; the record has {_keys(record)}")
    meta = record.get("meta")
    about = _about({**record, **(meta if isinstance(meta, Mapping) else {})}, "wsal_id")
    labels = record.get("label") or []
    if isinstance(labels, str):
        labels = [labels]
    if any(not isinstance(label, str) for label in labels):
        raise ValueError(f"a label of a part of the text: {labels}; expected one of the text")
    yield about._replace(label=_only(labels)) if labels else about


def _about(data: Record, *names: str) -> Row:
    """A row without an answer; its id is the first of the fields `names` that is not empty.

    Raises:
        ValueError: there is neither a text nor an id, or the id is not a string.
    """
    text = data.get("text")
    text_id = next((data[name] for name in names if data.get(name) not in (None, "")), None)
    if text_id is None and not isinstance(text, str):
        raise ValueError(f"no `{names[0]}` and no `text`; the record has {_keys(data)}")
    if text_id is not None and not isinstance(text_id, str):
        if not isinstance(text, str):
            raise ValueError(f"expected a string as `{names[0]}`, found {text_id!r}")
        text_id = None  # the tool's own number
    return Row("", "", text_id or "", text=text if isinstance(text, str) else None)


def _only(labels: list[str]) -> str:
    """The label in the list; several with `BETWEEN` between them."""
    if not labels or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"expected the name of a class, found {labels}")
    return BETWEEN.join(dict.fromkeys(labels))


def _json_or_text(cell: str) -> Any:  # noqa: ANN401  whatever JSON holds
    try:
        return json.loads(cell)
    except json.JSONDecodeError:
        return cell  # the name of a class may begin with a bracket


def _keys(record: Record) -> str:
    return ", ".join(map(str, record)) or "nothing"
