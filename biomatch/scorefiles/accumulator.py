"""Scores by the billion in constant memory: an exact tail, a binned body, and parts that merge.

The bins are the float32 numbers themselves with the last 12 of 23 mantissa bits dropped: 2**20 bins, no
range to choose, a relative width of 2**-11. So any two accumulators merge, and merged parts equal the
whole bit by bit. The highest scores, where thresholds of low error rates lie, are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import checks
from biomatch.curves import counting
from biomatch.decimals import shortest
from biomatch.errors import ResultsError
from biomatch.portable.types import Reals

BINS = 1 << 20
DROPPED = 12
CHUNK = 1 << 21
"""Scores binned at once: more than there are bins, or adding the bins would cost more than filling them."""
BLOCK = 1 << 15  # scores whose bins are found at once: what the steps hand on stays in the second-level cache


@dataclass(eq=False)
class ScoreAccumulator:
    """Counts of scores: exact above `exact_above`, binned below.

    Parameters
    ----------
    tail : int
        How many of the highest scores are kept exactly.

    Examples
    --------
    >>> whole = ScoreAccumulator(tail=4)
    >>> whole.add([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    >>> whole.total, whole.threshold(max_rate=0.5) > 0.3
    (6, True)
    """

    tail: int = 1 << 20
    total: int = 0
    _bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    _top: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _pending: list[NDArray[np.float64]] = field(default_factory=list)
    _waiting: int = 0
    _floor: float = -np.inf
    _sorted: bool = True

    def add(self, scores: ArrayLike) -> None:
        """Add scores, (n,); NaN and +inf are refused, -inf counts as a trial without a score."""
        values = counting.checked_scores(scores, "scores", padding=True)
        self.total += values.size
        for start in range(0, values.size, CHUNK):
            chunk = values[start : start + CHUNK]
            self._bins += np.bincount(_bins_of(chunk), minlength=BINS)
            high = chunk[chunk >= self._floor] if self._floor > -np.inf else chunk
            if high.size:
                self._pending.append(high.astype(np.float64))
                self._waiting += high.size
                if self._waiting > self.tail:
                    self._trim()

    def merge(self, other: ScoreAccumulator) -> None:
        """Add the counts of another accumulator with the same `tail`."""
        if other.tail != self.tail:
            raise ResultsError(f"tails of {self.tail} and {other.tail} scores", allowed="equal tails")
        other._settle()
        self.total += other.total
        self._bins += other._bins
        self._pending.append(other._top.copy())
        self._settle()

    def _trim(self) -> None:
        """Drop what lies below the exact tail; sorting waits until somebody asks."""
        both = np.concatenate([self._top, *self._pending])
        if both.size >= self.tail > 0:
            both = np.partition(both, both.size - self.tail)[both.size - self.tail :].copy()
            self._floor = float(both[0])
        self._top, self._sorted = both, False
        self._pending, self._waiting = [], 0

    def _settle(self) -> None:
        if self._pending:
            self._trim()
        if not self._sorted:
            self._top = np.sort(self._top)
            self._sorted = True

    @property
    def exact_above(self) -> float:
        """Counts at thresholds above this score are exact; -inf: all are."""
        self._settle()
        return float(self._top[0]) if self._top.size < self.total else -np.inf

    def state(self) -> tuple[int, NDArray[np.int64], NDArray[np.float64]]:
        """Give total, bins and exact tail: equal for equal multisets of scores, however they came."""
        self._settle()
        return self.total, self._bins, self._top

    def accepted(self, threshold: float) -> tuple[int, int]:
        """Count scores at or above a threshold: least and greatest possible count, equal where exact."""
        self._settle()
        if threshold > self.exact_above:
            count = int(counting.accepted(self._top, threshold))
            return count, count
        at = int(_bin(np.array([threshold]))[0])
        above = int(self._bins[at + 1 :].sum())
        here = int(self._bins[at])
        least = max(above, int(counting.accepted(self._top, threshold)))
        return (above + here, above + here) if threshold == _edge(at) else (least, above + here)

    def threshold(self, *, max_rate: float) -> float:
        """Give the shortest decimal that surely accepts at most this share and refuses nothing more.

        Exact where it lies in the tail (`exact_above`), else the next edge of a bin above it.
        """
        return self.threshold_allowing(counting.most_events(checks.share(max_rate, "max_rate"), self.total))

    def threshold_allowing(self, allowed: int) -> float:
        """Give the threshold that surely accepts at most this many scores; see `threshold`."""
        if not self.total:
            raise ResultsError("no scores", remedy="add some first")
        self._settle()
        if allowed < self._top.size:
            low = self._top[self._top.size - 1 - allowed]
            if low > -np.inf:
                return shortest(float(low), self.next_score(counting.next_above(low)) or np.inf)
        above = np.cumsum(self._bins[::-1])[::-1]
        fits = np.flatnonzero(above <= allowed)
        # Below the least score nothing changes, so the edge of its own bin is low enough.
        least = int(np.flatnonzero(self._bins)[0])
        return _edge(max(int(fits[0]), least)) if fits.size else float(self._top[-1])

    def refused_allowing(self, allowed: int) -> float | None:
        """Give the highest score that is refused where at most so many are accepted; None where not kept."""
        self._settle()
        if allowed >= self._top.size:
            return None
        return float(self._top[self._top.size - 1 - allowed])

    def highest_below(self, score: float) -> float | None:
        """Give the highest score below a number: -inf where there is none, None where it was not kept."""
        self._settle()
        at = int(np.searchsorted(self._top, score, side="left")) - 1
        if at >= 0:
            return float(self._top[at])
        return -np.inf if self._top.size == self.total else None

    def next_score(self, threshold: float) -> float | None:
        """Give the lowest score at or above a threshold: inf for none, None where it was not kept."""
        if threshold <= self.exact_above:
            return None
        at = int(np.searchsorted(self._top, threshold, side="left"))
        return float(self._top[at]) if at < self._top.size else np.inf

    def middle(self) -> float:
        """Give the median's bin by its lower edge, within a part in 2,048 of the median itself."""
        if not self.total:
            raise ResultsError("no scores", remedy="add some first")
        return _edge(int(np.searchsorted(np.cumsum(self._bins), (self.total + 1) // 2)))


def accumulate(chunks: Iterable[ArrayLike], *, tail: int = 1 << 20) -> ScoreAccumulator:
    """Accumulate an iterable of score arrays."""
    found = ScoreAccumulator(tail=tail)
    for chunk in chunks:
        found.add(chunk)
    return found


def _bins_of(scores: Reals) -> NDArray[np.int64]:
    """Give the bin of each score, block by block."""
    found = np.empty(scores.size, dtype=np.int64)
    for start in range(0, scores.size, BLOCK):
        found[start : start + BLOCK] = _bin(scores[start : start + BLOCK])
    return found


def _bin(scores: Reals) -> NDArray[Any]:
    """Give the bin of each score: float32 bits, rounded down, in an order that follows the numbers."""
    with np.errstate(over="ignore"):  # beyond float32 is its last bin
        narrow = scores.astype(np.float32) + np.float32(0.0)  # -0.0 is 0.0
    bits = narrow.view(np.uint32)
    # All bits of a negative number turn, and the sign bit of any other: then integers order like numbers.
    turned = (narrow.view(np.int32) >> 31).view(np.uint32) | np.uint32(0x80000000)
    ordered = bits ^ turned
    if scores.dtype != np.float32:
        # Rounding to float32 must never lift a score over a bin's edge: one step down in that order.
        ordered -= narrow.astype(np.float64) > scores
    return ordered >> DROPPED


def _edge(number: int) -> float:
    """Give the least score that falls into a bin."""
    if number >= BINS:
        return float(np.finfo(np.float32).max)
    ordered = np.uint32(number << DROPPED)
    bits = ordered & np.uint32(0x7FFFFFFF) if ordered >> 31 else ~ordered
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])
