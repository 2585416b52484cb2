"""The queue engine: one loop over a heap, exact and deterministic, arrays in and arrays out.

Its three rules: people are taken in the order of their arrival (within a class); of the open booths that
are idle, the one idle longest takes the next person, the lowest number among equals; a booth that closes
finishes whom it serves. Everything else follows from the times that are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch.errors import TableError
from biomatch.portable.types import Floats
from biomatch.ports.booths import Booths

MOST_PEOPLE = 50_000_000
"""People in one queue: more would not fit into the memory of a laptop."""
GivenBooths = int | Booths | Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Served:
    """When each person was served.

    Attributes
    ----------
    arrivals, starts, ends : ndarray of float64
        Shape (n,), seconds, in the order given; a person whom no booth will ever take has +inf.
    """

    arrivals: Floats
    starts: Floats
    ends: Floats

    @property
    def waits(self) -> Floats:
        """Seconds from arrival to the start of service; +inf where there was none."""
        return self.starts - self.arrivals

    @property
    def served(self) -> int:
        """How many people were served."""
        return int(np.isfinite(self.starts).sum())


def serve(arrivals: ArrayLike, services: ArrayLike, booths: GivenBooths) -> Served:
    """Serve people in the order of their arrival.

    Parameters
    ----------
    arrivals : array_like
        Shape (n,), seconds from 0 on, in order: nobody arrives before the one ahead.
    services : array_like
        Shape (n,), seconds at a booth, from 0; or one number for all.
    booths : int or list
        How many are always open; or each booth's (open, close) in seconds, a list of such pairs for a booth
        that opens more than once; or `biomatch.ports.booths.Booths`.

    Returns
    -------
    Served
        ``starts``, ``ends``, ``waits``, each of shape (n,), float64, seconds.

    Raises
    ------
    TableError
        For times that are negative, out of order, no numbers or of different lengths; for booths that
        never open.

    Notes
    -----
    For booths that are always open this is the recursion of Kiefer and Wolfowitz (1955); the heap takes
    O(n log c). Opening hours are an interval [open, close): at its closing time a booth takes nobody.

    Examples
    --------
    >>> serve([0, 0, 0, 10], [30, 20, 10, 5], 2).starts.tolist()
    [0.0, 0.0, 20.0, 30.0]
    >>> serve([0, 5, 12, 14, 101], [40, 30, 10, 10, 10], [[(0, 1e9)], [(0, 15), (100, 1e9)]]).starts.tolist()
    [0.0, 5.0, 40.0, 50.0, 101.0]
    """
    at, work = _times(arrivals, services)
    bank = _bank(booths)
    starts = _as_if_open(at, work, bank)
    starts = _by_hours(at, work, bank) if starts is None else starts
    return Served(at, starts, starts + work)


def serve_classes(
    arrivals: ArrayLike,
    services: ArrayLike,
    booths: GivenBooths,
    first: ArrayLike,
    *,
    draws: ArrayLike | None = None,
    probability: float = 1.0,
) -> Served:
    """Serve two classes of people at one bank of booths, of whom one goes first.

    Parameters
    ----------
    arrivals, services, booths
        As in `serve`; both classes in one list, in order of arrival.
    first : array_like of bool
        Shape (n,): who belongs to the class that goes first.
    draws : array_like, optional
        Shape (n,), in [0, 1): one for each service in its order, used where both classes wait; needed
        where `probability` is below 1.
    probability : float
        Where both classes wait, the first class is taken when the draw is below this. 1: always.

    Returns
    -------
    Served

    Examples
    --------
    >>> serve_classes([0, 1, 2, 3, 4], 10, 1, [False, False, False, True, True]).starts.tolist()
    [0.0, 30.0, 40.0, 10.0, 20.0]
    """
    at, work = _times(arrivals, services)
    goes_first = np.asarray(first, dtype=np.bool_)
    if goes_first.shape != at.shape:
        raise TableError(f"classes of shape {goes_first.shape}", allowed=f"one a person: {at.shape}")
    if not 0.0 <= probability <= 1.0:
        raise TableError(f"probability {probability}", allowed="between 0 and 1")
    if probability < 1.0 and draws is None:
        raise TableError(f"probability {probability} without draws", remedy="give a draw for each service")
    chances = np.zeros(at.size) if draws is None else np.asarray(draws, dtype=np.float64)
    if chances.shape != at.shape:
        raise TableError(f"draws of shape {chances.shape}", allowed=f"one a service: {at.shape}")
    starts = _two_classes(at, work, _bank(booths), goes_first, chances < probability)
    return Served(at, starts, starts + work)


def _bank(booths: GivenBooths) -> Booths:
    if isinstance(booths, Booths):
        return booths
    if isinstance(booths, (int, np.integer)) and not isinstance(booths, bool):
        return Booths.always(int(booths))
    try:
        return Booths.of(booths)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TableError(
            f"booths {booths!r}"[:80], allowed="a whole number from 1, or a pair (open, close) for each booth"
        ) from None


def _times(arrivals: ArrayLike, services: ArrayLike) -> tuple[Floats, Floats]:
    """Check the times at the door: a fault would otherwise come out as a plausible wait."""
    try:
        at = np.asarray(arrivals, dtype=np.float64)
        work = np.asarray(services, dtype=np.float64)
    except (TypeError, ValueError):
        raise TableError("times that are no numbers", allowed="seconds") from None
    if at.ndim != 1:
        raise TableError(f"arrivals of shape {at.shape}", allowed="a list of seconds")
    work = np.full(at.shape, float(work)) if work.ndim == 0 else work
    if work.shape != at.shape:
        raise TableError(f"{at.size:,} arrivals and {work.size:,} services", allowed="one of each a person")
    if at.size > MOST_PEOPLE:
        raise TableError(
            f"{at.size:,} people in one queue", allowed=f"at most {MOST_PEOPLE:,}", remedy="split the days"
        )
    for name, values in (("arrival", at), ("service", work)):
        wrong = np.flatnonzero(~np.isfinite(values) | (values < 0))
        if wrong.size:
            raise TableError(
                f"{name} {values[wrong[0]]:g} of person {wrong[0]}", allowed="seconds from 0, finite"
            )
    back = np.flatnonzero(np.diff(at) < 0)
    if back.size:
        k = int(back[0])
        raise TableError(
            f"person {k + 1} arrives at {at[k + 1]:g} s, after person {k} at {at[k]:g} s",
            allowed="arrivals in order",
            remedy="sort people by arrival",
        )
    return at, work


def _as_if_open(at: Floats, work: Floats, bank: Booths) -> Floats | None:
    """Serve as if no booth ever closed, where that is what happens; None where hours make a difference."""
    closes = {hours[-1][1] if hours else 0.0 for hours in bank.hours}
    if len(closes) != 1 or any(len(hours) != 1 or hours[0][0] > 0.0 for hours in bank.hours):
        return None
    # All are open from the start to one and the same end: before it they are as if always open.
    if at.size and at[-1] >= min(closes):
        return None
    starts = _always_open(at, work, bank.number)
    return starts if not starts.size or starts[-1] < min(closes) else None


def _always_open(at: Floats, work: Floats, number: int) -> Floats:
    """Serve at booths that never close: only when the next is free matters, not which."""
    free = [0.0] * number
    starts: list[float] = []
    add = starts.append
    # Plain floats only: one NumPy scalar in the heap spreads to every sum and halves the speed.
    for arrival, service in zip(at.tolist(), work.tolist(), strict=True):
        start = free[0]
        if start < arrival:
            start = arrival
        add(start)
        heapreplace(free, start + service)
    return np.array(starts, dtype=np.float64)


def _opened(bank: Booths) -> tuple[list[tuple[float, int]], list[float], list[list[tuple[float, float]]]]:
    """Give the heap of (idle since, booth), each booth's closing time, and its later hours, last first."""
    heap: list[tuple[float, int]] = []
    closes: list[float] = []
    later: list[list[tuple[float, float]]] = []
    for number, hours in enumerate(bank.hours):
        if hours:
            heap.append((hours[0][0], number))
        closes.append(hours[0][1] if hours else -np.inf)
        later.append([*hours[:0:-1]])
    heapify(heap)
    return heap, closes, later


def _reopen(
    heap: list[tuple[float, int]], closes: list[float], later: list[list[tuple[float, float]]]
) -> None:
    """Move the booth at the top of the heap to its next hours, or take it out where there are none."""
    since, number = heap[0]
    if not later[number]:
        heappop(heap)
        return
    opens, closes[number] = later[number].pop()
    # A booth that is still busy when it opens again has been idle only since it finished.
    heapreplace(heap, (max(since, opens), number))


def _by_hours(at: Floats, work: Floats, bank: Booths) -> Floats:
    heap, closes, later = _opened(bank)
    starts: list[float] = []
    add = starts.append
    for arrival, service in zip(at.tolist(), work.tolist(), strict=True):
        while heap:
            start, number = heap[0]
            if start < arrival:
                start = arrival
            if start < closes[number]:
                heapreplace(heap, (start + service, number))
                add(start)
                break
            _reopen(heap, closes, later)
        else:
            break
    return np.array(starts + [np.inf] * (at.size - len(starts)), dtype=np.float64)


def _two_classes(
    at: Floats, work: Floats, bank: Booths, first: NDArray[np.bool_], wins: NDArray[np.bool_]
) -> Floats:
    """Serve two classes: whoever waits when the booth that is idle longest is free is chosen among."""
    heap, closes, later = _opened(bank)
    never = float("inf")
    arrivals = [*at[~first].tolist(), never]
    arrivals_first = [*at[first].tolist(), never]
    services, services_first = work[~first].tolist(), work[first].tolist()
    starts: list[float] = []
    starts_first: list[float] = []
    add, add_first = starts.append, starts_first.append
    favours = wins.tolist()
    other, ahead = arrivals[0], arrivals_first[0]
    k = k_first = 0
    done, total = 0, at.size
    while done < total and heap:
        time, number = heap[0]
        if other > time and ahead > time:  # nobody waits: the booth takes whoever comes next
            time = other if other < ahead else ahead
        if time >= closes[number]:
            _reopen(heap, closes, later)
            continue
        # The other class is taken where it alone waits, or where both do and the draw says so.
        if other <= time and (ahead > time or not favours[done]):
            heapreplace(heap, (time + services[k], number))
            add(time)
            k += 1
            other = arrivals[k]
        else:
            heapreplace(heap, (time + services_first[k_first], number))
            add_first(time)
            k_first += 1
            ahead = arrivals_first[k_first]
        done += 1
    found = np.full(at.size, never)
    found[np.flatnonzero(~first)[: len(starts)]] = starts
    found[np.flatnonzero(first)[: len(starts_first)]] = starts_first
    return found
