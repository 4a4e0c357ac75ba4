"""OpenVINO with weights rounded to int8: the fastest backend that was measured on a CPU."""

from collections.abc import Sequence
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from wsal.serving.engine import Run

GROUP_SIZE = 384
"""Values of an activation that share one scale when they are rounded."""


def openvino_run(
    path: Path, n_streams: int, outputs: Sequence[str], *, int8: bool, bf16: bool
) -> Run:
    """The ONNX file as a function of arrays that `n_streams` threads may call at once.

    With `int8`, weights are rounded with a scale for each output, and activations with a scale for
    each group of `GROUP_SIZE` values. So a text's logits do not depend on its neighbours in the
    batch.
    """
    import openvino  # noqa: PLC0415  an extra

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})
    model = core.read_model(_int8_weights(path) if int8 else path.read_bytes())
    options: dict[str, Any] = {
        "NUM_STREAMS": n_streams,
        "INFERENCE_NUM_THREADS": n_streams,
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP_SIZE if int8 else 0,
    }
    compiled = core.compile_model(model, "CPU", options)
    of_thread = local()

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        if not hasattr(of_thread, "request"):
            of_thread.request = compiled.create_infer_request()
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        made = of_thread.request.infer(inputs)
        return np.concatenate([made[name] for name in outputs], axis=1, dtype=np.float32)

    # A first call in this thread alone: OpenVINO's binding initialises itself when it is first
    # used, and two threads that do so at once can deadlock, one with Python's lock and one with
    # OpenVINO's own.
    warm_up = np.ones((1, 4), dtype=np.int64)
    run(warm_up, warm_up)
    return run


def _int8_weights(path: Path) -> bytes:
    """The graph with each weight matrix as int8 and a scale for each output."""
    model = onnx.load(path)
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights:
            name = node.input[1]
            values = numpy_helper.to_array(weights[name])
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            if values.ndim == 2:
                axis = 0 if transposed else 1
                nodes.append(_dequantised(graph, name, values, axis, len(nodes)))
                node.input[1] = nodes[-1].output[0]
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    serialised: bytes = model.SerializeToString()
    return serialised


def _dequantised(graph: Any, name: str, values: np.ndarray, axis: int, number: int) -> Any:  # noqa: ANN401  of onnx
    """Put int8 values and their scales into the graph; the node that multiplies them."""
    largest = np.abs(values).max(axis=1 - axis, keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    rounded = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
    names = [f"{name}.int8.{number}", f"{name}.scale.{number}"]
    graph.initializer.append(numpy_helper.from_array(rounded, names[0]))
    graph.initializer.append(numpy_helper.from_array(scale.ravel(), names[1]))
    return helper.make_node("DequantizeLinear", names, [f"{name}.back.{number}"], axis=axis)
