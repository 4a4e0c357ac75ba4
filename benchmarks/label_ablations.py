"""The effect of each part of a round: the same labels, other ways of training.

python benchmarks/label_ablations.py --sets pricerunner --rounds 2,4 [--rules blind] [--seeds 0]
Works on the run folders of `benchmarks/labels.py --ways wsal --keep`.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from label_curves import RESULTS, read_lines
from label_sets import configured, file_of, known
from product_texts import DATA
from safetensors.torch import load_file, save_file

from wsal.artifacts import Artifact
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.evaluation.metrics import evaluate
from wsal.rounds.retraining import newest_checkpoint
from wsal.run.pipeline import read
from wsal.run.stage_table import STAGES

WAYS = {
    "as shipped": (),
    "without replay": ("finetune.replay=0",),
    "replay weighs 1": ("finetune.replay_weight=1.0",),
    "replay fades": ("finetune.replay_end=0.1",),
    "400 steps": ("finetune.steps=400",),
    "other seed": ("seed=101",),
    "third seed": ("seed=102",),
    "running mean of weights": ("finetune.ema=0.98",),
    "copies, gated on dev": ("amplify=default",),
    "copies, always": ("amplify=default", "amplify.least_gain=-1"),
    "rules re-aggregated, pretrained anew": (),
}
MIXED = ("as shipped", "other seed", "third seed")
"""The runs whose weights, and whose probabilities, are averaged."""


def trained(run, number, out, pretrained):
    """The fine-tuned artifact of a round, trained as `run` has it, under `out`."""
    stage, parts = STAGES["finetune"], run.components
    if (out / "done").exists():
        return Artifact(out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    inputs = {noun: read(run.run_dir, noun, number) for noun in stage.reads}
    inputs |= {"pretrained": pretrained, "retrainings": []}
    built = {need: parts[need] for need in (*stage.needs, *stage.uses)}
    facts = stage.function("finetune")(out, **inputs, **built)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    (out / "done").write_text(json.dumps(facts, default=str))
    return Artifact(out)


def pretrained_anew(run, number, out):
    """A pretrained artifact made from the weak labels that gold has reweighed."""
    if not (out / "done").exists():
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        stage = STAGES["pretrain"]
        inputs = {noun: read(run.run_dir, noun, number) for noun in ("pool", "tokens")}
        inputs["weak_labels"] = read(run.run_dir, "reweighed", number)
        built = {need: run.components[need] for need in (*stage.needs, *stage.uses)}
        stage.function("pretrain")(out, **inputs, **built)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        (out / "done").touch()
    return Artifact(out)


def mean_of_weights(folders, out):
    """A model whose weights are the mean of several."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folders[0], out)
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    mean = {k: sum(w[k] for w in weights) / len(weights) for k in weights[0]}
    save_file(mean, out / "model.safetensors", metadata={"format": "pt"})
    return out


def points(name, seed, number, options):
    """The quality of each way on test."""
    file = file_of(name, options.data, options.work)
    given = f"{name}-{options.rules}-wsal-{seed}"
    folder = options.work / "runs" / given
    texts = known(name, file, options.work)
    done, made = options.work / "ablations" / f"{given}-{number}", {}

    def scores(probs):
        found = evaluate(probs, texts.test_gold, texts.test_weights, texts.labels)
        return {k: round(found[k], 4) for k in ("macro_f1", "accuracy")}

    for way, overrides in WAYS.items():
        settings = (f"seed={seed}", f"name={given}", *overrides)
        run = configured(name, file, folder, *settings, rules=options.rules)
        place = done / way.replace(" ", "-").replace(",", "")
        both = (read(folder, noun, number) for noun in ("pretrained", "retrainings"))
        start = newest_checkpoint(*both).artifact
        if "anew" in way:
            start = pretrained_anew(run, number, place.with_name("pretrained-anew"))
        made[way] = trained(run, number, place, start).path
        yield way, scores(np.load(made[way] / "test_probs.npy"))
    probs = [np.load(made[way] / "test_probs.npy") for way in MIXED]
    yield "three seeds, answers averaged", scores(np.mean(probs, axis=0))
    soup = mean_of_weights([made[way] for way in MIXED], done / "soup")
    run = configured(name, file, folder, rules=options.rules)
    model = load_classifier(soup, run.components["encoder"], run.components["hardware"])
    yield "three seeds, weights averaged", scores(predict(model, texts.test, "test")[0])


def main():
    """Measure what is missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default="pricerunner")
    parser.add_argument("--rules", default="present")
    parser.add_argument("--rounds", default="2,4")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, default=RESULTS / "label_ablations.jsonl")
    parser.add_argument("--work", type=Path, default=Path("runs") / "bench-labels")
    options = parser.parse_args()
    for seed in map(int, options.seeds.split(",")):
        for name in options.sets.split(","):
            for number in map(int, options.rounds.split(",")):
                key = {"set": name, "rules": options.rules, "seed": seed, "round": number}
                lines = [{"rules": "present"} | one for one in read_lines(options.out)]
                done = [one["way"] for one in lines if key.items() <= one.items()]
                for way, found in points(name, seed, number, options):
                    if way not in done:
                        line = json.dumps(key | {"way": way} | found)
                        with options.out.open("a") as out:
                            out.write(line + "\n")
                        print(line, flush=True)


if __name__ == "__main__":
    main()
