"""How many threads a search uses, and giving the caller's setting back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController

from biomatch.errors import GalleryError


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
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise GalleryError(f"threads = {threads!r}", allowed="a whole number from 1, or None")
    return threads


@lru_cache(maxsize=1)
def _controller() -> Any:
    return ThreadpoolController()


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Run a block with this many BLAS threads; the caller's number comes back afterwards."""
    with _controller().limit(limits=threads, user_api="blas"):
        yield
