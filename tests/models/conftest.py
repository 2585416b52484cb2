"""Small ONNX files, made by the onnx package and by skl2onnx."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra `train`")


def save(model, path):
    path.write_bytes(model.SerializeToString())
    return path


def linear(columns=3, seed=0):
    """A model y = x W + b of shape (n, columns) -> (n, 1)."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(seed)
    w = random.standard_normal((columns, 1)).astype(np.float32)
    b = random.standard_normal(1).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model, w, b


def face_net(size=4, d=5, layout="first", batch=None, floats=True):
    """A face model: flatten and multiply."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(1)
    w = random.standard_normal((3 * size * size, d)).astype(np.float32)
    shape = [batch, 3, size, size] if layout == "first" else [batch, size, size, 3]
    kind = TensorProto.FLOAT if floats else TensorProto.UINT8
    nodes = [] if floats else [helper.make_node("Cast", ["image"], ["f"], to=TensorProto.FLOAT)]
    nodes += [
        helper.make_node("Flatten", ["image" if floats else "f"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "w"], ["template"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("template", TensorProto.FLOAT, [batch, d])],
        [numpy_helper.from_array(w, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), w


def folder_with(path, model, *, inputs=("a", "b", "c"), output="y", sha256=None):
    """A models folder with one registered model."""
    data = model.SerializeToString()
    (path / "one.onnx").write_bytes(data)
    entry = {
        "file": "one.onnx", "sha256": sha256 or hashlib.sha256(data).hexdigest(), "inputs": list(inputs),
        "output": output, "lineages": [2**32], "card": "one.md",
    }  # fmt: skip
    (path / "registry.json").write_text(json.dumps({"models": {"one": entry}}))
    return path
