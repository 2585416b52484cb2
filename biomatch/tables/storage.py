"""Folders on disk that are whole or absent: write beside, fsync, rename; sizes and hashes inside."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.tables.schema import Schema

CONTENTS = "contents.json"
FORMAT = 1
_CHUNK = 1 << 22


def digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            found.update(block)
    return found.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def new_folder(path: str | Path, kind: str, about: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """Write a folder beside its place and move it there when it is whole.

    The caller fills the folder that is yielded. On leaving, every file is fsynced, ``contents.json``
    (kind, format, sizes, hashes, `about`) is added, and the folder is renamed into place. When
    anything goes wrong, an interrupt too, what was begun is removed and the place stays as it was.

    Parameters
    ----------
    path : path
        Where the folder shall stand. An older folder of the same `kind` is replaced; anything else
        that stands there is left alone and refused.
    kind : str
        What the folder holds, for example ``"world"``.
    about : mapping, optional
        Plain data that is kept under ``about``; what is put in until the end of the block counts.

    Raises
    ------
    TableError
        When the place is taken by something else, or the disk refuses.
    """
    place = Path(path)
    free_place(place, kind)
    beside = place.with_name(f".{place.name}.partial-{os.getpid()}")
    about = {} if about is None else about
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep_up(place)
        beside.mkdir()
        yield beside
        files = {}
        for file in sorted(item for item in beside.rglob("*") if item.is_file()):
            _sync(file)
            files[str(file.relative_to(beside))] = {"bytes": file.stat().st_size, "sha256": digest(file)}
        contents = {"kind": kind, "format": FORMAT, "files": files, "about": dict(about)}
        write_text(beside / CONTENTS, json.dumps(contents, indent=1, sort_keys=True) + "\n")
        if place.exists():
            shutil.rmtree(place)
        beside.rename(place)
        _sync(place.parent)
    except OSError as fault:
        raise TableError(
            f"{place} could not be written ({fault.strerror or fault})",
            remedy="free space or choose another place; nothing half-written was left",
        ) from fault
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sweep_up(place: Path) -> None:
    """Remove what killed writers of the same place left beside it (a living one's is let alone)."""
    for left in place.parent.glob(f".{place.name}.partial-*"):
        owner = left.name.rpartition("-")[2]
        if owner == str(os.getpid()) or not (owner.isdigit() and _alive(int(owner))):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def free_place(path: str | Path, kind: str) -> None:
    """Refuse a place where something stands that is not a `kind` of ours.

    Called by `new_folder`, and early by commands that would otherwise work for nothing.
    """
    place = Path(path)
    if not place.exists():
        return
    if place.is_dir() and (not any(place.iterdir()) or _kind_of(place) == kind):
        return
    raise TableError(
        f"{place} already holds something else",
        allowed=f"a new or empty folder, or a {kind} to replace",
        remedy="choose another --out, or move what stands there",
    )


def _kind_of(place: Path) -> str | None:
    try:
        return str(json.loads((place / CONTENTS).read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
        When the folder, or a file in it, is missing, cut short, or of another kind or format.
    """
    place = Path(path)
    try:
        contents: dict[str, Any] = json.loads((place / CONTENTS).read_text(encoding="utf-8"))
        files = dict(contents["files"])
        given_kind, given_format = contents["kind"], contents["format"]
    except FileNotFoundError:
        raise TableError(
            f"{place} is no {kind}: it has no {CONTENTS}", remedy=f"give {_some(kind)}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise TableError(
            f"{place / CONTENTS} cannot be read ({fault})", remedy=f"make the {kind} again"
        ) from None
    if given_kind != kind:
        raise TableError(f"{place} holds {_some(given_kind)}", allowed=_some(kind))
    if given_format != FORMAT:
        raise TableError(
            f"{place} has format {given_format}", allowed=f"format {FORMAT}", remedy=f"make the {kind} again"
        )
    for name, recorded in files.items():
        if name.startswith(absent) if absent else False:
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


def check_hash(place: Path, name: str, contents: Mapping[str, Any]) -> Path:
    """Check one file of an opened folder against its recorded SHA-256 and give its path."""
    file = place / name
    recorded = contents["files"].get(name)
    if recorded is None or not file.is_file():
        raise TableError(f"{place} lacks the file {name}", remedy=f"make the {contents['kind']} again")
    if digest(file) != recorded["sha256"]:
        raise TableError(
            f"{file} does not have the content that was recorded",
            remedy=f"make the {contents['kind']} again",
        )
    return file


def write_text(path: str | Path, text: str) -> None:
    """Write a text file beside its place, fsync it, and move it there."""
    place = Path(path)
    beside = place.with_name(f".{place.name}.partial-{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
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


def write_table(folder: Path, schema: Schema, frame: pl.DataFrame) -> None:
    """Write a checked table as Parquet into a folder that `new_folder` yielded."""
    _write_parquet(schema.check(frame), folder / f"{schema.name}.parquet")


def _write_parquet(frame: pl.DataFrame, target: Path | io.BytesIO) -> None:
    # Fixed options: the same frame gives the same bytes, on disk and in memory.
    frame.rechunk().write_parquet(
        target, compression="zstd", compression_level=3, statistics=False, row_group_size=1 << 18
    )


def table_digest(schema: Schema, frame: pl.DataFrame) -> str:
    """SHA-256 of the file that `write_table` would write."""
    buffer = io.BytesIO()
    _write_parquet(schema.check(frame), buffer)
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def read_table(place: Path, schema: Schema, contents: Mapping[str, Any], under: str = "") -> pl.DataFrame:
    """Read one table of an opened folder: hash, then schema."""
    file = check_hash(place, f"{under}{schema.name}.parquet", contents)
    try:
        frame = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise TableError(f"{file} is no readable Parquet file ({fault})") from None
    return schema.check(frame)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as ``.npy`` (never pickled)."""
    np.save(path, array, allow_pickle=False)


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of the file that `write_array` would write."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    found = hashlib.sha256(header.getvalue())
    rows = max(1, _CHUNK // max(1, array[:1].nbytes))
    for begin in range(0, len(array), rows):
        found.update(np.ascontiguousarray(array[begin : begin + rows]).view(np.uint8).data)
    return found.hexdigest()


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
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as fault:
        raise TableError(f"{path} is no readable .npy file ({fault})") from None
    if array.dtype != np.dtype(dtype) or (columns is not None and array.shape[1:] != (columns,)):
        raise TableError(f"{path} holds {array.dtype} of shape {array.shape}", allowed=str(np.dtype(dtype)))
    mapped: NDArray[Any] = array
    return mapped


def _some(kind: str) -> str:
    return str(kind) if str(kind).endswith("s") else f"a {kind}"
