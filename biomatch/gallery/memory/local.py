"""A gallery in this process: a register, the templates, and an index that chooses whom to look at.

All that a search looks at hangs on one `State`, which is never changed. A change prepares the next state
beside it and publishes it by one assignment: whatever interrupts (a signal, no memory, a full disk) leaves
the state before or the state after, and searches in other threads go on in the state that they began with.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.flat import joined
from biomatch.gallery.memory.readers import Readers
from biomatch.gallery.memory.register import Register
from biomatch.gallery.memory.store import KeptStore, MemoryStore, Store, store_scores, taken
from biomatch.gallery.scoring import Candidates, rank
from biomatch.gallery.where import Where

COMPACT_SHARE = 0.25
"""Retired rows are dropped once they are this share of all: the scan wastes no more than that."""
COMPACT_ROWS = 4096


class Index(Protocol):
    """What an index must do: choose, for each probe, the rows that are looked at.

    An index that a gallery has shown to searches is never changed: `added`, `kept` and `restored` give the
    next one (itself, where nothing is to be learnt).
    """

    probes_a_pass: int

    @property
    def workers(self) -> int:
        """How many passes may run at once, each in a thread of its own."""

    def added(self, store: Store, first: int, templates: NDArray[np.float32]) -> Self:
        """Give an index that knows new rows, from row number `first` on; the store holds them already."""

    def kept(self, store: Store, rows: NDArray[np.int64]) -> Self:
        """Give an index of these rows (ascending) alone; the store has forgotten the others already."""

    def pieces(self) -> list[Any]:
        """Give what holds copies of templates (arrays, `Codes`), to be overwritten after an erasure."""

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

    def codes(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the codes of rows, to be saved, shape (n, bytes a row); 0 bytes where there are none."""

    def restored(
        self, store: Store, codebook: NDArray[np.float32] | None, codes: list[NDArray[np.uint8]]
    ) -> Self:
        """Give an index that has taken up what was saved; the store holds the rows already."""

    def loss_bound(self, store: Store, score: float | None) -> float:
        """Bound the chance that a mate of this score (None: the floor) is not looked at."""

    def about(self) -> dict[str, Any]:
        """Describe the index in plain data."""


@dataclass(frozen=True, eq=False)
class State:
    """Everything that a search looks at, at one moment.

    Attributes
    ----------
    register, store, index
        Who is where, the templates, and who is looked at; of the same rows.
    leftover : list
        What former states held and an erasure has yet to overwrite, once nobody looks at it.
    """

    register: Register
    store: Any
    index: Any
    leftover: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return self.register.active_count

    def enrolled(self, ids: NDArray[np.int64], templates: NDArray[np.float32], **about: Any) -> State:
        """Give the state with more references; the ids have been checked."""
        first, store = len(self.register), self.store.appended(templates)
        index = self.index.added(store, first, templates)
        return State(self.register.appended(ids, **about), store, index)

    def retired(self, rows: NDArray[np.int64]) -> State:
        """Give the state in which these rows are not searched; many that are idle are dropped."""
        retired = State(self.register.retired(rows), self.store, self.index)
        idle = len(self.register) - len(retired)
        if idle >= COMPACT_ROWS and idle > COMPACT_SHARE * len(self.register):
            return self.kept(np.flatnonzero(retired.register.active))
        return retired

    def kept(self, rows: NDArray[np.int64]) -> State:
        """Give the state of these rows (ascending), which names what of this one is to be overwritten."""
        store = self.store.kept(rows)
        made = State(self.register.kept(rows), store, self.index.kept(store, rows))
        still = {_address(piece) for piece in made.pieces()}
        made.leftover.extend(piece for piece in self.pieces() if _address(piece) not in still)
        return made

    def pieces(self) -> list[Any]:
        """Give what holds templates, or copies of them, in memory."""
        return [*self.store.pieces(), *self.index.pieces(), *self.register.pieces()]

    def search(self, probes: NDArray[np.float32], length: int, where: Where | None) -> Candidates:
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


def closed_error() -> GalleryError:
    """Say that a gallery was closed."""
    return GalleryError("the gallery was closed", remedy="open the gallery again")


def _address(piece: Any) -> int:
    return id(getattr(piece, "segment", piece))


def overwrite_pieces(pieces: list[Any]) -> None:
    """Overwrite what nobody looks at any more with zeros; a piece leaves the list when it is done."""
    while pieces:
        if isinstance(pieces[-1], np.ndarray):
            pieces[-1].fill(0)
        else:
            pieces[-1].overwrite()
        pieces.pop()


T = TypeVar("T")


class LocalGallery:
    """Rows in this process's memory, searched by one index. Arguments have passed the door.

    One thread changes it at a time; any number may search meanwhile.
    """

    def __init__(self, dimension: int, index: Index, store: KeptStore | None = None) -> None:
        self.dimension = dimension
        self._state = State(Register(), MemoryStore(dimension) if store is None else store, index)
        self._readers: Readers[State] = Readers()
        self.lock = RLock()
        """Held by who changes the gallery; searches take none."""
        self.closed = False

    @property
    def register(self) -> Register:
        """Who is enrolled, at the moment."""
        return self._state.register

    @property
    def store(self) -> Any:
        """The templates, at the moment."""
        return self._state.store

    @property
    def index(self) -> Any:
        """The index, at the moment."""
        return self._state.index

    def __len__(self) -> int:
        return len(self._state)

    def _newest(self) -> State:
        if self.closed:
            raise closed_error()
        return self._state

    def ask(self, question: Callable[[State], T]) -> T:
        """Ask the newest state something, in which nothing is overwritten meanwhile."""
        return self._readers.ask(self._newest, question)

    # -- changing -----------------------------------------------------------------------------------

    def enrol(self, ids: NDArray[np.int64], templates: NDArray[np.float32], **about: Any) -> None:
        """Add references."""
        with self.lock:
            register = self._settled().register
            register.refuse_enrolled(ids)
            register.refuse_names(about.get("ports"), about.get("kinds"))
            if len(ids):
                self._publish(lambda state: state.enrolled(ids, templates, **about))

    def retire(self, ids: NDArray[np.int64]) -> None:
        """Take references out of every later search."""
        with self.lock:
            rows = self._settled().register.enrolled_rows(ids)
            if len(rows):
                self._publish(lambda state: state.retired(rows))

    def erase(self, ids: NDArray[np.int64]) -> int:
        """Remove every trace of references; give how many templates that were still held."""
        with self.lock:
            return self._erase_rows(self._settled().register.held_rows(ids))

    def erase_where(self, where: Where) -> int:
        """Remove every trace of what a filter names, retired rows too; give how many."""
        with self.lock:
            return self._erase_rows(np.flatnonzero(self._settled().register.named(where)))

    def _erase_rows(self, held: NDArray[np.int64]) -> int:
        if len(held):
            self._publish(
                lambda state: state.kept(np.delete(np.arange(len(state.register)), held)), erasing=True
            )
        return len(held)

    def compact(self) -> int:
        """Drop retired rows; give how many."""
        with self.lock:
            state = self._settled()
            idle = len(state.register) - len(state)
            if idle:
                self._publish(lambda state: state.kept(np.flatnonzero(state.register.active)))
            return idle

    def _settled(self) -> State:
        """Give the state that a change starts from, after finishing what an interrupt left undone."""
        state = self._newest()
        self._finish()
        return state

    def _publish(self, change: Callable[[State], State], *, erasing: bool = False) -> None:  # noqa: ARG002
        """Prepare the next state, publish it, then overwrite what was given up."""
        self._state = change(self._state)
        self._finish()

    def _finish(self) -> None:
        state = self._state
        if state.leftover:
            self._readers.wait(state)
            overwrite_pieces(state.leftover)

    # -- asking -------------------------------------------------------------------------------------

    def identify(self, probes: NDArray[np.float32], length: int, where: Where | None) -> Candidates:
        """Search; see `Gallery.identify`."""
        return self.ask(lambda state: state.search(probes, length, where))

    def close(self) -> None:
        """Overwrite what an interrupted erasure left, when nobody searches any more."""
        self.closed = True
        self._readers.wait(None)
        with self.lock:
            self._finish()

    def verify(self, ids: NDArray[np.int64], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare probe i with reference i."""

        def compared(state: State) -> NDArray[np.float32]:
            rows = state.register.enrolled_rows(ids)
            return store_scores(probes, np.arange(len(rows)), state.store, rows)

        return self.ask(compared)

    def templates_of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the templates of references, shape (n, d)."""
        return self.ask(lambda state: taken(state.store, state.register.enrolled_rows(ids)))

    def loss_bound(self, score: float | None) -> float:
        """Bound the index's loss; see `Gallery.index_loss_bound`."""
        return self.ask(lambda state: float(state.index.loss_bound(state.store, score)))

    def about(self) -> dict[str, Any]:
        """Describe the gallery in plain data."""
        state = self._state
        return {"dimension": self.dimension, "rows": len(state.register), **state.index.about()}
