"""A plain server to compare with: FastAPI around transformers' pipeline.

python benchmarks/serving_peer.py FOLDER PORT
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline


class Query(BaseModel):
    """One text."""

    text: str


if __name__ == "__main__":
    classify = pipeline("text-classification", sys.argv[1])
    app = FastAPI()

    @app.post("/predict")
    def predict(query: Query):
        """Its label; FastAPI runs this in a thread."""
        return classify(query.text, truncation=True)[0]

    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
