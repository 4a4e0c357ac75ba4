"""Trees of classes and parents, against slow implementations."""

import numpy as np
import pytest

from wsal.class_tree import TOP, ClassTree
from wsal.data.taxonomy import Taxonomy
from wsal.labels import LabelSet


def random_labels(rng):
    """A label set of random paths, in random order."""
    paths = set()
    while len(paths) < 12:
        depth = rng.integers(1, 5)
        paths.add(" > ".join(f"n{rng.integers(3)}" for _ in range(depth)))
    leaves = [p for p in paths if not any(q.startswith(f"{p} > ") for q in paths)]
    taxonomy = Taxonomy.of(rng.permutation(sorted(leaves)).tolist())
    names = rng.permutation(taxonomy.leaves).tolist()
    return taxonomy, LabelSet(tuple(names), taxonomy.parents)


@pytest.mark.parametrize("seed", range(8))
def test_names_of_a_taxonomy_and_the_tree_agree(seed):
    taxonomy, labels = random_labels(np.random.default_rng(seed))
    tree = ClassTree.of(labels)
    assert set(tree.nodes) == set(taxonomy.ids)
    seen = set()
    for name in tree.nodes:
        parent, _, short = name.rpartition(" > ")
        assert (tree.parent[name], tree.short(name), tree.path(name)) == (parent, short, name)
        assert parent in {TOP, *seen}
        seen.add(name)
        assert tree.way(name) == tuple(
            " > ".join(name.split(" > ")[:n]) for n in range(1, name.count(" > ") + 2)
        )


@pytest.mark.parametrize("seed", range(8))
def test_probabilities_of_nodes_are_sums_over_their_classes(seed):
    rng = np.random.default_rng(seed)
    _, labels = random_labels(rng)
    tree = ClassTree.of(labels)
    probs = rng.dirichlet(np.full(len(labels), 0.3), 30).astype(np.float32)
    of_nodes, best = tree.way_probs(probs), probs.argmax(axis=1)
    least = rng.uniform(0.2, 1, len(tree.nodes))
    trusted, trusted_probs = tree.trusted(probs, least)
    for row in range(30):
        ways = [tree.nodes[n] for n in tree.way_of_class[best[row]]]
        assert tuple(dict.fromkeys(ways)) == tree.way(labels.names[best[row]])
        sums = [probs[row] @ labels.members[labels.code(name)] for name in ways]
        np.testing.assert_allclose(of_nodes[row], sums, atol=1e-6)
        reached = [n for n, p in zip(ways, sums, strict=True) if p >= least[tree.number[n]]]
        assert trusted[row] == (tree.number[reached[-1]] if reached else -1)
        if reached:
            assert trusted_probs[row] == pytest.approx(sums[ways.index(reached[-1])], abs=1e-6)


def test_a_class_that_was_split_is_a_parent():
    labels = LabelSet(
        ("Food > Tea", "Matcha", "Sencha", "Pets"),
        {"Food": ("Food > Tea", "Matcha", "Sencha"), "Food > Green": ("Matcha", "Sencha")},
    )
    tree = ClassTree.of(labels)
    assert tree.children["Food"] == ("Food > Tea", "Food > Green")
    assert tree.path("Matcha") == "Food > Green > Matcha"
    level = tree.levels[1]
    assert [level.names[place] for place in level.node_of_code[: len(labels)]] == [
        "Food > Tea",
        "Food > Green",
        "Food > Green",
        "Pets",
    ]


def test_parents_with_the_same_classes_are_in_the_order_of_the_file():
    only = ["A > B > C > x"]
    parents = {"A": only, "A > B": only, "A > B > C": only}
    tree = ClassTree.of(LabelSet.of_pool({"labels": [*only, "D"], "parents": parents}))
    assert tree.way("A > B > C > x") == ("A", "A > B", "A > B > C", "A > B > C > x")


def test_without_parents_all_classes_are_at_the_top():
    tree = ClassTree.of(LabelSet(("b", "a", "c")))
    assert tree.is_flat
    assert tree.children == {TOP: ("b", "a", "c")}
