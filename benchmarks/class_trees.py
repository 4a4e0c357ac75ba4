"""What a class tree brings: macro-F1 on leaves and on each level, and answers at inner nodes.

python benchmarks/class_trees.py [--sets bigbasket,fashion] [--labels 200,500] [--seeds 3]

The learner is a linear head on MiniLM's embeddings: weak labels of 5,000 texts, refined, and gold
labels that were drawn at random, each with half of the weight. Ways to learn:

flat   rules vote for classes, and the head knows no tree
head   the same votes; the weights of a class are the sum of those of the nodes on its path
inner  also rules that vote for inner nodes (BigBasket's rules for categories and sub-categories)
mixed  as the last of these, but half of the answers are parents, drawn from those above the class

Results with "whole weights" are from before the weights of parents were halved
(`wsal.class_tree.SHARED`).

The cost of an answer is counted in keys: one for each level that is walked down. Finished lines are
written to --out at once: a run that was stopped goes on from there. `--embeddings` has SET.npy with
the embedding of each row of the set; without it, texts are embedded first, which takes minutes.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from minilm import MINILM
from product_texts import DATA
from record import mean_and_half
from rich.console import Console
from rich.table import Table

from wsal.class_tree import ClassTree
from wsal.classifier.losses import AnswerCrossEntropy
from wsal.classifier.text_embedding import embed_texts
from wsal.data.taxonomy import SEPARATOR, Taxonomy
from wsal.evaluation.tree import measure
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.members import class_members, members_of
from wsal.rounds.refinement import class_weights, refine
from wsal.rounds.voters import Voters
from wsal.rules.names import NameKeywords, NameSimilarity
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.voting import collect_by_term
from wsal.seeding import rng
from wsal.text import clean

OUT = Path(__file__).parent / "results" / "class_trees.jsonl"
SETS = {
    "bigbasket": (("title", "brand"), ("category", "sub_category", "type")),
    "fashion": (("title",), ("master_category", "sub_category", "article_type")),
}
BLIND = {
    "bigbasket": {"bigbasket_category": 1, "bigbasket_sub_category": 2},
    "fashion": {"fashion": 3},
}
N_WEAK, PENALTY, MAX_STEPS = 5_000, 3e-5, 60
INNER_SHARE = 0.5


@dataclass(frozen=True)
class Known:
    """A data set: its texts, once each, with their embeddings, classes, and votes."""

    labels: LabelSet
    gold: np.ndarray
    vectors: np.ndarray
    is_test: np.ndarray
    votes: dict  # "flat" and "inner" -> SparseVotes


def load(name, data, embeddings):
    """A set, with the votes of rules by names, and of the rules written blind."""
    fields, columns = SETS[name]
    table = pl.read_parquet(data / f"{name}.parquet")
    joined = pl.concat_str([pl.col(f).fill_null("") for f in fields], separator=" | ")
    text = clean(table.select(joined).to_series()).fill_null("")
    table = table.with_columns(
        text=text, path=pl.concat_str(columns, separator=SEPARATOR)
    ).with_row_index("row")
    table = table.filter(pl.col("split") != "valid").unique(
        "text", keep="first", maintain_order=True
    )
    made = Taxonomy.of(sorted(set(table["path"])))
    labels = LabelSet(made.leaves, made.parents, made.names)
    if embeddings:
        vectors = np.load(embeddings / f"{name}.npy")[table["row"]].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    else:
        vectors = embed_texts(table["text"].to_list(), MINILM).astype(np.float32)
    records = table.select(
        id=pl.col("row").cast(pl.String), text="text", fields=pl.struct(title="title")
    )
    by_names = names_vote(records, labels, vectors)
    rules = {level: {} for level in (1, 2, 3)}
    for file, level in BLIND[name].items():
        rules[level] |= blind_rules(data / "rules" / "blind" / f"{file}.json", labels, level)
    votes = {"flat": joined_votes(rules[3], records, labels, by_names)}
    if rules[1] or rules[2]:
        votes["inner"] = joined_votes(rules[1] | rules[2] | rules[3], records, labels, by_names)
    gold = np.array([labels.index(path) for path in table["path"]])
    return Known(labels, gold, vectors, (table["split"] == "test").to_numpy(), votes)


def names_vote(records, labels, vectors):
    """The votes of the default rules, `rules=names`, for the classes."""
    similarity = NameSimilarity()
    flat = LabelSet(labels.names)
    seeds = embed_texts(similarity.seed_texts(flat), MINILM).astype(np.float32)
    keywords = NameKeywords().vote(records, flat)
    return np.column_stack([keywords, similarity.vote_on(vectors, seeds, flat)])


def blind_rules(path, labels, level):
    """Rules for the nodes at a level, found by their last names; without those of several nodes."""
    nodes = {}
    for answer in (*labels.names, *labels.parents):
        if answer.count(SEPARATOR) == level - 1:
            nodes.setdefault(answer.split(SEPARATOR)[-1], []).append(answer)
    written, rules = json.loads(path.read_text()), {}
    for number, (name, words, unless) in enumerate(written["keywords"]):
        if len(nodes.get(name, [])) == 1:
            rules[f"{path.stem} {number}"] = Keyword(nodes[name][0], words, unless)
    for number, (name, pattern) in enumerate(written["regexes"]):
        if len(nodes.get(name, [])) == 1:
            rules[f"{path.stem} regex {number}"] = Regex(nodes[name][0], pattern)
    return rules


def joined_votes(rules, records, labels, by_names):
    """The votes of rules with their terms, and those by names beside them."""
    voted = collect_by_term(rules, records, labels)
    matrix = np.column_stack([voted.votes, by_names]).astype(np.int16)
    voters = Voters.of(voted.terms, matrix.shape[1])
    return replace(
        voters.with_terms(SparseVotes.of(matrix), voted.terms), members=members_of(labels)
    )


def fit(vectors, targets, weights, paths):
    """A linear head by the loss of fine-tuning, which sums over the classes of a parent."""
    x, t = torch.from_numpy(vectors), torch.from_numpy(targets.astype(np.float32))
    share = torch.from_numpy((weights / weights.sum()).astype(np.float32))
    of_nodes = torch.eye(targets.shape[1]) if paths is None else torch.from_numpy(paths.T)
    head = torch.zeros(x.shape[1] + 1, len(of_nodes), requires_grad=True)
    solver = torch.optim.LBFGS([head], max_iter=MAX_STEPS, line_search_fn="strong_wolfe")

    def loss():
        solver.zero_grad()
        of_classes = head @ of_nodes
        losses = AnswerCrossEntropy().losses(x @ of_classes[:-1] + of_classes[-1], t)
        total = share @ losses + PENALTY * (head[:-1] ** 2).sum()
        total.backward()
        return total

    solver.step(loss)
    return (head.detach() @ of_nodes).numpy()


def learn(known, way, rows, codes, seed):
    """Predictions for the test texts, `(texts, classes)`, by gold `codes` of some rows."""
    labels, n_classes = known.labels, len(known.labels)
    train = np.flatnonzero(~known.is_test)
    has_inner = way in ("inner", "mixed") and "inner" in known.votes
    votes = known.votes["inner" if has_inner else "flat"].take(train)
    gold = np.full(len(train), -1)
    gold[np.searchsorted(train, rows)] = codes
    weak = Precision().fit(votes, n_classes, gold=gold).predict_proba(votes)
    paths = None if way == "flat" else ClassTree.of(labels).class_paths
    drawn = rng(seed, "weak").permutation(np.flatnonzero(votes.n_votes))[:N_WEAK]
    x = known.vectors[train[drawn]]
    refined = refine(x, weak[drawn], np.ones(len(drawn), bool), 1, rng(seed, "folds"), paths)
    replayed = class_weights(refined.probs)
    targets = np.concatenate([class_members(codes, n_classes, labels.members), refined.probs])
    of_gold = np.full(len(rows), 1 / len(rows))
    weights = np.concatenate([of_gold, replayed / replayed.sum()])
    head = fit(np.concatenate([known.vectors[rows], x]), targets, weights, paths)
    logits = known.vectors[known.is_test] @ head[:-1] + head[-1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def line(known, name, way, n, seed):
    """One way to learn from `n` texts: figures of each level, and the keys pressed."""
    train = np.flatnonzero(~known.is_test)
    rows = np.sort(rng(seed, "gold").permutation(train)[:n])
    codes, labels = known.gold[rows].copy(), known.labels
    if way == "mixed":
        for place, (inner, which) in enumerate(rng(seed, "inner").random((n, 2))):
            above = [p for p, of in labels.parents.items() if labels.names[codes[place]] in of]
            if inner < INNER_SHARE:
                codes[place] = labels.code(above[int(which * len(above))])
    n_keys = sum(labels.answers[code].count(SEPARATOR) + 1 for code in codes)
    probs = learn(known, way, rows, codes, seed)
    gold = known.gold[known.is_test]
    figures = measure(probs, gold, np.ones(len(gold)), ClassTree.of(labels))
    levels = [{k: round(of[k], 4) for k in ("macro_f1", "accuracy")} for of in figures["levels"]]
    return {
        "set": name, "way": way, "labels": n, "seed": seed, "keys": n_keys, "levels": levels,
        "hierarchical_f1": round(figures["hierarchical"]["f1"], 4),
    }  # fmt: skip


def show(lines):
    """Means over seeds, and the paired differences from `flat` with 90% intervals."""
    table = Table(title="macro-F1 in points: mean, and difference from flat", title_justify="left")
    for head in ("set", "labels", "way", "keys", "level 1", "level 2", "leaves", "hierarchical F1"):
        table.add_column(head)
    by_key = {(each["set"], each["labels"], each["way"], each["seed"]): each for each in lines}
    for name, n, way in dict.fromkeys(key[:3] for key in sorted(by_key)):
        seeds = [s for s in range(99) if (name, n, way, s) in by_key]
        mine = [by_key[name, n, way, seed] for seed in seeds]
        pairs = [(by_key[name, n, way, s], by_key.get((name, n, "flat", s))) for s in seeds]
        cells = []
        for get in (*(lambda e, i=i: e["levels"][i]["macro_f1"] for i in range(3)),
                    lambda e: e["hierarchical_f1"]):  # fmt: skip
            cell = f"{100 * np.mean([get(each) for each in mine]):.1f}"
            gains = [100 * (get(a) - get(b)) for a, b in pairs if b]
            if way != "flat" and gains:
                mean, half = mean_and_half(gains)
                cell += f" ({mean:+.1f} ± {half:.1f})"
            cells.append(cell)
        keys = f"{np.mean([each['keys'] for each in mine]):,.0f}"
        table.add_row(name, str(n), way, keys, *cells)
    Console(width=150).print(table)


def main():
    """Learn in every way, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", default="bigbasket,fashion")
    parser.add_argument("--ways", default="flat,head,inner,mixed")
    parser.add_argument("--labels", default="200,500")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    lines = (
        [json.loads(x) for x in options.out.read_text().splitlines()]
        if options.out.exists()
        else []
    )
    done = {(each["set"], each["way"], each["labels"], each["seed"]) for each in lines}
    for name in options.sets.split(","):
        if not (options.data / f"{name}.parquet").exists():
            print(f"{name}: skipped, not in {options.data} (give --data or WSAL_DATA)")
            continue
        known = load(name, options.data, options.embeddings)
        ways = [w for w in options.ways.split(",") if w != "inner" or "inner" in known.votes]
        for seed in range(options.seeds):
            for n in map(int, options.labels.split(",")):
                for way in ways:
                    if (name, way, n, seed) not in done:
                        lines.append(line(known, name, way, n, seed))
                        with options.out.open("a") as file:
                            file.write(json.dumps(lines[-1]) + "\n")
    show(lines)


if __name__ == "__main__":
    main()
