"""OpenVINO on weights of eight bits: the fastest way that was measured on a CPU."""

from collections.abc import Callable
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

GROUP = 384
"""Values of an activation that share one scale when it is rounded."""


def openvino_run(path: Path, n_streams: int, *, int8: bool, bf16: bool) -> Callable[..., Any]:
    """The ONNX file as a function of arrays, `n_streams` of which may run at once.

    With `int8` weights are rounded, a scale for each output, and activations as they come, a scale
    for each `GROUP` values: so a text's answer does not depend on which others are beside it.
    """
    import openvino  # noqa: PLC0415  an extra

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})
    model = core.read_model(_rounded(path) if int8 else path.read_bytes())
    options: dict[str, Any] = {
        "NUM_STREAMS": n_streams, "INFERENCE_NUM_THREADS": n_streams,
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP if int8 else 0,
    }  # fmt: skip
    compiled = core.compile_model(model, "CPU", options)
    mine = local()

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        given = {"input_ids": input_ids, "attention_mask": attention_mask}
        return np.array(mine.request.infer(given)["logits"], dtype=np.float32)

    # Once in this thread alone: OpenVINO's binding sets itself up at its first use, and two threads
    # that do so at once can wait for each other for ever, one with Python's lock, one with its own.
    few = np.ones((1, 4), dtype=np.int64)
    run(few, few)
    return run


def _rounded(path: Path) -> bytes:
    """The graph with each weight of a product as int8 and a scale for each output."""
    model = onnx.load(path)
    graph, weights = model.graph, {one.name: one for one in model.graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights:
            name = node.input[1]
            values = numpy_helper.to_array(weights[name])
            turned = any(one.name == "transB" and one.i for one in node.attribute)
            if values.ndim == 2:
                nodes.append(_dequantised(graph, name, values, 0 if turned else 1, len(nodes)))
                node.input[1] = nodes[-1].output[0]
        nodes.append(node)
    used = {one for node in nodes for one in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    serialised: bytes = model.SerializeToString()
    return serialised


def _dequantised(graph: Any, name: str, values: np.ndarray, axis: int, number: int) -> Any:  # noqa: ANN401  of onnx
    """Put int8 values and scales into the graph; gives back the node that multiplies them."""
    most = np.abs(values).max(axis=1 - axis, keepdims=True)
    scale = np.where(most > 0, most / 127, 1).astype(np.float32)
    rounded = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
    names = [f"{name}.int8.{number}", f"{name}.scale.{number}"]
    for one, array in zip(names, (rounded, scale.ravel()), strict=True):
        graph.initializer.append(numpy_helper.from_array(array, one))
    return helper.make_node("DequantizeLinear", names, [f"{name}.back.{number}"], axis=axis)
