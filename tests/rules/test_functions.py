"""Rules written as functions, and what is said when a rule fails."""

import sys
from types import ModuleType

import polars as pl
import pytest

from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules import function_calls
from wsal.rules.base import Rule
from wsal.rules.functions import FunctionRule, rule
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.voting import collect_votes

LABELS = LabelSet(("mug", "tv"))
RECORDS = pl.DataFrame(
    {
        "id": ["a1", "b2", "c3"],
        "text": ["red mug | Acme", "tv", "x"],
        "fields": [
            {"title": "red mug", "brand": "Acme"},
            {"title": "tv", "brand": None},
            {"title": None, "brand": "x"},
        ],
    }
)


@rule
def by_brand(record):
    return "mug" if record["brand"] == "Acme" else None


@rule
def by_text(record):
    return next((name for name in ("tv", "mug") if name in record["text"]), None)


@rule
def shouts(record):
    return "tv" if record["title"].isupper() else None  # fails on a record without a title


@rule
def misspells(record):
    return "mugg" if record["id_is_no_field"] else None


@rule
def answers(record):
    return "mgu"


@rule
def counts(record):
    return 3


def test_votes_are_the_functions_answers_in_the_order_of_the_rules():
    rules = {"z": by_text, "k": Keyword("tv", ("x",)), "a": by_brand}
    assert all(isinstance(one, Rule) for one in rules.values())
    votes = collect_votes(rules, RECORDS, LABELS)
    assert votes.tolist() == [[0, -1, 0], [1, -1, -1], [-1, 1, -1]]
    assert collect_votes({}, RECORDS, LABELS).shape == (3, 0)


@pytest.mark.parametrize("order", [[2, 0, 1], [0, 0, 1, 1, 2, 2]])
def test_permuting_or_repeating_records_does_so_to_the_votes(order):
    rules = {"z": by_text, "a": by_brand}
    votes = collect_votes(rules, RECORDS, LABELS)
    assert collect_votes(rules, RECORDS[order], LABELS).tolist() == votes[order].tolist()


def test_a_function_sees_the_whole_text_and_each_field():
    seen = []

    def look(record):
        seen.append(dict(record))

    FunctionRule(look).vote(RECORDS, LABELS)
    assert seen[0] == {"text": "red mug | Acme", "title": "red mug", "brand": "Acme"}
    assert seen[2] == {"text": "x", "title": None, "brand": "x"}


def test_a_field_named_text_does_not_hide_the_whole_text():
    fields = [{"text": None, "brand": "Acme"}]
    table = pl.DataFrame({"id": ["1"], "text": ["Acme mug"], "fields": fields})
    table = table.with_columns(pl.DataFrame(fields, schema={"text": pl.String, "brand": pl.String})
                               .to_struct("fields"))  # fmt: skip
    assert by_text.vote(table, LABELS).tolist() == [0]


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (shouts, ["shouts", "'c3'", "AttributeError", "'x'"]),
        (misspells, ["misspells", "'a1'", "KeyError", "id_is_no_field", "red mug"]),
        (answers, ["answers", "'a1'", "unknown label 'mgu'", "did you mean 'mug'"]),
        (counts, ["counts", "'a1'", "unknown label 3"]),
        (Keyword("tvv", ("x",)), ["unknown label 'tvv'", "did you mean 'tv'"]),
        (Keyword("tv", ("x",), fields=("brnad",)), ["field 'brnad'", "did you mean 'brand'"]),
        (Regex("tv", "(?=x)"), ["(?=x)", "look-around"]),
    ],
)
def test_a_failure_names_the_rule_the_record_and_the_error(failing, words):
    with pytest.raises(RuleError) as refused:
        collect_votes({"fine": by_brand, "my_rule": failing}, RECORDS, LABELS)
    assert str(refused.value).startswith("rule 'my_rule': ")
    assert all(word in str(refused.value) for word in words), refused.value


def test_the_decorator_refuses_what_is_no_function():
    with pytest.raises(RuleError, match=r"@rule without parentheses expects a function .*'mug'"):
        rule("mug")


def test_a_function_of_a_notebook_votes_in_this_process(monkeypatch):
    monkeypatch.setattr(function_calls, "MANY_CALLS", 0)
    monkeypatch.setattr(function_calls, "FEW_CORES", 0)
    monkeypatch.setattr(function_calls, "ProcessPoolExecutor", None)  # never started
    main = ModuleType("__main__")  # as in a notebook: without a file
    monkeypatch.setitem(sys.modules, "__main__", main)
    words = ["mug"]
    code = "@rule\ndef by_word(record):\n    return 'mug' if words[0] in record['text'] else None"
    exec(code, vars(main) | {"rule": rule, "words": words}, vars(main))
    assert not function_calls.is_importable(main.by_word.function)
    votes = collect_votes({"a": main.by_word, "b": Keyword("tv", ["tv"])}, RECORDS, LABELS)
    assert votes.tolist() == [[0, -1], [-1, 1], [-1, -1]]
    assert main.by_word({"text": "a mug"}) == "mug"


@pytest.mark.parametrize("make", [lambda: Keyword("tv", "tv"), lambda: Keyword("tv", ["tv"], "no"),
                                  lambda: Regex("tv", "tv", fields="title"),
                                  lambda: rule(files="words.txt")(by_text.function)])  # fmt: skip
def test_one_text_instead_of_a_list_is_refused(make):
    with pytest.raises(RuleError, match=r"(words|unless|fields|files) is the text '.*'; expected"):
        make()


def test_rules_take_lists_and_positions():
    rule = Keyword("tv", ["tv", "television"], ["stand"], ["title"])
    assert rule == Keyword("tv", ("tv", "television"), unless=("stand",), fields=("title",))
    assert hash(rule) == hash(Keyword("tv", ("tv", "television"), ("stand",), ("title",)))
    assert Regex("tv", r"\btv", fields=["title"]) == Regex("tv", r"\btv", fields=("title",))
    with pytest.raises(RuleError, match="rule for 'tv' has no words"):
        Keyword("tv", [])
