"""None of these in the Python API: left out of training, rejected by the exported model."""

import numpy as np
import polars as pl
import pytest

import wsal
from wsal import schemas
from wsal.api.answers import gold_rows, none_rows, with_answers
from wsal.errors import AnnotationError, UnknownNameError
from wsal.labels import NONE, LabelSet

LABELS = LabelSet(("Coffee", "Tea"))


def asked(n=4):
    return pl.DataFrame(
        {"row": range(n), "id": [str(i) for i in range(n)], "purpose": schemas.TRAIN}
    )


def test_it_is_an_answer_but_no_gold():
    empty = pl.DataFrame(schema={"row": pl.Int64, "label": pl.String, "purpose": pl.String,
                                 "seconds": pl.Float64})  # fmt: skip
    with pytest.raises(AnnotationError, match="no text has a label to train on"):
        with_answers(empty, asked(), {"0": NONE}, {}, LABELS)
    with pytest.raises(UnknownNameError):
        with_answers(empty, asked(), {"0": "nothing"}, {}, LABELS)
    given = with_answers(empty, asked(), {"0": NONE, "1": "Tea", "2": None}, {}, LABELS)
    rows, gold = gold_rows(given, schemas.TRAIN, LABELS)
    assert (rows.tolist(), gold.tolist()) == ([1], [1])
    assert none_rows(given, schemas.TRAIN, LABELS).tolist() == [0]
    assert np.array_equal(gold_rows(given, schemas.TRAIN, LABELS, with_none=True)[1], [2, 1])
    assert wsal.__version__
