"""The HTTP server over an exported folder: a page, /predict, /health, /metrics, OpenAPI."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
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
from wsal.serving.exported import Exported
from wsal.serving.limiting import BodyLimit
from wsal.serving.limits import Limits
from wsal.serving.monitoring import Metrics
from wsal.serving.page import add_page
from wsal.serving.predictions import Row, to_predictions
from wsal.serving.recorder import Recorder
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
    none_score: float | None = None
    """Where the model rejects texts of no class: the score by which it does."""
    rejected: bool | None = None
    """Where the model rejects texts of no class: whether this one is rejected."""
    labels: list[ClassProbability] | None = None
    """Of a model with several classes per text: all that reach their thresholds."""


class TreePrediction(Prediction):
    """What a model with a class tree says of a text."""

    leaf: str | None
    """The name of the class below its parent."""
    path: list[ClassProbability]
    """The nodes from the top to the class; the probability of a parent is that of its classes."""
    trusted: str | None
    """The deepest of these nodes that reaches its threshold; null if none does."""
    trusted_probability: float | None


class Answer(BaseModel):
    """A prediction for each text, in their order, and the digest of the model."""

    model: str
    predictions: list[Prediction]


class TreeAnswer(Answer):
    """The same of a model with a class tree."""

    predictions: list[TreePrediction]  # type: ignore[assignment]


def make_app(
    engine: Engine, limits: Limits, token: str | None = None, recorder: Recorder | None = None
) -> FastAPI:
    """The server; with a `token`, all but the page and /health require it.

    It is sent as `Authorization: Bearer TOKEN`; the page asks for it. A `recorder` is given the
    texts and what was predicted.

    Raises:
        ConfigError: the folder's labelled texts are damaged.
    """
    metrics = Metrics()
    exported = engine.exported

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher = batcher = Batcher(engine, limits.waiting)
        recording = recorder.running() if recorder else nullcontext()
        with recording, ThreadPoolExecutor(1, thread_name_prefix="wsal-batch") as threads:
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
        response_model=TreeAnswer if exported.tree else Answer,
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
            if recorder:
                recorder.add(rows, probs)
        metrics.answered(len(rows), time.perf_counter() - started)
        return JSONResponse(
            {
                "model": exported.digest,
                "predictions": [_as_json(prediction, exported) for prediction in labelled],
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


def _as_json(prediction: predictions.Prediction, exported: Exported) -> dict[str, Any]:
    as_json = {
        "label": prediction.label,
        "probability": prediction.probability,
        "abstain": prediction.abstain,
        "top": _pairs(prediction.top),
    }
    if prediction.labels is not None:
        as_json |= {"labels": _pairs(prediction.labels)}
    if exported.rejection is not None:
        as_json |= {"none_score": prediction.none_score, "rejected": prediction.rejected}
    if exported.tree is not None:
        as_json |= {
            "leaf": prediction.leaf,
            "path": _pairs(prediction.path),
            "trusted": prediction.trusted,
            "trusted_probability": prediction.trusted_probability,
        }
    return as_json


def _pairs(pairs: Iterable[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"label": label, "probability": probability} for label, probability in pairs]
