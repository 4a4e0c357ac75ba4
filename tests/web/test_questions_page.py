"""Words and guesses on the page, in a real browser, by keyboard alone."""

import json
import shutil

import polars as pl
import pytest
from helpers import run_here
from page_fixtures import Page, open_tab, shown_id, undo
from questions_shop import KINDS, SETTINGS

from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.annotation.questions import DEPENDS, WORD_ID

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(questions_run, tmp_path):
    """The page of a run whose first round has both words and guesses."""
    shutil.copytree(questions_run, tmp_path, dirs_exist_ok=True)
    settings = (*SETTINGS, KINDS, "active.rounds=1")
    done = run_here(tmp_path, "select", *settings)
    assert not done.returncode, done.stderr
    page = Page(tmp_path, "annotator.blind=0", base=settings)
    page.start()
    yield page
    page.kill()


def test_words_depend_or_have_a_class_and_guesses_are_confirmed(asked, browser, tmp_path):
    tab = open_tab(browser, asked.urls[0])
    words, confirmed, shown, undone = {}, {}, "", False
    shown_id(tab)  # the round is open
    run_dir = tmp_path / "runs/shop"
    labels = json.loads((run_dir / "pool/manifest.json").read_text())["facts"]["labels"]
    n = tab.evaluate("fetch('/api/state').then((answer) => answer.json())")["n"]
    for number in range(n):
        shown = shown_id(tab, shown)
        if tab.locator("#duplicates li").count() and not shown.startswith(WORD_ID):
            tab.keyboard.press("d")  # each on its own, here
        if shown.startswith(WORD_ID):
            word = shown.removeprefix(WORD_ID)
            assert tab.inner_text("#text mark") == word
            marks = tab.locator("#duplicates li mark").all_inner_texts()
            assert {mark.lower() for mark in marks} == {word}
            if not undone:  # a slip, taken back
                undone = True
                tab.keyboard.press("0")
                undo(tab, shown)
            words[word] = labels[0] if number % 2 else DEPENDS
            tab.keyboard.press("1" if number % 2 else "0")
        elif tab.locator("#guess .ask button").count():
            line = tab.inner_text("#guess .ask")
            confirmed[shown] = line.removeprefix("Is this ").partition("?")[0]
            tab.screenshot(path=tmp_path / "class.png")
            tab.keyboard.press("Enter")
        else:
            tab.keyboard.press("2")
    asked.wait()
    assert not tab.faults
    assert len(words) >= 2
    assert confirmed
    place = run_dir / "rounds/001/annotations"
    answered = pl.read_parquet(place / "words.parquet")
    assert dict(answered.select("word", "label").iter_rows()) == words
    texts = dict(pl.read_parquet(place / "annotations.parquet").select("id", "label").iter_rows())
    assert {text_id: texts[text_id] for text_id in confirmed} == confirmed
    events = [event for _, event in Journal(run_dir / JOURNAL_FILE).events()]
    assert {e.id for e in events if e.shown == "guess" and e.label == confirmed.get(e.id)} == set(
        confirmed
    )
