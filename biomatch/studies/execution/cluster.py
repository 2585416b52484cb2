"""On a Dask cluster, by the address of its scheduler. The only file that imports distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from biomatch.errors import ResultsError, SettingsError
from biomatch.studies.execution.work import J, P, R, Work

PATIENCE_SECONDS = 20.0
"""How long a scheduler may take to answer (assumed)."""


def on_cluster(work: Work[J, P, R], jobs: Sequence[J], address: str) -> Iterator[R]:
    """Do the jobs on the workers of a cluster.

    Parameters
    ----------
    work : Work
        What is done; workers read and write no file, so they need not share a disk with the caller.
    jobs : sequence
        Plain data.
    address : str
        Of the scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Yields
    ------
    result
        In the order in which they are finished. What a lost worker had in hand, or held for others, Dask
        does again on another.

    Raises
    ------
    SettingsError
        Without the extra ``dask``, or when no scheduler answers.
    ResultsError
        When a job's workers die one after the other: then the job kills them.
    """
    distributed = _distributed()
    with _client(distributed, address) as client:
        names: dict[Any, str] = {}
        futures: list[Any] = []
        for key, mine in work.by_key(jobs).items():
            prepared = work.known(key)
            if prepared is None:
                # Handed on as a future: it goes from worker to worker, and is made again if lost.
                prepared = client.submit(work.prepare, mine[0], pure=False)
                names[prepared] = key
            futures += [client.submit(work.do, job, prepared, pure=False) for job in mine]
        try:
            for done in distributed.as_completed([*names, *futures], loop=client.loop):
                if done in names:
                    work.keep(names[done], done.result())
                else:
                    yield done.result()
        except distributed.KilledWorker as fault:
            raise ResultsError(
                f"a run lost every worker that it was given ({fault})",
                remedy="give the workers more memory; finished runs are kept: the same command goes on",
            ) from None


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise SettingsError(
            "--cluster without Dask", remedy='install the extra: pip install "biomatch[dask]"'
        ) from None
    return distributed


def _client(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=PATIENCE_SECONDS, set_as_default=False)
    except (OSError, ValueError) as fault:  # TimeoutError is an OSError
        raise SettingsError(
            f"--cluster {address} ({' '.join(str(fault).split())[:120]})",
            allowed="the address of a running scheduler, such as tcp://10.0.0.1:8786",
            remedy="start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`",
        ) from None
