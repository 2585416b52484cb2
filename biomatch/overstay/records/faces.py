"""Templates of a user's records: which row of an archive belongs to which record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.overstay.records.columns import plain_name
from biomatch.overstay.rules.intake.source import ROW, Source
from biomatch.tables.embeddings import TEMPLATE_KEYS, load_arrays, unit_rows

TEMPLATE_COLUMN = "template_row"


def with_faces(
    faces: str | Path | NDArray[np.float32] | pl.DataFrame | None, sources: list[Source]
) -> tuple[NDArray[np.float32] | None, list[Source]]:
    """Load templates and say which record has which.

    Parameters
    ----------
    faces : path, ndarray or None
        ``.npz`` with ``entries`` and ``exits``, or with ``templates``; ``.npy`` or an array is as
        ``templates``. A column ``template_row`` in the tables names the row of each record (-1 or empty:
        none). Without such a column there must be as many templates as rows, those of entries before those
        of exits; a row of NaN or of zeros stands for no face.
    sources : list of Source
        The user's tables.

    Returns
    -------
    tuple
        Templates, shape (n, d), float32, unit length, or None; and the tables with ``template_row``.

    Raises
    ------
    TableError
        For a file that holds no such arrays, or too few or too many of them.
    """
    named = [any(plain_name(c) == TEMPLATE_COLUMN for c in source.frame.columns) for source in sources]
    if faces is None:
        return None, sources
    if isinstance(faces, pl.DataFrame):
        raise TableError("faces are a frame", allowed="templates; scores by pair are read by another door")
    rows = [source.given for source in sources]
    vectors, where = _vectors(faces, rows)
    if all(named):
        return unit_rows(vectors, where), sources
    if any(named):
        raise TableError(
            f"only one table has a column {TEMPLATE_COLUMN!r}", remedy="give it to both, or to none"
        )
    if len(vectors) != sum(rows):
        raise TableError(
            f"{where} holds {len(vectors):,} templates for {sum(rows):,} rows",
            allowed="one for each row, entries before exits (a row of NaN: no face)",
            remedy=f"or name each record's in a column {TEMPLATE_COLUMN}",
        )
    values = np.asarray(vectors, dtype=np.float64)
    none = np.isnan(values).all(axis=1) | (values == 0).all(axis=1)
    kept = np.flatnonzero(~none)
    if not len(kept):
        raise TableError(f"{where} holds no face at all", remedy="leave --faces out")
    place = np.full(len(values), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    begin, made = 0, []
    for source in sources:
        own = pl.Series(TEMPLATE_COLUMN, place[begin : begin + source.given])
        column = own.gather(source.frame[ROW] - 1)
        made.append(Source(source.name, source.frame.with_columns(column), source.given))
        begin += source.given
    return unit_rows(vectors[kept], where), made


def _vectors(faces: str | Path | NDArray[np.float32], rows: list[int]) -> tuple[NDArray[np.float32], str]:
    if isinstance(faces, np.ndarray):
        return _two(faces, "the faces"), "the faces"
    place = Path(faces)
    loaded = load_arrays(place)
    if isinstance(loaded, np.ndarray):
        return _two(loaded, place.name), place.name
    if {"entries", "exits"} <= set(loaded) and len(rows) == 2:
        parts = [_two(loaded[name], f"{place.name} {name}") for name in ("entries", "exits")]
        for part, count, name in zip(parts, rows, ("entries", "exits"), strict=True):
            if len(part) != count:
                raise TableError(
                    f"{place.name} holds {len(part):,} templates of {name} for {count:,} rows",
                    allowed="one for each row (a row of NaN: no face)",
                )
        if parts[0].shape[1] != parts[1].shape[1]:
            raise TableError(f"{place.name}: templates of {parts[0].shape[1]} and {parts[1].shape[1]} values")
        return np.concatenate(parts), place.name
    for name in TEMPLATE_KEYS:
        if name in loaded:
            return _two(loaded[name], place.name), place.name
    raise TableError(
        f"{place.name} holds {', '.join(sorted(loaded)) or 'nothing'}",
        allowed="arrays entries and exits, or one array templates",
    )


def _two(array: NDArray[np.float32], where: str) -> NDArray[np.float32]:
    if array.ndim != 2 or array.dtype.kind not in "fiu" or 0 in array.shape:
        raise TableError(
            f"{where} holds {array.dtype} of shape {array.shape}", allowed="numbers of shape (n, d)"
        )
    return array
