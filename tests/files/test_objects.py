"""JSON: one object per line, or an array; anything else is refused with its position."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.data.base import Layout
from wsal.data.records import to_records
from wsal.errors import DataError
from wsal.files import read_table

values = st.one_of(
    st.none(), st.text(max_size=5), st.integers(), st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
records = st.lists(st.fixed_dictionaries({"id": values, "a b": values}), min_size=1, max_size=5)


def as_read(value):
    return value if value is None or isinstance(value, str) else json.dumps(value)


@given(records, st.sampled_from(["lines", "array", "pretty array", "marked"]))
@settings(max_examples=100, deadline=None)
def test_lines_and_arrays_are_read_back(tmp_path_factory, rows, style):
    path = tmp_path_factory.mktemp("x") / ("x.json" if "array" in style else "x.jsonl")
    text = "\n".join(map(json.dumps, rows))
    if "array" in style:
        text = "\n " + json.dumps(rows, indent=2 if "pretty" in style else None)
    path.write_text(text, encoding="utf-8-sig" if style == "marked" else "utf-8")
    expected = [{name: as_read(value) for name, value in row.items()} for row in rows]
    assert read_table(path).to_dicts() == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": "x"}\n{bad\n{"a": 1}\n{"b"}', ["2 lines", "line 2: Expecting property name",
                                              "line 4: Expecting ':' delimiter at column 5"]),
        ('{"a": "x"},\n{"a": 1},\n', ["line 1: the object has ended, but ',' follows", "n 11"]),
        ('{"a": NaN}\n', ["line 1: NaN is not a JSON number; write null"]),
        ('{"a": -Infinity}\n', ["line 1: -Infinity is not a JSON number"]),
        ('{"a": 1e400}\n', ["line 1: the number 1e400 is too large"]),
        ('{\n  "a": "x"\n}\n{\n  "a": "y"\n}\n', ["line 1 begins", "continues on the next line",
                                                 "one object per line", "jq -c"]),
        ('{"a":\n{"b": 1}}\n', ["line 1: Expecting value"]),
        ('[{"a": 1},\n {"a": }]', ["JSON array", "line 2, column 8"]),
        ('[{"a": 1}\n {"a": 2}]', ["JSON array", "expected ',' or ']' at line 2, column 2"]),
        ('[{"a": 1},\n {"a": NaN}]', ["line 2: NaN is not a JSON number"]),
        ('{"a": 1}\n{"a\\u0000b": 1, "a": 2}\n', ["line 2: the name 'a\\x00b' has a NUL"]),
        ('[{"a": 1},\n {"\\u0000b": 1}]', ["line 2: the name '\\x00b' has a NUL"]),
        ('[{"a": 1}]\n[{"a": 2}]', ["array has ended, but more text follows at line 2, column 1"]),
        ('[{"a": 1},\n 5]', ["line 2: a JSON int; expected an object"]),
        ("[" * 100_000, ["nested too deeply"]),
        ("[]", ["has no rows"]),
        ("\n\n", ["has no rows"]),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused_with_its_place(content, words, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(DataError) as refused:
        read_table(path)
    assert all(word in str(refused.value) for word in [str(path), *words]), refused.value


@pytest.mark.parametrize("nested", [["Dog", "food"], {"name": "Dog food"}])
@pytest.mark.parametrize("at", [0, 25_000])
def test_lists_and_objects_are_no_text_but_may_stand_beside_it(nested, at, tmp_path):
    rows = [{"id": i, "title": f"mug {i}", "tags": None} for i in range(25_001)]
    rows[at]["tags"] = nested
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = read_table(tmp_path / "x.jsonl")
    found = to_records(table, Layout(text=("title",), id="id"))
    assert found["text"].to_list() == [row["title"] for row in rows]
    with pytest.raises(DataError, match=r"column 'tags' holds lists.*expected text"):
        to_records(table, Layout(text=("title", "tags")))
