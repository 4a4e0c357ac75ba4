"""Which class or parent an answer in a file means, however it is written."""

from collections.abc import Mapping

from wsal.annotation.query import Query
from wsal.class_tree import ClassTree
from wsal.data.taxonomy import normal_path
from wsal.errors import nearest
from wsal.labels import NONE, SKIPS, LabelSet
from wsal.multilabel import MARK, in_order, joined
from wsal.text import clean_text

SKIP_MARK = SKIPS[0]


def written_names(query: Query) -> dict[str, str]:
    """What answers may be written as -> the names: also former and short names, ids, and paths.

    The path of a class that another was split into begins with the name of that one.
    """
    tree = ClassTree.of(query.labels)
    names = {} if tree.is_flat else {tree.path(name): name for name in tree.nodes}
    names |= {clean_text(name) or name: name for name in query.labels.answers}
    return names | dict(query.renamed)


def named_class(written: str, names: Mapping[str, str], labels: LabelSet) -> tuple[str, str]:
    """The name that was written (SKIP_MARK: skipped; "": no answer), and what is wrong with it.

    Args:
        written: the answer.
        names: of `written_names`.
        labels: the classes and parents.
    """
    label = clean_text(written) or ""
    if not label:
        return "", ""
    if label in SKIPS:
        return SKIP_MARK, ""
    if label in names:
        return names[label], ""
    spellings = {label.casefold(), normal_path(label).casefold()}  # such as food>tea
    folded = {new for name, new in names.items() if name.casefold() in spellings}
    if len(folded) == 1:
        return folded.pop(), ""
    near = nearest(label, [*labels.names, *labels.parents])
    return "", f"unknown label {written!r}{near}"


def named_set(written: str, names: Mapping[str, str], labels: LabelSet) -> tuple[str, str]:
    """The same where a text may have several classes: the set of classes that was written.

    >>> names = {"Snacks": "Snacks", "Vegan": "Vegan"}
    >>> named_set("vegan|Snacks", names, LabelSet(("Snacks", "Vegan")))
    ('Snacks | Vegan', '')
    """
    parts = [named_class(part.strip(), names, labels) for part in written.split(MARK)]
    chosen, wrong = (
        [name for name, _ in parts if name],
        [problem for _, problem in parts if problem],
    )
    if wrong or not chosen or chosen == [SKIP_MARK]:
        return (SKIP_MARK if chosen and not wrong else ""), "; ".join(wrong)
    if SKIP_MARK in chosen:
        return "", f"{written!r} skips the text and names classes; choose one"
    return in_order(joined(name for name in chosen if name != NONE), labels), ""
