"""ONNX models behind one door: the only file that imports onnxruntime.

A file is looked at before anything of it is run: its bytes are hashed against the registry, its protobuf
is walked for external data, foreign operators and a cut-off end, and only then does onnxruntime get the
bytes (never a path, so nothing beside the file can be read). A pickle is refused unopened.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch import files, portable
from biomatch.errors import ModelError
from biomatch.onnxfile import check_bytes, linear_of
from biomatch.paths import models_dir

REGISTRY = "registry.json"
BATCH_ROWS = 65_536
MOST_SECONDS = 300.0
"""Longest that a model may take for one batch."""
MOST_BYTES = 2**31 - 1
"""Largest file: a protobuf message cannot be larger."""


@dataclass(frozen=True)
class Entry:
    """One model of the registry.

    Attributes
    ----------
    name : str
        What it is asked for by.
    file : str
        File below ``models/``.
    sha256 : str
        Of the file's bytes.
    inputs : tuple of str
        Names of the columns of its input, in order.
    output : str
        Name of the output that is used.
    lineages : tuple of int
        Root seeds of the worlds that it was trained on.
    card : str
        File of its model card.
    """

    name: str
    file: str
    sha256: str
    inputs: tuple[str, ...]
    output: str
    lineages: tuple[int, ...]
    card: str


def registry(folder: Path | None = None) -> dict[str, Entry]:
    """Read the registry of the models that ship with the package.

    Raises
    ------
    ModelError
        When it is missing or cannot be read.
    """
    place = (folder or models_dir()) / REGISTRY
    try:
        listed = files.read_json(place, error=ModelError)
        return {
            name: Entry(
                name,
                str(one["file"]),
                str(one["sha256"]),
                tuple(one["inputs"]),
                str(one["output"]),
                tuple(int(seed) for seed in one["lineages"]),
                str(one["card"]),
            )
            for name, one in listed["models"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ModelError(f"{place} is no registry of models ({fault})", remedy="run `make models`") from None


@cache
def load(name: str, folder: Path | None = None) -> ColumnModel:
    """Load a registered model; its bytes must have the registered SHA-256.

    Raises
    ------
    ModelError
        For an unknown name, or a file that is missing, altered, or not what the registry says.
    """
    listed = registry(folder)
    if name not in listed:
        raise ModelError(f"model {name!r}", allowed=", ".join(sorted(listed)))
    entry = listed[name]
    data = read_bytes((folder or models_dir()) / entry.file)
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise ModelError(
            f"{entry.file} has SHA-256 {found[:16]}... instead of {entry.sha256[:16]}...",
            allowed="the registered bytes",
            remedy="the file was altered: install the package again, or run `make models`",
        )
    return ColumnModel(entry, data)


class ColumnModel:
    """A model from columns of numbers to one number a row.

    Attributes
    ----------
    entry : Entry
        What the registry says of it.
    """

    def __init__(self, entry: Entry, data: bytes) -> None:
        self.entry = entry
        self._session = open_session(data, entry.file)
        (given,) = self._one_input()
        if len(given.shape) != 2 or (isinstance(given.shape[1], int) and given.shape[1] != len(entry.inputs)):
            raise ModelError(
                f"{entry.file} takes an input of shape {given.shape}",
                allowed=f"(rows, {len(entry.inputs)})",
                remedy="the registry and the file do not belong together: run `make models`",
            )
        self._name = given.name
        # Where the graph is one linear classifier, its sum is made here, in a fixed order: the runtime's
        # order follows the processor, and decisions hang on the last bit of a ratio.
        self._linear = linear_of(data)
        if entry.output not in [one.name for one in self._session.get_outputs()]:
            raise ModelError(f"{entry.file} has no output {entry.output!r}", remedy="run `make models`")

    def _one_input(self) -> list[Any]:
        inputs = list(self._session.get_inputs())
        if len(inputs) != 1:
            raise ModelError(f"{self.entry.file} takes {len(inputs)} inputs", allowed="one table of numbers")
        return inputs

    def run(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Give the model's number for each row.

        Parameters
        ----------
        values : ndarray
            Shape (n, k), finite; columns in the order of ``entry.inputs``; converted to float32.

        Returns
        -------
        ndarray of float32
            Shape (n,).

        Raises
        ------
        ModelError
            For another number of columns, or values that are not finite.
        """
        table = np.ascontiguousarray(values, dtype=np.float32)
        if table.ndim != 2 or table.shape[1] != len(self.entry.inputs):
            raise ModelError(
                f"values of shape {table.shape} for model {self.entry.name!r}",
                allowed=f"(rows, {len(self.entry.inputs)}): {', '.join(self.entry.inputs)}",
            )
        if not np.isfinite(table).all():
            raise ModelError(f"values for model {self.entry.name!r} that are not finite")
        out = np.empty(len(table), dtype=np.float32)
        for begin in range(0, len(table), BATCH_ROWS):
            at = slice(begin, begin + BATCH_ROWS)
            if self._linear is not None:
                sums = portable.pair_sums(table[at], np.array(self._linear.coefficients, np.float32))
                out[at] = sums + self._linear.intercept
                continue
            (found,) = _run(self._session, self.entry.output, {self._name: table[at]}, self.entry.file)
            # A classifier's raw scores have a column a class; the last is that of the event.
            out[at] = found[:, -1] if found.ndim == 2 else found
        return out


class FaceModel:
    """A user's own face model: aligned images in, templates of unit length out.

    Attributes
    ----------
    height, width : int
        Size of the images that it takes.
    dimension : int or None
        Length of its templates, where the file declares it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._session = open_session(read_bytes(self.path), str(self.path))
        inputs = list(self._session.get_inputs())
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise ModelError(
                f"{self.path} takes inputs of shape {[one.shape for one in inputs]}",
                allowed="one batch of images, (n, 3, height, width) or (n, height, width, 3)",
            )
        (given,) = inputs
        shape = given.shape
        self._first = shape[1] == 3
        size = shape[2:] if self._first else shape[1:3]
        if (not self._first and shape[3] != 3) or not all(isinstance(one, int) for one in size):
            raise ModelError(
                f"{self.path} takes images of shape {shape}",
                allowed="(n, 3, height, width) or (n, height, width, 3) with a fixed size",
                remedy="export it with a fixed image size; only the number of images may be open",
            )
        if given.type not in ("tensor(float)", "tensor(uint8)"):
            raise ModelError(f"{self.path} takes {given.type}", allowed="tensor(float) or tensor(uint8)")
        self.height, self.width = int(size[0]), int(size[1])
        self._name, self._float = given.name, given.type == "tensor(float)"
        self._batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
        flat = [one for one in self._session.get_outputs() if len(one.shape) == 2]
        if not flat:
            raise ModelError(
                f"{self.path} has outputs of shape {[one.shape for one in self._session.get_outputs()]}",
                allowed="a template an image, (n, d)",
            )
        self._output = flat[0].name
        self.dimension = flat[0].shape[1] if isinstance(flat[0].shape[1], int) else None

    def templates(
        self,
        images: NDArray[np.uint8],
        *,
        batch: int = 64,
        mean: float = 127.5,
        scale: float = 127.5,
        bgr: bool = False,
    ) -> NDArray[np.float32]:
        """Make templates of images.

        Parameters
        ----------
        images : ndarray
            Shape (n, height, width, 3), uint8, RGB, aligned as the model wants them; may be mapped.
        batch : int
            Images at a time; a model with a fixed batch takes its own.
        mean, scale : float
            Pixel values become ``(value - mean) / scale`` where the model takes float32 (127.5 and 127.5:
            the convention of the InsightFace models); a model of uint8 takes them as they are.
        bgr : bool
            Whether the model wants blue first.

        Returns
        -------
        ndarray of float32
            Shape (n, d), rows of unit length.

        Raises
        ------
        ModelError
            For images of another type or size, or a template that is zero or not finite.
        """
        wanted = (self.height, self.width, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != wanted:
            raise ModelError(
                f"images are {images.dtype} of shape {images.shape}",
                allowed=f"uint8 of shape (n, {self.height}, {self.width}, 3)",
                remedy="align and crop the faces to the size that the model takes",
            )
        if scale == 0 or not np.isfinite([mean, scale]).all():
            raise ModelError(f"scale {scale} and mean {mean}", allowed="finite numbers, scale not 0")
        step = self._batch or max(1, batch)
        rows: list[NDArray[np.float32]] = []
        for begin in range(0, len(images), step):
            part = np.asarray(images[begin : begin + step])
            count = len(part)
            if self._batch and count < step:  # a fixed batch is filled up; what fills it is dropped below
                part = np.concatenate([part, np.repeat(part[-1:], step - count, axis=0)])
            rows.append(self._some(part, mean, scale, bgr)[:count])
        if not rows:
            return np.empty((0, self.dimension or 0), dtype=np.float32)
        found = np.concatenate(rows)
        length = np.linalg.norm(found.astype(np.float64), axis=1)
        bad = np.flatnonzero(~np.isfinite(length) | (length == 0.0))
        if bad.size:
            raise ModelError(
                f"{self.path} gives image {bad[0]} a template that is zero or not finite",
                remedy="look at that image, and at mean and scale",
            )
        return np.asarray(found / length[:, None], dtype=np.float32)

    def _some(self, part: NDArray[np.uint8], mean: float, scale: float, bgr: bool) -> NDArray[np.float32]:
        part = part[..., ::-1] if bgr else part
        given: NDArray[Any] = part
        if self._float:
            given = (part.astype(np.float32) - np.float32(mean)) / np.float32(scale)
        given = given.transpose(0, 3, 1, 2) if self._first else given
        feed = {self._name: np.ascontiguousarray(given)}
        (found,) = _run(self._session, self._output, feed, str(self.path))
        if found.ndim != 2 or len(found) != len(part):
            raise ModelError(f"{self.path} gave an output of shape {found.shape} for {len(part)} images")
        return np.asarray(found, dtype=np.float32)


def read_bytes(path: Path) -> bytes:
    """Read a model file, refusing what is too large to be one."""
    return files.read_bytes(path, error=ModelError, most=MOST_BYTES)


def open_session(data: bytes, name: str) -> Any:
    """Check the bytes of an ONNX file and give an onnxruntime session of them.

    Raises
    ------
    ModelError
        For a pickle or another container, a file cut short, external data, operators outside the
        standard, or whatever onnxruntime refuses.
    """
    check_bytes(data, name)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised, and must not be printed as well
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # onnxruntime has a class for each status code, without a common base
        text = " ".join(str(fault).split())
        raise ModelError(
            f"{name} is refused by onnxruntime ({text[:200]})", remedy="export the model again"
        ) from None


def _run(session: Any, output: str, feed: dict[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4

    def stop() -> None:
        options.terminate = True

    watch = threading.Timer(MOST_SECONDS, stop)
    watch.daemon = True
    watch.start()
    try:
        found: list[NDArray[Any]] = session.run([output], feed, options)
    except Exception as fault:
        if options.terminate:
            raise ModelError(
                f"{name} had not answered after {MOST_SECONDS:g} seconds",
                remedy="does it loop without end? give fewer images at a time with --batch",
            ) from None
        text = " ".join(str(fault).split())
        raise ModelError(f"{name} failed in onnxruntime ({text[:200]})") from None
    finally:
        watch.cancel()
    return found
