"""A page at `/` to try the model on: the page itself, and what it asks the server for."""

from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.params import Depends as Dependency
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel

from wsal.classifier.nearest import LabelledTexts
from wsal.serving.exported import Exported
from wsal.serving.limits import Limits
from wsal.serving.nearest_texts import BusyError, NearestTexts
from wsal.serving.requests import REFUSALS, Query, check_json, rows_of
from wsal.sockets import LOOPBACK

STATIC = Path(__file__).with_name("static")
FILES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class ClassThreshold(BaseModel):
    """A class, and the lowest probability at which it is accepted."""

    label: str
    threshold: float | None
    """Null where there is none."""
    never: bool
    """Whether the class is never accepted, because it does not reach the wanted precision."""
    shared: bool
    """Whether the threshold was set together with other classes, as its own predictions were too
    few: the precision of this class may then be lower."""


class Model(BaseModel):
    """What the page shows of a model."""

    model: str
    fields: list[str]
    separator: str
    classes: list[ClassThreshold]
    none_above: float | None = None
    """The score above which a text is rejected as one of no class; null: none is rejected."""
    n_nearest: int
    """How many labelled texts the folder has; `/nearest` is there if there are any."""


class TreeModel(Model):
    """What the page shows of a model with a class tree."""

    parents: list[ClassThreshold]
    """The parents with their thresholds, each before those below it."""


class NearText(BaseModel):
    """A labelled text; `similarity` is the cosine of its embedding and that of the text asked."""

    text: str
    label: str
    similarity: float


class Nearest(BaseModel):
    """For each text, in their order, the labelled texts that are most like it."""

    model: str
    nearest: list[list[NearText]]


def add_page(
    app: FastAPI,
    exported: Exported,
    limits: Limits,
    authorised: Sequence[Dependency],
    *,
    has_token: bool,
) -> None:
    """Add the page and its routes. The page holds no data: what it asks for needs the token.

    Raises:
        ConfigError: the folder's labelled texts are damaged.
    """
    labelled = LabelledTexts.read(exported.folder)
    for path, name in FILES.items():
        app.add_api_route(path, _file(name), include_in_schema=False)

    shown = TreeModel if exported.tree else Model

    @app.get("/model", response_model=shown, responses=_refusals(401), dependencies=authorised)
    async def model() -> Response:
        """The classes with their thresholds, and the fields of a text."""
        return JSONResponse(_model(exported, len(labelled.texts) if labelled else 0))

    if labelled is None:
        return
    texts = NearestTexts(exported, labelled, limits)

    def check_host(request: Request) -> None:
        # Without a token, only this machine reaches the server; but a page of another site could,
        # in a browser here, if its name were made to lead here.
        if not has_token and request.url.hostname not in LOOPBACK:
            raise HTTPException(403, "labelled texts are shown under localhost only, or by token")

    @app.post(
        "/nearest",
        response_model=Nearest,
        responses=REFUSALS | _refusals(403),
        dependencies=[*authorised, Depends(check_host), Depends(check_json)],
    )
    async def nearest(query: Query) -> Response:
        """The `top` texts that people labelled and that are most like each text."""
        rows = rows_of(query, exported.fields, limits)
        try:
            results = await texts.of(rows, query.top)
        except BusyError as error:
            raise HTTPException(503, "too many texts wait already", {"Retry-After": "1"}) from error
        except TimeoutError as error:
            message = f"not answered within {limits.seconds:g} seconds"
            raise HTTPException(504, message) from error
        return JSONResponse({"model": exported.digest, "nearest": results})


def _file(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def send() -> FileResponse:
        return FileResponse(STATIC / name, headers=HEADERS)

    return send


def _model(exported: Exported, n_nearest: int) -> dict[str, Any]:
    as_json: dict[str, Any] = {
        "model": exported.digest,
        "fields": list(exported.fields),
        "separator": exported.separator,
        "classes": _thresholds(exported.labels, exported.thresholds, exported.shared),
        **({"none_above": exported.rejection.threshold} if exported.rejection else {}),
        "n_nearest": n_nearest,
    }
    if of_tree := exported.tree:
        names = of_tree.tree.nodes
        parents = [number for number, name in enumerate(names) if name in of_tree.tree.children]
        least = of_tree.least[parents]
        as_json["parents"] = _thresholds(
            [names[number] for number in parents], least, exported.shared
        )
    return as_json


def _thresholds(
    names: Iterable[str], thresholds: np.ndarray, shared: Container[str]
) -> list[dict[str, Any]]:
    """Classes or parents with their thresholds."""
    return [
        {
            "label": name,
            "threshold": float(least) if 0 < least < np.inf else None,
            "never": bool(np.isinf(least)),
            "shared": name in shared,
        }
        for name, least in zip(names, thresholds, strict=True)
    ]


def _refusals(status: int) -> dict[int | str, dict[str, Any]]:
    descriptions = {401: REFUSALS[401], 403: REFUSALS[401] | {"description": "Another host name"}}
    return {status: descriptions[status]}
