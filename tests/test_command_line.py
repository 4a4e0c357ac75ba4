"""What people type after `wsal`: odd values are taken, wrong ones are named, all at once."""

import json
import socket

import pytest
from helpers import run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.config.overrides import prepared, swept
from wsal.errors import ConfigError

CSV = ("data=csv", "data.path=d.csv", "data.layout.text=[title]", "name=x")


@pytest.fixture
def work(tmp_path):
    """A folder with a small table, and a place for configuration of one's own."""
    rows = [f"a{n},red beans {n},{('yes', 'no')[n % 2]}\n" for n in range(8)]
    (tmp_path / "d.csv").write_text("id,title,kind\n" + "".join(rows))
    for group in ("rules", "experiment"):
        (tmp_path / "mine" / group).mkdir(parents=True)
    return tmp_path


def refused(done, *parts):
    """It failed without a traceback, and said each of these."""
    assert done.returncode == 1, done
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("typed", "ready"),
    [
        ("data.layout.labels=[Tea & Coffee,Pets,A/B]",
         "data.layout.labels=['Tea & Coffee',Pets,A/B]"),
        ("data.layout.labels=[Coffee (all, also decaf),Pet]",
         "data.layout.labels=['Coffee (all, also decaf)',Pet]"),
        ("data.layout.labels=[Café,动物]", "data.layout.labels=['Café','动物']"),
        ("data.layout.labels=[Levi's,O'Neil]", r"data.layout.labels=['Levi\'s','O\'Neil']"),
        ("data.path=my data=1, v(2).csv", "data.path='my data=1, v(2).csv'"),
        ("name=2024", "name='2024'"),
        ("name=1e3", "name='1e3'"),
        ("name=true", "name='true'"),
        ("name=2024-01-05", "name=2024-01-05"),
        ("name='quoted already'", "name='quoted already'"),
        ("seed=0,1", "seed=0,1"),
        ("~rules.a", "~rules.a"),
        (r"rules.a.pattern=\d+(g|kg)", r"rules.a.pattern='\d+(g|kg)'"),
    ],
)  # fmt: skip
def test_a_value_is_quoted_where_hydra_could_not_read_it(typed, ready):
    assert prepared([typed]) == [ready]


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1))
@settings(deadline=None, max_examples=200)
def test_a_path_and_a_name_arrive_as_they_were_typed(text):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    if text[0] in "'\"~" or not text.strip() or "${" in text or "\\" in text:
        return  # quoted already, or a home folder, a reference, an escape
    (ready,) = prepared([f"data.path={text}"])
    found = OverridesParser.create().parse_override(ready)
    assert not found.is_sweep_override()
    assert found.value() == text


def test_the_home_folder_and_options_between_overrides(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert prepared(["data.path=~/d.csv"]) == [f"data.path={tmp_path}/d.csv"]
    typed = ["name=x", "--config-dir", "mine", "-m", "seed=0,1", "--cfg=job", "data=csv"]
    options = ["--config-dir", "mine", "-m", "--cfg=job"]
    assert prepared(typed) == ["name=x", "seed=0,1", "data=csv", *options]
    assert swept(prepared(typed)) == {"seed"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["name="], ["name= is empty", "name=shop"]),
        (["data.path=", "name='  '"], ["2 things", "data.path= is empty", "name= is empty"]),
        (["name=a,b"], ["--multirun", "\"name='a,b'\""]),
        (["rules={}"], ["rules={} changes nothing"]),
        (["shop"], ["cannot understand 'shop'; expected KEY=VALUE"]),
        (["rules.Café.label=x"], ["'rules.Café.label' cannot be a key", "YAML file"]),
        (["data.layout.labels=[a,b (c]"], ["data.layout.labels=[a,b (c]", "in quotes"]),
        (["name=a\x00b"], ["control character"]),
        (["--experimental-rerun", "x.pkl"], ["pickle"]),
        (["--experiment=home"],
         ["--experiment is no option; overrides have no dashes: experiment=home"]),
        (["--config-dri", "mine"], ["--config-dri is no option; did you mean --config-dir?"]),
        (["name=e 1/../x"], ["name is 'e 1/../x', which is outside of runs/"]),
        (["-m", "name=a,b/../c"], ["name is 'b/../c', which is outside of runs/"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_what_to_type(typed, said):
    with pytest.raises(ConfigError) as error:
        prepared(typed)
    assert all(part in str(error.value) for part in said), str(error.value)


def test_options_may_stand_between_overrides_and_a_name_may_be_a_number(work):
    (work / "mine/rules/r.yaml").write_text("{}")
    done = run_here(work, "prepare", *CSV[:3], "rules=r", "--config-dir", "mine",
                    "data.layout.label=kind", "name=2024")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((work / "runs/2024/config.json").read_text())["name"] == "2024"


@pytest.mark.parametrize("place", [0, 2, 9])
def test_details_are_shown_wherever_verbose_stands(work, place):
    words = [*CSV, "data.layout.label=kind"]
    words.insert(place, "--verbose")
    done = run_here(work, "prepare", *words)
    assert done.stdout.startswith("prepare            8 rows -> pool 6"), done.stderr
    swept = run_here(work, "prepare", "-m", *words[::-1], "seed=0,1")
    assert swept.stdout.count("8 rows -> pool") == 2, swept.stderr
    assert (
        "6 texts, 2 classes; test 2"
        in run_here(work, "prepare", *CSV, "data.layout.label=kind").stdout
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["~seed"], ["seed was removed"]),
        (["~hardware", "~stop"], ["hardware was removed", "stop was removed"]),
        (["seed=1.5"], ["seed is 1.5; expected a whole number"]),
        (["run_dir=.."], ["run_dir is '..'; expected the name of a folder"]),
        (["name=../other"], ["name is '../other', which is outside of runs/; use run_dir=FOLDER"]),
        (["pretrain.lr=abc", "active.rounds=-1", "+finetune.typo=1"],
         ["3 things", "pretrain.lr is 'abc'", "active.rounds is -1", "'typo'"]),
        (["data=csv"], ["data.layout.text has no value, data.path has no value; add"]),
        (["data.layout.labels=[true,null,1.5]"],
         ["labels[0] is True, a boolean", 'labels[1] is null; if text is meant, put it in quotes',
          "labels[2] is 1.5; if text is meant"]),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_refused_with_all_that_is_wrong(work, words, said):
    data = CSV if not any(word.startswith("data=") for word in words) else ()
    refused(run_here(work, "prepare", *data, *words), *said)
    assert not (work / "runs/x/pool").exists()


def test_numbers_are_names_and_one_name_is_a_list(work):
    text = (work / "d.csv").read_text().replace("yes", "1").replace("no", "0")
    (work / "d.csv").write_text(text.replace("title", "7"))
    done = run_here(work, "prepare", *CSV[:2], "name=x", "data.layout.text=7",
                    "data.layout.label=kind", "data.layout.labels=[0,1]", "seed=1.0")  # fmt: skip
    assert done.returncode == 0, done.stderr
    config = json.loads((work / "runs/x/config.json").read_text())
    assert config["data"]["layout"]["labels"] == ["0", "1"]
    assert config["data"]["layout"]["text"] == ["7"]
    assert config["seed"] == 1


def test_booleans_of_yaml_and_a_missing_first_line_are_explained(work):
    (work / "mine/experiment/e.yaml").write_text(
        "# @package _global_\ndata:\n  layout:\n    labels: [yes, no]\n"
    )
    refused(run_here(work, "prepare", "--config-dir", "mine", "experiment=e", *CSV),
            "data.layout.labels[0] is True", "yes, no, on, off", "put it in quotes")  # fmt: skip
    (work / "mine/experiment/e.yaml").write_text("seed: 5\n")
    refused(run_here(work, "prepare", "--config-dir", "mine", "experiment=e", *CSV),
            "add this first line", "# @package _global_")  # fmt: skip
    (work / "mine/experiment/e.yaml").write_text("# @package _global_\nrules: shop\n")
    refused(run_here(work, "prepare", "--config-dir", "mine", "experiment=e", *CSV),
            "rules is 'shop'", "- override /rules: shop")  # fmt: skip


RULE = "{_target_: wsal.rules.patterns.Keyword, label: A, words: [beans]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n  label: A\n  words: [x]\n", ["rules.a has no `_target_`", "patterns.Keyword"]),
        ("a: {_target_: wsal.rules.patterns.KeyWord, label: A, words: [x]}\n",
         ["no 'KeyWord'; did you mean 'Keyword'? known: Keyword, Regex\n"]),
        (f"- {RULE}\n", ["expected a mapping from names to components"]),
        (RULE.join(("a: ", "\n")).replace("[beans]", "[yes, 1.50, null]"),
         ["3 things", "words[0] is True, a boolean", "words[1] is 1.5", "words[2] is null"]),
        (RULE.join(("a: ", "\n")).replace("[beans]", "'beans, arabica'"),
         ["rules.a.words is 'beans, arabica'; expected a list: [beans, arabica]"]),
        ('a: {_target_: wsal.rules.patterns.Regex, label: A, pattern: "\\d+g"}\n',
         ["r.yaml, line 1, column", "unknown escape character 'd'", "single quotes"]),
        ("a: {_target_: wsal.rules.patterns.Regex, label: A, pattern: 'x${1}'}\n",
         ["rules.a.pattern: `${` begins a reference", r"write \${"]),
        (f"no: {RULE}\nb: {RULE}\n", ["line 1: YAML reads no as a boolean", "'no'"]),
        (RULE.join(("a: ", "\n")).replace("beans", "007, 0123"),
         ["line 1: YAML reads 007 as 7", "'007'", "YAML reads 0123 as 83"]),
        (f"a: {RULE}\na: {RULE}\n", ["r.yaml, line 2", "each name may appear only once"]),
        ("a:\n\tb: 1\n", ["r.yaml, line 2", "spaces, not tabs"]),
    ],
)  # fmt: skip
def test_a_wrong_file_of_rules_is_refused_with_what_to_write(work, text, said):
    (work / "mine/rules/r.yaml").write_text(text)
    refused(run_here(work, "vote", "--config-dir", "mine", "rules=r", *CSV), *said)


def test_rules_may_be_named_by_numbers_and_take_one_word(work):
    labels = "data.layout.labels=[A,B]"
    assert run_here(work, "prepare", *CSV, labels).returncode == 0
    rule = "{_target_: wsal.rules.patterns.Keyword, label: A, words: beans, fields: title}"
    (work / "mine/rules/r.yaml").write_text(f"501: {rule}\nb: {rule.replace('beans', '[5]')}\n")
    done = run_here(work, "vote", "--config-dir", "mine", "rules=r", *CSV, labels)
    assert done.returncode == 0, done.stderr
    node = json.loads((work / "runs/x/config.json").read_text())["rules"]
    assert node["501"]["words"] == ["beans"]
    assert node["501"]["fields"] == ["title"]
    assert node["b"]["words"] == ["5"]


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("own_a", "def short(r)\n    pass\n", ["own_a.py, line 1: expected ':': def short(r)"]),
        ("own_b", "import nosuch_module\n", ["own_b.py, line 1: ModuleNotFoundError"]),
        ("own_c", "x = 1\ny = 1 / 0\n", ["own_c.py, line 2: ZeroDivisionError"]),
        ("own_d", "def short(r):\n    return 'A'\n", ["own_d.short is a plain function", "@rule"]),
        ("own_e", "short = 5\n", ["rules.a is of type int; expected a Rule"]),
        ("own_f", "from wsal.rules.functions import rule\n\n@rule\ndef long(r): ...\n",
         ["own_f has no 'short'; known: long"]),
    ],
)  # fmt: skip
def test_a_wrong_module_of_rules_is_refused_with_file_and_line(work, module, source, said):
    (work / f"{module}.py").write_text(source)
    (work / "mine/rules/r.yaml").write_text(f"a: {{_target_: {module}.short}}\n")
    words = ("vote", "--config-dir", "mine", "rules=r", *CSV)
    refused(run_here(work, *words, f"trusted={module}"), *said)
    refused(run_here(work, *words), "trusted=[my_module]")  # and no code unasked


def test_a_class_of_a_foreign_module_is_not_built_by_way_of_a_trusted_one(work):
    (work / "mine/rules/r.yaml").write_text("a: {_target_: wsal.config.composed.Path}\n")
    refused(run_here(work, "vote", "--config-dir", "mine", "rules=r", *CSV), "not trusted")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "folders"),
    [
        (["data.n=200,210", "name=mr"], ["mr/data.n=200", "mr/data.n=210"]),
        (["data.n=200,210", "run_dir=runs/here"], ["here/data.n=200", "here/data.n=210"]),
        (["name=p q,r (s)", "data.n=200"], ["p q", "r (s)"]),
        (["name=p,q", "data.n=200,210"],
         [f"{name}/data.n={n}" for name in "pq" for n in (200, 210)]),
        (["name=p,q", "run_dir=runs/one", "data.n=200"], ["one/name=p", "one/name=q"]),
    ],
)  # fmt: skip
def test_each_job_of_a_sweep_has_a_folder_of_its_own(tmp_path, words, folders):
    done = run_here(tmp_path, "prepare", "--multirun", *words)
    assert done.returncode == 0, done.stderr
    found = (tmp_path / "runs").rglob("config.json")
    assert sorted(str(p.parent.relative_to(tmp_path / "runs")) for p in found) == folders


def test_an_unexpected_error_keeps_its_traceback_and_asks_for_a_report(capsys):
    from wsal.error_output import report

    with pytest.raises(SystemExit, match="1"):
        report(ZeroDivisionError("division by zero"))
    said = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in said
    assert "a bug in wsal" in said.splitlines()[-1]
    with pytest.raises(SystemExit, match="1"):
        report(PermissionError(13, "Permission denied", "runs/x"))
    assert capsys.readouterr().err == "error: runs/x: Permission denied\n"


@pytest.mark.parametrize("stage", ["vote", "aggregate", "select", "finetune", "export", "active"])
def test_a_stage_before_its_input_names_the_stage_to_run_and_leaves_no_folder(work, stage):
    refused(run_here(work, stage, *CSV),
            "runs/x has no pool yet: run `wsal prepare` with", "or `wsal run`")  # fmt: skip
    assert not list((work / "runs").iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ["data.path=no.csv"],
        ["data.layout.label=no"],
        ["seed=1.5"],
        ["name=e 1/../x"],
        ["--multirun", "seed=0,1"],
    ],
)
def test_a_run_that_fails_before_it_made_anything_is_no_run(work, words):
    assert run_here(work, "run", *CSV, *words).returncode == 1
    assert not list((work / "runs").rglob("config.json"))
    if "--multirun" not in words:  # which keeps its list of jobs
        assert not list((work / "runs").glob("*"))


def test_a_command_that_fails_leaves_the_run_that_was_there(work):
    words = (*CSV, "data.layout.label=kind")
    assert run_here(work, "prepare", *words).returncode == 0
    before = {path for path in (work / "runs/x").rglob("*") if "logs" not in path.parts}
    refused(run_here(work, "vote", *words, "data.layout.labels=[no]", "rules=shopp"), "rules=shopp")
    refused(run_here(work, "aggregate", *words), "runs/x has no votes yet: run `wsal vote`")
    assert before == {path for path in (work / "runs/x").rglob("*") if "logs" not in path.parts}


def test_an_unknown_option_is_compared_with_those_of_ones_own_folder(work):
    (work / "mine/rules/shop.yaml").write_text("{}")
    own = "options of your own need --config-dir FOLDER"
    done = run_here(work, "run", "--config-dir", "mine", *CSV, "rules=shopp")
    refused(done, "unknown option rules=shopp; did you mean 'shop'?", "pricerunner, shop")
    assert own not in done.stderr
    refused(run_here(work, "run", *CSV, "rules=shop"), "unknown option rules=shop; ", own)


def test_a_missing_file_is_named_before_a_port_that_is_taken(work):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        page = ("annotator=web", f"annotator.port={taken.getsockname()[1]}")
        refused(run_here(work, "run", *CSV, *page, "data.path=no.csv"), "file no.csv not found")
        refused(run_here(work, "run", *CSV, *page), "cannot listen on 127.0.0.1")
