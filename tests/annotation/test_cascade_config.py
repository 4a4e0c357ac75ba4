"""`annotator=cascade` on the command line: people are chosen inside it; mistakes are explained."""

import re

import pytest
from annotation.cascade_run import Run, says
from helpers import run_here
from llm.fake_server import FakeServer

from wsal.annotation.annotators import File, Oracle
from wsal.annotation.llm_annotators import Cascade, Llm
from wsal.artifacts import Artifact, write_manifest
from wsal.components import Components
from wsal.config.composed import check
from wsal.errors import AnnotationError, ConfigError
from wsal.run.checks import check_answers, check_stop_rules
from wsal.settings import ActiveSettings, EvaluationSettings, StopSettings

LOCAL = ("llm=local", "llm.model=fake")
WEB = ("annotator=cascade", "annotator@annotator.people=web")


def test_people_are_an_option_inside_the_option(composed, tmp_path):
    built = check(composed("annotator=cascade")).components["annotator"]
    assert built == Cascade(Oracle())
    assert not built.human
    assert built.serving is None
    assert built.answer_files(tmp_path) == []
    sheet = ("annotator=cascade", "annotator@annotator.people=file", "annotator.people.format=xlsx")
    built = check(composed(*sheet, "annotator.audit=0.2")).components["annotator"]
    assert built == Cascade(File("xlsx"), audit=0.2)
    assert built.human
    (tmp_path / "query.xlsx").touch()
    assert built.answer_files(tmp_path) == [tmp_path / "query.xlsx"]
    page = check(composed(*WEB, "annotator.people.port=0")).components["annotator"]
    assert page.serving is not None


def test_guidelines_of_people_are_part_of_the_digest(composed, tmp_path):
    guidelines = tmp_path / "classes.yaml"
    digests = []
    for text in ("Tea: leaves", "Tea: leaves and bags"):
        guidelines.write_text(text)
        parts = check(composed(*WEB, f"annotator.people.guidelines={guidelines}")).components
        digests.append(parts.config("annotator")["content"])
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("annotator@annotator.people=llm",), r"annotator\.people is a language model"),
        (("annotator.people=web",), r"write GROUP@annotator\.people=web"),
        (("annotator.accept=2",), r"annotator\.accept is 2"),
        (("annotator.people.seconds=-1",), r"annotator\.people\.seconds is -1"),
    ],
)
def test_mistakes_are_explained(composed, overrides, message):
    with pytest.raises(ConfigError, match=message):
        check(composed("annotator=cascade", *overrides))


def parts(annotator, composed, *llm):
    built = {
        "annotator": annotator, "active": ActiveSettings(), "stop": StopSettings(target=0.9),
        "evaluation": EvaluationSettings(), "llm": check(composed(*llm)).components["llm"],
    }  # fmt: skip
    return Components(built, {})


def with_facts(run, **facts):
    """The pool with other facts."""
    pool = Artifact.open(run.path / "pool")
    write_manifest(pool.path, pool.manifest | {"facts": pool.facts | facts})
    return Artifact.open(run.path / "pool")


def test_what_could_not_come_to_an_end_is_refused_before_work(composed, tmp_path):
    run = Run(tmp_path / "run").build()
    pool = with_facts(run, n_pool=2_000)
    for annotator in (Cascade(Oracle()), Llm()):
        with pytest.raises(ConfigError, match="asks a language model, and there is none"):
            check_answers(run.path, parts(annotator, composed), pool)
        check_answers(run.path, parts(annotator, composed, *LOCAL), pool)
    check_stop_rules(run.path, parts(Cascade(Oracle()), composed, *LOCAL), pool)
    with pytest.raises(ConfigError, match=r"target"):  # nobody will answer what measures it
        check_stop_rules(run.path, parts(Llm(), composed, *LOCAL), pool)
    without_gold = with_facts(run, n_pool_gold=0)
    with pytest.raises(AnnotationError, match=r"annotator@annotator\.people=web"):
        check_answers(run.path, parts(Cascade(Oracle()), composed, *LOCAL), without_gold)
    check_answers(run.path, parts(Cascade(File()), composed, *LOCAL), without_gold)
    check_answers(run.path, parts(Llm(), composed, *LOCAL), without_gold)


def test_a_second_opinion_on_labels_that_look_wrong(tmp_path):
    pytest.importorskip("cleanlab")
    with FakeServer(says(90)({"cup 4": (None, 90)})) as server:
        run = Run(tmp_path / "run", config={"llm": {"url": server.url, "model": "fake"}}).build()
        run.ask([f"{name} {n}" for n in range(20) for name in ("cup", "pot", "tea")])
        answers = run.annotate(Oracle(noise=0.15), server)
        before = answers.digest
        plain = run_here(tmp_path, "review", "run", "--most", "4")
        assert plain.returncode == 0, plain.stderr
        assert "opinion" not in plain.stdout
        assert not server.requests
        done = run_here(tmp_path, "review", "run", "--most", "4", "--llm")
        assert done.returncode == 0, done.stderr
        assert "opinion of fake" in " ".join(re.findall(r"\w+", done.stdout))
        assert "changes no label" in done.stdout
        assert len(server.requests) == 4
        for text, body in server.requests:
            assert f'\\"{text}\\" ->' not in str(body)  # its own doubtful label is no example
        assert run.annotate(Oracle(noise=0.15), server).digest == before
    run.config = {"llm": {"url": None}}
    run.build()
    refused = run_here(tmp_path, "review", "run", "--llm")
    assert refused.returncode == 1
    assert "has no language model" in refused.stderr


@pytest.mark.parametrize("people", ["[]", "[ann,bob]"])
def test_rules_by_class_names_need_no_guidelines_of_the_page(composed, people):
    parts = check(composed("annotator=web", "rules=names", f"annotator.people={people}")).components
    assert parts["rules"]["name_similarity"].guidelines is None
