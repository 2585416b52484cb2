"""`auto`: exact search while it is quick, codes from then on; it says what it picked and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.coding.compressed import CompressedIndex
from biomatch.gallery.flat import PROBES_A_PASS, FlatIndex
from biomatch.gallery.memory.store import Store

EXACT_VALUES = 1 << 23
"""Rows times dimension up to which exact search is kept: 16,384 rows of 512 values, below which
`CompressedIndex` is exact anyway. At 20,000 rows codes cost 0.24 ms of processor time a probe of a batch and
exact search 0.65, at 87,000 rows 0.48 and 2.1."""


class AutoIndex:
    """Exact until the gallery holds `EXACT_VALUES` values, compressed afterwards (and for good).

    Parameters
    ----------
    dimension : int
        d.
    compressed : callable
        Makes the compressed index when it is needed.
    chosen : FlatIndex or CompressedIndex, optional
        What has been chosen; None: exact search.
    rows : int
        How many rows it knows of.
    """

    probes_a_pass = PROBES_A_PASS

    def __init__(
        self,
        dimension: int,
        compressed: Callable[[], CompressedIndex],
        chosen: FlatIndex | CompressedIndex | None = None,
        rows: int = 0,
    ) -> None:
        self.dimension = dimension
        self._make = compressed
        self.chosen = FlatIndex() if chosen is None else chosen
        self._rows = rows

    def _next(self, chosen: FlatIndex | CompressedIndex, rows: int) -> AutoIndex:
        return AutoIndex(self.dimension, self._make, chosen, rows)

    def added(self, store: Store, first: int, templates: NDArray[np.float32]) -> AutoIndex:
        """Learn of new rows; switch when there are enough."""
        rows = first + len(templates)
        if isinstance(self.chosen, FlatIndex) and rows * self.dimension > EXACT_VALUES:
            chosen = self._make()
            for begin, stretch in store.stretches():
                chosen = chosen.added(store, begin, stretch)
            return self._next(chosen, rows)
        return self._next(self.chosen.added(store, first, templates), rows)

    def kept(self, store: Store, rows: NDArray[np.int64]) -> AutoIndex:
        """Forget all rows but these."""
        return self._next(self.chosen.kept(store, rows), len(rows))

    def pieces(self) -> list[Any]:
        """Give what the chosen index holds."""
        return self.chosen.pieces()

    def choose(
        self,
        store: Store,
        probes: NDArray[np.float32],
        list_length: int,
        searched: NDArray[np.bool_] | None,
        *,
        alone: bool = True,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the pairs that the chosen index gives."""
        return self.chosen.choose(store, probes, list_length, searched, alone=alone)

    @property
    def workers(self) -> int:
        """How many passes of the chosen index may run at once."""
        return self.chosen.workers

    def prepare(self, store: Store) -> None:
        """Get the chosen index ready."""
        self.chosen.prepare(store)

    def codebook(self) -> NDArray[np.float32] | None:
        """Give what the chosen index has learnt."""
        return self.chosen.codebook()

    def codes(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the codes of rows, shape (n, 0) while exact."""
        return self.chosen.codes(store, rows)

    def restored(
        self, store: Store, codebook: NDArray[np.float32] | None, codes: list[NDArray[np.uint8]]
    ) -> AutoIndex:
        """Take up what was saved; a codebook says that codes had been chosen."""
        rows = sum(len(stretch) for _, stretch in store.stretches())
        compressed = codebook is not None or rows * self.dimension > EXACT_VALUES
        fresh: FlatIndex | CompressedIndex = self._make() if compressed else FlatIndex()
        return self._next(fresh.restored(store, codebook, codes), rows)

    def loss_bound(self, store: Store, score: float | None) -> float:
        """Give the bound of the chosen index."""
        return self.chosen.loss_bound(store, score)

    def about(self) -> dict[str, Any]:
        """Describe the choice and its reason."""
        values = self._rows * self.dimension
        sign = "more than" if isinstance(self.chosen, CompressedIndex) else "at most"
        why = f"{self._rows} rows of {self.dimension} values are {values}, {sign} {EXACT_VALUES}"
        if isinstance(self.chosen, CompressedIndex) and values <= EXACT_VALUES:
            why = "it has been larger"
        return {**self.chosen.about(), "picked_by": "auto", "because": why}
