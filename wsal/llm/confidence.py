"""How sure a model is of an answer, from the probabilities of its tokens."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

AROUND = " \t\n\"'`"  # characters that a token may hold beside the code


def token_probability(
    logprobs: Sequence[Mapping[str, Any]], code: str, codes: Collection[str]
) -> float | None:
    """The probability of the code among all codes offered; None if it cannot be told.

    At each token of the code, it is the share of the answer among those of the server's
    alternatives that begin or continue one of the codes. The shares of the tokens are multiplied.

    Args:
        logprobs: the reply's tokens, each with its `token` and `top_logprobs`, as servers that
            are compatible with OpenAI list them.
        code: the code that was answered.
        codes: all codes offered, none of which begins with another.

    >>> top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.4}]
    >>> reply = [{"token": '{"answer": "'}, {"token": "A", "top_logprobs": top}, {"token": '"}'}]
    >>> round(token_probability(reply, "A", "AB"), 2)
    0.91
    """
    try:
        return _probability(logprobs, code, codes)
    except (KeyError, TypeError, ValueError, OverflowError):  # listed in some other way
        return None


def _probability(
    logprobs: Sequence[Mapping[str, Any]], code: str, codes: Collection[str]
) -> float | None:
    start = _start_of(code, "".join(entry["token"] for entry in logprobs))
    if start is None:
        return None
    share, written, end = 1.0, "", 0
    for entry in logprobs:
        end += len(entry["token"])
        if end <= start:
            continue
        part = entry["token"].strip(AROUND)
        if not part or not code.startswith(written + part):
            return None  # the code shares a token with other characters
        agree = possible = 0.0
        for alternative in entry["top_logprobs"]:
            word = alternative["token"].strip(AROUND)
            if word and any(other.startswith(written + word) for other in codes):
                probability = math.exp(alternative["logprob"])
                possible += probability
                agree += probability if word == part else 0.0
        if not agree:
            return None
        share *= agree / possible
        written += part
        if written == code:
            return share
    return None


def _start_of(code: str, content: str) -> int | None:
    """Where the code of the last answer begins; None if the answer is written in another way."""
    head, key, tail = content.rpartition('"answer"')
    value = tail.lstrip(" \t\n:")
    if not key or not value.startswith(json.dumps(code)):
        return None
    return len(head) + len(key) + len(tail) - len(value) + 1
