"""Which state of a gallery each thread is searching, so that nothing is overwritten under a search.

A search takes no lock: it notes the state that it looks at, and takes the note away when it is done. Who
changes a gallery publishes the next state by one assignment; what the former one held is overwritten only
when no note names it any more. (The scheme is that of hazard pointers: Michael, "Hazard Pointers: Safe Memory
Reclamation for Lock-Free Objects", IEEE TPDS 15, 2004.)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from threading import get_ident
from types import FrameType
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")
_PAUSE = 0.0005


class Readers(Generic[S]):
    """The notes of all threads: one a thread, and good for as long as that thread is within `ask`."""

    def __init__(self) -> None:
        self._notes: dict[int, S] = {}

    def ask(self, newest: Callable[[], S], question: Callable[[S], T]) -> T:
        """Ask the newest state something, holding it meanwhile.

        Parameters
        ----------
        newest : callable
            Gives the state that was published last.
        question : callable
            Is given the state; asks nothing of this object.
        """
        me = get_ident()
        try:
            state = newest()
            self._notes[me] = state
            while (again := newest()) is not state:  # published before the note could be seen
                self._notes[me] = state = again
            return question(state)
        finally:
            self._notes.pop(me, None)

    def others(self, newest: S | None) -> list[S]:
        """Give the states, other than the newest, that other threads are looking at."""
        me = get_ident()
        noted = {who: state for who, state in self._notes.copy().items() if state is not newest and who != me}
        if not noted:
            return []
        stacks = sys._current_frames()
        try:
            return [state for who, state in noted.items() if _asking(stacks.get(who))]
        finally:
            del stacks  # it holds this very frame: a cycle, which would keep a dropped gallery alive

    def wait(self, newest: S | None) -> None:
        """Wait until nobody looks at another state than the newest (None: at any)."""
        while self.others(newest):
            time.sleep(_PAUSE)


def _asking(frame: FrameType | None) -> bool:
    """Whether a thread is within `ask`; an interrupt may have thrown it out and left its note behind."""
    while frame is not None:
        if frame.f_code is Readers.ask.__code__:
            return True
        frame = frame.f_back
    return False
