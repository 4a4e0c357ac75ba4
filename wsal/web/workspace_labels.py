"""Labels for a whole group after all of it was shown, and labels to ask again."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from wsal.annotation.changes_log import log_of, with_state
from wsal.annotation.journal import JOURNAL_FILE, UNDO, Event, Journal, decisions_in_force
from wsal.data.class_history import ClassHistory
from wsal.web.workspace_access import PostingOwner, slowly, workspace_of
from wsal.web.workspace_actions import GroupAction, InGroup, Undo, answers, marks
from wsal.web.workspace_state import DOUBTFUL, UNCERTAIN, Workspace

routes = APIRouter()


@routes.post("/api/workspace/seen")
async def seen(request: Request, texts: InGroup, name: PostingOwner) -> dict[str, Any]:
    """Note that texts of a group were on the screen."""
    workspace = workspace_of(request)
    sent = workspace.sent.get((name, texts.group), {}).keys()
    own = workspace.seen.setdefault((name, texts.group), set())
    own |= sent & set(texts.ids)
    return {"seen": len(own), "sent": len(sent)}


@routes.post("/api/workspace/label")
async def label_group(request: Request, action: GroupAction, name: PostingOwner) -> dict[str, Any]:
    """Label texts of a group, once all of its texts were shown."""

    def work(workspace: Workspace) -> dict[str, Any]:
        group, texts = _texts(workspace, action, name, UNCERTAIN)
        if n := len(workspace.sent[name, action.group].keys() - workspace.seen[name, action.group]):
            raise HTTPException(
                409, f"{n} texts of the group have not been shown yet; look at them first"
            )
        if action.label not in workspace.current().inspected.view.labels.names:
            raise HTTPException(422, f"unknown label {action.label!r}")
        site = workspace.site
        site.update()
        number = site.number + 1
        events = answers(action, texts, group, name, number, site.queues())
        journal = Journal(site.run_dir / JOURNAL_FILE)
        classes = ClassHistory.of_pool(workspace.current().inspected.view.pool.facts)
        log = log_of(journal.events())
        n_new = journal.append(with_state(events, classes, log))
        early = sum(event.round == number for event in events)
        return {"new": n_new, "early": early, "round": number}

    return await slowly(request, work)


@routes.post("/api/workspace/again")
async def ask_again(request: Request, action: GroupAction, name: PostingOwner) -> dict[str, Any]:
    """Mark answered texts, so that the next round asks them again."""

    def work(workspace: Workspace) -> dict[str, Any]:
        group, texts = _texts(workspace, action, name, DOUBTFUL)
        workspace.site.update()
        number = workspace.site.number + 1
        events = marks(action, texts, group, name, number)
        n_new = Journal(workspace.site.run_dir / JOURNAL_FILE).append(events)
        return {"new": n_new, "round": number}

    return await slowly(request, work)


def _texts(
    workspace: Workspace, action: GroupAction, name: str, section: str
) -> tuple[str, dict[str, str]]:
    """The name of a group, and those of its texts that are meant, by id.

    Raises:
        HTTPException: it is of another section, or the texts are not those that were sent.
    """
    if action.section != section or not action.ids:
        raise HTTPException(422, f"this can only be done with texts of the section {section}")
    sent = workspace.sent.get((name, action.group), {})
    if not set(action.ids) <= sent.keys() or len(set(action.ids)) < len(action.ids):
        raise HTTPException(409, "open the group first: only texts that were shown can be chosen")
    group, population = workspace.group(section, action.group)
    texts = dict(population.records[group.rows].select("id", "text").iter_rows())
    shown = {text_id: sent[text_id] for text_id in action.ids}
    if any(texts.get(text_id) != text for text_id, text in shown.items()):
        raise HTTPException(409, "the texts have changed since they were shown; reload")
    return group.name, shown


@routes.post("/api/workspace/undo")
async def undo(request: Request, action: Undo, name: PostingOwner) -> dict[str, Any]:
    """Take back the labels that a person has just given to a group."""

    def work(workspace: Workspace) -> dict[str, Any]:
        site = workspace.site
        site.update()
        journal = Journal(site.run_dir / JOURNAL_FILE)
        in_force = decisions_in_force(event for _, event in journal.events())
        own = [event for event in in_force if event.annotator == name]
        rounds = [event.round for event in own if event.key.startswith(f"{action.of}.")]
        if not rounds or not own[-1].key.startswith(f"{action.of}."):
            raise HTTPException(409, "you have answered other texts since, or undone this already")
        if min(rounds) < min(
            (queue.round.number for queue in site.queues()), default=site.number + 1
        ):
            raise HTTPException(409, "a classifier is trained on some of these labels already")
        return {"new": journal.append([Event(action.key, UNDO, name, min(rounds))])}

    return await slowly(request, work)
