"""A look at the bytes of an ONNX file before anything of it is run, without any library.

The protobuf is walked as far as the checks need it: external data, foreign operators, a cut-off end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from biomatch.errors import ModelError

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
"""Operator sets that are let in: those of the ONNX standard."""
_CONTAINERS = {b"\x80": "a pickle", b"PK\x03\x04": "a zip archive (as PyTorch and Keras write)",
               b"\x1f\x8b": "a compressed file", b"\x89HDF": "an HDF5 file"}  # fmt: skip

# Messages of onnx.proto as far as the checks need them: field number -> message inside it.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION = (
    "model", "graph", "node", "attribute", "tensor", "sparse", "function",
)  # fmt: skip
_INSIDE: dict[str, dict[int, str]] = {
    _MODEL: {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _TENSOR: {},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
}
_NODE_DOMAIN, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 7, 13, 14
_DEEPEST = 64


def check_bytes(data: bytes, name: str) -> None:
    """Walk the protobuf of an ONNX file without running anything.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        How messages call it.

    Raises
    ------
    ModelError
        For a pickle or another container, a file that is cut short or no ONNX, external data, operators
        outside the standard, graphs that nest too deep.
    """
    for magic, what in _CONTAINERS.items():
        if data.startswith(magic):
            raise ModelError(
                f"{name} is {what}, no ONNX file",
                allowed="ONNX",
                remedy="export the model to ONNX; a pickle could run any code and is never opened",
            )
    try:
        fields = {field for field, _ in _fields(memoryview(data))}
        if 7 not in fields or 1 not in fields:
            raise ModelError(f"{name} holds no ONNX graph", allowed="an ONNX model", remedy="export it again")
        _walk(memoryview(data), _MODEL, name, 0)
    except _CutError:
        raise ModelError(
            f"{name} is no whole ONNX file", remedy="it was cut short or is something else: export it again"
        ) from None


@dataclass(frozen=True)
class Linear:
    """A file whose whole graph is one linear classifier: what it multiplies its columns by.

    Attributes
    ----------
    coefficients : tuple of float
        Of the last class, one a column; float32 values.
    intercept : float
        Of the last class.
    """

    coefficients: tuple[float, ...]
    intercept: float


def linear_of(data: bytes) -> Linear | None:
    """Read a graph of one ``LinearClassifier`` without post-transform; None for any other graph.

    `check_bytes` must have passed. The arithmetic of such a graph is a sum of products, whose order a
    runtime chooses by instruction set; who holds the coefficients can add in an order of their own.
    """
    nodes = [
        list(_fields(node))
        for field, graph in _fields(memoryview(data))
        if field == 7 and isinstance(graph, memoryview)
        for inner, node in _fields(graph)
        if inner == 1 and isinstance(node, memoryview)
    ]
    if len(nodes) != 1 or not any(
        field == 4 and isinstance(value, memoryview) and bytes(value) == b"LinearClassifier"
        for field, value in nodes[0]
    ):
        return None
    numbers: dict[str, tuple[float, ...]] = {}
    texts: dict[str, bytes] = {}
    for field, attribute in nodes[0]:
        if field != 5 or not isinstance(attribute, memoryview):
            continue
        parts = list(_fields(attribute))
        name = next((bytes(v).decode() for f, v in parts if f == 1 and isinstance(v, memoryview)), "")
        floats = b"".join(bytes(v) for f, v in parts if f == 7 and isinstance(v, memoryview))
        numbers[name] = struct.unpack(f"<{len(floats) // 4}f", floats)
        texts[name] = next((bytes(v) for f, v in parts if f == 4 and isinstance(v, memoryview)), b"")
    coefficients, intercepts = numbers.get("coefficients", ()), numbers.get("intercepts", ())
    if texts.get("post_transform", b"NONE") != b"NONE" or not intercepts:
        return None
    columns, rest = divmod(len(coefficients), len(intercepts))
    if rest or not columns:
        return None
    return Linear(coefficients[-columns:], intercepts[-1])


class _CutError(Exception):
    """The protobuf ends in the middle of a field, or is none."""


def _walk(message: memoryview, kind: str, name: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise ModelError(f"{name} nests graphs more than {_DEEPEST} deep")
    for field, value in _fields(message):
        inside = _INSIDE[kind].get(field)
        if inside is not None:
            if not isinstance(value, memoryview):
                raise _CutError
            _walk(value, inside, name, depth + 1)
        elif kind == _TENSOR and (field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0)):
            raise ModelError(
                f"{name} keeps weights in another file (external data)",
                allowed="one file that holds everything",
                remedy="save it with all data inside",
            )
        elif kind == _NODE and field == _NODE_DOMAIN:
            domain = bytes(value).decode("utf-8", "replace") if isinstance(value, memoryview) else "?"
            if domain not in DOMAINS:
                raise ModelError(
                    f"{name} uses operators of the domain {domain!r}",
                    allowed="operators of the ONNX standard (ai.onnx, ai.onnx.ml)",
                    remedy="export it without custom or vendor operators",
                )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Go through the fields of a protobuf message: number and value (wire types 0, 1, 2 and 5)."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise _CutError
        if field == 0 or at + size > end:
            raise _CutError
        yield field, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise _CutError
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
