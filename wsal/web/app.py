"""The page's HTTP side: a few routes, and what keeps strangers out."""

import hmac
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, Field

from wsal.annotation.journal import RECHECK, ANSWER, FINISH, SETTLE, SETTLED, UNDO, Event
from wsal.annotation.open_round import Item, newest
from wsal.annotation.task_queue import TaskQueue
from wsal.web import panel
from wsal.web.site import Site

HERE = Path(__file__).parent / "static"
COOKIE, WHO = "wsal", "wsal_name"
LABELLED = (ANSWER, RECHECK, SETTLE)
LARGEST = 64 * 1024  # bytes of a request
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Text = Annotated[str, Field(max_length=4_000)]
Key = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[\w:.-]+$")]


class Act(BaseModel):
    """What the page sends for one key press."""

    key: Key
    kind: Literal["answer", "skip", "unsure", "again", "settle", "undo", "flag", "note", "finish"]
    round: Annotated[int, Field(ge=1)]
    ids: Annotated[list[Text], Field(max_length=200)] = []
    label: Text | None = None
    seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    shown: Annotated[str, Field(max_length=40)] = ""
    note: Text = ""


def person(request: Request) -> str:
    """Who asks: by their own token, or by the name they gave."""
    given = request.cookies.get(COOKIE, "")
    for token, name in _site(request).tokens.items():
        if hmac.compare_digest(given.encode(), token.encode()):
            return name or request.cookies.get(WHO, "") or "me"
    raise HTTPException(403, "no valid token: open the address that wsal printed")


Person = Annotated[str, Depends(person)]


def writer(request: Request, who: Person) -> str:
    """A post must come from the page itself: other sites cannot set this header."""
    if request.headers.get("x-wsal") != "1":
        raise HTTPException(403, "the header X-Wsal is missing")
    return who


Writer = Annotated[str, Depends(writer)]
routes = APIRouter()


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def make_app(site: Site) -> FastAPI:
    """The application. Every route but the static files wants a token, in a cookie."""
    app = FastAPI(title="wsal", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.mount("/static", StaticFiles(directory=HERE))
    app.include_router(routes)

    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        size = request.headers.get("content-length", "0")
        if not size.isdigit() or int(size) > LARGEST:
            return Response("too large", 413, HEADERS)
        if "transfer-encoding" in request.headers:
            return Response("length required", 411, HEADERS)
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    return app


@routes.get("/")
def page(request: Request, token: str = "", name: str = "") -> Response:
    """The page; a token in the address is put into a cookie, out of sight."""
    if token:
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", max_age=30 * 86_400)
        if name:
            answer.set_cookie(WHO, name[:80], httponly=True, samesite="strict")
        return answer
    who = person(request)
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=True)
    return HTMLResponse(pages.get_template("page.html").render(who=who))


@routes.get("/api/state")
def state(request: Request, who: Person) -> dict[str, Any]:
    """What the side panel shows."""
    site = _site(request)
    site.polled = time.monotonic()
    desk = site.desk()
    told: dict[str, Any] = {"who": who, "over": site.over, "quality": site.quality}
    if desk is None:
        phase = "over" if site.over else "training"
        return {**told, "phase": phase, "round": newest(site.run_dir)[0]}
    desk.refresh()
    return {
        **told, "phase": "round", **panel.progress(desk), "labels": desk.round.labels,
        "guidelines": site.guidelines, "distribution": panel.distribution(desk),
        "people": panel.people(desk.events),
    }  # fmt: skip


async def _desk(request: Request) -> TaskQueue | None:
    """The open desk; while a round is being opened, everybody else's requests go on."""
    known, desk = _site(request).current()
    return desk if known else await run_in_threadpool(_site(request).desk)


# These two are answered in the loop itself, not in a thread: they take a millisecond or two.
@routes.get("/api/next")
async def following(request: Request, who: Person, n: int = 5, have: str = "") -> dict[str, Any]:
    """The next texts for a person, beside those that the page has."""
    desk = await _desk(request)
    if desk is None:
        return {"items": []}
    found = desk.next(who, max(0, min(n, 20)), [one for one in have.split("\n") if one])
    return {"items": [_shown(desk, desk.round.items[one], again=again) for one, again in found]}


@routes.get("/api/settle")
def to_settle(request: Request, _: Person) -> dict[str, Any]:
    """Texts on which people disagree, or that carry a flag or a note."""
    desk = _site(request).desk()
    if desk is None:
        return {"items": []}
    desk.refresh()
    decided, said = desk.decided(), panel.remarks(desk.events)
    settled = {one for one, answers in decided.items() if SETTLED in answers}
    wanted = dict.fromkeys([*desk.ties(decided), *(one for one in said if one in decided)])
    items = []
    for one in (one for one in wanted if one not in settled):
        answers = [[who, e.label or e.kind] for who, e in decided[one].items()]
        items.append({**_shown(desk, desk.round.items[one]), "alike": [], "answers": answers,
                      "remarks": said.get(one, [])})  # fmt: skip
    return {"items": items}


@routes.post("/api/act")
async def act(request: Request, one: Act, who: Writer) -> dict[str, Any]:
    """Journal what a person did: answered once it is on the disk; a known key is not new."""
    desk = await _desk(request)
    if desk is None or desk.round.number != one.round:
        raise HTTPException(409, f"round {one.round} takes no more answers")
    if one.kind in LABELLED and one.label not in desk.round.labels:
        raise HTTPException(422, f"unknown label {one.label!r}")
    if unknown := [text for text in one.ids if text not in desk.round.items]:
        raise HTTPException(422, f"id {unknown[0]!r} was not asked in round {one.round}")
    if not one.ids and one.kind not in (UNDO, FINISH):
        raise HTTPException(422, f"{one.kind} needs the id of a text")
    if one.kind == FINISH and not desk.enough(desk.decided()):
        raise HTTPException(409, "there is nothing to learn from yet: answer a few texts first")
    label = one.label if one.kind in LABELLED else None
    each = one.seconds / max(len(one.ids), 1) if one.seconds is not None else None
    new = desk.append([
        Event(f"{one.key}.{n}", one.kind, who, one.round, text, label, each, one.shown, one.note)
        for n, text in enumerate(one.ids or [""])
    ])  # fmt: skip
    if desk.due():
        threading.Thread(target=desk.rank, daemon=True).start()
    told = {"new": new, **panel.progress(desk)}
    if new and one.kind == UNDO and (back := desk.undone(who)):
        told["undone"] = _shown(desk, desk.round.items[back])
    return told


def _shown(desk: TaskQueue, item: Item, *, again: bool = False) -> dict[str, Any]:
    """An item as the page gets it: of a blind one, guess and votes never leave the server."""
    blind = item.blind or again  # its reason stays here, too: it tells which texts measure
    told: dict[str, Any] = {"id": item.id, "text": item.text, "fields": item.fields,
                            "reason": "" if blind else item.reason, "blind": blind, "again": again,
                            "round": desk.round.number}  # fmt: skip
    decided = desk.decided()
    told["alike"] = [
        {"id": one, "text": desk.round.items[one].text}
        for one in item.alike
        if one not in decided and not again
    ]
    if not told["blind"]:
        told |= {"guess": item.guess, "confidence": item.confidence, "votes": item.votes,
                 "marks": item.marks}  # fmt: skip
    return told
