"""Questions about texts of the pool."""

from collections.abc import Mapping, Sequence

import numpy as np

from wsal import tables
from wsal.artifacts import Artifact
from wsal.errors import UnknownNameError
from wsal.guidelines import followed
from wsal.labels import LabelSet
from wsal.llm.questions import Question
from wsal.llm.settings import LLMSettings
from wsal.text import compose


def questions_about(
    pool: Artifact,
    rows: np.ndarray,
    settings: LLMSettings,
    offered: Sequence[np.ndarray] | None = None,
    examples: Mapping[int, Sequence[tuple[str, str]]] | None = None,
) -> list[Question]:
    """A question for each of some rows of the pool, in their order.

    Args:
        pool: the artifact of the stage prepare.
        rows: row numbers.
        settings: they say which fields may be sent, and where the guidelines are.
        offered: for each of these rows the classes to offer (see `shortlist`); None: all.
        examples: row -> texts with gold, and their classes.

    Raises:
        UnknownNameError: `llm.fields` names a field that the pool does not have.
        ConfigError: the guidelines cannot be read.
    """
    names = np.array(pool.facts["labels"], dtype=object)
    labels = LabelSet.of_configuration(pool.facts)
    descriptions = followed(settings.descriptions(), labels)
    texts = texts_to_send(pool, rows, settings)
    every = np.arange(len(names))
    return [
        Question(
            text,
            tuple(names[every if offered is None else offered[n]]),
            descriptions,
            tuple((examples or {}).get(int(row), ())),
        )
        for n, (row, text) in enumerate(zip(rows, texts, strict=True))
    ]


def texts_to_send(pool: Artifact, rows: np.ndarray, settings: LLMSettings) -> list[str]:
    """The texts of some rows of the pool, made of those fields alone that may be sent.

    Raises:
        UnknownNameError: `llm.fields` names a field that the pool does not have.
    """
    table = tables.take(pool.path / "pool.parquet", rows)
    if settings.fields is None:
        return table["text"].to_list()
    known = pool.facts["fields"]
    for name in settings.fields:
        if name not in known:
            raise UnknownNameError("field in llm.fields", name, known)
    fields = table["fields"].struct.unnest()
    return compose(fields, settings.fields, pool.facts["separator"]).to_list()
