"""What a run prints at the end."""

from wsal.active.money import Bill
from wsal.run.summary_table import show_summaries


def test_rounds_with_as_many_labels_have_rows_of_their_own(capsys):
    interval = {"macro_f1_interval": [0.6, 0.8], "accuracy_interval": [0.7, 0.9]}
    rounds = [
        {"n_gold": 0, "macro_f1": None},
        {"n_gold": 0, "n_answered": 50, "macro_f1": 0.5},
        {"n_gold": 0, "n_answered": 50, "macro_f1": 0.6},
        {"n_gold": 9, "n_answered": 60, "macro_f1": 0.7, "accuracy": 0.8, **interval}
        | {"measured_on": "an evaluation sample of 20"},
    ]
    bill = Bill(29, 120.0, 30.0, 60, 100, 10, 0.2, 5, 0.1)
    summary = {
        "name": "shop", "rounds": rounds, "rules_alone": None, "seconds": {"ask": 1.0},
        "exported": None, "bill": bill.facts(),
    }  # fmt: skip
    show_summaries([summary])
    shown = capsys.readouterr().out
    table = [line.split("│")[1:3] for line in shown.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in table] == [
        ["rules alone, no model", "-"],
        ["no gold labels (weak labels, if any)", "-"],
        ["no gold labels, 50 answers of a language model", "0.500"],
        ["no gold labels, 50 answers of a language model (+1)", "0.600"],
        ["9 gold labels, 60 answers of a language model", "0.700"],
    ]
    assert "macro-F1 0.700 [0.600, 0.800], accuracy 0.800 [0.700, 0.900]" in shown
    assert "on an evaluation sample of 20" in shown
    assert "together: 1.30" in shown
