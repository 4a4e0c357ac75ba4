"""Groups of texts: what they hold, how bad they are, and in which order they come."""

import numpy as np
import polars as pl
import pytest

from wsal.active import label_issues
from wsal.errors import ConfigError
from wsal.inspection import groups_of_run
from wsal.inspection.groups import CELL, CLUSTER, CONFLICT, FIELD, WORD, Population, find_groups
from wsal.inspection.groups_of_run import doubts
from wsal.labels import LabelSet

N = 200
LABELS = LabelSet(("Coffee", "Machine", "Tea"))


@pytest.fixture
def population():
    """Every machine with a grinder is taken for coffee; nothing else is wrong."""
    gold = np.arange(N) % 3
    grinder = (gold == 1) & (np.arange(N) % 4 == 0)
    predicted = np.where(grinder, 0, gold)
    texts = [
        f"{['arabica', 'espresso', 'oolong'][g]} {'grinder' if bad else 'item'} nr{n}"
        for n, (g, bad) in enumerate(zip(gold, grinder, strict=True))
    ]
    shop = pl.Series("shop", np.where(grinder, "", np.where(np.arange(N) % 2, "a", "b")))
    records = pl.DataFrame({"id": map(str, range(N)), "text": texts}).with_columns(
        fields=pl.struct(pl.Series("title", texts), shop)
    )
    votes = np.full((N, 2), -1, dtype=np.int16)
    votes[gold == 1, 0] = 1
    votes[grinder, 1] = 0
    vectors = np.eye(4, dtype=np.float16)[np.where(grinder, 3, gold)]
    return Population(
        records, LABELS, gold, predicted, grinder.astype(float), grinder, np.full(N, 2.0), True,
        "{} taken for {}", votes, ("machine", "coffee"), vectors,
    )  # fmt: skip


def test_each_kind_of_group_has_exactly_the_wrong_texts(population):
    groups = find_groups(population)
    wrong = np.flatnonzero(population.listed)
    by_kind = {kind: [g for g in groups if g.kind == kind] for kind in (CELL, CLUSTER, WORD)}
    assert {g.kind for g in groups} == {CELL, CLUSTER, WORD, CONFLICT, FIELD}
    for group in (by_kind[kind][0] for kind in by_kind):
        assert sorted(group.rows) == wrong.tolist(), group.name
    names = {g.kind: g.name for g in groups if g.kind != WORD}
    assert names[CELL] == "Machine taken for Coffee"
    assert names[CONFLICT] == "rules machine and coffee conflict"
    assert names[FIELD] == "shop is empty"
    assert "grinder" in names[CLUSTER]
    assert by_kind[WORD][0].name == "“grinder”"


def test_rates_are_weighted_and_the_worst_group_comes_first(population):
    groups = find_groups(population)
    assert [g.excess for g in groups] == sorted((g.excess for g in groups), reverse=True)
    cell = next(g for g in groups if g.kind == CELL)
    n_machines, n_wrong = (population.first == 1).sum(), population.listed.sum()
    assert (cell.n, cell.n_wrong) == (2 * n_machines, 2 * n_wrong)
    assert cell.low < cell.rate < cell.high
    word = next(g for g in groups if g.kind == WORD)
    assert word.rate == 1
    assert word.n == 2 * n_wrong


def test_a_group_that_is_no_worse_than_others_is_not_listed(population):
    words = {g.name for g in find_groups(population, [WORD])}
    assert "“item”" not in words  # its texts are all right
    assert find_groups(population, [FIELD])[0].name == "shop is empty"
    assert len(find_groups(population, [FIELD])) == 1


def test_expected_rates_have_no_interval_and_cells_no_direction(population):
    listed = np.zeros(N, dtype=bool)
    listed[:2] = True
    first, second = np.array([0, 2] + [0] * (N - 2)), np.array([2, 0] + [1] * (N - 2))
    uncertain = Population(
        population.records, LABELS, first, second, np.where(listed, 0.5, 0.0), listed, np.ones(N),
        False, "{} or {}", np.full((N, 0), -1, np.int16),
    )  # fmt: skip
    cells = find_groups(uncertain, [CELL])
    assert [(g.name, len(g.rows), g.low) for g in cells] == [("Coffee or Tea", 2, None)]


def test_without_texts_or_words_there_are_no_groups():
    nothing = np.empty(0, np.int64)
    records = pl.DataFrame({"id": [], "text": [], "fields": []}, schema={
        "id": pl.String, "text": pl.String, "fields": pl.Struct({"title": pl.String})
    })  # fmt: skip
    empty = Population(
        records, LABELS, nothing, nothing, np.empty(0), np.empty(0, bool), np.empty(0), True,
        "{} taken for {}", np.empty((0, 1), np.int16), ("a",),
    )  # fmt: skip
    assert find_groups(empty) == []


@pytest.mark.parametrize("has_cleanlab", [True, False])
def test_labels_that_were_swapped_are_doubted(monkeypatch, has_cleanlab):
    draw = np.random.default_rng(0)
    gold = np.repeat([0, 2], 60)
    vectors = np.eye(4)[gold] + 0.05 * draw.normal(size=(120, 4))
    swapped = np.array([3, 70])
    labels = gold.copy()
    labels[swapped] = 2 - labels[swapped]
    if has_cleanlab:
        pytest.importorskip("cleanlab")
    else:

        def missing(*_):
            raise ConfigError("cleanlab is not installed")

        monkeypatch.setattr(groups_of_run, "find_issues", missing)
        assert label_issues.find_issues is not missing
    rows, better, quality = doubts(vectors.astype(np.float32), labels)
    assert sorted(rows.tolist()) == swapped.tolist()
    assert (better == gold[rows]).all()
    assert (quality < 0.5).all()
