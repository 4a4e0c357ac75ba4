"""The page over HTTP: a few routes, and the checks that keep strangers out."""

import hmac
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader

from wsal.annotation.journal import FINISH, SETTLED, UNDO
from wsal.annotation.open_round import Item, newest_round
from wsal.annotation.task_queue import TaskQueue
from wsal.web import panel
from wsal.web.actions import LABELLED, Action, events_of
from wsal.web.site import Site

STATIC = Path(__file__).parent / "static"
TOKEN_COOKIE, NAME_COOKIE = "wsal", "wsal_name"
TOKEN_SECONDS = 30 * 86_400  # that a browser keeps the token
MOST_BYTES = 64 * 1024  # of a request
MOST_TEXTS = 20  # of one answer to /api/next
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def annotator_name(request: Request) -> str:
    """Who sent a request: the owner of the token, or the name that they gave themselves."""
    cookie = request.cookies.get(TOKEN_COOKIE, "")
    for token, name in _site(request).tokens.items():
        if hmac.compare_digest(cookie.encode(), token.encode()):
            return name or request.cookies.get(NAME_COOKIE, "") or "me"
    raise HTTPException(403, "no valid token: open the address that wsal printed")


AnnotatorName = Annotated[str, Depends(annotator_name)]


def poster_name(request: Request, name: AnnotatorName) -> str:
    """Who posted: other sites cannot set this header, so the post came from the page itself."""
    if request.headers.get("x-wsal") != "1":
        raise HTTPException(403, "the header X-Wsal is missing")
    return name


PosterName = Annotated[str, Depends(poster_name)]
routes = APIRouter()


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def make_app(site: Site) -> FastAPI:
    """The application. All routes except the static files require a token, in a cookie."""
    app = FastAPI(title="wsal", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.mount("/static", StaticFiles(directory=STATIC))
    app.include_router(routes)

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
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            TOKEN_COOKIE, token, httponly=True, samesite="strict", max_age=TOKEN_SECONDS
        )
        if name:
            answer.set_cookie(NAME_COOKIE, name[:80], httponly=True, samesite="strict")
        return answer
    templates = Environment(loader=FileSystemLoader(STATIC), autoescape=True)
    return HTMLResponse(templates.get_template("page.html").render(name=annotator_name(request)))


@routes.get("/api/state")
def state(request: Request, name: AnnotatorName) -> dict[str, Any]:
    """What the side panel shows."""
    site = _site(request)
    site.last_poll = time.monotonic()
    queue = site.queue()
    general: dict[str, Any] = {"name": name, "over": site.over, "quality": site.quality}
    if queue is None:
        phase = "over" if site.over else "training"
        return {**general, "phase": phase, "round": newest_round(site.run_dir)[0]}
    queue.refresh()
    return {
        **general,
        "phase": "round",
        **panel.progress(queue),
        "labels": queue.round.labels,
        "guidelines": site.guidelines,
        "distribution": panel.distribution(queue),
        "people": panel.people(queue.events),
    }


async def _queue(request: Request) -> TaskQueue | None:
    """The open queue; while a round is being opened, other people's requests are served."""
    is_current, queue = _site(request).current()
    return queue if is_current else await run_in_threadpool(_site(request).queue)


# The next texts and actions are handled in the event loop: a thread would cost more than they do.
@routes.get("/api/next")
async def next_texts(
    request: Request, name: AnnotatorName, n: int = 5, on_page: str = ""
) -> dict[str, Any]:
    """The next `n` texts for a person who has the ids `on_page` (one a line) already."""
    queue = await _queue(request)
    if queue is None:
        return {"items": []}
    ids = [text_id for text_id in on_page.split("\n") if text_id]
    assigned = queue.assign(name, max(0, min(n, MOST_TEXTS)), ids)
    return {
        "items": [
            _shown(queue, queue.round.items[text_id], recheck=recheck)
            for text_id, recheck in assigned
        ]
    }


@routes.get("/api/settle")
def texts_to_settle(request: Request, _: AnnotatorName) -> dict[str, Any]:
    """Texts on which people disagree, or which were flagged or have a note."""
    queue = _site(request).queue()
    if queue is None:
        return {"items": []}
    queue.refresh()
    answers, remarks = queue.answers(), panel.remarks(queue.events)
    ids = dict.fromkeys([*queue.ties(answers), *(i for i in remarks if i in answers)])
    return {
        "items": [
            {
                **_shown(queue, queue.round.items[text_id]),
                "duplicates": [],
                "answers": [[name, e.label or e.kind] for name, e in answers[text_id].items()],
                "remarks": remarks.get(text_id, []),
            }
            for text_id in ids
            if SETTLED not in answers[text_id]
        ]
    }


@routes.post("/api/act")
async def act(request: Request, action: Action, name: PosterName) -> dict[str, Any]:
    """Write what a person did to the journal; answered once it is on the disk."""
    queue = await _queue(request)
    if queue is None or queue.round.number != action.round:
        raise HTTPException(409, f"round {action.round} is not open for answers")
    if action.kind in LABELLED and action.label not in queue.round.labels:
        raise HTTPException(422, f"unknown label {action.label!r}")
    if unknown := [text_id for text_id in action.ids if text_id not in queue.round.items]:
        raise HTTPException(422, f"id {unknown[0]!r} was not asked in round {action.round}")
    if not action.ids and action.kind not in (UNDO, FINISH):
        raise HTTPException(422, f"{action.kind} needs the id of a text")
    if action.kind == FINISH and not queue.can_end(queue.answers()):
        raise HTTPException(409, "there is nothing to learn from yet: answer a few texts first")
    n_new = queue.append(events_of(action, name))
    if queue.ranking_is_due():
        threading.Thread(target=queue.rerank, daemon=True).start()
    answer = {"new": n_new, **panel.progress(queue)}
    if n_new and action.kind == UNDO and (text_id := queue.last_undone(name)):
        answer["undone"] = _shown(queue, queue.round.items[text_id])
    return answer


def _shown(queue: TaskQueue, item: Item, *, recheck: bool = False) -> dict[str, Any]:
    """An item as the page gets it. The guess and votes of a blind one never leave the server.

    Nor does its reason, which would show which texts belong to the evaluation sample.
    """
    blind = item.blind or recheck
    answers = queue.answers()
    shown: dict[str, Any] = {
        "id": item.id,
        "text": item.text,
        "fields": item.fields,
        "reason": "" if blind else item.reason,
        "blind": blind,
        "recheck": recheck,
        "round": queue.round.number,
        "duplicates": [
            {"id": text_id, "text": queue.round.items[text_id].text}
            for text_id in item.duplicates
            if text_id not in answers and not recheck
        ],
    }
    if not blind:
        shown |= {
            "guess": item.guess,
            "confidence": item.confidence,
            "votes": item.votes,
            "highlights": item.highlights,
        }
    return shown
