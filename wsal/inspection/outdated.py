"""Artifacts that were made from earlier versions of what is there now."""

from functools import cache, partial

from wsal.annotation.handed_out import is_work_of_people
from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError
from wsal.inspection.run_view import RunView
from wsal.run.basis import TRAINED, bases_of
from wsal.run.pipeline import is_finished, opened, read
from wsal.run.stage_table import BEFORE_ROUNDS, ROUND_STAGES, STAGES


def outdated(view: RunView) -> list[str]:
    """The stages, such as `round 2 finetune`, of which an input was made anew since.

    Figures from their artifacts do not belong to those of the inputs. People's answers, and the
    texts that they were asked, are kept in any case, so they are not among them; nor is what was
    trained before records were appended.
    """
    read_once = cache(partial(read, view.run_dir))

    def is_outdated(stage: str, number: int, artifact: Artifact) -> bool:
        if is_work_of_people(stage, artifact):
            return False
        stays = stage in TRAINED or is_finished(view.run_dir, number)
        bases = artifact.manifest.get("bases", {}) if stays else {}
        for noun in STAGES[stage].reads:
            made_from = artifact.manifest["inputs"].get(noun)
            try:
                now = read_once(noun, number)
            except MissingArtifactError:
                continue
            digests = [a.digest for a in now] if isinstance(now, list) else now.digest
            same_basis = noun in bases and bases[noun] == bases_of({noun: now})[noun]
            if made_from is not None and made_from != digests and not same_basis:
                return True
        return False

    before = {stage: opened(view.run_dir, STAGES[stage].writes) for stage in BEFORE_ROUNDS}
    names = [stage for stage, made in before.items() if made and is_outdated(stage, 0, made)]
    for of_round in view.rounds:
        for stage in ROUND_STAGES:
            made = of_round[stage]
            if made and is_outdated(stage, of_round.number, made):
                names.append(f"round {of_round.number} {stage}")
    return names
