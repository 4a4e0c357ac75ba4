"""Several classes per text on the page, in a real browser, by keyboard alone."""

import polars as pl
import pytest
from helpers import run_here
from page_fixtures import Page, open_tab, shown_id, undo
from test_multilabel_run import CLASSES, SETTINGS, write_shop

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(tmp_path):
    """The page of a run whose first round is open; nothing is trained in it."""
    write_shop(tmp_path, 60)
    settings = (*SETTINGS[1:], "active.query_size=3", "evaluation.size=0", "pretrain.epochs=0")
    for stage in ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed", "select"):
        done = run_here(tmp_path, stage, *settings)
        assert not done.returncode, done.stderr
    page = Page(tmp_path, base=settings)
    page.start()
    yield page
    page.kill()


def chosen(tab):
    return tab.locator("#classes [aria-pressed=true] bdi").all_inner_texts()


def test_classes_are_chosen_dropped_accepted_and_taken_back(asked, browser, tmp_path):
    tab = open_tab(browser, asked.urls[0])
    first = shown_id(tab)
    assert tab.locator("#classes [data-label] bdi").all_inner_texts() == list(CLASSES)
    tab.keyboard.press("Enter")  # nothing is chosen yet, and nothing is answered
    assert chosen(tab) == [] and tab.get_attribute("#text", "data-shown") == first
    for key in ("4", "1", "2", "2"):  # the last one drops Cheese again
        tab.keyboard.press(key)
    assert chosen(tab) == ["Bread", "Vegan"]
    assert tab.locator(".chosen [role=status]").inner_text() == "Chosen: Bread, Vegan"
    tab.keyboard.press("Enter")
    second = shown_id(tab, first)
    assert chosen(tab) == []
    tab.keyboard.press("0")
    third = shown_id(tab, second)
    undo(tab, second)
    assert chosen(tab) == []  # none applied
    tab.keyboard.press("3")
    tab.keyboard.press("Enter")
    assert shown_id(tab, second) == third
    undo(tab, second)
    assert chosen(tab) == []  # an answer that was taken back leaves nothing chosen
    tab.keyboard.press("0")
    assert shown_id(tab, second) == third
    tab.click("#classes [data-label=Cheese]")
    tab.keyboard.press("Enter")
    asked.wait()
    assert not tab.faults
    path = tmp_path / "runs/shop/rounds/001/annotations/annotations.parquet"
    given = dict(pl.read_parquet(path).select("id", "label").iter_rows())
    assert given == {first: "Bread | Vegan", second: "none of these", third: "Cheese"}
