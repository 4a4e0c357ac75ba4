"""The page over HTTP: a few routes, and the checks that keep strangers out."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader

from wsal.annotation.journal import UNDO, just_undone
from wsal.annotation.task_queue import TaskQueue
from wsal.run.multilabel_checks import pool_is_multilabel
from wsal.web import panel, workspace
from wsal.web.access import AnnotatorName, PosterName, annotator_name, site_of, with_token
from wsal.web.actions import Action, check, events_of, queue_of
from wsal.web.items import shown, to_settle, undone
from wsal.web.recent import TAKEN, is_in_force, queue_to_change, recent
from wsal.web.remaining import remaining
from wsal.web.site import Site
from wsal.web.tree import classes_in_state, tree_for_page
from wsal.web.workspace_state import Workspace

STATIC = Path(__file__).parent / "static"
MOST_BYTES = 64 * 1024  # of a request
MOST_TEXTS = 20  # of one answer to /api/next
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


routes = APIRouter()


def make_app(site: Site, rules: Path | None = None) -> FastAPI:
    """The application. All routes except the static files require a token, in a cookie.

    `rules` is the file that the workspace writes rules to, if it is not the run's own.
    """
    app = FastAPI(title="wsal", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.mount("/static", StaticFiles(directory=STATIC))
    app.state.workspace = Workspace(site, rules)
    app.include_router(routes)
    app.include_router(workspace.routes)

    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        size = request.headers.get("content-length", "0")
        if not size.isdigit() or int(size) > MOST_BYTES:
            return Response("too large", 413, HEADERS)
        if "transfer-encoding" in request.headers:
            return Response("length required", 411, HEADERS)
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    return app


@routes.get("/")
def page(request: Request, token: str = "", name: str = "") -> Response:
    """The page; a token in the address is moved into a cookie, out of sight."""
    if token:
        return with_token("/", token, name)
    templates = Environment(loader=FileSystemLoader(STATIC), autoescape=True)
    site = site_of(request)
    has_errors = len(site.tokens) == 1 and (site.run_dir / "votes" / "rules.parquet").exists()
    has_errors = has_errors and not pool_is_multilabel(site.run_dir)
    shown = {"name": annotator_name(request), "workspace": has_errors}
    return HTMLResponse(templates.get_template("page.html").render(shown))


@routes.get("/api/state")
def state(request: Request, name: AnnotatorName) -> dict[str, Any]:
    """What the side panel shows."""
    site = site_of(request)
    site.last_poll = time.monotonic()
    site.update()
    queues = site.queues()
    general: dict[str, Any] = {"name": name, "over": site.over, "quality": site.quality}
    if not queues:
        phase = "over" if site.over else "training"
        past = {"recent": recent(name, [], site.known())}
        return {**general, **past, "phase": phase, "round": site.number}
    for queue in queues:
        queue.refresh()
    return {
        **general,
        "phase": "early" if queues[0].round.is_early else "round",
        **panel.progress(queues),
        **classes_in_state(queues[0].round, site.guidelines),
        "distribution": panel.distribution(queues[0]),
        "people": panel.people(queues[0].events),
        "remaining": remaining(queues, site.known(), site.quality),
        "recent": recent(name, queues, site.known()),
        "examples": site.examples.version,
    }


async def _queues(request: Request) -> list[TaskQueue]:
    """The queues that texts are given from, the most urgent first.

    While a round is being opened, people get texts of the early queue, or wait if there is none;
    other requests are served in any case.
    """
    site = site_of(request)
    if not site.is_current():
        if site.early_queue:
            site.update_soon()
        else:
            await run_in_threadpool(site.update)
    return site.queues()


# The next texts and actions are handled in the event loop: a thread would cost more than they do.
@routes.get("/api/next")
async def next_texts(
    request: Request, name: AnnotatorName, n: int = 5, on_page: str = ""
) -> dict[str, Any]:
    """The next `n` texts for a person who has the ids `on_page` (one a line) already."""
    ids = [text_id for text_id in on_page.split("\n") if text_id]
    items: list[dict[str, Any]] = []
    for queue in await _queues(request):
        wanted = max(0, min(n, MOST_TEXTS)) - len(items)
        items += [
            shown(queue, queue.round.items[text_id], recheck=recheck)
            for text_id, recheck in queue.assign(name, wanted, ids)
        ]
    return {"items": items}


@routes.get("/api/examples")
def examples(request: Request, _: AnnotatorName) -> dict[str, Any]:
    """Some texts that people gave each class in earlier rounds."""
    return asdict(site_of(request).examples)


@routes.get("/api/tree")
def tree(request: Request, _: AnnotatorName) -> dict[str, Any]:
    """The class tree of the texts that are asked, with what belongs in each class or parent."""
    site = site_of(request)
    known = site.known()
    return tree_for_page(known[0].round, site.guidelines) if known else {}


@routes.get("/api/settle")
def texts_to_settle(request: Request, _: AnnotatorName) -> dict[str, Any]:
    """Texts on which people disagree, or which were flagged or have a note."""
    site = site_of(request)
    site.update()
    return {"items": [item for queue in site.queues() for item in to_settle(queue)]}


@routes.post("/api/act")
async def act(request: Request, action: Action, name: PosterName) -> dict[str, Any]:
    """Write what a person did to the journal; answered once it is on the disk."""
    site, queues = site_of(request), await _queues(request)
    known = site.known()
    if action.change:
        queue = queue_to_change(action, name, queues)
    else:
        queue = queue_of(action, queues, known)
    check(action, queue)
    early = queue.round.is_early or all(queue is not other for other in queues)
    number = site.number + 1 if early else queue.round.number
    events = events_of(action, name, number, early=early)
    n_new = queue.append(events)
    site.rank_soon()
    answer = {"new": n_new, **panel.progress(queues)}
    if action.change and not is_in_force(events, queue):
        answer["late"] = TAKEN
    if n_new and action.kind == UNDO:
        if text := undone(name, known):
            answer["undone"] = text
        elif events := just_undone(queue.events, name):  # such as labels of a group
            answer["taken_back"] = len(events)
    return answer
