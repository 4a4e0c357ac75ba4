"""A class is renamed after two rounds: nothing is trained anew, and every name is the new one."""

import json

import polars as pl
from test_append_run import begun, run, shop, wsal  # noqa: F401  fixtures

from wsal.artifacts import Artifact
from wsal.commands.status import states
from wsal.inspection.outdated import outdated
from wsal.inspection.run_view import RunView

OLD, NEW = "Running Shoes", "Sneakers"
TRAINED = ("pretrained", "rounds/001/finetuned", "rounds/002/finetuned", "rounds/002/assessed")


def trained(folder):
    return {name: Artifact.open(folder / "runs/shop" / name).digest for name in TRAINED}


def test_nothing_is_trained_anew_for_a_name(shop):  # noqa: F811
    before = trained(shop)
    wsal(shop, "classes", "rename", "shop", OLD, NEW)
    made = run(shop, 2)
    kept = {title for title, state in made.items() if state == "kept"}
    assert {"pretrain", "round 1 finetune", "round 2 finetune", "round 2 assess"} <= kept
    assert trained(shop) == before
    run_dir = shop / "runs/shop"
    assert {row.state for row in states(run_dir)} == {"done", "kept"}
    assert outdated(RunView(run_dir)) == []
    names = list(json.loads((run_dir / "exported/config.json").read_text())["id2label"].values())
    metrics = json.loads((run_dir / "exported/metrics.json").read_text())
    metrics.pop("made_from")  # rules keep the name that they were written with
    assert NEW in names and OLD not in names and OLD not in json.dumps(metrics)
    assert names == Artifact.open(run_dir / "pool").facts["labels"]
    card = (run_dir / "exported/README.md").read_text()
    assert NEW in card and OLD not in card
    wsal(shop, "report", "shop")
    page = (run_dir / "report.html").read_text()
    assert NEW in page and f"{OLD} →" not in page and f">{OLD}<" not in page
    pl.DataFrame({"title": ["Trail running shoe, size 42"], "brand": [""]}).write_csv("new.csv")
    wsal(shop, "predict", "runs/shop/exported", "new.csv", "labelled.csv")
    assert pl.read_csv("labelled.csv")["label"][0] in names


def test_the_next_round_and_an_undo_go_on_from_what_is_trained(shop):  # noqa: F811
    before = trained(shop)
    wsal(shop, "classes", "rename", "shop", OLD, NEW)
    made = run(shop, 3)
    assert made["round 2 finetune"] == "kept" and made["round 3 finetune"] != "kept"
    assert trained(shop) == before
    config = json.loads((shop / "runs/shop/rounds/003/finetuned/config.json").read_text())
    assert NEW in config["id2label"].values() and OLD not in config["label2id"]
    wsal(shop, "classes", "undo", "shop")
    made = run(shop, 3)
    assert {made["pretrain"], made["round 2 finetune"], made["round 3 finetune"]} <= {
        "kept", "date",
    }  # fmt: skip
    assert trained(shop) == before


def test_other_edits_are_learnt_by_a_new_classifier(shop):  # noqa: F811
    before = trained(shop)
    wsal(shop, "classes", "rename", "shop", OLD, NEW)
    wsal(shop, "classes", "merge", "shop", NEW, "Sports Clothing", "--into", "Sports")
    made = run(shop, 2)
    assert made["pretrain"] != "kept" and made["round 2 finetune"] != "kept"
    assert not set(trained(shop).values()) & set(before.values())
