"""Groups of texts on the page, in a real browser, by keyboard alone."""

import shutil

import polars as pl
import pytest
from helpers import run_here
from page_fixtures import Page, open_tab, shown_id, undo
from questions_shop import SETTINGS

from wsal.annotation.questions import NOT_ALL

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(questions_run, tmp_path):
    """The page of a run whose first round has groups."""
    shutil.copytree(questions_run, tmp_path, dirs_exist_ok=True)
    settings = (*SETTINGS, "active.questions=[text,group]", "active.rounds=1")
    done = run_here(tmp_path, "select", *settings)
    assert not done.returncode, done.stderr
    page = Page(tmp_path, base=settings)
    page.start()
    yield page
    page.kill()


def test_groups_are_seen_whole_and_answered_by_yes_or_no(asked, browser, tmp_path):
    tab = open_tab(browser, asked.urls[0])
    place = tmp_path / "runs/shop/rounds/001"
    questions = pl.read_parquet(place / "query/questions.parquet")
    groups = {row["id"]: row for row in questions.iter_rows(named=True)}
    assert len(groups) >= 2
    shown_id(tab)  # the round is open
    n = tab.evaluate("fetch('/api/state').then((answer) => answer.json())")["n"]
    given, shown = {}, ""
    for number in range(n):
        shown = shown_id(tab, shown)
        if shown not in groups:
            assert tab.locator("#find").is_visible()
            if tab.locator("#duplicates li").count():
                tab.keyboard.press("d")  # each on its own, here
            tab.keyboard.press("2")
            continue
        group = groups[shown]
        assert tab.inner_text("#text") == f"Are all of these {group['label']}?"
        assert tab.locator("#duplicates li").all_inner_texts() == group["examples"]
        buttons = "".join(tab.locator("#classes button").all_inner_texts()).replace("\n", "")
        assert buttons == "EnterYes, all of them0No, not all"
        assert not tab.locator("#find").is_visible()
        if not given:  # a slip, taken back
            tab.screenshot(path=tmp_path / "group.png")
            tab.keyboard.press("1")  # no class can be named
            tab.keyboard.press("0")
            undo(tab, shown)
        given[shown] = NOT_ALL if number % 2 else group["label"]
        tab.keyboard.press("0" if number % 2 else "Enter")
    asked.wait()
    assert not tab.faults
    answers = pl.read_parquet(place / "annotations/groups.parquet")
    assert dict(answers.select("id", "label").iter_rows()) == given
    labels = pl.read_parquet(place / "annotations/annotations.parquet")
    by_id = dict(labels.select("id", "label").iter_rows())
    for group_id, label in given.items():
        expected = None if label == NOT_ALL else label
        assert {by_id.get(text_id) for text_id in groups[group_id]["ids"]} == {expected}
