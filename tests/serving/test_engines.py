"""Rounding changes no label, whatever temperature is folded into the logits."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from wsal.serving.engine import ROUNDING_MARGIN, Engine
from wsal.serving.exported import Exported


def logits_of(input_ids):
    """Logits of a model, before any temperature, from the word pieces alone: many close calls."""
    rows = [np.random.default_rng(row).normal(scale=2, size=3) for row in input_ids.tolist()]
    return np.array(rows, dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx_int8", "openvino", "torch"])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_labels_do_not_depend_on_rounding_at_any_temperature(folder, tmp_path, name, temperature):
    shutil.copytree(folder, tmp_path / "exported")
    path = tmp_path / "exported" / "config.json"
    config = json.loads(path.read_text())
    config["wsal"]["temperature"] = temperature
    path.write_text(json.dumps(config))
    exported, computed_again = Exported.open(tmp_path / "exported"), []

    def exact(input_ids, _):
        computed_again.append(len(input_ids))
        return logits_of(input_ids) / temperature

    def rounded(input_ids, _):
        logits = logits_of(input_ids)
        apart = np.sign(logits.max(axis=1, keepdims=True) - logits - 1e-9)  # the best one sinks
        return (logits + apart * 0.49 * ROUNDING_MARGIN[name]) / temperature

    pieces = [np.array([number, number % 7 + 1]) for number in range(400)]
    engine = Engine(name, exported, rounded, exact, 1)
    expected = np.concatenate([logits_of(p[None]) for p in pieces]).argmax(axis=1)
    assert (engine.logits(pieces).argmax(axis=1) == expected).all()
    gaps = np.diff(np.sort(np.concatenate([logits_of(p[None]) for p in pieces]))[:, -2:])[:, 0]
    assert (
        sum(computed_again) <= (gaps < 2 * ROUNDING_MARGIN[name]).sum()
    )  # and no more than need be
    unguarded = replace(engine, exact=None)
    assert (unguarded.logits(pieces).argmax(axis=1) != expected).any()


def test_a_folder_that_names_no_temperature_has_none(folder):
    assert Exported.open(folder).temperature == 1
