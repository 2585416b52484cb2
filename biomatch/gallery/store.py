"""Where the float32 templates are: the one truth that scores are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.growing import Growing
from biomatch.gallery.scoring import exact_scores, pair_scores

_PAIRS = 4096
Stretch = tuple[int, NDArray[np.float32]]
"""Number of the first row, and the templates (n, d) that lie together from there on."""


class Store(Protocol):
    """What a gallery asks of its templates, in memory or on disk."""

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates as they lie, in row order; views, good until the next change."""


class KeptStore(Store, Protocol):
    """A store that can be changed."""

    def append(self, templates: NDArray[np.float32]) -> None:
        """Add templates at the end."""

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows (ascending) and give up the others."""


class MemoryStore:
    """Templates in memory, in one piece."""

    def __init__(self, dimension: int) -> None:
        self._templates = Growing(np.float32, dimension)

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates; see `Store`."""
        return [(0, self._templates.values)]

    def append(self, templates: NDArray[np.float32]) -> None:
        """Add templates at the end."""
        self._templates.append(templates)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows (ascending); the memory of the others is overwritten."""
        self._templates.keep(rows)


def taken(store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Copy some rows of a store, shape (n, d)."""
    stretches = store.stretches()
    if len(stretches) == 1:
        return np.asarray(stretches[0][1].take(rows, axis=0))
    order = np.argsort(rows)
    ascending = rows[order]
    ends = [*np.searchsorted(ascending, [first for first, _ in stretches[1:]]).tolist(), len(rows)]
    sorted_ = np.empty((len(rows), stretches[0][1].shape[1] if stretches else 0), np.float32)
    begin = 0
    for (first, templates), end in zip(stretches, ends, strict=True):
        if end > begin:
            # "clip": numpy writes into `out` at once; the rows are those of the store.
            templates.take(ascending[begin:end] - first, axis=0, out=sorted_[begin:end], mode="clip")
        begin = end
    found = np.empty_like(sorted_)
    found[order] = sorted_
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
