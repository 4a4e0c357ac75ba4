"""Refuse rounds that could not come to an end, before hours of training."""

from pathlib import Path

from wsal.active.stopping import unmeasurable_rules
from wsal.annotation.annotators import Oracle
from wsal.annotation.answers import coded_answers
from wsal.annotation.handed_out import is_corrected, is_work_of_people
from wsal.annotation.llm_annotators import NO_PEOPLE, Cascade, Llm, check_llm
from wsal.annotation.oracle_gold import no_gold, too_little_gold
from wsal.annotation.questions import check_kinds
from wsal.artifacts import Artifact
from wsal.components import Components
from wsal.errors import AnnotationError, ConfigError
from wsal.rounds.evaluation_frame import sample_size
from wsal.rounds.frame_periods import frame_size
from wsal.run.pipeline import opened
from wsal.run.stage_table import STAGES


def check_rounds(run_dir: Path, components: Components) -> None:
    """Check what rounds need, as soon as there is a pool.

    Raises:
        AnnotationError: see `check_answers`.
        ConfigError: see `check_stop_rules`; or the annotator cannot ask all kinds of questions.
    """
    check_kinds(components["annotator"], components["active"].questions)
    if pool := opened(run_dir, "pool"):
        check_answers(run_dir, components, pool)
        check_stop_rules(run_dir, components, pool)


def check_answers(run_dir: Path, components: Components, pool: Artifact) -> None:
    """Make sure that there will be answers to learn from.

    Raises:
        AnnotationError: an oracle is to answer and there is no gold, or too little; or people's
            answers so far name classes that the data does not have.
        ConfigError: a language model is to answer, and there is none.
    """
    annotator = components["annotator"]
    if components["active"].rounds:
        check_llm(annotator, components["llm"])
    needs_answers = components["active"].rounds and not opened(
        run_dir, STAGES["annotate"].writes, 1
    )
    people = annotator.people if isinstance(annotator, Cascade) else annotator
    if needs_answers and isinstance(people, Oracle):
        check_gold(components, pool, is_alone=people is annotator)
    of_people, number = list[Artifact](), 1
    while answers := opened(run_dir, STAGES["annotate"].writes, number):
        if is_work_of_people("annotate", answers) and not is_corrected(answers, annotator):
            of_people.append(answers)
        number += 1
    coded_answers(pool, of_people)


def check_gold(components: Components, pool: Artifact, *, is_alone: bool) -> None:
    """Make sure that an oracle can probably answer some texts of the first round.

    `is_alone` is false if it answers beside a language model.

    Raises:
        AnnotationError: the pool has no gold labels, or too few of its texts have one.
    """
    n_gold, n_pool = pool.facts["n_pool_gold"], pool.facts["n_pool"]
    if not is_alone and not n_gold:
        raise AnnotationError(NO_PEOPLE)
    if not n_gold:
        raise AnnotationError(no_gold(components["data"].layout.label_columns))
    if is_alone:
        n_evaluation = sample_size(pool.facts, components["evaluation"], number=1)
        n_asked = components["active"].query_size + n_evaluation
        if reason := too_little_gold(min(n_asked, n_pool), n_gold, n_pool):
            raise AnnotationError(reason)


def check_stop_rules(run_dir: Path, components: Components, pool: Artifact) -> None:
    """Refuse stop rules about quality where nothing will measure it.

    Raises:
        ConfigError: such a rule is on, and there will be neither evaluation sample nor dev split.
    """
    query = opened(run_dir, STAGES["select"].writes, 1)
    has_sample = bool(query and query.facts["n_evaluation"])
    will_have_sample = sample_size(pool.facts, components["evaluation"], number=1) > 0
    if isinstance(components["annotator"], Llm):  # evaluation texts are for people only
        has_sample = will_have_sample = False
    if pool.facts["n_dev"] or has_sample or will_have_sample:
        return
    n_frame = frame_size(pool.facts["n_pool"], components["evaluation"].frame)
    if reason := unmeasurable_rules(components["stop"], n_frame):
        raise ConfigError(reason)
