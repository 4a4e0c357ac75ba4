"""A class tree from the page to the exported model: people walk it, and may stop at a parent."""

import csv
import json
import random
import shutil

import fork_server
import polars as pl
import pytest
from page_fixtures import command, open_tab, shown_id, undo

from wsal.annotation.answers import coded_answers, gold_answers
from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.artifacts import Artifact
from wsal.labels import LabelSet
from wsal.serving.backends import open_engine
from wsal.serving.exported import Exported
from wsal.serving.predictions import predict_texts

pytestmark = pytest.mark.slow
WORDS = {
    "Food > Drinks > Tea": "earl",
    "Food > Drinks > Coffee": "espresso",
    "Food > Bread": "loaf",
    "Home > Kettles": "kettle",
    "Pets": "leash",
}
TREE = (
    "experiment=smoke", "name=w", "rules=none", "data=csv", "data.path=data.csv",
    "data.layout.taxonomy=tree.csv", "data.layout.text=[title]", "data.layout.label=class",
    "data.layout.split=split",
    "active.rounds=1", "active.query_size=16",
)  # fmt: skip


@pytest.fixture(scope="module")
def waiting_tree(built_once):
    """A folder with a run whose first query is there. Classes have the ids of the tree."""

    def fill(folder):
        draw = random.Random(0)
        nodes = ["Food", "Food > Drinks", "Home", *WORDS]
        with (folder / "tree.csv").open("w", newline="") as file:
            rows = [[f"n{i}", path, f"about {path}"] for i, path in enumerate(nodes)]
            csv.writer(file).writerows([["id", "path", "description"], *rows])
        with (folder / "data.csv").open("w", newline="") as file:
            splits = ["train", "train", "dev", "test"]
            names = [draw.choice(list(WORDS)) for _ in range(400)]
            rows = [
                [f"{WORDS[name]} {draw.randint(1, 999)} {draw.choice('abcdefg')}{i}",
                 f"n{nodes.index(name)}", splits[i % 4]]
                for i, name in enumerate(names)
            ]  # fmt: skip
            csv.writer(file).writerows([["title", "class", "split"], *rows])
        done = fork_server.run(
            command("run", *TREE, "annotator=file"), cwd=folder, capture_output=True, text=True
        )
        assert "waiting" in done.stdout, done.stdout + done.stderr

    return built_once("waiting-tree", fill)


def press(tab, *keys):
    for key in keys:
        tab.keyboard.press(key)


def recent(tab):
    return tab.locator("#recent .label").all_inner_texts()


def answer_some(tab):
    """Answer five texts at all levels, and change one; returns the answers by id."""
    first = shown_id(tab)
    assert tab.locator("#classes bdi").all_inner_texts() == ["Food", "Home", "Pets"]
    press(tab, "1", "1")
    assert tab.locator("#way li").all_inner_texts() == ["All classes", "Food", "Drinks"]
    assert "about Food > Drinks" in tab.inner_text("#way")
    press(tab, ".")  # any drink
    second = shown_id(tab, first)
    assert tab.locator("#way li").all_inner_texts() == ["All classes"]  # from the top again
    press(tab, "2", "Backspace", ".", "1", "ArrowLeft", "/")  # nothing stops at the top
    tab.keyboard.type("foo co")
    assert tab.locator("#classes bdi").all_inner_texts() == ["Coffee"]
    press(tab, "Enter")
    third = shown_id(tab, second)
    assert recent(tab) == ["Food > Drinks > Coffee", "Food > Drinks"]
    press(tab, "/")
    tab.keyboard.type("food")
    press(tab, "ArrowDown", "ArrowUp", "Enter", "2")  # opens Food: Bread
    fourth = shown_id(tab, third)
    undo(tab, third)
    press(tab, "3")  # Pets
    assert shown_id(tab, third) == fourth
    press(tab, "C")  # the first answer, shown where it was given
    tab.wait_for_function("(id) => document.getElementById('text').dataset.shown === id", arg=first)
    assert "You answered: Food > Drinks." in tab.inner_text("#message")
    press(tab, "Backspace", "1", ".")  # any food
    assert shown_id(tab, first) == fourth
    tab.click("#classes button >> nth=0")
    tab.click("#way .moves button >> nth=1")  # stop here
    fifth = shown_id(tab, fourth)
    press(tab, "Shift+Digit2")  # Home, without opening it
    shown_id(tab, fifth)
    given = {first: "Food", second: "Food > Drinks > Coffee", third: "Pets"}
    return {**given, fourth: "Food", fifth: "Home"}


def test_from_the_page_to_the_exported_model(waiting_tree, tmp_path, browser, page):
    folder = tmp_path / "here"
    shutil.copytree(waiting_tree, folder)
    served = page(folder, base=TREE, name="run")
    tab = open_tab(browser, served.urls[0] + "&name=ann")
    tab.wait_for_selector("#classes button")
    given = answer_some(tab)
    press(tab, "e", "e")
    served.wait()
    assert tab.faults == []

    run = folder / "runs" / "w"
    pool, annotations = Artifact.open(run / "pool"), [Artifact.open(run / "rounds/001/annotations")]
    known, texts = LabelSet.of_pool(pool.facts), pl.read_parquet(pool.path / "pool.parquet")["text"]
    named, n_gold = {}, 0
    for purpose in ("train", "evaluate"):
        rows, codes = coded_answers(pool, annotations, purpose)
        named |= dict(zip(texts.gather(rows), [known.answers[c] for c in codes], strict=True))
        n_gold += len(gold_answers(pool, annotations, purpose)[0])
    journal = Journal(run / JOURNAL_FILE).events()
    text_of = {event.id: event.text for _, event in journal if event.id}
    assert {text_of[i]: label for i, label in given.items()}.items() <= named.items()
    assert n_gold == sum(label in WORDS for label in named.values())

    content = json.loads((run / "exported" / "classes.json").read_text())
    nodes = {node["name"]: node for node in content["nodes"]}
    assert set(nodes) == {"Food", "Food > Drinks", "Home", *WORDS}
    assert nodes["Food > Drinks"]["parent"] == "Food"
    assert nodes["Home"]["description"] == "about Home"
    assert content["measured_on"] == "the dev split"
    assert (run / "exported/README.md").read_text().count("## Class tree") == 1
    engine = open_engine(Exported.open(run / "exported"), "onnx")
    (made,) = predict_texts(engine, ["earl 12 a"])
    assert made.path[-1] == (made.label, made.probability)
    assert made.trusted in {None, *(name for name, _ in made.path)}
