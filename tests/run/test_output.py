"""What a run prints: a short line for each stage, and what a user has to act on, always."""

import re

import polars as pl
import pytest

from wsal import schemas
from wsal.artifacts import Artifact, create
from wsal.run.loop import Detail
from wsal.run.output import WIDTH, reporter, short_line
from wsal.run.pipeline import Outcome
from wsal.run.short_lines import SHORT_LINES
from wsal.run.stage_lines import LINES
from wsal.run.stage_table import STAGES
from wsal.run.stage_warnings import warnings_of

QUALITY = {"test": {"macro_f1": 0.98765, "accuracy": 0.9}}
CALLS = {"calls": 1_000_000, "input_tokens": 9, "output_tokens": 9, "cost": 12_345.6789}
ESTIMATE = {"value": 0.98765, "low": 0.98, "high": 0.99}
LARGE = {
    "prepare": {
        "n_rows": 10**7, "n_pool": 9_876_543, "n_dev": 9_999, "n_test": 9_999,
        "labels": ["class"] * 150, "n_duplicates": 10**6,
    },
    "vote": {"n_rules": 1000, "coverage": 1.0, "overlap": 0.5, "conflict": 0.5},
    "ask": {
        "n_planned": 10**6, "n_asked": 10**6, "reasons": {}, "statuses": {"class": 987_654},
        "stopped": "", "llm": CALLS,
    },
    "aggregate": {
        "n_covered": 9_876_543, "n_texts": 10**7, "label_model": "chosen", **QUALITY,
    },
    "tokenise": {"n_pieces": 10**9, "pieces_per_text": 123.4},
    "pretrain": {"n_texts": 9_876_543, "n_steps": 10**6, **QUALITY},
    "embed": {"n_texts": 10**7, "n_dims": 1024},
    "select": {
        "n_asked": 1000, "n_evaluation": 300, "n_early": 200, "n_candidates": 1, "n_left": 1,
    },
    "annotate": {"n_labels": 1000, "n_llm": 500, "n_people": 500, "n_skipped": 100, "n_words": 10,
                 "n_audited": 0, "n_sure": 0, "n_depends": 1, "llm": CALLS},
    "reweigh": {
        "n_gold": 100_000, "n_covered": 1, "gold_used": False, "checked": "not used",
        "before": {"covered": {}}, "covered": {}, "label_model": "chosen",
    },
    "retrain": {
        "distance": 0.5, "least_distance": 0.1, "trained": True, "kept": True, "n_texts": 1,
        "n_steps": 1, **QUALITY,
    },
    "finetune": {"n_gold": 10_000, "n_answered": 10_000, "n_llm": 1, **QUALITY},
    "assess": {
        "n_gold": 1, "measured_on": "an evaluation sample of 10000", "n_evaluation": 10_000,
        "rounds": [{"macro_f1": ESTIMATE, "accuracy": ESTIMATE}], "round": 3,
        "gain": {"macro_f1": ESTIMATE, "accuracy": ESTIMATE}, "seconds": 60, "agreement": 0.5,
    },
    "export": {"folder": "runs/shop/exported", "formats": {"onnx": 1.0, "onnx_int8": 0.999}},
}  # fmt: skip
"""The facts of every stage, with numbers as large as they may get."""


@pytest.fixture
def made(tmp_path):
    """A function: a stage and its facts -> what became of it."""

    def make(stage, facts, state="made", seconds=54_321.0, **tables):
        path = tmp_path / STAGES[stage].writes.format("012")
        with create(path, {}, {}) as (out, of_artifact):
            of_artifact.update(facts)
            for name, table in tables.items():
                table.write_parquet(out / f"{name}.parquet")
        done = Artifact.open(path)
        done.manifest["seconds"] = seconds
        return Outcome(stage, 12, state, done)

    return make


def test_every_stage_has_a_line_that_fits_and_the_seconds_end_in_one_column(made):
    assert SHORT_LINES.keys() == LINES.keys() == STAGES.keys() == LARGE.keys()
    for stage, facts in LARGE.items():
        line = short_line(made(stage, facts))
        assert len(line) == WIDTH, line
        assert line.startswith((stage, f"round 12 {stage}"))
        assert line.endswith(" 905 min")


def test_a_narrow_terminal_gets_the_line_in_parts(made):
    outcome = made("pretrain", LARGE["pretrain"], "up to date")
    lines = short_line(outcome, 50).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 50
    assert lines[0].endswith(" up to date")
    whole = " ".join(" ".join(lines).replace("up to date", "").split())
    assert whole == "pretrain trained on 9,876,543 weak labels: test macro-F1 0.988"


def test_details_are_printed_if_wanted_and_warnings_always(made, capsys):
    outcome = made("reweigh", LARGE["reweigh"] | {"set_aside": {"n": 1, "examples": ["a 'mug'"]}})
    for verbose in (False, True):
        report = reporter(verbose=verbose)
        for what in (outcome, Detail("values of stop rules"), "stops after round 12"):
            report(what)
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
        warning = "warning: 1 answer set aside: its text is no longer in the pool (a 'mug')\n"
        assert warning in shown
        assert "stops after round 12\n" in shown
        assert ("values of stop rules" in shown) == ("not used; " in shown) == verbose
        assert bool(re.search(r"^round 12 reweigh +rules keep", shown, re.MULTILINE)) != verbose


WARNINGS = {
    "prepare": ({"n_bad_records": 2, "n_without_text": 3}, ["bad_records.jsonl", "3 rows have no"]),
    "ask": ({"statuses": {"invalid": 4}, "stopped": "the money is spent"}, ["4 replies", "money"]),
    "annotate": (
        {"notes": ["2 answers left out"], "n_unseen": 5, "returned_classes": ["Tea", "Pets"]},
        ["2 answers left out", "5 texts were not answered", "people answer again: Tea, Pets"],
    ),
    "select": ({"cut_sample": "76 texts for evaluation, not 100"}, ["76 texts for evaluation"]),
    "finetune": ({"amplified": {"used": False}}, ["(amplify) was worse"]),
    "assess": (
        {
            "measured_on": "an evaluation sample of 9 (with a language model's answers to 5% of "
            "the texts it stands for) (3 more skipped: the estimate covers only the others)"
        },
        ["3 more skipped: the estimate covers only the others"],
    ),
    "export": ({"formats": {"onnx": 1.0, "onnx_int8": "too far"}}, ["onnx_int8 is not written"]),
}  # fmt: skip


@pytest.mark.parametrize("stage", WARNINGS)
def test_what_a_user_must_act_on_is_a_warning(made, stage):
    facts, expected = WARNINGS[stage]
    assert warnings_of(stage, made(stage, LARGE[stage]).artifact) == []
    found = warnings_of(stage, made(stage, LARGE[stage] | facts).artifact)
    assert [part in warning for part, warning in zip(expected, found, strict=True)] == [True] * len(
        expected
    )


def test_rules_without_votes_and_classes_without_rules_are_warnings(made):
    made("prepare", LARGE["prepare"] | {"labels": ["Tea", "Pets", "Cups"]})
    rows = [("tea", ["Tea"], 5), ("mugs", ["Tea"], 0)]
    table = pl.DataFrame(
        [
            dict.fromkeys(schemas.RULES) | {"rule": r, "classes": c, "n_votes": n}
            for r, c, n in rows
        ],
        schema=schemas.RULES,
    )
    found = warnings_of("vote", made("vote", LARGE["vote"], rules=table).artifact)
    assert found == [
        "rules that vote on no text: mugs",
        "classes that no rule votes for: Pets, Cups",
    ]
    none = warnings_of("vote", made("vote", LARGE["vote"], rules=table.clear()).artifact)
    assert none == ["there are no rules; `wsal rules suggest` suggests some"]
