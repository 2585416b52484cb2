"""On this machine: one job after the other, or several processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from biomatch.gallery.threads import usable_cores
from biomatch.studies.execution.work import J, P, R, Work

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
"""What the libraries read, once, when a process starts (FAISS, NumPy and scikit-learn, Polars)."""


@contextmanager
def shared_cores(workers: int) -> Iterator[None]:
    """Let processes that are started meanwhile have an equal share of the cores; what is set stays.

    Otherwise each would start a thread for every core, and they would get in one another's way.
    """
    mine = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(mine, str(max(1, usable_cores() // workers))))
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)


def in_process(work: Work[J, P, R], jobs: Sequence[J]) -> Iterator[R]:
    """Do the jobs here, one after the other."""
    for key, mine in work.by_key(jobs).items():
        prepared = work.known(key)
        if prepared is None:
            prepared = work.prepare(mine[0])
            work.keep(key, prepared)
        for job in mine:
            yield work.do(job, prepared)


def in_processes(work: Work[J, P, R], jobs: Sequence[J], workers: int) -> Iterator[R]:
    """Do the jobs in fresh processes; a job starts as soon as its preparation is there."""
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    groups = work.by_key(jobs)
    # Fresh processes: forking after BLAS or Polars have started threads can hang.
    with shared_cores(workers), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        preparing: dict[Future[P], str] = {}
        doing: set[Future[R]] = set()

        def start(key: str, prepared: P) -> None:
            doing.update(pool.submit(work.do, job, prepared) for job in groups[key])

        try:
            for key, mine in groups.items():
                prepared = work.known(key)
                if prepared is None:
                    preparing[pool.submit(work.prepare, mine[0])] = key
                else:
                    start(key, prepared)
            while preparing or doing:
                waiting: list[Future[Any]] = [*preparing, *doing]
                ready = wait(waiting, return_when=FIRST_COMPLETED).done
                for first in [one for one in preparing if one in ready]:
                    key = preparing.pop(first)
                    work.keep(key, first.result())
                    start(key, first.result())
                for done in [one for one in doing if one in ready]:
                    doing.remove(done)
                    yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
