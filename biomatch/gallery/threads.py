"""How many threads a search uses, and giving the caller's setting back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock, get_ident
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from biomatch.errors import GalleryError

MOST = 1024
"""Threads that one search may be given."""


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else (os.cpu_count() or 1)


def thread_count(threads: int | None) -> int:
    """Settle the number of threads: what was asked, else ``OMP_NUM_THREADS``, else the usable cores.

    Raises
    ------
    GalleryError
        For a number below 1.
    """
    if threads is None:
        given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        if given.isdigit() and int(given) > 0:
            return int(given)
        return usable_cores()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or not 1 <= threads <= MOST:
        raise GalleryError(f"threads = {threads!r:.80}", allowed=f"a whole number from 1 to {MOST}, or None")
    return int(threads)


@lru_cache(maxsize=1)
def _controller() -> Any:
    return ThreadpoolController()


class _Shared:
    """The number of BLAS threads, which belongs to the process, while several searches want one each."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.wanted: dict[int, int] = {}  # by thread: what an interrupt left behind does not last
        self.limit: Any = None

    def enter(self, threads: int) -> None:
        with self.lock:
            alive = set(sys._current_frames())
            self.wanted = {who: count for who, count in self.wanted.items() if who in alive}
            same = self.limit is not None and threads in self.wanted.values()
            self.wanted[get_ident()] = threads
            if not same:
                limit = _controller().limit(limits=threads, user_api="blas")
                self.limit = self.limit or limit  # the first one knows the caller's number

    def leave(self) -> None:
        with self.lock:
            self.wanted.pop(get_ident(), None)
            if not self.wanted and self.limit is not None:
                limit, self.limit = self.limit, None
                limit.restore_original_limits()


_shared = _Shared()


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Run a block with this many BLAS threads; the caller's number comes back when the last block ends.

    Blocks that run at once in several threads share the number that the latest of them asked for: it
    changes the time of a search, never its answer.
    """
    try:
        _shared.enter(threads)
        yield
    finally:
        _shared.leave()
