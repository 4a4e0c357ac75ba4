"""Read a reply: a valid answer, or what is wrong with it. Servers may ignore the schema."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 80  # characters of a reply that a fault quotes


@dataclass(frozen=True)
class Valid:
    """A valid reply."""

    code: str
    stated: float  # confidence in [0, 1], as the model states it


@dataclass(frozen=True)
class Fault:
    """What is wrong with a reply."""

    reason: str


def read_choice(content: str, codes: Mapping[str, str]) -> Valid | Fault:
    """The answer in a reply, which should be JSON with a code and a confidence in percent.

    Text around the JSON, a class name in place of its code, and the wrong case are accepted, where
    the meaning is certain.

    >>> read_choice('I think: ```{"answer": "coffee", "confidence": 90}```', {"A": "Coffee"})
    Valid(code='A', stated=0.9)
    >>> read_choice('{"answer": "Tea", "confidence": 90}', {"A": "Coffee"}).reason
    "the answer 'Tea' is not one of the codes offered"
    """
    objects = [o for o in json_objects(content) if "answer" in o]
    if not objects:
        return Fault("there is no complete JSON object with an answer")
    reply = objects[-1]  # models that reason write their answer last
    code = _code(reply["answer"], codes)
    if code is None:
        answer = str(reply["answer"])[:LONGEST]
        return Fault(f"the answer {answer!r} is not one of the codes offered")
    stated = _percent(reply.get("confidence"))
    if stated is None:
        return Fault("the confidence is not a number from 0 to 100")
    return Valid(code, stated)


def json_objects(content: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in some text, in their order."""
    decoder, start = json.JSONDecoder(), content.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(content, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield value
        start = content.find("{", end)


def _code(answer: object, codes: Mapping[str, str]) -> str | None:
    """The code that is meant; None if that is not certain."""
    if isinstance(answer, bool) or not isinstance(answer, str | int):
        return None
    word = str(answer).strip()
    if word in codes:
        return word
    numbered = re.fullmatch(r"(\w+)\s*[:.)-]\s*(.+)", word)  # such as "B: Tea"
    if numbered and codes.get(numbered[1], "").casefold() == numbered[2].casefold():
        return numbered[1]
    exact = [code for code, name in codes.items() if name == word]
    loose = [c for c, name in codes.items() if word.casefold() in (name.casefold(), c.casefold())]
    padded = [
        code for code in codes if word.isdigit() and code.isdigit() and int(code) == int(word)
    ]
    meant = exact or loose or padded
    return meant[0] if len(meant) == 1 else None


def _percent(value: object) -> float | None:
    """A share in [0, 1] from a percentage; None if it is none.

    A number up to 1 with a decimal point is taken for a share, whatever was asked for.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        text = str(value).strip()
        number = float(text.removesuffix("%"))
    except ValueError:
        return None
    if "." in text and "%" not in text and 0 < number <= 1:
        return number
    return number / 100 if 0 <= number <= 100 else None
