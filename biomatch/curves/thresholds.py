"""Counts at every threshold that makes a difference, and the lowest threshold of an interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biomatch.curves.counting import Floats, Ints, next_above
from biomatch.errors import ResultsError


class Points(NamedTuple):
    """Counts at thresholds: everything that a DET curve or a CMC divides.

    Attributes
    ----------
    thresholds : ndarray
        Shape (t,), ascending; every observed score once, then one above all (rejects everything).
    false_positives : ndarray of int64
        Shape (t,): non-mated searches (comparisons) accepted at that threshold.
    misses : ndarray of int64
        Shape (t,): mated searches (comparisons) missed at that threshold.
    non_mated, mated : int
        The two denominators.
    """

    thresholds: Floats
    false_positives: Ints
    misses: Ints
    non_mated: int
    mated: int


def lower_end(low: float, non_mated: Floats, mated: Floats) -> float:
    """Turn the open low end of an interval into the lowest threshold that a float can hold."""
    if low > -np.inf:
        return next_above(non_mated.dtype.type(low))
    finite = [part[~np.isneginf(part)] for part in (non_mated, mated)]
    least = [float(part.min()) for part in finite if part.size]
    if not least:
        raise ResultsError("no score at all: every list is empty", remedy="check the searches")
    return min(least)


def points_of(non_mated: Floats, hits: Floats, mated: int, above: float = -np.inf) -> Points:
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
    return Points(points.thresholds[kept], points.false_positives[kept], points.misses[kept], k, mated)


def _starts(ascending: Floats) -> Ints:
    """Give where each distinct value of a sorted array begins."""
    if not ascending.size:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
