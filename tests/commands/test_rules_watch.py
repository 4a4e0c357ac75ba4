"""The rule author's loop: suggest rules, watch a file of them, see what each edit did."""

import signal
import subprocess
import sys
import time

import fork_server
import numpy as np
import polars as pl
import pytest
from omegaconf import OmegaConf

from wsal.commands.rules_watch import FileVotes, Pool, changes, print_edit, votes_of_file
from wsal.errors import ConfigError, RuleError
from wsal.labels import LabelSet
from wsal.rules.patterns import Keyword

RULES = """
tea: {_target_: wsal.rules.patterns.Keyword, label: Tea, words: [tea]}
cup: {_target_: wsal.rules.patterns.Keyword, label: Cup, words: [cup]}
"""


@pytest.fixture
def pool():
    texts = ["green tea", "tea cup", "cup", "pot", "black tea"]
    fields = pl.struct(pl.col("text").alias("title"))
    records = pl.DataFrame({"text": texts, "n_copies": [1] * 5}).with_columns(
        id=pl.int_range(pl.len()).cast(pl.String), fields=fields
    )
    return Pool(records, np.array([1, 0, 0, -1, 0]), LabelSet(("Cup", "Tea")), 5)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(RULES)
    return path


def test_an_edit_votes_anew_with_the_edited_rule_alone(pool, file, monkeypatch, capsys):
    first = votes_of_file(file, pool, FileVotes({}, {}), [])
    asked = []
    search = Keyword.search
    monkeypatch.setattr(Keyword, "search", lambda one: asked.append(one.words) or search(one))
    edited = RULES.replace("label: Tea, words: [tea]", "label: Tea, words: [black, pot]")
    file.write_text(edited + "new: {_target_: wsal.rules.patterns.Regex, label: Tea, pattern: e}\n")
    second = votes_of_file(file, pool, first, [])
    assert set(asked) == {("black", "pot")}
    found = {one.rule: (one.kind, [r.tolist() for r in one.rows().values()])
             for one in changes(first, second, 5)}  # fmt: skip
    assert found == {
        "tea": ("edited", [[3], [0, 1], []]),
        "new": ("new", [[0, 1, 4], [], []]),
    }
    print_edit(pool, first, second, file)
    shown = capsys.readouterr().out
    assert "gained tea Tea: pot\n" in shown
    assert "lost tea Tea: tea cup  (gold: Cup)" in shown
    assert "changed by this edit" in shown


@pytest.mark.parametrize("written", ["", "# nothing yet\n", "{}\n"])
def test_a_file_without_rules_is_watched(pool, file, written, capsys):
    first = votes_of_file(file, pool, FileVotes({}, {}), [])
    file.write_text(written)
    none = votes_of_file(file, pool, first, [])
    print_edit(pool, first, none, file)
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 rules on 5 texts" in shown
    assert "0.0000" in shown
    assert {one.rule: one.kind for one in changes(first, none, 5)} == {
        "tea": "removed",
        "cup": "removed",
    }


def test_rules_with_names_of_two_kinds_are_watched(pool, file):
    file.write_text(RULES.replace("tea:", "501:", 1))
    view = votes_of_file(file, pool, FileVotes({}, {}), [])
    assert list(view.votes) == ["501", "cup"]
    file.write_text(file.read_text() + "# a remark\n")
    assert list(changes(view, votes_of_file(file, pool, view, []), 5)) == []


@pytest.mark.slow
def test_rules_by_meaning_vote_while_they_are_watched(pool, file, monkeypatch):
    from wsal.classifier import text_embedding

    texts = pool.records["text"].to_list()
    rule = (
        "near: {{_target_: wsal.rules.similarity.Similarity, encoder: tiny, threshold: -1, "
        "margin: 0, seeds: {{Tea: [{}], Cup: [{}]}}}}\n"
    )
    file.write_text(RULES + rule.format("green tea", "cup"))
    first = votes_of_file(file, pool, FileVotes({}, {}), [])
    vectors = text_embedding.embed_texts(texts, "tiny")
    nearest = (vectors @ vectors[[2, 0]].T).argmax(axis=1)  # 0: the cup, 1: the green tea
    assert first.votes["near"].tolist() == nearest.tolist()
    assert nearest[[2, 0]].tolist() == [0, 1]
    embedded, embed = [], text_embedding.embed_texts
    monkeypatch.setattr(
        text_embedding, "embed_texts", lambda *given: embedded.append(given) or embed(*given)
    )
    file.write_text(RULES + rule.format("pot", "cup"))
    second = votes_of_file(file, pool, first, [])
    assert embedded == []  # every text was embedded before
    nearest = (vectors @ vectors[[2, 3]].T).argmax(axis=1)
    assert second.votes["near"].tolist() == nearest.tolist()
    assert second.votes["tea"].tolist() == first.votes["tea"].tolist()


def test_changed_votes_and_removed_rules_are_shown(pool, file):
    first = votes_of_file(file, pool, FileVotes({}, {}), [])
    file.write_text(RULES.splitlines()[1].replace("label: Tea", "label: Cup"))
    second = votes_of_file(file, pool, first, [])
    found = {one.rule: (one.kind, [len(rows) for rows in one.rows().values()])
             for one in changes(first, second, 5)}  # fmt: skip
    assert found == {"tea": ("edited", [0, 0, 3]), "cup": ("removed", [0, 2, 0])}
    file.write_text(file.read_text() + "\n# a remark\n")
    assert list(changes(second, votes_of_file(file, pool, second, []), 5)) == []


@pytest.mark.parametrize(
    ("written", "error", "said"),
    [
        ("tea: [", ConfigError, "line 1"),
        ("- tea", ConfigError, "a list"),
        ("defaults: [a]", ConfigError, "a `defaults` list"),
        (
            "tea: {_target_: wsal.rules.patterns.Keyword, label: Tea}",
            ConfigError,
            "words is missing",
        ),
        ("tea: {_target_: os.system, label: Tea}", ConfigError, "trusted"),
        (RULES.replace("label: Tea", "label: Tee"), RuleError, "did you mean 'Tea'"),
        (RULES.replace("[tea]", "['']"), RuleError, "empty word"),
    ],
)
def test_a_bad_file_says_what_is_wrong(pool, file, written, error, said):
    file.write_text(written)
    with pytest.raises(error, match="(?s)" + said.replace("[", r"\[")):
        votes_of_file(file, pool, FileVotes({}, {}), [])


@pytest.mark.slow
def test_suggested_rules_run_and_can_be_watched(wsal, tmp_path):
    wsal("prepare", "data.n=1200", "name=shop")
    suggested = wsal("rules", "suggest", "shop", "--gold", "150", "--precision", "0.8").stdout
    rules = OmegaConf.to_container(OmegaConf.create(suggested))
    assert len(rules) > 5
    path = tmp_path / "mine" / "rules" / "shop.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(suggested)
    voted = wsal("vote", "--config-dir", "mine", "data.n=1200", "name=shop", "rules=shop").stdout
    assert f"{len(rules)} rules" in voted
    assert wsal("rules", "suggest", "shop", "--gold", "150").stdout != suggested
    once = wsal("rules", "watch", str(path), "shop", "--once").stdout
    assert f"{len(rules)} rules on" in once

    command = [
        sys.executable,
        "-c",
        "from wsal.cli import main; main()",
        "rules",
        "watch",
        path,
        "shop",
    ]
    with (
        (tmp_path / "out").open("w") as out,
        fork_server.Popen(command, cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT) as watching,
    ):

        def wait_for(words):
            until = time.time() + 60
            while words not in (tmp_path / "out").read_text():
                assert time.time() < until, (tmp_path / "out").read_text()
                time.sleep(0.1)

        wait_for("waiting")
        path.write_text("broken: [")
        wait_for("error: ")
        path.write_text(
            suggested
            + "\nmore: {_target_: wsal.rules.patterns.Regex, label: Coffee, pattern: coffee}\n"
        )
        wait_for("changed by this edit")
        wait_for("gained more Coffee: ")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("suggest", "shop", "--precision", "2"), "--precision is 2.0"),
        (("suggest", "shop", "--gold", "-1"), "--gold"),
        (("suggest", "nowhere"), "unknown run"),
        (("watch", "no.yaml", "shop"), "no.yaml not found"),
    ],
)
def test_what_cannot_be_asked_is_said(wsal, arguments, said):
    wsal("prepare", "data.n=200", "name=shop")
    failed = wsal("rules", *arguments, check=False)
    assert failed.returncode == 1
    assert said in failed.stderr
