"""What the README says about the repository is true. Its code blocks run in tests/docs."""

import re

<<<<<<< HEAD
=======
import fork_server
import pytest
>>>>>>> speed
from helpers import ROOT

README = (ROOT / "README.md").read_text()


def test_it_is_short():
    assert len(README.splitlines()) <= 180


<<<<<<< HEAD
def test_the_tree_names_every_package():
    tree = next(text for text in README.split("```") if "wsal/\n" in text)
    named = set(re.findall(r"^  (\w+)/ ", tree, re.MULTILINE))
    assert named == {path.parent.name for path in (ROOT / "wsal").glob("*/__init__.py")}
    assert all((ROOT / name).is_dir() for name in re.findall(r"^(\w+)/ ", tree, re.MULTILINE))


def test_its_links_and_targets_exist():
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets
=======
def run_line(line, cwd):
    words = shlex.split(line, comments=True)
    words, into = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
    if words[0] == "make":
        command = ["make", "-n", words[1], "-C", str(ROOT)]
    else:
        assert words[0] == "wsal", f"the README runs something else: {line}"
        tiny = TINY if words[1] == "run" and not {"--help"} & set(words) else []
        command = [sys.executable, "-c", "from wsal.cli import main; main()", *words[1:], *tiny]
    run = subprocess.run if words[0] == "make" else fork_server.run
    done = run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if into:
        (cwd / into).write_text(done.stdout)
    return done


@pytest.mark.slow
def test_every_block_does_what_the_text_says(tmp_path):
    said = []
    for language, text in blocks():
        if language == "yaml":
            name = text.splitlines()[0].removeprefix("# ")
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        elif language == "python":
            quiet = {**os.environ, "HF_HUB_OFFLINE": "1"}
            done = fork_server.run(
                [sys.executable, "-c", text], cwd=tmp_path, env=quiet, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, text + done.stderr
        elif language == "bash":
            for line in text.splitlines():
                done = run_line(line, tmp_path)
                assert done.returncode == 0, line + done.stderr
                said.append(done.stdout)
    whole = "\n".join(said)
    assert "20 of 20 texts in runs/shop/rounds/001/query.csv wait for an answer" in whole
    assert "20 gold labels" in whole
    assert "labelled " in whole
    assert "label: Pet Food" in (tmp_path / "suggested.yaml").read_text()
    assert (tmp_path / "labelled.csv").exists()
    pipeline_says_what_the_script_says(tmp_path / "runs/shop/exported")
    assert "would upload" in whole
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert tasks[0]["predictions"][0]["result"][0]["value"]["choices"][0] in whole


def pipeline_says_what_the_script_says(folder):
    """Of texts that are longer than the model looks, too."""
    from transformers import pipeline

    texts = ["arabica beans 1 kg", "", "kibble for puppies " * 3000, "木 😀"]
    found = pipeline("text-classification", str(folder))(texts, truncation=True)
    code = (
        f"import json; from predict_onnx import Model; print(json.dumps(Model().predict({texts})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    for one, (label, probability) in zip(found, json.loads(done.stdout), strict=True):
        assert one["label"] == label
        assert abs(one["score"] - probability) < 1e-4


def test_the_tree_names_what_there_is():
    tree = next(text for text in (ROOT / "README.md").read_text().split("```") if "wsal/\n" in text)
    names = re.findall(r"^  (\w+(?:/|\.py)) ", tree, re.MULTILINE)
    assert len(names) > 10
    assert all((ROOT / "wsal" / name).exists() for name in names)


def test_options_in_the_table_are_those_of_conf():
    readme = (ROOT / "README.md").read_text()
    lines = readme.splitlines()[::-1]  # this table comes after the one of stages
    for group in GROUPS:
        row = next(line for line in lines if line.startswith(f"| `{group}` |"))
        named = set(re.findall(r"`(\w+)`", row)) - {group}
        assert named == {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}, group
>>>>>>> speed
