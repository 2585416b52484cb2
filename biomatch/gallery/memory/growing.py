"""Arrays that grow at their end while others go on reading what was there before.

Nothing here is ever changed in a place that somebody may read: a change gives a new object and leaves the old
one as good as it was. Rows are added into room beyond the end of the older object, which no reader of that
looks at, so an addition does not copy what is there. Only the newest object may be added to: there is one
writer at a time, and an object that it gave up is never published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS = 1 << 17
"""Rows of a piece of templates: an erasure copies the pieces that it touches (268 MB at 512 float32)."""
_LEAST = 64


@dataclass(frozen=True, eq=False)
class Column:
    """One value a row, in one piece.

    Attributes
    ----------
    room : ndarray
        Shape (room,); what stands beyond `count` belongs to nobody.
    count : int
        How many rows there are.
    """

    room: NDArray[Any]
    count: int

    @classmethod
    def of(cls, values: NDArray[Any]) -> Column:
        """Make a column that owns these values."""
        return cls(values, len(values))

    @classmethod
    def empty(cls, dtype: Any) -> Column:
        """Make a column without rows."""
        return cls(np.empty(0, dtype), 0)

    def __len__(self) -> int:
        return self.count

    @property
    def values(self) -> NDArray[Any]:
        """The rows, as a view."""
        return self.room[: self.count]

    def appended(self, values: NDArray[Any]) -> Column:
        """Give the column with more rows; room grows by an eighth, and untouched room takes no memory."""
        count = self.count + len(values)
        room = self.room
        if count > len(room):
            room = np.empty(max(count, len(room) + len(room) // 8, _LEAST), room.dtype)
            room[: self.count] = self.values
        room[self.count : count] = values
        return Column(room, count)

    def changed(self, rows: NDArray[np.int64], value: Any) -> Column:
        """Give a copy in which some rows have another value."""
        values = self.values.copy()
        values[rows] = value
        return Column.of(values)

    def kept(self, rows: NDArray[np.int64]) -> Column:
        """Give a copy of these rows."""
        return Column.of(self.values.take(rows))


@dataclass(frozen=True, eq=False)
class Rows:
    """Several values a row, in pieces of up to `CHUNK_ROWS` rows.

    Attributes
    ----------
    pieces : tuple of ndarray
        Each of shape (room, width).
    counts : tuple of int
        How many rows of each there are.
    dtype, width
        Of a row.
    """

    dtype: Any
    width: int
    pieces: tuple[NDArray[Any], ...] = ()
    counts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return sum(self.counts)

    def stretches(self) -> list[tuple[int, NDArray[Any]]]:
        """Give the rows as they lie: number of the first, and a view (n, width)."""
        found, first = [], 0
        for piece, count in zip(self.pieces, self.counts, strict=True):
            found.append((first, piece[:count]))
            first += count
        return found

    def appended(self, values: NDArray[Any]) -> Rows:
        """Give the rows with more at the end."""
        pieces, counts, begin = list(self.pieces), list(self.counts), 0
        while begin < len(values):
            if not pieces or counts[-1] >= CHUNK_ROWS:
                # A first piece starts small; later ones have their full room: untouched pages are free.
                room = CHUNK_ROWS if pieces else min(CHUNK_ROWS, max(_LEAST, len(values)))
                pieces.append(np.empty((room, self.width), self.dtype))
                counts.append(0)
            end = min(len(values), begin + CHUNK_ROWS - counts[-1])
            pieces[-1] = _with_room(pieces[-1], counts[-1], counts[-1] + end - begin)
            pieces[-1][counts[-1] : counts[-1] + end - begin] = values[begin:end]
            counts[-1] += end - begin
            begin = end
        return Rows(self.dtype, self.width, tuple(pieces), tuple(counts))

    def kept(self, rows: NDArray[np.int64]) -> Rows:
        """Give these rows (ascending): pieces that lose none are shared, the others are copied and joined."""
        pieces: list[NDArray[Any]] = []
        counts: list[int] = []
        waiting: list[NDArray[Any]] = []

        def flush() -> None:
            if waiting:
                joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
                pieces.append(joined)
                counts.append(len(joined))
                waiting.clear()

        for (first, values), piece in zip(self.stretches(), self.pieces, strict=True):
            begin, end = np.searchsorted(rows, [first, first + len(values)])
            count = int(end - begin)
            if count == len(values) and (not waiting or count > CHUNK_ROWS // 2):
                flush()
                pieces.append(piece)
                counts.append(count)
            elif count:
                if sum(map(len, waiting)) + count > CHUNK_ROWS:
                    flush()
                waiting.append(values.take(rows[begin:end] - first, axis=0))
        flush()
        return Rows(self.dtype, self.width, tuple(pieces), tuple(counts))

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Copy some rows, shape (n, width)."""
        return taken_from(self.stretches(), rows, self.dtype, self.width)


def _with_room(piece: NDArray[Any], count: int, wanted: int) -> NDArray[Any]:
    if wanted <= len(piece):
        return piece
    room = min(CHUNK_ROWS, max(wanted, len(piece) + len(piece) // 2))
    larger = np.empty((room, piece.shape[1]), piece.dtype)
    larger[:count] = piece[:count]
    return larger


def taken_from(
    stretches: Sequence[tuple[int, NDArray[Any]]], rows: NDArray[np.int64], dtype: Any, width: int
) -> NDArray[Any]:
    """Copy some rows out of consecutive stretches, shape (n, width)."""
    if len(stretches) == 1:
        return np.asarray(stretches[0][1].take(rows, axis=0))
    order = np.argsort(rows)
    ascending = rows[order]
    ends = [*np.searchsorted(ascending, [first for first, _ in stretches[1:]]).tolist(), len(rows)]
    ordered = np.empty((len(rows), width), dtype)
    begin = 0
    for (first, values), end in zip(stretches, ends, strict=False):
        if end > begin:
            # "clip": numpy writes into `out` at once; the rows are those of the stretches.
            values.take(ascending[begin:end] - first, axis=0, out=ordered[begin:end], mode="clip")
        begin = end
    found = np.empty_like(ordered)
    found[order] = ordered
    return found
