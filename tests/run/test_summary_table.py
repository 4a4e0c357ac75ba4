"""Each round has its own row, also where only a language model added labels."""

from wsal.run.summary_table import show_summaries


def test_labels_of_a_language_model_tell_rounds_apart(capsys):
    labels = [(0, 0), (0, 30), (5, 30)]
    rounds = [
        {"n_gold": n_gold, "n_llm": n_llm, "macro_f1": 0.5 + n / 10}
        for n, (n_gold, n_llm) in enumerate(labels)
    ]
    summary = {"name": "shop", "rounds": rounds, "rules_alone": None, "seconds": {}}
    show_summaries([summary | {"exported": None}])
    printed = [line.split("│")[1:3] for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [(name.strip(), f1.strip()) for name, f1 in printed][1:] == [
        ("no gold labels (weak labels, if any)", "0.500"),
        ("0 gold labels, 30 of a language model", "0.600"),
        ("5 gold labels, 30 of a language model", "0.700"),
    ]
