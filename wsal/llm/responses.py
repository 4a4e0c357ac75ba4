"""What a server's response says: its JSON, its errors, and how long it asks to wait."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST = 300  # characters of a response in a message
REFUSED = "content_filter"  # the code of an error that concerns one text only


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a text is; empty if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def error_in(text: str) -> dict[str, Any]:
    """The server's error; some servers wrap it, some do not."""
    body = json_object(text)
    error = body.get("error", body)
    return error if isinstance(error, dict) else {"message": error}


def error_message(text: str) -> str:
    """What the server says is wrong.

    >>> error_message('{"error": {"message": "no such model", "code": null}}')
    'no such model'
    """
    error = error_in(text)
    return shown(str(error.get("message") or error.get("detail") or text))


def error_code(text: str) -> str:
    """The code of the server's error; empty if it has none."""
    return str(error_in(text).get("code") or error_in(text).get("type") or "")


def shown(text: str) -> str:
    """The beginning of a response in one line, without the tags of HTML."""
    plain = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return f"{plain[:LONGEST]}..." if len(plain) > LONGEST else plain or "nothing"


def refusal_of(text: str) -> dict[str, Any] | None:
    """An error that concerns this text only, as the reply of a model that declines to answer."""
    if error_code(text) != REFUSED:
        return None
    message = {"role": "assistant", "content": None, "refusal": error_message(text)}
    return {"choices": [{"message": message, "finish_reason": "content_filter"}], "usage": {}}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: a number or a date; None if it asks for nothing.

    >>> retry_after({"retry-after": "1.5"}), retry_after({})
    (1.5, None)
    """
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
