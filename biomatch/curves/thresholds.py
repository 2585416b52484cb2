"""Counts at every threshold that makes a difference, and the threshold of an interval as a decimal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biomatch.curves import counting
from biomatch.curves.counting import next_above
from biomatch.decimals import shortest
from biomatch.errors import ResultsError
from biomatch.portable.types import Ints, Reals


class Points(NamedTuple):
    """Counts at thresholds: everything that a DET curve or a CMC divides.

    Attributes
    ----------
    thresholds : ndarray
        Shape (t,), from the most lenient to the strictest (ascending; of distances descending); every
        observed score once, then one beyond all (rejects everything).
    false_positives : ndarray of int64
        Shape (t,): non-mated searches (comparisons) accepted at that threshold.
    misses : ndarray of int64
        Shape (t,): mated searches (comparisons) missed at that threshold.
    non_mated, mated : int
        The two denominators.
    above : float
        Thresholds at or below this similarity were left out.
    """

    thresholds: Reals
    false_positives: Ints
    misses: Ints
    non_mated: int
    mated: int
    above: float = -np.inf

    def decimal(self, at: int) -> float:
        """Give the shortest decimal that decides as ``thresholds[at]`` does."""
        here = float(self.thresholds[at])
        distances = bool(self.thresholds.size > 1 and self.thresholds[0] > self.thresholds[-1])
        low = turned(float(self.thresholds[at - 1]), distances) if at else self.above
        last = at == self.thresholds.size - 1 and at > 0
        return turned(shortest(low, np.inf if last else turned(here, distances)), distances)

    def turned(self) -> Points:
        """Give the same counts at thresholds of distances."""
        return self._replace(thresholds=0.0 - self.thresholds)


def decided(interval: tuple[float, float], mated: Reals) -> float:
    """Give the threshold of an interval: the shortest decimal that keeps the decision about every score.

    Parameters
    ----------
    interval : tuple of float
        (low, high]: the highest non-mated score that is refused (-inf: none) and the lowest one that is
        accepted (inf: none).
    mated : ndarray
        Shape (m,), in any order; those above the low end are accepted too.

    Returns
    -------
    float
        See `biomatch.decimals.shortest`: above the highest refused score, not above the lowest accepted
        one, and the same decision whether it is read back in single or in double precision.

    Raises
    ------
    ResultsError
        Where there is no score at all.
    """
    low, high = interval
    high = min(high, counting.lowest_above(mated, low))
    if low == -np.inf and high == np.inf:
        raise ResultsError("no score at all: every list is empty", remedy="check the searches")
    return shortest(low, high)


def turned(threshold: float, distances: bool) -> float:
    """Turn a threshold of similarities into one of distances, or back; 0 stays 0 and never becomes -0."""
    return 0.0 - threshold if distances else threshold


def points_of(non_mated: Reals, hits: Reals, mated: int, above: float = -np.inf) -> Points:
    """Count at every distinct score, by merging two sorted arrays; no search of one in the whole other.

    Parameters
    ----------
    non_mated, hits : ndarray
        Shapes (k,) and (h,), ascending; -inf may lead.
    mated : int
        Mated searches; those without a score in `hits` are missed at every threshold.
    above : float
        Only thresholds above this are offered.
    """
    k = non_mated.size
    padding = int(np.searchsorted(non_mated, -np.inf, side="right"))
    starts = _starts(non_mated[padding:]) + padding
    values = non_mated[starts]
    hits = hits[np.searchsorted(hits, -np.inf, side="right") :]
    lost = mated - hits.size
    # A hit lies below a threshold when its place to the right of equals comes at or before it.
    below = np.cumsum(np.bincount(np.searchsorted(values, hits, side="right"), minlength=values.size + 1))
    first = _starts(hits)
    places = np.searchsorted(values, hits[first], side="left")
    inside = places < values.size
    new = ~inside
    new[inside] = values[places[inside]] != hits[first][inside]
    places, first = places[new], first[new]
    # Old and new thresholds are laid into arrays of the final length, with one place left for reject-all.
    total = values.size + first.size
    added = places + np.arange(first.size)
    old = np.ones(total + 1, dtype=bool)
    old[added] = False
    old[total] = False
    thresholds = np.empty(total + 1, dtype=np.result_type(values, hits))
    thresholds[old], thresholds[added] = values, hits[first]
    thresholds[total] = next_above(thresholds[total - 1]) if total else np.inf
    positives = np.empty(total + 1, dtype=np.int64)
    positives[old] = k - starts
    # A new threshold accepts what the next distinct non-mated score above it accepts.
    following = np.minimum(places, max(values.size - 1, 0))
    positives[added] = np.where(places < values.size, k - starts[following], 0) if values.size else 0
    positives[total] = 0
    misses = np.empty(total + 1, dtype=np.int64)
    misses[old], misses[added] = lost + below[:-1], lost + first
    misses[total] = mated
    points = Points(thresholds, positives, misses, k, mated)
    if above == -np.inf:
        return points
    kept = points.thresholds > above
    return Points(points.thresholds[kept], points.false_positives[kept], points.misses[kept], k, mated, above)


def _starts(ascending: Reals) -> Ints:
    """Give where each distinct value of a sorted array begins."""
    if not ascending.size:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
