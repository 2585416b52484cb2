"""Matrices of scores, a probe a row and a reference a column: BEE's .mtx with its mask, arrays with ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.curves.build import (
    IdentificationCurve,
    VerificationCurve,
    identification_curve,
    verification_curve,
)
from biomatch.errors import TableError
from biomatch.scorefiles import arrays
from biomatch.scorefiles.lines import read_table
from biomatch.scorefiles.words import lookalike_notes

MAGIC = 0x12345678
MATCH, NON_MATCH, IGNORE = 0xFF, 0x7F, 0x00
ROW_NAMES = ("row_ids", "probe_ids", "probes", "query_ids", "rows")
COLUMN_NAMES = ("column_ids", "reference_ids", "references", "gallery_ids", "target_ids", "columns")


@dataclass(frozen=True, eq=False)
class Matrix:
    """Scores of every probe against every reference.

    Attributes
    ----------
    scores : ndarray
        Shape (probes, references), as in the file.
    probes, references : ndarray of str
        Subject of each row and column; of a mask without names, the row and the column itself.
    mated, counted : ndarray of bool
        Shape (probes, references): which cells are mated, and which count at all.
    distances : bool
        Lower is closer.
    path : Path
        For messages.
    notes : tuple of str
        What the reader left out or assumed.
    """

    scores: NDArray[np.floating[Any]]
    probes: NDArray[np.str_]
    references: NDArray[np.str_]
    mated: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    distances: bool
    path: Path
    notes: tuple[str, ...] = ()

    def comparisons(self) -> VerificationCurve:
        """Make the 1:1 curve of all cells that count, with the subjects on both sides."""
        own, other = self.mated & self.counted, ~self.mated & self.counted
        rows, columns = np.nonzero(other)
        return verification_curve(
            np.asarray(self.scores[own]),
            np.asarray(self.scores[other]),
            mated_subjects=self.probes[np.nonzero(own)[0]],
            non_mated_subjects=self.probes[rows],
            non_mated_references=self.references[columns],
            distances=self.distances,
        )

    def searches(self) -> IdentificationCurve:
        """Make the 1:N curve: each row is a search of all columns; several references are one subject.

        Ties count against the mate: its rank is one more than the number of other subjects that score as
        high or higher.
        """
        names, subject = np.unique(self.references, return_inverse=True)
        sign = -1.0 if self.distances else 1.0
        own = np.full(len(self.probes), -np.inf)
        top = np.full(len(self.probes), -np.inf)
        rank, sizes = np.zeros(len(self.probes), dtype=np.int64), np.zeros(len(self.probes), dtype=np.int64)
        is_mated = np.zeros(len(self.probes), dtype=bool)
        for row in range(len(self.probes)):
            counts, mates = self.counted[row], self.mated[row]
            line = np.where(counts, sign * self.scores[row].astype(np.float64), -np.inf)
            best = np.full(names.size, -np.inf)
            np.maximum.at(best, subject[counts & ~mates], line[counts & ~mates])
            is_mated[row] = bool((counts & mates).any())
            sizes[row] = np.unique(subject[counts]).size
            top[row] = best.max(initial=-np.inf)
            if is_mated[row]:
                own[row] = line[counts & mates].max()
                rank[row] = 1 + int((best >= own[row]).sum())
        return identification_curve(
            sign * own[is_mated], rank[is_mated], sign * top[~is_mated],
            enrolled_count=sizes, list_length=max(1, int(sizes.max())),
            mated_subjects=self.probes[is_mated], non_mated_subjects=self.probes[~is_mated],
            distances=self.distances,
        )  # fmt: skip


def read_bee(path: Path, mask: Path, *, distances: bool = False) -> Matrix:
    """Read a similarity or distance matrix and its mask (OpenBR, ``openbr/core/bee.cpp``).

    Four header lines (``S2`` or ``D2`` or ``M2``; target list; query list; ``MF rows cols`` and four bytes
    of 0x12345678 in the writer's byte order), then rows x cols values, a row a query.
    """
    kind, names, scores = _bee(path, b"MF", np.dtype("f4"))
    _, _, cells = _bee(mask, b"MB", np.dtype("u1"))
    if kind == "S2" and distances:
        raise TableError(f"{path} holds similarities (S2)", remedy="leave --distances out")
    if scores.shape != cells.shape:
        raise TableError(f"{path} has shape {scores.shape} and {mask} {cells.shape}", allowed="one shape")
    strange = ~np.isin(cells, [MATCH, NON_MATCH, IGNORE])
    if strange.any():
        row, column = (int(one[0]) for one in np.nonzero(strange))
        raise TableError(
            f"{mask}: {cells[row, column]:#04x} in row {row + 1}, column {column + 1}",
            allowed="0xff (match), 0x7f (non-match), 0x00 (ignore)",
        )
    counted = cells != IGNORE
    notes = (
        f"{names[0]} against {names[1]}: {int((~counted).sum()):,} cells are masked out",
        "the matrix names no subjects: each row and each column was taken as a subject of its own",
    )
    rows = np.array([f"row {at + 1}" for at in range(scores.shape[0])])
    columns = np.array([f"column {at + 1}" for at in range(scores.shape[1])])
    found = Matrix(scores, rows, columns, cells == MATCH, counted, kind == "D2", path, notes)
    return _checked(found)


def _bee(path: Path, marker: bytes, dtype: np.dtype[Any]) -> tuple[str, tuple[str, str], NDArray[Any]]:
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise TableError(f"{path}: {fault.strerror}", remedy="give a file that exists") from None
    head = data.split(b"\n", 3)
    allowed = "a BEE matrix: S2 or D2, two names, 'MF rows cols' (of a mask 'MB')"
    if len(head) < 4 or head[0].strip() not in (b"S2", b"D2", b"M2"):
        raise TableError(f"{path} begins with {data[:8]!r}", allowed=allowed)
    words = head[3][:100].split(b" ", 3)
    if len(words) < 4 or words[0] != marker or not (words[1].isdigit() and words[2].isdigit()):
        raise TableError(f"{path}, line 4: {head[3][:20]!r}", allowed=allowed)
    rows, columns = int(words[1]), int(words[2])
    begin = sum(len(part) + 1 for part in head[:3]) + sum(len(word) + 1 for word in words[:3])
    magic, body = data[begin : begin + 4], data[begin + 5 :]
    little = magic == MAGIC.to_bytes(4, "little")
    if not (little or magic == MAGIC.to_bytes(4, "big")) or len(body) != rows * columns * dtype.itemsize:
        raise TableError(
            f"{path}: {len(body):,} bytes for {rows:,} x {columns:,} values of {dtype.itemsize} bytes",
            allowed=allowed,
            remedy="is the file whole, and was it copied as binary?",
        )
    values = np.frombuffer(body, dtype=dtype.newbyteorder("<" if little else ">")).reshape(rows, columns)
    return head[0].strip().decode(), (head[1].decode(), head[2].decode()), values.astype(dtype)


def of_array(
    scores: NDArray[Any], rows: NDArray[np.str_], columns: NDArray[np.str_], path: Path, *, distances: bool
) -> Matrix:
    """Make a matrix from scores and the subject of each row and column; equal names are mated."""
    if scores.ndim != 2 or scores.shape != (rows.size, columns.size):
        raise TableError(
            f"{path} has shape {scores.shape}, with {rows.size:,} row ids and {columns.size:,} column ids",
            allowed="an id for each row and for each column",
        )
    if scores.dtype.kind not in "fiu":
        raise TableError(f"{path} holds {scores.dtype}", allowed="numbers")
    if scores.dtype.kind == "f" and not np.isfinite(scores).all():
        row, column = (int(one[0]) for one in np.nonzero(~np.isfinite(scores)))
        raise TableError(f"{path}: {scores[row, column]} in row {row + 1}, column {column + 1}",
                         allowed="finite numbers")  # fmt: skip
    rows, columns = np.char.strip(rows.astype(str)), np.char.strip(columns.astype(str))
    counted = np.ones(scores.shape, dtype=bool)
    notes = lookalike_notes(pl.Series(rows), pl.Series(columns))
    if np.array_equal(rows, columns) and np.array_equal(scores, scores.T):
        counted = np.triu(counted, 1)
        notes = (
            "a symmetric matrix: each pair counts once, and nobody is compared with the same image",
            *notes,
        )
    return _checked(
        Matrix(scores, rows, columns, rows[:, None] == columns[None, :], counted, distances, path, notes)
    )


def of_npz(held: Any, path: Path, *, distances: bool) -> Matrix | None:
    """Find a two-dimensional array of scores with ids of rows and columns; None where there is none."""
    square = [name for name, array in held.items() if array.ndim == 2]
    rows = [name for name in ROW_NAMES if name in held]
    columns = [name for name in COLUMN_NAMES if name in held]
    if len(square) != 1 or not rows or not columns:
        return None
    return of_array(held[square[0]], held[rows[0]], held[columns[0]], path, distances=distances)


def read_npy(path: Path, ids: Sequence[Path], *, distances: bool) -> Matrix:
    """Read a two-dimensional .npy with two text files: the subject of each row, and of each column."""
    if len(ids) != 2:
        raise TableError(
            f"{path} is a matrix", allowed=f"{path.name} ROW_IDS COLUMN_IDS, a subject a line in each",
            remedy="say who stands in each row and column",
        )  # fmt: skip
    rows, columns = (_ids(one) for one in ids)
    return of_array(arrays.load_npy(path), rows, columns, path, distances=distances)


def of_frame(frame: pl.DataFrame, path: Path, *, distances: bool) -> Matrix | None:
    """Read a CSV whose first column names the rows and whose header names the columns; None if it is none."""
    if frame.width < 3 or not len(frame):
        return None
    body = frame.select(frame.columns[1:])
    numbers = body.select(pl.all().cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False))
    if sum(numbers.null_count().row(0)):
        return None
    rows = frame[frame.columns[0]].cast(pl.String).to_numpy().astype(str)
    columns = np.array(frame.columns[1:])
    if not np.isin(np.char.strip(rows), np.char.strip(columns)).any():
        return None
    return of_array(numbers.to_numpy(), rows, columns, path, distances=distances)


def _ids(path: Path) -> NDArray[np.str_]:
    return read_table(path, [("id", "text")], example="S17")["id"].to_numpy().astype(str)


def _checked(found: Matrix) -> Matrix:
    if not (found.mated & found.counted).any():
        raise TableError(
            f"{found.path} holds no mated cell", remedy="do row and column ids follow one scheme?"
        )
    if not (~found.mated & found.counted).any():
        raise TableError(f"{found.path} holds no non-mated cell", remedy="are the ids right?")
    return found
