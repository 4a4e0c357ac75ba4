"""How sure a model is of an answer, from the probabilities of its tokens."""

import json
import math
from collections.abc import Collection, Mapping, Sequence

AROUND = " \t\n\"'`"  # characters that a token may hold beside the code


def token_probability(
    logprobs: Sequence[Mapping[str, object]], code: str, codes: Collection[str]
) -> float | None:
    """The probability of the code among all codes offered; None if it cannot be told.

    At each token of the code, the alternatives are summed that could begin or continue one of the
    codes; their share that agrees with the answer is multiplied over the code's tokens.

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
    tokens = [str(token.get("token", "")) for token in logprobs]
    start = _start_of(code, "".join(tokens))
    if start is None:
        return None
    share, position, written = 1.0, 0, ""
    for token, entry in zip(tokens, logprobs, strict=True):
        end = position + len(token)
        if end > start and written != code:
            part = token.strip(AROUND) if position >= start - 2 else ""
            if not part or not code.startswith(written + part):
                if token.strip(AROUND):
                    return None  # the code shares a token with other characters
                position = end
                continue
            agreeing = _share(entry.get("top_logprobs"), written, part, codes)
            if agreeing is None:
                return None
            share *= agreeing
            written += part
        position = end
    return share if written == code else None


def _start_of(code: str, content: str) -> int | None:
    """Where the code of the last answer begins; None if the answer is written in another way."""
    head, key, tail = content.rpartition('"answer"')
    value = tail.lstrip(" \t\n:")
    if not key or not value.startswith((json.dumps(code), code)):
        return None
    return len(head) + len(key) + len(tail) - len(value) + value.startswith('"')


def _share(top: object, written: str, part: str, codes: Collection[str]) -> float | None:
    """The share of the next tokens' probability, among those that lead to codes, that is `part`."""
    if not isinstance(top, Sequence) or not top:
        return None
    agree = possible = 0.0
    for alternative in top:
        word = str(alternative["token"]).strip(AROUND)
        if word and any(code.startswith(written + word) for code in codes):
            probability = math.exp(float(alternative["logprob"]))
            possible += probability
            agree += probability if word == part else 0.0
    return agree / possible if agree else None
