"""An array that grows at its end without a copy of the whole for every call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Growing:
    """Rows of one type, appended at an amortised cost that does not depend on how many there are.

    Parameters
    ----------
    dtype : dtype
        Type of the rows' elements.
    width : int, optional
        Columns; None: a plain vector.

    Notes
    -----
    Room grows by a 32nd through ``ndarray.resize``, that is ``realloc``: on Linux large blocks are
    moved by their page tables, not by copying, and memory in use stays within 3% of what is held.
    `values` is a view that is only good until the next append; it must not leave the gallery.
    """

    def __init__(self, dtype: Any, width: int | None = None) -> None:
        self._room: NDArray[Any] = np.zeros((0,) if width is None else (0, width), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray[Any]:
        """The rows, as a view."""
        return self._room[: self._count]

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""
        count = self._count + len(rows)
        if count > len(self._room):
            self._resize(max(count, len(self._room) + len(self._room) // 32, 64))
        self._room[self._count : count] = rows
        self._count = count

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows (ascending), in place; what stood elsewhere is overwritten, then given back."""
        for begin in range(0, len(rows), 1 << 14):
            some = rows[begin : begin + (1 << 14)]
            self._room[begin : begin + len(some)] = self._room[some]
        self._room[len(rows) : self._count] = 0
        self._count = len(rows)
        self._resize(len(rows))

    def _resize(self, rows: int) -> None:
        # No view outlives the call that made it (see Notes), so the check of references is not needed.
        self._room.resize((rows, *self._room.shape[1:]), refcheck=False)
