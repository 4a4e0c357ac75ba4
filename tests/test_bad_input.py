"""Whatever is wrong with the input: one plain message, and nothing done before is lost."""

import fcntl
import re
import shutil
import subprocess
import sys
from functools import partial

import fork_server
import polars as pl
import pytest
from helpers import run_here

pytestmark = pytest.mark.slow

CSV = ("data=csv", "data.path=goods.csv", "data.layout.text=[title]", "data.layout.label=class")
GOODS = "id,title,class\n" + "".join(
    f"{i},{('big', 'small')[i % 2]} mug number {i},{('mug', 'pan')[i % 2]}\n" for i in range(40)
)


def command(folder, *arguments):
    """The command, in a process and a folder of its own."""
    line = [sys.executable, "-c", "from wsal.cli import main; main()", *arguments]
    return fork_server.run(line, cwd=folder, capture_output=True, text=True, check=False)


def fine(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def refused(done, pattern):
    """The command failed, with one plain message in which the pattern is found."""
    assert done.returncode > 0, done.stdout
    assert re.fullmatch(rf"error: .*{pattern}.*\n(.+\n)*", done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def kept(folder):
    """The bytes of what no later command may lose: manifests and people's sheets."""
    files = [p for p in folder.rglob("*") if p.name in ("manifest.json", "query.csv")]
    files = [p for p in files if "cleaned" not in p.parts]  # what was read last, even if refused
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder where the catalogue is prepared; torch has no part in it."""
    folder = tmp_path_factory.mktemp("prepared")
    fine(command(folder, "prepare", "data.n=300"))
    return folder


@pytest.fixture
def work(prepared, tmp_path):
    """A copy of it, with a table of goods beside it."""
    folder = shutil.copytree(prepared, tmp_path / "work")
    (folder / "goods.csv").write_text(GOODS)
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("prepare pretrain.lrr=3", "'pretrain.lrr'; did you mean 'lr'.*epochs"),
        ("prepare +pretrain.lrr=1", "pretrain.*'lrr'; did you mean 'lr'"),
        ("prepare +typo=1", "'typo'; known: active, adapt, aggregate"),
        ("prepare pretrain.lr=abc", "pretrain.lr is 'abc'.*valid number"),
        ("prepare pretrain.warmup=1.5", "pretrain.warmup is 1.5.*less than or equal to 1"),
        ("prepare device=cdua", "device is 'cdua'.*'cpu'.*'cuda'"),
        ("prepare seed=true", "seed is True; expected"),
        ("prepare pretrain=null", "pretrain.*(None|null)"),
        ("prepare label_model._target_=os.system", "'os.system', but only wsal. is trusted"),
        ("prepare data=csvv", "csvv.*did you mean 'csv'"),
        ("prepare data=csv", "data.path has no value.*data.path=..."),
        ("prdict", "unknown command 'prdict'; did you mean 'predict'"),
        ("vote name=nothing", "runs/nothing has no pool.*`wsal prepare`"),
        ("vote data.n=300 rules.phone_sim.label=Frige", "'phone_sim'.*'Frige'.*known: Coffee, "),
        ("vote data.n=300 rules.phone_power.pattern='a(?=b)'", "'phone_power'.*look-around"),
    ],
)
def test_a_wrong_command_is_refused(work, arguments, message):
    before = kept(work)
    refused(run_here(work, *arguments.split()), message)
    assert kept(work) == before


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (GOODS, "data.path=godos.csv", "godos.csv not found.*did you mean 'goods.csv'"),
        ("", "", "goods.csv is empty; expected a table"),
        (GOODS, "data.layout.label=clas", "'clas'; did you mean 'class'"),
        (GOODS + "7,twin,pan\n", "data.layout.id=id", "id '7' occurs twice.*rows 9 and 42"),
        (
            GOODS,
            "data.layout.labels=[mug,pann]",
            "'pan' of id 't[0-9a-f]{12}' .'small mug.*did you mean 'pann'",
        ),
        (
            GOODS,
            "data.layout.label=null",
            "found 0 classes.*data.layout.label=.*data.layout.labels=",
        ),
        (GOODS[:40] + "caf\x81\n", "", "not UTF-8 .line 3 has byte 0x81 .*data.encoding="),
        (GOODS + '7,"twin,pan\n', "", "goods.csv line 42: the quote at column 3 is never closed"),
        (GOODS, "data.delimiter=ab", "data.delimiter is 'ab'.*expected comma, semicolon"),
        (GOODS, "data.encoding=utf-99", "data.encoding is 'utf-99'.*expected an encoding"),
    ],
)
def test_a_wrong_file_is_refused(work, content, arguments, message):
    before = kept(work)
    (work / "goods.csv").write_text(content, encoding="latin1")  # ASCII, but for one byte
    refused(run_here(work, "prepare", *CSV, *arguments.split()), message)
    assert kept(work) == before


def test_two_processes_in_one_run_folder_are_kept_apart(work):
    before = kept(work)
    with (work / "runs/catalog/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(command(work, "vote", "data.n=300"), "another wsal .* on runs/catalog.*name=")
    assert kept(work) == before
    fine(command(work, "vote", "data.n=300"))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB."""
    (place := tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("mounting a small tmpfs is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_the_same_command_goes_on_once_there_is_room(small_disk, tmp_path):
    again = ("prepare", "data.n=20000", f"run_dir={small_disk}/run")
    refused(command(tmp_path, *again), f"no space is left.* {small_disk}/run.*; free some")
    assert kept(small_disk) == {}
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    fine(command(tmp_path, *again))
    assert list(kept(small_disk)) == ["run/pool/manifest.json"]


def test_the_smoke_experiment_takes_any_data(work):
    fine(command(work, "prepare", "experiment=smoke", *CSV))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A folder, arguments, and what they said: a pool without any gold came to its first query."""
    from wsal.data.catalog import NAMES, Catalog

    folder = tmp_path_factory.mktemp("asked")
    Catalog(n=300).read().drop("category", "split").write_csv(folder / "goods.csv")
    names = ",".join(f"'{name}'" for name in NAMES)
    arguments = (
        "encoder=tiny", "pretrain.epochs=1", "active.query_size=3", *CSV[:2], "data.layout.id=id",
        "data.layout.text=[title,brand,description]", f"data.layout.labels=[{names}]",
    )  # fmt: skip
    return folder, arguments, command(folder, "run", *arguments, "annotator=file")


@pytest.fixture
def waiting(asked, tmp_path):
    """A copy of it, for a test to write in: the folder, a function that runs, and the sheet."""
    folder, arguments, done = asked
    fine(done)
    folder = shutil.copytree(folder, tmp_path / "work")
    again = partial(command, folder, "annotate", *arguments)
    return folder, again, folder / "runs/catalog/rounds/001/query.csv"


def answer(path, *labels):
    """Fill in the sheet; gives back the ids that it asks for."""
    rows = pl.read_csv(path, infer_schema=False).with_columns(label=pl.Series(labels))
    rows.write_csv(path)
    return rows["id"].to_list()


def test_a_pool_without_gold_runs_up_to_its_first_query(asked):
    folder, _, done = asked
    assert fine(done).stdout.splitlines()[-1].startswith("waiting: 3 of 3 texts in runs/catalog/")
    stages = {p.removesuffix("/manifest.json") for p in kept(folder / "runs/catalog")}
    assert stages >= {"pool", "votes", "pretrained", "rounds/001/query", "rounds/001/query.csv"}


def test_an_unknown_label_is_refused_and_once_corrected_the_same_command_goes_on(waiting):
    folder, again, sheet = waiting
    ids = answer(sheet, "Phones", "Cofee", "-")
    before = kept(folder)
    message = again("annotator=file")
    refused(message, "query.csv: 1 answer cannot be accepted:")
    assert f"row 3, id '{ids[1]}': unknown label 'Cofee'; did you mean 'Coffee'?" in message.stderr
    assert kept(folder) == before
    answer(sheet, "Phones", "Coffee", "-")
    assert "2 labels, 1 skipped" in fine(again("annotator=file")).stdout
    assert "rounds/001/annotations/manifest.json" in "".join(kept(folder))


def test_an_oracle_without_gold_is_refused_and_the_query_stays(waiting):
    folder, again, _ = waiting
    before = kept(folder)
    refused(again("annotator=oracle"), "annotator=oracle.*has none; use annotator=file")
    assert kept(folder) == before
