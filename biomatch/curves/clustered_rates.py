"""From scores and subjects to a rate at one threshold, with the interval that the clusters ask for."""

from __future__ import annotations

import numpy as np

from biomatch.curves.counting import CHUNK, Floats, Ints
from biomatch.policy import accept
from biomatch.rates import Rate, clustered_rate, rate


def rate_above(
    scores: Floats, subjects: Ints | None, threshold: float, confidence: float, *, complement: bool = False
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

    Returns
    -------
    Rate
        In [0, 1]; value None where there are no scores.
    """
    if subjects is None:
        # In pieces: the flags of ten million scores would be an eighth of them, several times over.
        pieces = range(0, scores.size, CHUNK)
        count = sum(int(np.count_nonzero(accept(scores[at : at + CHUNK], threshold))) for at in pieces)
        return rate(scores.size - count if complement else count, int(scores.size), confidence)
    events = accept(scores, threshold)
    if complement:
        events = ~events
    errors, trials = by_subject(events, subjects)
    return clustered_rate(errors, trials, confidence)


def by_subject(events: np.ndarray[tuple[int], np.dtype[np.bool_]], subjects: Ints) -> tuple[Ints, Ints]:
    """Count events and trials of each subject: two int64 arrays of shape (subjects,), in order of label."""
    _, codes = np.unique(subjects, return_inverse=True)
    trials = np.bincount(codes).astype(np.int64) if codes.size else np.zeros(0, dtype=np.int64)
    errors = np.bincount(codes[events], minlength=trials.size).astype(np.int64)
    return errors, trials
