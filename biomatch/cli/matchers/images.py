"""Images of a user's own: arrays, or a folder of files, as uint8 RGB."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch import files
from biomatch.errors import TableError

ARRAY_KEYS = ("images", "arr_0")
PLAIN = (".ppm", ".npy")
DECODED = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Read with Pillow, where it is installed (the extra ``images``)."""
_CHUNK = 256

Images = NDArray[np.uint8]


def read_images(path: Path) -> Iterator[tuple[Images, list[str], list[str]]]:
    """Read images in chunks.

    Parameters
    ----------
    path : pathlib.Path
        ``.npy`` (n, height, width, 3), ``.npz`` with an array ``images`` and optionally ``labels``, or a
        folder of image files of one size; a file's subject is the folder that it lies in, where it lies
        in one, else its own name.

    Yields
    ------
    tuple
        Images of shape (m, height, width, 3), uint8; names; subjects.

    Raises
    ------
    TableError
        For what is no image, or images of several sizes; names the file.
    """
    if path.is_dir():
        yield from _from_folder(path)
        return
    images, labels = _array(path)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise TableError(
            f"{path} holds {images.dtype} of shape {images.shape}",
            allowed="uint8 of shape (n, height, width, 3), RGB",
        )
    if labels is not None and labels.shape != (len(images),):
        raise TableError(f"{path} has labels of shape {labels.shape}", allowed=f"({len(images)},)")
    for begin in range(0, len(images), _CHUNK):
        part = images[begin : begin + _CHUNK]
        names = [str(number) for number in range(begin, begin + len(part))]
        subjects = names if labels is None else [str(one) for one in labels[begin : begin + len(part)]]
        yield np.asarray(part), names, subjects


def _array(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if not files.exists(path):
        raise TableError(f"{path} does not exist", remedy="give .npy, .npz or a folder of images")
    if path.suffix == ".npy":
        return files.map_npy(path), None
    held = files.read_npz(path)
    key = next((key for key in ARRAY_KEYS if key in held), None)
    if key is None:
        raise TableError(f"{path} holds {', '.join(held) or 'nothing'}", allowed="an array named images")
    return held[key], held.get("labels")


def _from_folder(path: Path) -> Iterator[tuple[Images, list[str], list[str]]]:
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in PLAIN + DECODED)
    if not found:
        raise TableError(f"{path} holds no images", allowed=f"files in {', '.join(PLAIN + DECODED)}")
    size: tuple[int, ...] | None = None
    for begin in range(0, len(found), _CHUNK):
        part = found[begin : begin + _CHUNK]
        made = []
        for file in part:
            image = _read_file(file)
            size = size or image.shape
            if image.shape != size:
                raise TableError(
                    f"{file} has shape {image.shape}, the files before it {size}",
                    remedy="align and crop all faces to one size",
                )
            made.append(image)
        names = [str(file.relative_to(path)) for file in part]
        subjects = [file.parent.name if file.parent != path else file.stem for file in part]
        yield np.stack(made), names, subjects


def _read_file(file: Path) -> Images:
    try:
        if file.suffix == ".npy":
            image = files.read_npy(file)
        elif file.suffix.lower() == ".ppm":
            image = _ppm(files.read_bytes(file))
        else:
            image = _decoded(file)
    except (OSError, ValueError, EOFError) as fault:
        raise TableError(f"{file} is no readable image ({' '.join(str(fault).split())[:120]})") from None
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise TableError(f"{file} is {image.dtype} of shape {image.shape}", allowed="uint8, RGB")
    return np.asarray(image)


def _ppm(data: bytes) -> Images:
    """Read a binary portable pixmap (P6, 8 bits): three numbers, one white space, then the pixels."""
    fields: list[bytes] = []
    at = 0
    while len(fields) < 4:
        while data[at : at + 1].isspace() or data[at : at + 1] == b"#":
            at = data.index(b"\n", at) + 1 if data[at : at + 1] == b"#" else at + 1
        end = at
        while end < len(data) and not data[end : end + 1].isspace():
            end += 1
        if end == at:
            raise ValueError("the header ends too soon")
        fields.append(data[at:end])
        at = end
    if fields[0] != b"P6" or fields[3] != b"255":
        raise ValueError("not a binary pixmap of 8 bits (P6, 255)")
    width, height = int(fields[1]), int(fields[2])
    if width < 1 or height < 1 or len(data) - at - 1 != width * height * 3:
        raise ValueError(f"{len(data) - at - 1} bytes of pixels for {width} x {height}")
    return np.frombuffer(data, np.uint8, offset=at + 1).reshape(height, width, 3)


def _decoded(file: Path) -> Images:
    try:
        from PIL import Image
    except ImportError:
        raise TableError(
            f"{file} needs a decoder",
            allowed=f"{', '.join(PLAIN)} without one",
            remedy='install Pillow: pip install "biomatch[images]"',
        ) from None

    def decoded() -> Images:
        with files.open_file(file) as opened, warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of a picture that unpacks to gigabytes
            with Image.open(opened) as picture:
                return np.asarray(picture.convert("RGB"))

    return files.guarded(decoded, file, f"an image ({', '.join(PLAIN + DECODED)})")
