"""Whatever files, configurations and command lines hold: an error in plain words, no traceback.

Each kind of input meets each kind of edit, over and over: `make test-thorough` tries more of them.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from functools import partial
from itertools import cycle, islice, product
from random import Random

import fork_server
import polars as pl
import pytest
from helpers import CONF, by_default, run_here
from mutations import EDITS, VALUES, WORD_EDITS, damaged, damaged_json, damaged_words

from wsal.commands import LAUNCHED
from wsal.error_output import report
from wsal.run.stage_table import STAGES

pytestmark = pytest.mark.slow
TINY = (
    "data.n=300", "encoder=tiny", "pretrain.epochs=1", "finetune.steps=2", "active.rounds=1",
    "active.query_size=6", "export=hf", "tracker=none", "hardware.threads=1", "report=false",
)  # fmt: skip
FAULT = "this is a bug in wsal"
ROWS = [(f"a{n}", f"Arabica beans {n} kg", ("Coffee", "Pets")[n % 2]) for n in range(12)]
RULES = rb"""
beans: {_target_: wsal.rules.patterns.Keyword, label: Coffee, words: [beans, 501], unless: [dog]}
size:
  _target_: wsal.rules.patterns.Regex
  label: Pets
  pattern: '\b\d+ ?kg\b'
  fields: [title]
brand: {_target_: wsal.rules.lookup.Lookup, field: title, values: {x: Coffee, y: Pets}}
"""
EXPERIMENT = b"""# @package _global_
defaults:
  - override /strategy: margin
seed: 3
data:
  n: 300
pretrain: {lr: 0.001, epochs: 2}
active:
  rounds: 2
"""


def in_turn(*kinds, quick, thorough):
    """Combinations of what is listed, in turn and from the first again, until there are enough."""
    combinations = list(product(*kinds))
    assert quick >= len(combinations), "some would never be tried"
    return islice(cycle(combinations), by_default(quick, thorough=thorough))


def outcome(call):
    """What a call says on standard error, as the command would."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            if isinstance(done := call(), subprocess.CompletedProcess):
                said.write(done.stderr)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  as in cli.main
            with pytest.raises(SystemExit):
                report(error)
    return said.getvalue()


def check(cases):
    """Each case is what was given (to be shown) and a call; none may end in a traceback."""
    faults, shown = Counter(), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n, (given, call) in enumerate(cases):
            said = outcome(call)
            if FAULT in said:
                lines = said.strip().splitlines()
                where = [line.strip() for line in lines if line.strip().startswith("File ")]
                fault = f"{lines[-2][:200]} at {where[-1] if where else '?'}"
                faults[fault] += 1
                shown.setdefault(fault, f"case {n}: {given!r:.600}")
    assert n > 0
    told = "\n".join(f"{count} x {fault}\n    {shown[fault]}" for fault, count in faults.items())
    assert not faults, f"{faults.total()} of {n + 1} ended in a traceback:\n{told}"


@pytest.fixture(scope="module")
def place(built_once, tmp_path_factory):
    """A folder with a whole run, `done`, and one whose first query waits for people, `open`."""
    environment = {k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"}

    def fill(folder):
        for words in (("run", "name=done"), ("run", "name=open", "annotator=file")):
            line = [sys.executable, "-c", "from wsal.cli import main; main()", *words, *TINY]
            done = fork_server.run(
                line, cwd=folder, capture_output=True, text=True, env=environment
            )
            assert done.returncode == 0, done.stderr

    return shutil.copytree(built_once("fuzzed", fill), tmp_path_factory.mktemp("fuzz") / "place")


def tables():
    """The same rows in each kind of file."""
    frame = pl.DataFrame(ROWS, schema=["id", "title", "category"], orient="row")
    kinds = {"csv": frame.write_csv, "parquet": frame.write_parquet, "xlsx": frame.write_excel}
    made = {}
    for kind, write in kinds.items():
        out = io.BytesIO()
        write(out)
        made[kind] = out.getvalue()
    made["tsv"] = made["csv"].replace(b",", b"\t")
    made["jsonl"] = frame.write_ndjson().encode()
    return made


def test_data_files_through_prepare(tmp_path):
    from wsal.data.base import Layout
    from wsal.data.table_file import TableFile
    from wsal.stages.prepare import prepare

    made, random = tables(), Random(1)
    layout = Layout(("title",), label="category", id="id")

    def read(path, out):
        out.mkdir(exist_ok=True)
        prepare(out, data=TableFile(path, layout), seed=0, shard_rows=1000)

    def cases():
        kinds = ("csv", "csv", "tsv", "jsonl", "jsonl", "parquet", "xlsx")
        for kind, edit in in_turn(kinds, EDITS, quick=224, thorough=1_300):
            data = damaged(made[kind], random, edit)
            path = tmp_path / f"d.{kind}"
            path.write_bytes(data)
            yield (kind, data), lambda path=path: read(path, tmp_path / "out")

    check(cases())


def test_rule_files(tmp_path, place):
    from wsal.config.composed import rules_in
    from wsal.labels import LabelSet
    from wsal.rules.voting import collect_votes

    random, path = Random(2), tmp_path / "r.yaml"
    pool = pl.read_parquet(place / "runs/done/pool/pool.parquet").head(20)
    labels = LabelSet(("Coffee", "Pets"))

    def vote():
        rules, _ = rules_in(path)
        collect_votes(rules, pool, labels)

    def cases():
        for (edit,) in in_turn(EDITS, quick=160, thorough=900):
            data = damaged(RULES, random, edit)
            path.write_bytes(data)
            yield data, vote

    check(cases())


def test_settings(composed):
    from omegaconf import OmegaConf

    from wsal.config.composed import check as checked

    random = Random(3)
    whole = OmegaConf.to_container(composed("rules=catalog", *TINY))
    del whole["rules"]
    data = json.dumps({**whole, "rules": {"a": {"_target_": "wsal.rules.patterns.Regex",
                                                "label": "x", "pattern": "y"}}})  # fmt: skip

    def cases():
        for (becomes,) in in_turn(VALUES, quick=102, thorough=400):
            node = json.loads(damaged_json(data, random, becomes))
            yield node, lambda node=node: checked(OmegaConf.create(node))

    check(cases())


def test_files_of_configuration_through_the_command(tmp_path):
    random = Random(4)
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/rules").mkdir()
    arguments = ("--config-dir", "mine", "experiment=e", "rules=r", "tracker=none")

    def cases():
        names = ("experiment/e", "rules/r")
        for which, edit in in_turn(names, EDITS, quick=32, thorough=64):
            files = {"experiment/e": EXPERIMENT, "rules/r": RULES}
            files[which] = damaged(files[which], random, edit)
            for name, data in files.items():
                (tmp_path / f"mine/{name}.yaml").write_bytes(data)
            yield files[which], partial(run_here, tmp_path, "vote", *arguments)

    check(cases())


OVERRIDES = (
    "data=csv", "data.path=my file (1).csv", "data.layout.text=[title,brand]", "~rules.a",
    "data.layout.labels=[Tea & Coffee,'Pets, all',Café]", "seed=3", "+active.rounds=3", "name=x",
    "pretrain={lr: 0.1}", "rules.a.pattern='\\d+'", "--multirun", "seed=0,1", "--config-dir",
    "mine", "data.n=100", "--cfg", "job", "active=default",
)  # fmt: skip


def test_overrides():
    from hydra import compose, initialize_config_dir

    from wsal.config.composed import check as checked
    from wsal.config.overrides import prepared, swept

    random = Random(5)

    def compose_some(words):
        ready = prepared(words)
        swept(ready)
        if random.random() < 0.05:
            with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
                config = compose("config", [one for one in ready if not one.startswith("-")])
            checked(config)

    def cases():
        for (edit,) in in_turn(WORD_EDITS, quick=200, thorough=900):
            few = random.sample(OVERRIDES, random.randint(1, 3))
            words = damaged_words(few, random, edit)
            yield words, lambda words=words: compose_some(words)

    check(cases())


READERS = (
    ("status",), ("status", "done"), ("rules", "done"), ("rules", "done", "--examples", "1"),
    ("forecast", "done", "--target", "0.95"), ("review", "open"), ("compare", "done", "open"),
    ("rules", "watch", "r.yaml", "done", "--once", "--texts", "20"), ("forecast", "open"),
    ("predict", "runs/done/exported", "d.csv", "out.csv", "--top", "2"),
    ("serve", "nosuch", "--port", "0"), ("push", "runs/done/exported", "me/x", "--dry-run"),
    ("rules", "suggest", "open", "--gold", "3"), ("nosuch",), ("--version",), ("status", "--help"),
)  # fmt: skip
STAGE_WORDS = ("name=gone", "seed=1", "data.n=200", "device=cpu")


def test_command_lines_of_readers(place):
    (place / "r.yaml").write_bytes(RULES)
    (place / "d.csv").write_bytes(tables()["csv"])
    random = Random(6)

    def cases():
        for reader, edit in in_turn(READERS, WORD_EDITS, quick=128, thorough=512):
            words = damaged_words(reader, random, edit)
            if words[:1] == ["serve"]:
                words = [*words, "--backend", "nosuch"]  # else it would stay
            if words[:2] == ["rules", "watch"]:
                words = [*words, "--once"]  # so would it
            if words[:1] and words[0] in (*STAGES, *LAUNCHED):
                continue
            yield words, partial(run_here, place, *words)

    check(cases())


def test_command_lines_of_stages(tmp_path):
    random = Random(7)
    stages = [name for name in STAGES if name != "prepare"]  # the run is not there

    def cases():
        for stage, edit in in_turn(stages, WORD_EDITS, quick=52, thorough=52):
            words = damaged_words(STAGE_WORDS, random, edit)
            yield words, partial(run_here, tmp_path, stage, *words)

    check(cases())


def answered(tool, task, label, n):
    """A task as the tool gives it back."""
    if tool == "label_studio":
        result = {"from_name": "label", "to_name": "text", "type": "choices",
                  "value": {"choices": [label]}}  # fmt: skip
        one = {"id": n, "was_cancelled": False, "lead_time": 2.5, "result": [result]}
        return {"id": n, "annotations": [one], "predictions": [], **task}
    if tool == "argilla":
        said = {"label": [{"value": label, "user_id": "u"}]}
        return {**task, "responses": said, "status": "completed"}
    if tool == "prodigy":
        return {**task, "answer": "accept", "accept": [label], "_annotator_id": "p"}
    return {**task, "id": n, "label": [label], "Comments": []}


def filled_in(form, folder, labels):
    """A query as it comes back answered: where it goes, and its bytes."""
    path = next(folder.glob("query.*"))
    if form in ("csv", "xlsx"):
        frame = pl.read_csv(path, infer_schema=False) if form == "csv" else pl.read_excel(path)
        frame = frame.with_columns(label=pl.Series([labels[n % 2] for n in range(len(frame))]))
        out = io.BytesIO()
        frame.write_csv(out) if form == "csv" else frame.write_excel(out, worksheet="query")
        return path, out.getvalue()
    text = path.read_text("utf-8")
    lines = path.suffix == ".jsonl"
    tasks = list(map(json.loads, text.splitlines())) if lines else json.loads(text)
    done = [answered(form, task, labels[n % 2], n) for n, task in enumerate(tasks)]
    back = "\n".join(map(json.dumps, done)) if lines else json.dumps(done)
    return path.with_name(f"answers{path.suffix}"), back.encode()


@pytest.mark.parametrize("form", ["csv", "xlsx", "label_studio", "argilla", "prodigy", "doccano"])
def test_sheets_and_exports_of_tools(form, place, tmp_path, composed):
    from wsal.config.composed import check as checked
    from wsal.run.pipeline import run_stage

    run_dir = shutil.copytree(place / "runs/open", tmp_path / "run")
    folder = run_dir / "rounds/001"
    for path in folder.glob("query.*"):
        path.unlink()
    parts = checked(composed(*TINY, "annotator=file", f"annotator.format={form}")).components
    labels = json.loads((run_dir / "pool/manifest.json").read_text())["facts"]["labels"]

    def read():
        shutil.rmtree(folder / "annotations", ignore_errors=True)
        run_stage(run_dir, "annotate", parts, 1)

    outcome(read)  # writes the query
    path, whole = filled_in(form, folder, labels)
    random = Random(form)

    def cases():
        path.write_bytes(whole)
        yield whole, read
        kinds = (*EDITS, *VALUES) if path.suffix == ".json" else EDITS
        for (kind,) in in_turn(kinds, quick=32, thorough=125):
            data = (damaged if kind in EDITS else damaged_json)(whole, random, kind)
            path.write_bytes(data)
            yield data, read

    check(cases())
    path.write_bytes(whole)
    read()
    assert (folder / "annotations/manifest.json").exists()  # undamaged, it is taken


def test_files_through_predict(place, tmp_path):
    from wsal.serving.backends import Model
    from wsal.serving.chunk_texts import PredictOptions
    from wsal.serving.labelling import label_table
    from wsal.serving.sources import Source

    model = Model.of(place / "runs/done/exported")
    made, random = tables(), Random(9)
    out = tmp_path / "out"

    def label(path, kind):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        source = Source.of(path, None)
        label_table(model, source, out / f"o.{kind}", PredictOptions(["title"], 1, "p_"))

    def cases():
        for kind, edit in in_turn(made, EDITS, quick=80, thorough=360):
            data = damaged(made[kind], random, edit)
            path = tmp_path / f"d.{kind}"
            path.write_bytes(data)
            yield (kind, data), lambda path=path, kind=kind: label(path, kind)

    check(cases())


WHAT_RUNS_HOLD = (
    "config.json", "summary.json", "pool/manifest.json", "votes/manifest.json",
    "weak_labels/manifest.json", "rounds/001/query/manifest.json",
    "rounds/001/annotations/manifest.json", "rounds/001/assessed/manifest.json",
    "exported/manifest.json",
)  # fmt: skip


def test_manifests_and_configurations_of_runs(place, tmp_path):
    shutil.copytree(place / "runs/done", tmp_path / "runs/done")
    readers = (("status",), ("forecast",), ("review",), ("compare", "done"), ("rules", "done"))
    random = Random(10)

    def cases():
        kinds = (*EDITS, *VALUES)
        for name, kind in in_turn(WHAT_RUNS_HOLD, kinds, quick=225, thorough=600):
            path = tmp_path / "runs/done" / name
            whole = path.read_bytes()
            if kind in EDITS:
                data = damaged(whole, random, kind)
            else:
                data = damaged_json(whole, random, kind, part="facts")
            path.write_bytes(data)
            words = random.choice(readers)
            yield (words, name, data), partial(run_here, tmp_path, *words)
            path.write_bytes(whole)

    check(cases())


def test_a_sample_through_the_real_command(place, tmp_path):
    random, made = Random(11), tables()
    for n in range(by_default(5, thorough=10)):
        data = damaged(made["csv"], random)
        (tmp_path / "d.csv").write_bytes(data)
        words = damaged_words(READERS[n], random)
        layout = ("data=csv", "data.path=d.csv", "data.layout.text=[title]")
        for folder, line in ((tmp_path, ("prepare", *layout)), (place, words)):
            if line[:1] == ["serve"]:
                continue
            start = [sys.executable, "-c", "from wsal.cli import main; main()"]
            run = fork_server.run if n else subprocess.run
            done = run(
                [*start, *(word.replace("\x00", "") for word in line)],
                cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert done.returncode in (0, 1, 2), (line, data, done.stderr)
            assert "Traceback" not in done.stderr, (line, data, done.stderr)
