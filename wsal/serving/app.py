"""The HTTP server over an exported folder: a page, /predict, /health, /metrics, OpenAPI."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from wsal import __version__
from wsal.serving import predictions
from wsal.serving.batching import Batcher, QueueFullError
from wsal.serving.engine import Engine
from wsal.serving.limiting import BodyLimit
from wsal.serving.limits import Limits
from wsal.serving.monitoring import Metrics
from wsal.serving.page import add_page
from wsal.serving.predictions import Row, to_predictions
from wsal.serving.requests import REFUSALS, Problem, Query, check_json, rows_of


class ClassProbability(BaseModel):
    """A class and its probability."""

    label: str
    probability: float


class Prediction(BaseModel):
    """What the model says of a text; null and an abstention if the text is empty."""

    label: str | None
    probability: float | None
    abstain: bool
    top: list[ClassProbability]
    labels: list[ClassProbability] | None = None
    """Of a model with several classes per text: all that reach their thresholds."""


class Answer(BaseModel):
    """A prediction for each text, in their order, and the digest of the model."""

    model: str
    predictions: list[Prediction]


def make_app(engine: Engine, limits: Limits, token: str | None = None) -> FastAPI:
    """The server; with a `token`, all but the page and /health require it.

    It is sent as `Authorization: Bearer TOKEN`; the page asks for it.

    Raises:
        ConfigError: the folder's labelled texts are damaged.
    """
    metrics = Metrics()
    exported = engine.exported

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher = batcher = Batcher(engine, limits.waiting)
        with ThreadPoolExecutor(1, thread_name_prefix="wsal-batch") as threads:
            worker = asyncio.create_task(batcher.work(threads))
            yield
            worker.cancel()

    app = FastAPI(
        title=f"wsal: {len(exported.labels)} classes",
        version=__version__,
        lifespan=lifespan,
        description=f"Model {exported.digest}, backend {engine.name}.",
    )
    app.add_middleware(
        BodyLimit, max_bytes=limits.body, max_seconds=limits.seconds, metrics=metrics
    )
    app.state.draining = False
    bearer = HTTPBearer(auto_error=False)

    def check_token(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> None:
        sent = credentials.credentials if credentials else ""
        if token and not secrets.compare_digest(sent.encode(), token.encode()):
            raise HTTPException(
                401, "the token is missing or wrong; expected Authorization: Bearer TOKEN"
            )

    authorised = [Depends(check_token)] if token else []

    @app.post(
        "/predict",
        response_model=Answer,
        responses=REFUSALS,
        dependencies=[*authorised, Depends(check_json)],
    )
    async def predict(query: Query) -> Response:
        """Label one text or several."""
        started = time.perf_counter()
        rows = rows_of(query, exported.fields, limits)
        labelled = []
        if rows:
            probs = await _in_time(app.state.batcher, rows, limits.seconds)
            labelled = to_predictions(exported, probs, query.top)
        metrics.answered(len(rows), time.perf_counter() - started)
        return JSONResponse(
            {
                "model": exported.digest,
                "predictions": [_as_json(prediction) for prediction in labelled],
            }
        )

    @app.get("/health", responses={503: {"model": Problem, "description": "Shutting down"}})
    async def health() -> Response:
        """Whether requests are taken, and which model answers them."""
        if app.state.draining:
            raise HTTPException(503, "shutting down")
        return JSONResponse(
            {
                "status": "ok",
                "model": exported.digest,
                "backend": engine.name,
                "labels": list(exported.labels),
            }
        )

    @app.get("/metrics", responses={401: REFUSALS[401]}, dependencies=authorised)
    async def prometheus() -> Response:
        """Counts and times in the format of Prometheus."""
        return Response(metrics.text(app.state.batcher.n_waiting), media_type=metrics.KIND)

    add_page(app, exported, limits, authorised, has_token=bool(token))
    return app


async def _in_time(batcher: Batcher, rows: list[Row], seconds: float) -> np.ndarray:
    try:
        return await asyncio.wait_for(batcher.probs(rows), seconds)
    except QueueFullError as error:
        raise HTTPException(503, "too many texts wait already", {"Retry-After": "1"}) from error
    except TimeoutError as error:
        raise HTTPException(504, f"not answered within {seconds:g} seconds") from error


def _as_json(prediction: predictions.Prediction) -> dict[str, Any]:
    top = [{"label": label, "probability": probability} for label, probability in prediction.top]
    several = {}
    if prediction.labels is not None:
        several["labels"] = [{"label": n, "probability": p} for n, p in prediction.labels]
    return several | {
        "label": prediction.label,
        "probability": prediction.probability,
        "abstain": prediction.abstain,
        "top": top,
    }
