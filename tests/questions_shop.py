"""A shop whose titles are made of words of their class, of which the rules know a third."""

import numpy as np
import polars as pl

CLASSES = ("bags", "coffee", "phones", "shoes")
WORDS = {c: [f"{c[:2]}{chr(97 + i)}{chr(98 + 2 * i)}lo" for i in range(6)] for c in CLASSES}
NOISE = [f"colour{chr(97 + i)}" for i in range(8)]
RULES = """
{label}: {{_target_: wsal.rules.patterns.Keyword, label: {label}, words: [{words}]}}
"""
SETTINGS = (
    "tracker=none", "data=csv", "data.path=shop.csv", "data.layout.text=title",
    "data.layout.label=class", "data.layout.test_share=0.3", "rules=mine", "--config-dir=mine",
    "name=shop", "export=hf", "encoder=tiny", "pretrain.epochs=3", "pretrain.lr=2e-3",
    "pretrain.refine=0", "finetune.steps=4", "active.rounds=2", "active.query_size=30",
    "active.max_candidates=100",
)  # fmt: skip
KINDS = "active.questions=[text,word,class]"


def make_shop(folder):
    """Write titles and rules; one word of the rule for bags is a word of coffee."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(1_000):
        label = CLASSES[number % 4]
        words = [*draw.choice(WORDS[label], 2, replace=False), *draw.choice(NOISE, 2)]
        rows.append({"title": f"{' '.join(draw.permutation(words))} no{number}", "class": label})
    pl.DataFrame(rows).write_csv(folder / "shop.csv")
    rules = [RULES.format(label=c, words=", ".join(WORDS[c][:2])) for c in CLASSES[1:]]
    words = [*WORDS["bags"][:2], WORDS["coffee"][5]]
    rules.append(RULES.format(label="bags", words=", ".join(words)))
    (folder / "mine" / "rules").mkdir(parents=True)
    (folder / "mine" / "rules" / "mine.yaml").write_text("".join(rules))
