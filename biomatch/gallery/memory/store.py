"""Where the float32 templates are: the one truth that scores are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.memory.growing import Rows, taken_from
from biomatch.gallery.scoring import exact_scores, pair_scores

_PAIRS = 4096
Stretch = tuple[int, NDArray[np.float32]]
"""Number of the first row, and the templates (n, d) that lie together from there on."""


class Store(Protocol):
    """What a gallery asks of its templates, in memory or on disk."""

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates as they lie, in row order: views, never changed under a reader."""


class KeptStore(Store, Protocol):
    """A store of which there can be a next one."""

    def appended(self, templates: NDArray[np.float32]) -> Self:
        """Give a store with more templates at the end; this one stays as it is."""

    def kept(self, rows: NDArray[np.int64]) -> Self:
        """Give a store of these rows (ascending); this one stays as it is."""

    def pieces(self) -> list[NDArray[Any]]:
        """Give the arrays in memory that hold the templates, to be overwritten after an erasure."""


class MemoryStore:
    """Templates in memory.

    Parameters
    ----------
    dimension : int
        d.
    rows : Rows, optional
        What is there; None: nothing.
    """

    def __init__(self, dimension: int, rows: Rows | None = None) -> None:
        self.dimension = dimension
        self.rows = Rows(np.float32, dimension) if rows is None else rows

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates; see `Store`."""
        return self.rows.stretches()

    def appended(self, templates: NDArray[np.float32]) -> MemoryStore:
        """Give a store with more templates at the end."""
        return MemoryStore(self.dimension, self.rows.appended(templates))

    def kept(self, rows: NDArray[np.int64]) -> MemoryStore:
        """Give a store of these rows (ascending)."""
        return MemoryStore(self.dimension, self.rows.kept(rows))

    def pieces(self) -> list[NDArray[Any]]:
        """Give the arrays that hold the templates."""
        return list(self.rows.pieces)


def taken(store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Copy some rows of a store, shape (n, d)."""
    stretches = store.stretches()
    width = stretches[0][1].shape[1] if stretches else 0
    found: NDArray[np.float32] = taken_from(stretches, rows, np.float32, width)
    return found


def rows_between(store: Store, begin: int, end: int) -> list[Stretch]:
    """Give the stretches of rows `begin` to `end` (not included), as views."""
    found = []
    for first, templates in store.stretches():
        low, high = max(begin - first, 0), min(end - first, len(templates))
        if low < high:
            found.append((first + low, templates[low:high]))
    return found


def store_scores(
    probes: NDArray[np.float32], who: NDArray[np.int64], store: Store, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Score pairs of probes and rows of a store; the same bytes as `exact_scores`."""
    stretches = store.stretches()
    if len(stretches) == 1:
        return exact_scores(probes, who, stretches[0][1], rows)
    scores = np.empty(len(rows), np.float32)
    for begin in range(0, len(rows), _PAIRS):
        at = slice(begin, begin + _PAIRS)
        scores[at] = pair_scores(probes.take(who[at], axis=0), taken(store, rows[at]))
    return scores
