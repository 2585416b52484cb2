"""Counts at every threshold that makes a difference, and the lowest threshold of an interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biomatch.errors import ResultsError
from biomatch.evaluation import counting
from biomatch.evaluation.counting import Floats, Ints


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
        return counting.next_above(non_mated.dtype.type(low))
    finite = [part[~np.isneginf(part)] for part in (non_mated, mated)]
    least = [float(part.min()) for part in finite if part.size]
    if not least:
        raise ResultsError("no score at all: every list is empty", remedy="check the searches")
    return min(least)


def offered_thresholds(first: Floats, second: Floats, above: float | None = None) -> Floats:
    """Unite two ascending arrays into the distinct finite thresholds, and one that rejects everything."""
    both = np.concatenate([first, second])
    both.sort(kind="stable")  # two runs: a merge
    both = both[np.searchsorted(both, -np.inf, side="right") :]
    distinct = both[np.r_[True, both[1:] != both[:-1]]] if both.size else both
    if above is not None and above > -np.inf:
        distinct = distinct[distinct > above]
    top = counting.next_above(distinct[-1]) if distinct.size else np.inf
    return np.append(distinct, distinct.dtype.type(top))
