"""The workspace over HTTP: groups of errors, rules and their previews, labels for whole groups."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from wsal.evaluation.estimates import accuracy
from wsal.inspection.judged import Judged
from wsal.inspection.proposals import class_of_group, propose
from wsal.rounds.assessment import LEVEL
from wsal.seeding import rng
from wsal.suggestion.amendments import KEYWORD, REGEX
from wsal.web import workspace_labels, workspace_rules
from wsal.web.access import annotator_name, site_of, with_token
from wsal.web.workspace_access import Owner, owner_name, slowly
from wsal.web.workspace_actions import Section
from wsal.web.workspace_state import (
    DOUBTFUL,
    SLICES,
    UNCERTAIN,
    Workspace,
    as_shown,
    texts_of,
)

STATIC = Path(__file__).parent / "static"
routes = APIRouter()
routes.include_router(workspace_rules.routes)
routes.include_router(workspace_labels.routes)


@routes.get("/workspace")
def page(request: Request, token: str = "", name: str = "") -> Response:
    """The page; a token in the address is moved into a cookie."""
    if token:
        return with_token("/workspace", token, name)
    owner_name(request, annotator_name(request))
    templates = Environment(loader=FileSystemLoader(STATIC), autoescape=True)
    run = site_of(request).run_dir.name
    return HTMLResponse(templates.get_template("workspace.html").render(run=run))


@routes.get("/api/workspace")
async def overview(request: Request, _: Owner) -> dict[str, Any]:
    """What the run has, where rules are written to, and what becomes of answers."""

    def work(workspace: Workspace) -> dict[str, Any]:
        opened, file = workspace.current(), workspace.rule_file()
        workspace.site.update()
        judged, number = opened.inspected.judged, workspace.site.number
        quality = _accuracy(judged, int(opened.inspected.view.config["seed"])) if judged else None
        return {
            "run": workspace.site.run_dir.name,
            "labels": list(opened.inspected.view.labels.names),
            "quality": quality,
            "file": str(file.path),
            "is_new_file": not file.path.exists(),
            "override": file.override,
            "round": number + 1,
            "counts_answers": workspace.counts_answers(),
        }

    return await slowly(request, work)


@routes.get("/api/workspace/groups")
async def groups(request: Request, section: Section, _: Owner) -> dict[str, Any]:
    """The groups of a section, worst first."""
    return await slowly(request, lambda workspace: _groups(workspace, section))


@routes.get("/api/workspace/slices")
async def slices(request: Request, _: Owner) -> dict[str, Any]:
    """Quality by value of each field, worst first."""
    return await slowly(request, lambda workspace: _groups(workspace, SLICES))


def _groups(workspace: Workspace, section: str) -> dict[str, Any]:
    opened = workspace.current()
    population = opened.population(section)
    if population is None:
        return {"groups": [], "why": _missing(section)}
    return {
        "groups": [as_shown(group) for group in opened.groups_of(section)],
        "n": len(population.records),
        "listed": int(population.listed.sum()),
        "stands_for": float(population.weights.sum()),
        "rate": population.rate,
    }


def _missing(section: str) -> str:
    """Why a section has nothing."""
    if section == UNCERTAIN:
        return (
            "There is nothing to show: either no round has started, so that it is not known yet "
            "which texts measure quality, or every text has been answered."
        )
    if section == DOUBTFUL:
        return "There is nothing to show until ten texts of at least two classes are answered."
    return (
        "The quality of this run is not measured yet: that takes a trained classifier, and a dev "
        "split or answers to an evaluation sample."
    )


@routes.get("/api/workspace/group")
async def group_texts(request: Request, section: Section, key: str, name: Owner) -> dict[str, Any]:
    """The texts of a group."""

    def work(workspace: Workspace) -> dict[str, Any]:
        group, population = workspace.group(section, key)
        texts = texts_of(group, population, section, workspace.answered())
        workspace.sent[name, key] = {text["id"]: text["text"] for text in texts}
        workspace.seen[name, key] = set()
        label = population.labels.names[class_of_group(group, population)]
        return {**as_shown(group), "section": section, "texts": texts, "label": label}

    return await slowly(request, work)


@routes.get("/api/workspace/proposals")
async def proposals(request: Request, section: Section, key: str, _: Owner) -> dict[str, Any]:
    """The rules proposed for a group, and those of the file that the form can change."""

    def work(workspace: Workspace) -> dict[str, Any]:
        group, population = workspace.group(section, key)
        nodes = workspace.rules_now()[3]
        evidence = workspace.current().evidence_of(section, population)
        made = propose(group, evidence, nodes) if section != DOUBTFUL else []
        return {
            "proposals": [
                {"name": p.name, "node": p.node, "why": p.why, "evidence": p.evidence} for p in made
            ],
            "rules": {
                rule: node for rule, node in nodes.items()
                if node.get("_target_") in (KEYWORD, REGEX)
            },
        }  # fmt: skip

    return await slowly(request, work)


def _accuracy(judged: Judged, seed: int) -> dict[str, Any]:
    """The accuracy with its 90% interval, as `assess` estimates it."""
    sample = judged.reference.sample
    value = accuracy(sample, judged.frame_probs, rng(seed, "assess", "accuracy"), LEVEL)
    about = {"on": judged.reference.name, "n": len(judged.gold), "accuracy": value.value}
    return about | {"low": value.low, "high": value.high}
