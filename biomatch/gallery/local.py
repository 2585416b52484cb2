"""A gallery in this process: a register, the templates, and an index that chooses whom to look at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.flat import joined
from biomatch.gallery.register import Register
from biomatch.gallery.scoring import Candidates, rank
from biomatch.gallery.store import KeptStore, MemoryStore, Store, store_scores, taken
from biomatch.gallery.where import Where

COMPACT_SHARE = 0.25
"""Retired rows are dropped once they are this share of all: the scan wastes no more than that."""
COMPACT_ROWS = 4096


class Index(Protocol):
    """What an index must do: choose, for each probe, the rows that are looked at."""

    probes_a_pass: int

    @property
    def workers(self) -> int:
        """How many passes may run at once, each in a thread of its own."""

    def add(self, store: Store, first: int, templates: NDArray[np.float32]) -> None:
        """Learn of new rows, from row number `first` on; the store holds them already."""

    def keep(self, store: Store, rows: NDArray[np.int64]) -> None:
        """Forget all rows but these (ascending); the store has forgotten them already."""

    def choose(
        self,
        store: Store,
        probes: NDArray[np.float32],
        list_length: int,
        searched: NDArray[np.bool_] | None,
        *,
        alone: bool = True,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give pairs (probe, row) that hold every probe's best L among the searched rows.

        Where other passes run beside it (not `alone`), a pass uses one thread.
        """

    def prepare(self, store: Store) -> None:
        """Get ready for passes that run at once."""

    def codebook(self) -> NDArray[np.float32] | None:
        """Give what the index has learnt, to be saved; None: nothing."""

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the codes of rows, to be saved, shape (n, bytes a row); 0 bytes where there are none."""

    def restore(
        self, store: Store, codebook: NDArray[np.float32] | None, codes: list[NDArray[np.uint8]]
    ) -> None:
        """Take up what was saved, in a fresh index; the store holds the rows already."""

    def loss_bound(self, store: Store, score: float | None) -> float:
        """Bound the chance that a mate of this score (None: the floor) is not looked at."""

    def about(self) -> dict[str, Any]:
        """Describe the index in plain data."""


class LocalGallery:
    """Rows in this process's memory, searched by one index. Arguments have passed the door."""

    def __init__(self, dimension: int, index: Index, store: KeptStore | None = None) -> None:
        self.dimension = dimension
        self.register = Register()
        self.store: KeptStore = MemoryStore(dimension) if store is None else store
        self.index = index

    def __len__(self) -> int:
        return self.register.active_count

    def enrol(self, ids: NDArray[np.int64], templates: NDArray[np.float32], **about: Any) -> None:
        """Add references."""
        self.register.refuse_enrolled(ids)
        self.register.refuse_names(about.get("ports"), about.get("kinds"))
        first = len(self.register)
        self.store.append(templates)
        self.index.add(self.store, first, templates)
        self.register.append(ids, **about)

    def retire(self, ids: NDArray[np.int64]) -> None:
        """Take references out of every later search."""
        self.register.retire(self.register.enrolled_rows(ids))
        if self.much_is_idle:
            self.compact()

    @property
    def much_is_idle(self) -> bool:
        """Whether so many rows are retired that dropping them is worth it."""
        idle = len(self.register) - len(self)
        return idle >= COMPACT_ROWS and idle > COMPACT_SHARE * len(self.register)

    def erase(self, ids: NDArray[np.int64]) -> int:
        """Remove every trace of references; give how many templates that were still held."""
        return self._erase_rows(self.register.held_rows(ids))

    def erase_where(self, where: Where) -> int:
        """Remove every trace of what a filter names, retired rows too; give how many."""
        return self._erase_rows(np.flatnonzero(self.register.named(where)))

    def _erase_rows(self, held: NDArray[np.int64]) -> int:
        self.register.retire(held)
        if len(held):
            self._keep(np.delete(np.arange(len(self.register)), held))
        return len(held)

    def compact(self) -> int:
        """Drop retired rows; give how many."""
        idle = len(self.register) - len(self)
        if idle:
            self._keep(np.flatnonzero(self.register.active))
        return idle

    def _keep(self, rows: NDArray[np.int64]) -> None:
        self.store.keep(rows)
        self.index.keep(self.store, rows)
        self.register.keep(rows)

    def identify(self, probes: NDArray[np.float32], length: int, where: Where | None) -> Candidates:
        """Search; see `Gallery.identify`."""
        searched = self.register.searched(where)
        enrolled = len(self) if searched is None else int(searched.sum())
        size = self.index.probes_a_pass
        if len(probes) >= 16 * self.index.workers:
            size = min(size, -(-len(probes) // self.index.workers))
        passes = [probes[begin : begin + size] for begin in range(0, len(probes), size)]
        alone = self.index.workers == 1 or len(passes) == 1

        def one(some: NDArray[np.float32]) -> Candidates:
            who = rows = np.empty(0, np.int64)
            if enrolled:
                who, rows = self.index.choose(self.store, some, length, searched, alone=alone)
            scores = store_scores(some, who, self.store, rows)
            return rank(who, self.register.ids[rows], scores, len(some), length, enrolled)

        if alone:
            return joined([one(some) for some in passes], length, enrolled)
        self.index.prepare(self.store)
        with ThreadPoolExecutor(self.index.workers) as pool:
            return joined(list(pool.map(one, passes)), length, enrolled)

    def close(self) -> None:
        """Give up what others may want: nothing."""

    def verify(self, ids: NDArray[np.int64], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare probe i with reference i."""
        rows = self.register.enrolled_rows(ids)
        return store_scores(probes, np.arange(len(rows)), self.store, rows)

    def templates_of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the templates of references, shape (n, d)."""
        return taken(self.store, self.register.enrolled_rows(ids))

    def loss_bound(self, score: float | None) -> float:
        """Bound the index's loss; see `Gallery.index_loss_bound`."""
        return self.index.loss_bound(self.store, score)

    def about(self) -> dict[str, Any]:
        """Describe the gallery in plain data."""
        return {"dimension": self.dimension, "rows": len(self.register), **self.index.about()}
