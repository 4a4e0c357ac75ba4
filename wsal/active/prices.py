"""What a question of each kind costs: the seconds that an answer takes."""

from collections.abc import Mapping, Sequence

import numpy as np

SECONDS = {"text": 4.0, "word": 5.0, "class": 2.0, "group": 6.0}
"""Assumed until people have answered: reading a title and finding its class; reading five titles;
saying yes to a guess; reading up to eight titles that are alike."""
LEAST_TIMES = 10  # timed answers of a kind, from which their median replaces the assumption


def seconds_of(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The seconds that a question of each kind takes, from those of the answers so far.

    >>> seconds_of({"text": [3.0] * 10, "word": [9.0]})
    {'text': 3.0, 'word': 5.0, 'class': 2.0, 'group': 6.0}
    """
    return {
        kind: max(float(np.median(own)), 0.1)
        if len(own := times.get(kind, ())) >= LEAST_TIMES
        else assumed
        for kind, assumed in SECONDS.items()
    }
