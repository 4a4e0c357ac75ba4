"""Every code block of the README and of docs/ runs, page by page, as a reader would run it.

Blocks marked `text` are not run. To keep this short, encoders are tiny and random, training is
short, answers come from a file, and servers take free ports. Commands for several GPUs or for a
cluster are composed only.
"""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
import warnings

import fork_server
import httpx
import polars as pl
import pytest
from helpers import ROOT, run_here
from page_fixtures import PATIENCE, Page, command

from wsal.commands import LAUNCHED
from wsal.run.stage_table import STAGES

TINY = (
    "encoder=tiny", "pretrain.epochs=1", "finetune.steps=3", "active.max_candidates=100",
    "export.n_parity_texts=16", "report=false",
)  # fmt: skip
ELSEWHERE = (
    "submitit", "launcher=torchrun", "launcher=ray", "device=cuda", "tracker=wandb",
    "encoder.path",
)  # fmt: skip
BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:# @.*\n)?# (\S+\.(?:py|yaml))\n")
HOW_TO = (
    "rules", "encoder", "annotators", "export", "sweeps", "runs", "report", "cluster", "ray",
    "estimate",
)  # fmt: skip


class Reader:
    """Follows pages in one folder, and answers what wsal asks."""

    small = TINY

    def __init__(self, folder):
        self.folder, self.output, self.server = folder, "", None

    def follow(self, page):
        names = {}
        for language, text in BLOCK.findall((ROOT / page).read_text()):
            where = f"{page}:\n{text}"
            if language == "yaml" or (language == "python" and re.match(r"# \S+\.py\n", text)):
                self.save(text)
            elif language == "python":
                self.execute(text, names)
            elif language == "bash":
                for line in text.replace("\\\n", "").splitlines():
                    assert self.run(line), f"{where}\n{self.output[-3000:]}"
            else:
                assert language == "text", where
        self.stop()

    def save(self, text):
        """Write a block to the file that its first comments name."""
        path = self.folder / FILE.match(text)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def execute(self, text, names):
        text = text.replace('"minilm"', '"tiny"')
        with contextlib.chdir(self.folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries
            exec(compile(text, "block", "exec"), names)

    def run(self, line):
        """Whether the command succeeds."""
        words = shlex.split(line, comments=True)
        words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
        match words:
            case []:
                return True
            case ["make", name]:
                done = self.process("make", "-n", name, "-C", str(ROOT))
            case ["curl", *rest]:
                address = ("localhost:8000", self.server.address)
                done = self.process("curl", "--fail", *(word.replace(*address) for word in rest))
            case ["wsal", "serve", *rest]:
                self.server = Server(self.folder, *rest)
                return True
            case ["wsal", "run", *rest] if self.asks_on_page(rest):
                return self.answer_on_page(rest)
            case ["wsal", *rest]:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of libraries
                    done = run_here(self.folder, *self.adapted(rest))
        self.output += done.stdout + done.stderr
        if target:
            (self.folder / target).write_text(done.stdout)
        return done.returncode == 0

    def process(self, *words):
        return subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)

    def adapted(self, words):
        """The words of a command, for the machine that tests run on."""
        if any(word in " ".join(words) for word in ELSEWHERE):
            one_job = [re.sub(r"=(\w+)(,\w+)+$", r"=\1", w) for w in words if w != "--multirun"]
            return [*one_job, "--cfg", "job"]
        trains = words[0] in (*LAUNCHED, *STAGES) and not {"--help", "--cfg"} & set(words)
        return [*words, *self.small] if trains else words

    def asks_on_page(self, words):
        files = [self.folder / f"mine/{w.replace('=', '/')}.yaml" for w in words if "=" in w]
        texts = [file.read_text() for file in files if file.is_file()]
        return any("annotator: web" in text for text in texts) or "annotator=web" in words

    def answer_on_page(self, words):
        answers = dict(
            pl.read_csv(self.folder / "answers.csv").select("id", "category").iter_rows()
        )
        page = Page(self.folder, *words, *self.small, "active.rounds=1", name="run", base=())
        try:
            page.start()
            answer_all(page, {str(text_id): label for text_id, label in answers.items()})
            page.wait()
        finally:
            page.kill()
        self.output += page.log.read_text()
        return True

    def stop(self):
        if self.server:
            self.server.process.terminate()
            self.server.process.wait(PATIENCE)
            self.server.process.stdout.close()
            self.server = None


class Server:
    """`wsal serve` on a free port."""

    def __init__(self, folder, *words):
        self.process = fork_server.Popen(
            command("serve", *words, "--port", "0"), cwd=folder, stdout=subprocess.PIPE, text=True
        )
        self.address = re.search(r"127.0.0.1:\d+", self.process.stdout.readline())[0]


def answer_all(page, answers):
    """What a person does on the page until the command ends."""
    with httpx.Client(headers={"X-Wsal": "1"}, timeout=PATIENCE) as client:
        client.get(page.urls[0], follow_redirects=True)
        base = page.urls[0].split("/?")[0]
        while page.process.poll() is None:
            try:
                items = client.get(f"{base}/api/next", params={"n": 1}).json()["items"]
                for item in items:
                    client.post(f"{base}/api/act", json=answer(item, answers)).raise_for_status()
            except httpx.TransportError:  # the command has ended meanwhile
                continue
            if not items:  # it trains
                time.sleep(0.1)


def answer(item, answers):
    ids = [item["id"], *(copy["id"] for copy in item["duplicates"])]
    action = {"key": uuid.uuid4().hex, "kind": "answer", "round": 1, "ids": ids}
    return action | {"label": answers[ids[0]], "seconds": 2.0}


@pytest.fixture
def reader(tmp_path):
    reader = Reader(tmp_path)
    yield reader
    reader.stop()


@pytest.mark.slow
def test_readme(reader):
    reader.follow("README.md")
    assert "20 gold labels" in reader.output
    assert {"label", "probability"} <= set(pl.read_csv(reader.folder / "labelled.csv").columns)
    assert (reader.folder / "exported" / "labels.json").exists()


@pytest.mark.slow
def test_tutorial_on_the_page(tmp_path):
    reader = Training(tmp_path)
    reader.follow("docs/tutorials/page.md")
    assert "20 gold labels" in reader.output
    assert (reader.folder / "labelled.csv").exists()
    reader.follow("docs/scripts/configuration.md")


@pytest.mark.slow
def test_tutorial_in_a_file_and_how_to_go_on(reader):
    reader.follow("docs/tutorials/file.md")
    assert "20 of 20 texts in runs/shop/rounds/001/query.csv wait for an answer" in reader.output
    assert "20 gold labels" in reader.output
    assert "label: Pet Food" in (reader.folder / "suggested.yaml").read_text()
    pipeline_and_script_agree(reader.folder / "runs/shop/exported")
    for name in HOW_TO:
        copy = reader.folder / "how-to" / name
        shutil.copytree(reader.folder, copy, ignore=shutil.ignore_patterns("how-to", "logs"))
        CHECKS.get(name, Training)(copy).follow(f"docs/how-to/{name}.md")


def pipeline_and_script_agree(folder):
    """transformers and the exported predict_onnx.py, also on texts that are truncated."""
    from transformers import pipeline

    texts = ["arabica beans 1 kg", "", "kibble for puppies " * 3000, "木 😀"]
    by_pipeline = pipeline("text-classification", str(folder))(texts, truncation=True)
    code = (
        f"import json; from predict_onnx import Model; print(json.dumps(Model().predict({texts})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    for answer, (label, probability) in zip(by_pipeline, json.loads(done.stdout), strict=True):
        assert answer["label"] == label
        assert abs(answer["score"] - probability) < 1e-4


class Training(Reader):
    """Exports without ONNX, which takes longer than all the rest."""

    small = (*TINY, "export=hf")


class Exporting(Reader):
    def follow(self, page):
        super().follow(page)
        assert "would upload" in self.output
        (choice,) = json.loads((self.folder / "tasks.json").read_text())[0]["predictions"][0][
            "result"
        ]
        assert choice["value"]["choices"][0] in self.output


CHECKS = {"export": Exporting}


@pytest.mark.slow
def test_notebook_runs(tmp_path):
    from notebook import NOTEBOOK, execute

    copy = tmp_path / "notebook.ipynb"
    copy.write_text(NOTEBOOK.read_text().replace('\\"minilm\\"', '\\"tiny\\"'))
    execute(copy, tmp_path)
    assert outputs(NOTEBOOK).keys() == outputs(copy).keys()


def outputs(path):
    """Which cells of a notebook have outputs, and of which kinds; all of its cells were run."""
    import nbformat

    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    return {
        (c.source.replace("tiny", "minilm"), tuple(o.output_type for o in c.outputs)): c
        for c in cells
    }


def test_no_page_with_code_is_left_out():
    followed = {"page", "file", "configuration", *HOW_TO}
    followed.add("spark")  # by test_spark_page.py
    followed.add("class-trees")  # by serving/test_trusted_nodes.py
    for path in (ROOT / "docs").rglob("*.md"):
        languages = {language for language, _ in BLOCK.findall(path.read_text())}
        assert path.stem in followed or languages <= {"text"}, path
