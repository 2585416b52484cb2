"""What an executor is handed: jobs that share preparations, and what to do with both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

J = TypeVar("J")
P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Work(Generic[J, P, R]):
    """Jobs in two steps: what several share is prepared once, then each is done.

    Attributes
    ----------
    key : callable
        Names the preparation that a job needs; jobs of one key share it.
    prepare : callable
        Job to preparation; a module's own function and plain data, so that any process can do it.
    do : callable
        Job and preparation to result; likewise.
    known : callable
        Key to a preparation that an earlier call left, or None. Called by the caller's process only.
    keep : callable
        Takes key and preparation, to be found by `known`. Called by the caller's process only.
    """

    key: Callable[[J], str]
    prepare: Callable[[J], P]
    do: Callable[[J, P], R]
    known: Callable[[str], P | None]
    keep: Callable[[str, P], None]

    def by_key(self, jobs: Sequence[J]) -> dict[str, list[J]]:
        """Group jobs by the preparation that they share, in the order of the jobs."""
        found: dict[str, list[J]] = {}
        for job in jobs:
            found.setdefault(self.key(job), []).append(job)
        return found
