"""Arrays of NumPy: their headers and sizes are checked before anything is read."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.files.opened import (
    _BLOCK,
    MOST_UNPACKED,
    Kind,
    guarded,
    open_file,
    read_bytes,
)

NPY = "a .npy array of numbers or text; pickled objects are never loaded"


def map_npy(path: str | Path, *, error: Kind = TableError) -> NDArray[Any]:
    """Memory-map a ``.npy`` file, read-only; its size must be what its header says."""
    with open_file(path, error=error) as file:
        return map_opened(file, path, error=error)


def map_opened(file: BinaryIO, path: str | Path, *, error: Kind = TableError) -> NDArray[Any]:
    """Memory-map an opened ``.npy`` file from its beginning; see `map_npy`."""

    def mapped() -> NDArray[Any]:
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        shape, order, dtype = _npy_header(file, size)
        if 0 in shape or not shape:
            return np.array(_from_buffer(bytearray(file.read()), shape, order, dtype))
        found: NDArray[Any] = np.memmap(
            file, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order
        )
        return found

    return guarded(mapped, path, NPY, error=error)


def read_npy(path: str | Path, *, error: Kind = TableError) -> NDArray[Any]:
    """Read a ``.npy`` file into memory; its size must be what its header says."""
    return guarded(lambda: parse_npy(read_bytes(path, error=error)), path, NPY, error=error)


def parse_npy(data: bytes | bytearray) -> NDArray[Any]:
    """Give the array whose ``.npy`` file has these bytes; ValueError where they do not fit."""
    file = io.BytesIO(data)
    shape, order, dtype = _npy_header(file, len(data))
    held = data if isinstance(data, bytearray) else bytearray(data)
    return _from_buffer(memoryview(held)[file.tell() :], shape, order, dtype)


def _npy_header(file: BinaryIO, size: int) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
    """Read the header of ``.npy`` and check that what follows is as long as it says."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"format {version[0]}.{version[1]} of .npy")
    try:
        shape, fortran, dtype = readers[version](file)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as fault:
        raise ValueError(f"its header cannot be read: {str(fault).splitlines()[0][:100]}") from None
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if dtype.itemsize == 0 or len(shape) > 8 or any(not 0 <= one <= 1 << 48 for one in shape):
        raise ValueError(f"it says that it holds {dtype} of shape {shape}")
    count = 1
    for one in shape:
        count *= int(one)
    left = size - file.tell()
    if count * dtype.itemsize != left:
        raise ValueError(f"it has {left:,} bytes of data where {count * dtype.itemsize:,} belong")
    return shape, "F" if fortran else "C", dtype


def _from_buffer(data: Any, shape: tuple[int, ...], order: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int(np.prod([int(one) for one in shape], dtype=object)) if shape else 1
    flat: NDArray[Any] = np.frombuffer(data, dtype=dtype, count=count)
    return flat.reshape(shape, order=order)


def read_npz(
    path: str | Path, only: Collection[str] | None = None, *, error: Kind = TableError
) -> dict[str, NDArray[Any]]:
    """Read the arrays of a ``.npz`` archive, all or those named in `only`.

    Raises
    ------
    BiomatchError
        Of the kind `error`: for what is no whole archive, is encrypted, unpacks beyond `MOST_UNPACKED`, has a
        name twice, or holds anything but arrays.
    """
    allowed = "a .npz archive of numbers and text, not encrypted; pickled objects are never loaded"
    with open_file(path, error=error) as file:
        return guarded(lambda: _members(file, only), path, allowed, error=error)


def _members(file: BinaryIO, only: Collection[str] | None) -> dict[str, NDArray[Any]]:
    size = os.fstat(file.fileno()).st_size
    found: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [one.filename.removesuffix(".npy") for one in members]
        if len(set(names)) != len(names):
            raise ValueError("it has an array twice")
        most = max(MOST_UNPACKED[0], MOST_UNPACKED[1] * size)
        if sum(one.file_size for one in members) > most:
            raise ValueError(f"it unpacks to more than {most:,} bytes")
        for name, member in zip(names, members, strict=True):
            if only is not None and name not in only:
                continue
            if member.flag_bits & 1:
                raise ValueError("it is encrypted")
            held = bytearray(member.file_size)
            with archive.open(member) as inside:
                if _fill(inside, held) != len(held) or inside.read(1):
                    raise ValueError(f"the array {name[:60]!r} is cut short")
            found[name] = parse_npy(held)
    return found


def _fill(inside: Any, held: bytearray) -> int:
    at = 0
    view = memoryview(held)
    while at < len(held) and (read := inside.readinto(view[at : at + _BLOCK])):
        at += read
    return at


def is_npz(path: str | Path, *, error: Kind = TableError) -> bool:
    """Say whether a file begins as a zip archive does."""
    with open_file(path, error=error) as file:
        return file.read(2) == b"PK"
