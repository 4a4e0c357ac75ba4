"""Keys at the terminal where a text may have several classes."""

from collections.abc import Sequence

from wsal.labels import NONE
from wsal.multilabel import joined

NOTHING_CHOSEN = "choose the classes that apply, or press 0 for none of these"


def pressed(
    key: str, label: str | None, labels: Sequence[str], chosen: set[str]
) -> tuple[str | None, str]:
    r"""The set of classes that a key accepts, if it does, and a message.

    Args:
        key: that was pressed: Enter accepts, 0 says that no class applies.
        label: the class that the key stands for; it is chosen, or dropped if it was chosen.
        labels: all classes.
        chosen: those chosen so far, which is changed.

    >>> chosen = set()
    >>> pressed("2", "b", ["a", "b"], chosen), pressed("\r", None, ["a", "b"], chosen)
    ((None, ''), ('b', ''))
    """
    if key == "0":
        return NONE, ""
    if key in ("\r", "\n"):
        accepted = joined(name for name in labels if name in chosen) if chosen else None
        return accepted, "" if chosen else NOTHING_CHOSEN
    if label is not None:
        chosen ^= {label}
    return None, ""
