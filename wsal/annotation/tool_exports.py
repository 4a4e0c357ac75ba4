"""What annotation tools export: one reader a tool, from a record to the answers in it.

Each reader gives the answers of all people to the record's text, or raises ValueError with the
reason why the record is not understood. "" is a text that is not answered yet.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wsal.annotation.returned_sheet import SKIP, Row

Record = Mapping[str, Any]
EMPTY = "an answer without a choice; choose a class, or skip the text in the tool"


def label_studio(record: Record) -> Iterator[Row]:
    """JSON (`completions` is its name before 1.0), and the flat JSON-MIN, CSV and TSV.

    https://labelstud.io/guide/export. Skipped tasks are in JSON alone: the others leave them out.
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
            yield row._replace(label=SKIP)
        else:
            yield row._replace(label=_chosen(entry.get("result") or []))
    if not entries:
        yield about


def _chosen(result: list[Record]) -> str:
    """The one choice in an annotation's result."""
    choices = [part for part in result if part.get("type") == "choices"]
    own = [part for part in choices if part.get("from_name") == "label"] or choices
    if len({part.get("from_name") for part in own}) > 1:
        names = ", ".join(sorted(str(part.get("from_name")) for part in own))
        raise ValueError(f"choices of several controls ({names}); name the one to read `label`")
    labels = [label for part in own for label in part["value"]["choices"]]
    if not result:
        raise ValueError(EMPTY)
    if not labels:
        kinds = ", ".join(sorted({str(part.get("type")) for part in result}))
        raise ValueError(f"a result of type {kinds}, expected `choices` (<Choices> in labels.xml)")
    return _only(labels)


def _label_studio_flat(record: Record) -> Iterator[Row]:
    about = _about(record, "wsal_id")  # `id` is Label Studio's own number here
    said = record.get("label", record.get("choice"))
    if said in (None, ""):
        if "annotation_id" in record and record["annotation_id"] not in (None, ""):
            raise ValueError(
                "an annotation without a `label`; export as JSON if it is of another control, or "
                f"call the control `label`; the record has {_keys(record)}"
            )
        yield about
        return
    if isinstance(said, str) and said.startswith(("[", "{")):
        said = _json_or_text(said)
    if isinstance(said, Mapping) and "choices" in said:
        said = said["choices"]
    if isinstance(said, list):
        said = _only([str(one) for one in said])
    if not isinstance(said, str):
        raise ValueError(f"expected one choice as `label`, found {said!r}")
    yield about._replace(
        label=said,
        seconds=_seconds(record.get("lead_time")),
        person=str(record.get("annotator") or ""),
        at=str(record.get("updated_at") or record.get("created_at") or ""),
    )


def _seconds(lead_time: Any) -> float | None:  # noqa: ANN401  whatever the file holds
    """Raises TypeError or ValueError where it is no number."""
    return None if lead_time in (None, "") else float(lead_time)


def argilla(record: Record) -> Iterator[Row]:
    """Argilla 2: `records.to_json`, and what `to_list(flatten=True)` or `to_datasets` give.

    The nested form has no status for each answer, and keeps the value of drafts and of discarded
    answers: so answers count once the record is completed. The flat form has it.
    """
    responses = record.get("responses")
    if not isinstance(responses, Mapping):
        yield from _argilla_flat(record)
        return
    about = _about({**(record.get("fields") or {}), "id": record.get("id")}, "id")
    if responses and "label" not in responses:
        raise ValueError(f"answers to {_keys(responses)}; expected them to the question `label`")
    answers = responses.get("label") or []
    if record.get("status") not in (None, "completed"):
        answers = []  # pending: nobody submitted yet, or too few did
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
        raise ValueError(f"answers to {', '.join(asked)}; expected them to the question `label`")
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
            yield about._replace(label=SKIP, person=str(person))
        elif state != "draft":
            raise ValueError(f"an answer of status {state!r}")
    yield about


def _of_question(value: object) -> str:
    """The class that an answer to a label question names; null is an answer left empty."""
    if value is None:
        return SKIP
    if isinstance(value, list):
        return _only([str(one) for one in value])
    if not isinstance(value, str):
        raise ValueError(f"expected the name of a class, found {value!r}: is it a label question?")
    return value


def prodigy(record: Record) -> Iterator[Row]:
    """`prodigy db-out`: the choice interface, and `textcat.manual` with one or several labels.

    Of a person's answers to one text the last in the file counts; rejecting one label says
    nothing of the others.
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
        yield row._replace(label=SKIP)
    elif answer not in ("accept", "reject"):
        raise ValueError(f"an answer {answer!r}; expected accept, reject or ignore")
    elif accepted is None and isinstance(record.get("label"), str):
        yield row._replace(label=record["label"]) if answer == "accept" else about
    elif accepted is None:
        raise ValueError(f"no `accept` and no `label`; the record has {_keys(record)}")
    elif answer == "reject":
        yield row._replace(label=SKIP)
    elif not accepted:
        raise ValueError("accepted without a choice; choose a class, or ignore the text")
    else:
        yield row._replace(label=_only(accepted))


def doccano(record: Record) -> Iterator[Row]:
    """Text classification: JSON, JSONL, and CSV, where `#` stands between several labels.

    `id` is doccano's own; it keeps `wsal_id`. A text without a label is not answered yet.
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
        raise ValueError(f"a label of a part of the text: {labels}; expected one of a whole text")
    yield about._replace(label=_only(labels)) if labels else about


def _about(data: Record, *names: str) -> Row:
    """A row about the text that the data is of; its id is the first of these names that is there.

    Raises:
        ValueError: there is neither a text nor such an id, or the id is no text.
    """
    text = data.get("text")
    found = next((data[name] for name in names if data.get(name) not in (None, "")), None)
    if found is None and not isinstance(text, str):
        raise ValueError(f"no `{names[0]}` and no `text`; the record has {_keys(data)}")
    if found is not None and not isinstance(found, str):
        if not isinstance(text, str):
            raise ValueError(f"expected text as `{names[0]}`, found {found!r}")
        found = None  # the tool's own number
    return Row("", "", found or "", text=text if isinstance(text, str) else None)


def _only(labels: list[str]) -> str:
    if len(set(labels)) > 1:
        raise ValueError(f"more than one label: {', '.join(map(repr, labels))}; leave one")
    if not labels or not isinstance(labels[0], str):
        raise ValueError(f"expected the name of a class, found {labels}")
    return labels[0]


def _json_or_text(cell: str) -> Any:  # noqa: ANN401  whatever JSON holds
    try:
        return json.loads(cell)
    except json.JSONDecodeError:
        return cell  # a class may be called so


def _keys(record: Record) -> str:
    return ", ".join(map(str, record)) or "nothing"
