"""Where the float32 templates are: the one truth that scores are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.growing import Growing
from biomatch.gallery.scoring import exact_scores

Stretch = tuple[int, NDArray[np.float32]]
"""Number of the first row, and the templates (n, d) that lie together from there on."""


class Store(Protocol):
    """What a gallery asks of its templates, in memory or on disk."""

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates as they lie, in row order; views, good until the next change."""


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
        return stretches[0][1].take(rows, axis=0)
    found = np.empty((len(rows), stretches[0][1].shape[1] if stretches else 0), np.float32)
    for first, templates in stretches:
        here = (rows >= first) & (rows < first + len(templates))
        found[here] = templates.take(rows[here] - first, axis=0)
    return found


def store_scores(
    probes: NDArray[np.float32], who: NDArray[np.int64], store: Store, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Score pairs of probes and rows of a store with `exact_scores`."""
    scores = np.empty(len(rows), np.float32)
    for first, templates in store.stretches():
        here = np.flatnonzero((rows >= first) & (rows < first + len(templates)))
        scores[here] = exact_scores(probes, who[here], templates, rows[here] - first)
    return scores
