"""Class trees from files and from the columns of the data."""

import polars as pl
import pytest

from wsal.api.pool import Pool
from wsal.data.taxonomy import Taxonomy, normal_path, parent_of, read_taxonomy
from wsal.errors import DataError

ROWS = [
    ("green tea", "Food", "Tea"), ("black tea", "Food", "Tea"), ("latte", "Food", "Coffee"),
    ("drip coffee", "Food", "Coffee"), ("milk", "Food", None), ("old thing", None, None),
    ("cat toy", "Pets", "Toys"), ("dog toy", "Pets", "Toys"),
]  # fmt: skip


def table(rows=ROWS):
    return pl.DataFrame(rows, schema=["title", "shelf", "kind"], orient="row")


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def test_paths_in_a_text_file_with_and_without_ids(tmp_path):
    file = write(
        tmp_path / "t.txt", "# tree\n1 - Food\n412 - Food > Tea\n\nFood>Hot  drinks >Cocoa\n"
    )
    tree = read_taxonomy(file)
    assert tree.leaves == ("Food > Tea", "Food > Hot drinks > Cocoa")
    assert tree.parents == {
        "Food": ("Food > Tea", "Food > Hot drinks > Cocoa"),
        "Food > Hot drinks": ("Food > Hot drinks > Cocoa",),
    }
    assert tree.names["412"] == tree.names["Tea"] == "Food > Tea"
    assert tree.names["1"] == "Food"


def test_a_table_of_nodes_and_a_table_of_paths_are_the_same_tree(tmp_path):
    nodes = write(
        tmp_path / "n.csv",
        "id,parent,name,description\nf,,Food,\nt,f,Tea,leaves\np,,Pets,\nc,f,Coffee,beans\n",
    )
    paths = write(tmp_path / "p.csv", "Path,Id\nFood,f\nFood > Tea,t\nPets,p\nFood > Coffee,c\n")
    first, second = read_taxonomy(nodes), read_taxonomy(paths)
    assert first.leaves == second.leaves == ("Food > Tea", "Pets", "Food > Coffee")
    assert first.ids == second.ids
    assert first.descriptions == {"Food > Tea": "leaves", "Food > Coffee": "beans"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "Food > Tea\nFood>Tea\n", "path 'Food > Tea' twice"),
        ("a.txt", "Food >  > Tea\n", "empty name"),
        ("a.txt", "7 - Food\n7 - Pets\n", "id '7' twice"),
        ("a.csv", "id,parent,name\na,b,A\nb,a,B\n", "its own ancestor"),
        ("a.csv", "id,parent,name\na,x,A\n", "no node 'x'"),
        ("a.csv", "id,parnt,name\na,,A\n", "no column 'parent'; did you mean 'parnt'"),
    ],
)
def test_what_is_no_tree_is_refused(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_taxonomy(write(tmp_path / name, text))


def test_a_missing_file_is_named():
    with pytest.raises(DataError, match=r"nothere\.txt: there is no such file"):
        read_taxonomy("nothere.txt")


def test_names_that_two_nodes_have_are_no_short_names():
    tree = Taxonomy.of(["Cats > Toys", "Dogs > Toys", "Dogs > Food"])
    assert "Toys" not in tree.names
    assert tree.names["Food"] == "Dogs > Food"
    assert parent_of("Cats > Toys") == "Cats" and normal_path("A>B") == "A > B"


def test_columns_from_the_root_to_the_leaves_make_the_tree():
    pool = Pool(table(), text="title", label=["shelf", "kind"], test_share=0)
    labels = pool.prepared.labels
    assert labels.names == ("Food > Coffee", "Food > Tea", "Pets > Toys")
    assert labels.parents == {"Food": ("Food > Coffee", "Food > Tea"), "Pets": ("Pets > Toys",)}
    gold = dict(zip(pool.texts, pool.records["label"], strict=True))
    assert gold["milk"] == labels.code("Food")  # an inner node is kept as gold
    assert gold["old thing"] is None
    assert labels.code("Tea") == labels.code("Food > Tea")


def test_with_a_taxonomy_gold_in_columns_and_inner_nodes_are_paths_of_it(tmp_path):
    from wsal.data.base import Layout
    from wsal.data.frames import TableFrame
    from wsal.data.in_memory import prepared_of

    file = write(tmp_path / "t.txt", "Food > Tea\nFood > Coffee\nFood > Cocoa\nPets > Toys\n")
    layout = Layout(text=("title",), label=("shelf", "kind"), taxonomy=str(file), test_share=0.0)
    made = prepared_of(TableFrame(table(), layout), seed=0)
    assert len(made.labels) == 4  # also the class without gold
    assert made.pool["label"].max() == made.labels.code("Food")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("x", None, "Tea"), "row 9 has 'Tea' for 'kind', but nothing for 'shelf'"),
        (
            ("x", "Food", "Tea > Mint"),
            "row 9 has 'Tea > Mint' for 'kind', but `>` stands",
        ),
    ],
)
def test_values_that_make_no_path_are_refused(row, message):
    with pytest.raises(DataError, match=message):
        Pool(table([*ROWS, row]), text="title", label=["shelf", "kind"])


def test_a_column_is_not_a_level_twice():
    with pytest.raises(DataError, match="names a column twice"):
        Pool(table(), text="title", label=["shelf", "shelf"])
