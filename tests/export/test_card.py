"""The model card says what the model was trained on."""

import pytest

from wsal.export.card import _training

GOLD = "20 gold labels of texts chosen by active learning"


@pytest.mark.parametrize(
    ("coverage", "n_answered", "n_gold", "words"),
    [
        (0.5, 0, 0, "trained on weak labels from rules, without gold labels"),
        (0.5, 0, 20, f"pretrained on weak labels from rules, then fine-tuned on {GOLD}"),
        (0, 0, 20, f"fine-tuned without rules on {GOLD}"),
        (0, 0, 0, "not trained on any labels"),
        (0, 300, 0, "trained on 300 answers of a language model, without gold labels"),
        (
            0.5, 300, 20,
            "pretrained on weak labels from rules and 300 answers of a language model, then "
            f"fine-tuned on {GOLD}",
        ),
    ],
)  # fmt: skip
def test_all_sources_are_named(coverage, n_answered, n_gold, words):
    assert _training({"coverage": coverage, "n_answered": n_answered}, n_gold) == words
