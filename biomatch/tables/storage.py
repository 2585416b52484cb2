"""Folders on disk that are whole or absent: write beside, fsync, rename; sizes, hashes and a seal inside."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import files
from biomatch.errors import TableError
from biomatch.tables.places import CONTENTS, article, free_place, named, put, recover, sync
from biomatch.tables.schema import Schema
from biomatch.tables.seals import Checked, FileSeal, TreeHash, check_opened, seal_bytes, seal_file, seal_of

__all__ = ["CONTENTS", "free_place"]
FORMAT = 2
"""1: no seal, and the largest files not checked."""
_CHUNK = 1 << 22


def digest(path: Path) -> str:
    """Hash a file as its seal does (`seals.FileSeal.sha256`), as 64 hexadecimal digits."""
    return seal_file(path).sha256


@contextmanager
def new_folder(
    path: str | Path, kind: str, about: Mapping[str, Any] | None = None, *, question: str | None = None
) -> Iterator[Path]:
    """Write a folder beside its place and move it there when it is whole.

    The caller fills the folder that is yielded. On leaving, every file is fsynced, ``contents.json``
    (kind, format, sizes, hashes, `about`, question, seal) is added, and the folder is put into place: an
    older one is moved aside first and removed last. When anything goes wrong, an interrupt too, what was
    begun is removed and the place stays as it was.

    Parameters
    ----------
    path : path
        Where the folder shall stand. An older folder of the same `kind` is replaced if it answers the same
        question; anything else that stands there is left alone and refused (`places.free_place`).
    kind : str
        What the folder holds, for example ``"world"``.
    about : mapping, optional
        Plain data that is kept under ``about``; what is put in until the end of the block counts.
    question : str, optional
        What the folder answers (`seals.question_of`).

    Raises
    ------
    TableError
        When the place is taken by something else, or the disk refuses.
    """
    place = named(path)
    free_place(place, kind, question)
    beside = place.with_name(f".{place.name}.partial-{os.getpid()}")
    about = {} if about is None else about
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(beside, ignore_errors=True)  # what this process left, if it was cut off while removing
        beside.mkdir()
        yield beside
        sealed = {}
        for file in sorted(item for item in beside.rglob("*") if item.is_file()):
            sealed[file.relative_to(beside).as_posix()] = seal_file(file).to_json()
            sync(file)
        contents = {
            "kind": kind,
            "format": FORMAT,
            "files": sealed,
            "about": dict(about),
            "question": question,
        }
        contents["seal"] = seal_of(contents)
        write_text(beside / CONTENTS, json.dumps(contents, indent=1, sort_keys=True) + "\n")
        sync(beside)
        free_place(place, kind, question)  # somebody else may have put something there meanwhile
        put(beside, place)
    except OSError as fault:
        raise TableError(
            f"{place} could not be written ({fault.strerror or fault})",
            remedy="free space or choose another place; nothing half-written was left",
        ) from fault
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def open_folder(path: str | Path, kind: str, *, absent: tuple[str, ...] = ()) -> dict[str, Any]:
    """Check that a folder is whole and give its ``contents.json``.

    Parameters
    ----------
    path : path
        The folder.
    kind : str
        What it must hold.
    absent : tuple of str
        Prefixes of files that may be missing (``"truth/"`` for whoever may not see it).

    Raises
    ------
    TableError
        When the folder, or a file in it, is missing, cut short, or of another kind or format, or when what is
        recorded of it was edited.
    """
    place = Path(path)
    if place.name and not files.exists(place):
        recover(place)
    contents = read_contents(place, kind)
    for name, recorded in contents["files"].items():
        if absent and name.startswith(absent):
            continue
        file = place / name
        if not file.is_file():
            raise TableError(f"{place} lacks the file {name}", remedy=f"make the {kind} again")
        if file.stat().st_size != recorded["bytes"]:
            raise TableError(
                f"{file} has {file.stat().st_size} bytes instead of {recorded['bytes']}",
                remedy=f"it was cut short or changed: make the {kind} again",
            )
    return contents


def read_contents(place: Path, kind: str | None = None) -> dict[str, Any]:
    """Read a folder's ``contents.json``: whole, of this format, of the kind, and as it was sealed.

    Raises
    ------
    TableError
        When it is not.
    """
    what = kind or "folder of biomatch"
    file = place / CONTENTS
    if not files.exists(file):
        raise TableError(f"{place} is no {what}: it has no {CONTENTS}", remedy=f"give {article(what)}")
    again = f"make the {what} again"
    contents = files.read_json(file, remedy=again, constants=True)
    if not isinstance(contents, dict) or not isinstance(contents.get("kind"), str):
        raise TableError(f"{file} cannot be read (it names no kind)", remedy=again)
    if kind is not None and contents["kind"] != kind:
        raise TableError(f"{place} holds {article(contents['kind'])}", allowed=article(kind))
    if contents.get("format") != FORMAT:
        raise TableError(
            f"{place} has format {contents.get('format')}", allowed=f"format {FORMAT}", remedy=again
        )
    if contents.get("seal") != seal_of(contents):
        raise TableError(f"{file} was edited: its seal does not fit", remedy=again)
    try:
        for name, recorded in contents["files"].items():
            FileSeal.from_json(recorded)
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts or not parts.name:
                raise ValueError(f"the file {name!r} lies outside of the folder")
        if not isinstance(contents["about"], dict):
            raise ValueError("it says nothing about the folder")
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise TableError(f"{file} cannot be read ({fault})", remedy=again) from None
    return contents


def check_hash(place: Path, name: str, contents: Mapping[str, Any]) -> Path:
    """Check one file of an opened folder against its seal and give its path; see `read_checked`."""
    seal, again = _seal(place, name, contents)
    with files.open_file(place / name) as file:
        check_opened(file, seal, str(place / name), again)
    return place / name


def read_checked(place: Path, name: str, contents: Mapping[str, Any]) -> bytes:
    """Read one file of an opened folder, once, and check the bytes that were read against its seal."""
    seal, again = _seal(place, name, contents)
    data = files.read_bytes(place / name)
    if seal_bytes(data) != seal:
        raise TableError(f"{place / name} does not have the content that was recorded", remedy=again)
    return data


def _seal(place: Path, name: str, contents: Mapping[str, Any]) -> tuple[FileSeal, str]:
    again = f"make the {contents['kind']} again"
    recorded = contents["files"].get(name)
    if recorded is None or not (place / name).is_file():
        raise TableError(f"{place} lacks the file {name}", remedy=again)
    return FileSeal.from_json(recorded), again


def write_text(path: str | Path, text: str) -> None:
    """Write a text file beside its place, fsync it, and move it there."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file beside its place, fsync it, and move it there.

    Raises
    ------
    TableError
        When a folder stands there, or the disk refuses.
    """
    place = named(path)
    if place.is_dir():
        raise TableError(f"{place} is a folder", allowed="a file to write", remedy="name a file")
    if os.path.lexists(place) and not place.is_file():
        _write_to_device(place, data)
        return
    beside = place.with_name(f".{place.name}.partial-{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        recover(place)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as fault:
        raise TableError(
            f"{place} could not be written ({fault.strerror or fault})",
            remedy="free space or choose another place",
        ) from fault
    finally:
        with suppress(OSError):  # where the folder is none, there is nothing to take away
            beside.unlink(missing_ok=True)


def _write_to_device(place: Path, data: bytes) -> None:
    """Write to what is no regular file (``/dev/stdout``): a device is never replaced by a file."""
    try:
        with place.open("wb") as file:
            file.write(data)
    except OSError as fault:
        raise TableError(
            f"{place} could not be written ({fault.strerror or fault})", remedy="choose another place"
        ) from fault


def write_table(folder: Path, schema: Schema, frame: pl.DataFrame) -> None:
    """Write a checked table as Parquet into a folder that `new_folder` yielded."""
    _write_parquet(schema.check(frame), folder / f"{schema.name}.parquet")


def _write_parquet(frame: pl.DataFrame, target: Path | io.BytesIO) -> None:
    # Fixed options: the same frame gives the same bytes, on disk and in memory.
    frame.rechunk().write_parquet(
        target, compression="zstd", compression_level=3, statistics=False, row_group_size=1 << 18
    )


def table_digest(schema: Schema, frame: pl.DataFrame) -> str:
    """Hash of the file that `write_table` would write, as its seal."""
    buffer = io.BytesIO()
    _write_parquet(schema.check(frame), buffer)
    return seal_bytes(buffer.getvalue()).sha256


def read_table(place: Path, schema: Schema, contents: Mapping[str, Any], under: str = "") -> pl.DataFrame:
    """Read one table of an opened folder: hash, then schema."""
    name = f"{under}{schema.name}.parquet"
    frame = files.parse_parquet(read_checked(place, name, contents), place / name)
    return schema.check(frame)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as ``.npy`` (never pickled)."""
    np.save(path, array, allow_pickle=False)


def read_array(place: Path, name: str, contents: Mapping[str, Any]) -> NDArray[Any]:
    """Read a ``.npy`` file of an opened folder into memory: hash, then content."""
    data = read_checked(place, name, contents)
    return files.guarded(lambda: files.parse_npy(data), place / name, files.NPY)


def array_digest(array: NDArray[Any]) -> str:
    """Hash of the file that `write_array` would write, as its seal."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    found = TreeHash()
    found.update(header.getvalue())
    rows = max(1, _CHUNK // max(1, array[:1].nbytes))
    for begin in range(0, len(array), rows):
        found.update(np.ascontiguousarray(array[begin : begin + rows]).view(np.uint8).data)
    return found.close().sha256


def reserve_array(path: Path, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Make a ``.npy`` file of its final size and memory-map it for writing.

    The space is taken at once, so that a full disk is an error here; a page of a sparse file that finds
    no space later kills the process without a word.

    Raises
    ------
    OSError
        When the disk has not the space (`new_folder` turns it into one clear message).
    """
    mapped: NDArray[Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return mapped


def map_array(path: Path, *, dtype: Any, columns: int | None = None) -> NDArray[Any]:
    """Memory-map a ``.npy`` file, read-only.

    Raises
    ------
    TableError
        When it is no ``.npy``, holds objects, or has another dtype or number of columns.
    """
    return _typed(files.map_npy(path), path, dtype, columns)


def map_checked(
    place: Path, name: str, contents: Mapping[str, Any], *, dtype: Any
) -> tuple[NDArray[Any], Checked]:
    """Memory-map a ``.npy`` file of an opened folder, read-only, and check it against its seal.

    Returns
    -------
    tuple of ndarray and Checked
        The array, and how much of it was checked (`seals.checking`).
    """
    seal, again = _seal(place, name, contents)
    with files.open_file(place / name) as file:
        checked = check_opened(file, seal, str(place / name), again)
        return _typed(files.map_opened(file, place / name), place / name, dtype, None), checked


def _typed(array: NDArray[Any], path: Path, dtype: Any, columns: int | None) -> NDArray[Any]:
    if array.dtype != np.dtype(dtype) or (columns is not None and array.shape[1:] != (columns,)):
        raise TableError(f"{path} holds {array.dtype} of shape {array.shape}", allowed=str(np.dtype(dtype)))
    return array
