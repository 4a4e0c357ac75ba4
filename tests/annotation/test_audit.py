"""The audit finds the classes on which a language model fails, and no others."""

import numpy as np
import polars as pl
import pytest

from wsal import schemas
from wsal.annotation import audit
from wsal.annotation.audit import KNOWN, calibration_of, lower_bounds, returned_classes, with_people

N_CLASSES, BAD = 20, (3, 11)


def known(rows):
    """A table of answers: (label, what people say, reason, confidence, rule's label, its p)."""
    names = ("label", "people", "reason", "confidence", "rule_label", "rule_probability")
    table = pl.DataFrame(rows, schema=names, orient="row")
    return table.with_columns(text=pl.int_range(pl.len()).cast(pl.String), status=pl.lit("class"))\
        .select(pl.col(name).cast(kind) for name, kind in KNOWN.items())  # fmt: skip


def audits(n, precision, draw, reason=audit.AUDIT):
    """`n` audited answers; `precision` of each class."""
    rows = []
    for c in draw.integers(0, len(precision), n):
        right = draw.random() < precision[c]
        rows.append((f"c{c}", f"c{c}" if right else "other", reason, 0.9, None, None))
    return rows


@pytest.mark.parametrize("n", [100, 400])
def test_bad_classes_are_found_and_good_ones_stay(n):
    precision = np.where(np.isin(np.arange(N_CLASSES), BAD), 0.4, 0.97)
    found, wrongly = [], []
    for seed in range(30):
        table = known(audits(n, precision, np.random.default_rng(seed)))
        returned = {int(name[1:]) for name in returned_classes(table, 0.75)}
        found.append(len(returned & set(BAD)) / len(BAD))
        wrongly.append(len(returned - set(BAD)) / (N_CLASSES - len(BAD)))
    assert np.mean(found) > (0.8 if n == 100 else 0.99)  # 5 or 20 answers of each class
    assert np.mean(wrongly) < 0.05


def test_a_returned_class_comes_back_once_people_agree_with_it_and_a_bad_one_does_not():
    draw = np.random.default_rng(0)
    rows = audits(300, np.full(N_CLASSES, 0.97), draw)
    unlucky = [("unlucky", "other", audit.AUDIT, 0.9, None, None)]
    assert returned_classes(known(rows + unlucky), 0.75) == ["unlucky"]
    # While it is returned, people see all of its answers.
    fine = [("unlucky", "unlucky", audit.RETURNED, 0.9, None, None)] * 15
    assert returned_classes(known(rows + unlucky + fine), 0.75) == []
    bad = [("unlucky", "other", audit.RETURNED, 0.9, None, None)] * 15
    assert returned_classes(known(rows + unlucky + bad), 0.75) == ["unlucky"]


def test_nothing_and_right_answers_alone_return_no_class():
    assert returned_classes(known([]), 0.75) == []
    right = [("a", "a", audit.AUDIT, 0.9, None, None)]
    assert returned_classes(known(right), 0.99) == []
    unjudged = [("a", None, audit.ACCEPTED, 0.9, None, None)] * 5
    unsure = [("a", "b", audit.UNSURE, 0.6, None, None)] * 50  # these would not be accepted
    assert returned_classes(known(right + unjudged + unsure), 0.75) == []


def test_the_bound_rises_with_right_answers_and_covers_the_truth():
    bounds = lower_bounds(np.arange(9), np.full(9, 8), 0.9)
    assert (np.diff(bounds) > 0).all()
    draw, precision = np.random.default_rng(1), 0.85
    right = draw.binomial(40, precision, 4000)
    assert 0.85 < (lower_bounds(right, np.full(4000, 40), 0.85) <= precision).mean() <= 1.0


def test_people_and_only_people_judge():
    answers = pl.DataFrame({"text": ["x", "y", "z"], "label": ["a", "b", "c"]})
    given = [("x", "a", "llm:m"), ("y", "c", "ann"), ("z", None, "ann"), ("y", "c", "llm:m")]
    table = pl.DataFrame(given, schema=["text", "label", "annotator"], orient="row")
    people = with_people(answers, table)["people"].to_list()
    assert people == [None, "c", None]
    assert schemas.LLM_PREFIX == "llm:"


def test_agreement_with_rules_counts_until_people_have_judged_enough():
    stated = np.array([0.9])
    prior = calibration_of(known([]), 0.9)(stated)[0]
    agrees = known([("a", None, "", 0.9, "a", 0.97)] * 50)
    differs = known([("a", None, "", 0.9, "b", 0.97)] * 50)
    vague = known([("a", None, "", 0.9, "b", 0.6)] * 50)
    assert calibration_of(agrees, 0.9)(stated)[0] > prior + 0.03
    assert calibration_of(differs, 0.9)(stated)[0] < prior - 0.2
    assert calibration_of(vague, 0.9)(stated)[0] == pytest.approx(prior)
    judged = known([("a", "a", audit.AUDIT, 0.9, None, None)] * 30)
    by_people = calibration_of(judged, 0.9)(stated)[0]
    assert calibration_of(pl.concat([judged, differs]), 0.9)(stated)[0] == pytest.approx(by_people)
    contradictions = known([("a", "b", audit.CONTRADICTS, 0.9, "b", 0.97)] * 50)
    both = pl.concat([judged, contradictions])
    assert calibration_of(both, 0.9)(stated)[0] == pytest.approx(by_people)


def test_answers_that_a_precise_rule_contradicts_do_not_count_whyever_they_were_asked():
    fine = [("a", "a", "drawn at random", 0.9, None, None)] * 40
    bad = [("a", "b", "drawn at random", 0.9, "b", 0.99)] * 40
    alone, both = (calibration_of(known(rows), 0.9) for rows in (fine, fine + bad))
    assert both == alone
