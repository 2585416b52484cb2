"""From scores and subjects to a rate at one threshold, with the interval that the clusters ask for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biomatch.curves.counting import count_accepted
from biomatch.policy import accept
from biomatch.portable.types import Ints, Reals
from biomatch.rates import Rate, clustered_rate, paired_rate, rate

Flags = NDArray[np.bool_]


def rate_above(
    scores: Reals,
    subjects: Ints | None,
    threshold: float,
    confidence: float,
    *,
    complement: bool = False,
    references: Ints | None = None,
) -> Rate:
    """Give the share of scores that a threshold accepts (``complement``: that it does not).

    Parameters
    ----------
    scores : ndarray
        Shape (n,); -inf is never accepted.
    subjects : ndarray of int64 or None
        Shape (n,), the clusters; None: independent trials and the Clopper-Pearson interval.
    threshold : float
        Equality accepts.
    confidence : float
        Two-sided confidence of the interval.
    complement : bool
        Count what is not accepted (misses).
    references : ndarray of int64 or None
        Shape (n,), the subject on the other side of each comparison, in the same codes as `subjects`:
        dependence through either side then widens the interval.

    Returns
    -------
    Rate
        In [0, 1]; value None where there are no scores.
    """
    if subjects is None:
        count = count_accepted(scores, threshold)
        return rate(scores.size - count if complement else count, int(scores.size), confidence)
    events = accept(scores, threshold)
    if complement:
        events = ~events
    return rate_of(events, subjects, references, confidence)


def rate_of(events: Flags, subjects: Ints, references: Ints | None, confidence: float) -> Rate:
    """Give the share of events, (n,), with clusters on one side or, where references are named, on both."""
    if references is None:
        return clustered_rate(*by_subject(events, subjects), confidence)
    return paired_rate(*by_person(events, subjects, references), confidence)


def by_subject(events: Flags, subjects: Ints) -> tuple[Ints, Ints]:
    """Count events and trials of each subject: two int64 arrays of shape (subjects,), in order of label."""
    _, codes = np.unique(subjects, return_inverse=True)
    trials = np.bincount(codes).astype(np.int64) if codes.size else np.zeros(0, dtype=np.int64)
    errors = np.bincount(codes[events], minlength=trials.size).astype(np.int64)
    return errors, trials


def by_person(events: Flags, subjects: Ints, references: Ints) -> tuple[Ints, Ints]:
    """Count events and trials of each person on either side: each comparison counts for both its people."""
    return by_subject(np.concatenate([events, events]), np.concatenate([subjects, references]))
