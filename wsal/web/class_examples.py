"""For each class, a few texts that people gave it, to be read beside the guidelines."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.annotation.answers import coded_answers
from wsal.annotation.task_queue import TaskQueue
from wsal.class_tree import ClassTree
from wsal.digests import digest_of
from wsal.errors import WsalError
from wsal.inspection.run_view import RunView
from wsal.seeding import rng

MOST = 3  # texts of a class
LENGTH = 240  # characters of a text


@dataclass(frozen=True)
class Examples:
    """Texts of each class or parent that people labelled in earlier rounds."""

    classes: dict[str, tuple[int, list[str]]]  # how many there are, and at most three of them
    version: str = ""  # another one for other texts; empty if there are none


NO_EXAMPLES = Examples({})


def class_examples(run_dir: Path, queues: Iterable[TaskQueue]) -> Examples:
    """At most three random texts of each class and parent, of the answers of earlier rounds.

    Only of answers to train on: gold labels that came with the pool train nothing, so nobody has
    checked them here, and texts of the frame, of the dev and of the test split measure. Texts that
    are being asked are left out, too.
    """
    try:
        view = RunView(run_dir)
        rows, gold = coded_answers(view.pool, view.of_rounds("annotate"))
        if view.frame is not None:
            measures = np.isin(rows, view.frame.rows)
            rows, gold = rows[~measures], gold[~measures]
        texts = tables.take(view.pool.path / "pool.parquet", rows, ["text"])["text"].to_list()
        names, tree = view.labels.answers, ClassTree.of(view.labels)
    except (WsalError, OSError):  # some of it is being rebuilt
        return NO_EXAMPLES
    asked = {item.text for queue in queues for item in queue.round.items.values()}
    classes: dict[str, tuple[int, list[str]]] = {}
    texts_of: dict[str, list[str]] = {}
    for text, number in zip(texts, gold.tolist(), strict=True):
        name = names[number]
        for node in tree.way(name) if name in tree.parent else (name,):  # parents have them, too
            texts_of.setdefault(node, []).append(text)
    for name, own in texts_of.items():
        others = [text for text in own if text not in asked]
        draw = rng(0, "class examples", view.labels.code(name)).permutation(len(others))[:MOST]
        classes[name] = (len(own), [_shortened(others[place]) for place in draw])
    version = digest_of([classes]) if classes else ""
    return Examples(classes, version)


def _shortened(text: str) -> str:
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"
