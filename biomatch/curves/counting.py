"""Counting on sorted scores, and the checks at the door of every curve.

A count of accepted scores is ``searchsorted(sorted, threshold, side="left")`` from the top: the same
comparison as `biomatch.policy.accept` (equality accepts, -inf never does); a test holds both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch.errors import ResultsError
from biomatch.portable.types import Ints, Reals

SMALL = 1 << 20  # below this a copy costs nothing that anybody notices
SAMPLE = 1 << 14
CHUNK = 1 << 18  # fits in the second-level cache


def unmasked(values: ArrayLike, what: str) -> NDArray[Any]:
    """Give an array; one with masked values is refused, because what is under a mask would count."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        hidden = int(np.ma.getmaskarray(values).sum())
        raise ResultsError(f"{what} have {hidden} masked values", remedy="give values.compressed()")
    return np.asarray(values)


def checked_scores(values: ArrayLike, what: str, *, padding: bool) -> Reals:
    """Check scores: one dimension, numbers, no NaN, no +inf; -inf only where it means "no score".

    Parameters
    ----------
    values : array_like
        Shape (n,). float32 and float64 are kept as they are (no copy); other numbers become float64.
    what : str
        Name of the scores for the message.
    padding : bool
        Whether -inf is allowed.

    Raises
    ------
    ResultsError
        Naming the position of the first fault.
    """
    given = unmasked(values, what)
    if given.ndim != 1:
        raise ResultsError(f"{what} have shape {given.shape}", allowed="one dimension", remedy="flatten them")
    if given.size == 0:
        return np.zeros(0, dtype=np.float32)
    if given.dtype.kind not in "fiu":
        raise ResultsError(
            f"{what} are {given.dtype} ({given[0]!r} first)", allowed="numbers", remedy="convert them visibly"
        )
    scores = given if given.dtype in (np.float32, np.float64) else given.astype(np.float64)
    # One pass in pieces that stay in the cache: min and max are NaN when any score is.
    pieces = [scores[at : at + CHUNK] for at in range(0, scores.size, CHUNK)]
    low = float(np.min([piece.min() for piece in pieces]))
    high = float(np.max([piece.max() for piece in pieces]))
    if np.isnan(low) or np.isnan(high):
        raise ResultsError(
            f"{what} hold NaN (first at position {int(np.flatnonzero(np.isnan(scores))[0])})",
            remedy="a failed comparison is a failure to acquire or a score of -inf, so say which",
        )
    if high == np.inf or (low == -np.inf and not padding):
        first = int(np.flatnonzero(np.isinf(scores))[0])
        raise ResultsError(
            f"{what} hold {scores[first]} at position {first}",
            allowed="finite numbers" + (", or -inf where there was no score" if padding else ""),
        )
    return scores


def checked_labels(
    labels: ArrayLike | None, size: int, what: str, *, empty: bool = False
) -> NDArray[Any] | None:
    """Check labels (subjects, strata): as many as there are scores, none missing."""
    if labels is None:
        return None
    found = unmasked(labels, what)
    if found.shape != (size,):
        raise ResultsError(f"{what} have shape {found.shape}", allowed=f"one label a score, ({size},)")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ResultsError(f"{what} hold NaN", remedy="give every search its label")
    if found.dtype.kind == "U" and found.size and not empty:  # a trial without a group is in no row, and said
        blank = np.char.str_len(np.char.strip(found)) == 0
        if blank.any():
            raise ResultsError(
                f"{what} hold an empty label at position {int(np.argmax(blank))}", remedy="name it"
            )
    return found


def checked_strata(strata: Mapping[str, ArrayLike] | None, size: int, what: str) -> dict[str, NDArray[Any]]:
    """Check a mapping of label arrays."""
    found: dict[str, NDArray[Any]] = {}
    for name, labels in (strata or {}).items():
        array = checked_labels(labels, size, f"{what} labels {name!r}", empty=True)
        if array is not None:
            found[name] = array
    return found


def subject_codes(*labels: NDArray[Any] | None) -> tuple[NDArray[np.int64] | None, ...]:
    """Give subjects as int64 codes, the same code for the same label in every array."""
    given = [array for array in labels if array is not None]
    if all(array.dtype.kind in "iu" for array in given):
        return tuple(None if array is None else array.astype(np.int64, copy=False) for array in labels)
    _, codes = np.unique(np.concatenate([array.astype(str) for array in given]), return_inverse=True)
    found: list[NDArray[np.int64] | None] = []
    start = 0
    for array in labels:
        if array is None:
            found.append(None)
            continue
        found.append(codes[start : start + array.size].astype(np.int64))
        start += array.size
    return tuple(found)


def in_order(scores: Reals) -> Reals:
    """Sort scores; large arrays by Polars, which uses every core and is twice as fast as numpy on one.

    Parameters
    ----------
    scores : ndarray
        Shape (n,), float32 or float64, without NaN (see `checked_scores`).
    """
    if scores.size < SMALL:
        return np.sort(scores)
    return pl.Series(scores).sort().to_numpy()


def accepted(ascending: Reals, thresholds: ArrayLike) -> Ints:
    """Count the scores at or above each threshold.

    Parameters
    ----------
    ascending : ndarray
        Scores in ascending order; -inf (padding) may lead and is never accepted.
    thresholds : array_like
        Any shape.

    Returns
    -------
    ndarray of int64
        Shape of `thresholds`.
    """
    wanted = np.asarray(thresholds, dtype=np.float64)
    # Equality accepts: side="left" leaves scores equal to the threshold on the accepted side. The search
    # runs in the scores' own type, so that a 10^7 array is not copied; a threshold that float32 cannot
    # hold is rounded up, because "x >= t" for float32 x is "x >= the next float32 at or above t".
    needles = _in_type(wanted, ascending.dtype, up=True)
    padding = int(np.searchsorted(ascending, -np.inf, side="right"))
    count = ascending.size - np.maximum(np.searchsorted(ascending, needles, side="left"), padding)
    return np.asarray(count, dtype=np.int64)


def _in_type(wanted: NDArray[np.float64], dtype: np.dtype[Any], *, up: bool) -> Reals:
    """Give thresholds in the scores' own type, rounded up for "at or above", down for "above"."""
    if dtype != np.float32:
        return wanted
    with np.errstate(over="ignore"):
        narrow = wanted.astype(np.float32)
        wide = narrow.astype(np.float64)
        wrong = wide < wanted if up else wide > wanted
        end = np.float32(np.inf if up else -np.inf)
        return np.where(wrong, np.nextafter(narrow, end), narrow).astype(np.float32)


def count_accepted(scores: Reals, threshold: float) -> int:
    """Count the scores, (n,) in any order, that a threshold accepts; the comparison of `policy.accept`.

    In pieces that stay in the cache: the flags of ten million scores would be an eighth of them.
    """
    if threshold == -np.inf:
        return int(np.count_nonzero(~np.isneginf(scores)))
    needle = _in_type(np.array(threshold, dtype=np.float64), scores.dtype, up=True)
    return sum(
        int(np.count_nonzero(scores[at : at + CHUNK] >= needle)) for at in range(0, scores.size, CHUNK)
    )


def lowest_above(scores: Reals, low: float) -> float:
    """Give the lowest score above a number, inf where there is none; one pass without a copy."""
    found = np.inf
    edge = _in_type(np.array(low, dtype=np.float64), scores.dtype, up=False)
    for at in range(0, scores.size, CHUNK):
        chunk = scores[at : at + CHUNK]
        higher = chunk[chunk > edge]
        if higher.size:
            found = min(found, float(higher.min()))
    return found


def most_events(target: float, trials: int) -> int:
    """Give the largest k with ``k / trials <= target``, by the division itself and not by a product."""
    k = min(trials, max(0, int(target * trials)))
    while k < trials and (k + 1) / trials <= target:
        k += 1
    while k > 0 and k / trials > target:
        k -= 1
    return k


def next_above(score: np.floating[Any]) -> float:
    """Give the next number above a score, in the score's own type."""
    return float(np.nextafter(score, score.dtype.type(np.inf)))


def threshold_interval(non_mated: Reals, target: float) -> tuple[float, float]:
    """Give the lowest interval of thresholds with an allowed realised rate; see `interval_allowing`.

    Parameters
    ----------
    non_mated : ndarray
        Scores of non-mated trials in any order, at least one; -inf is never accepted.
    target : float
        Largest share that may be accepted.
    """
    return interval_allowing(non_mated, most_events(target, non_mated.size))


def interval_allowing(non_mated: Reals, allowed: int) -> tuple[float, float]:
    """Give the lowest half-open interval of thresholds that accept at most ``allowed`` scores.

    Parameters
    ----------
    non_mated : ndarray
        Scores of non-mated trials in any order, at least one; -inf is never accepted.
    allowed : int
        How many may be accepted.

    Returns
    -------
    low, high : float
        Every threshold T with ``low < T <= high`` accepts the same non-mated scores. An ``inf`` high end:
        none may be accepted. A low end of -inf: all may be.

    Notes
    -----
    Order statistics in linear time; no sort, no curve, no copy of a large input.
    """
    n = non_mated.size
    if allowed >= n:
        finite = non_mated[~np.isneginf(non_mated)]
        return -np.inf, float(finite.min()) if finite.size else np.inf
    # The (allowed + 1)-th largest score must stay below the threshold.
    low, high = _neighbours(non_mated, n - 1 - allowed)
    return float(low), float(high)


def _neighbours(scores: Reals, position: int) -> tuple[np.floating[Any], np.floating[Any]]:
    """Give the order statistic at an ascending position and the next distinct one above (inf: none).

    Large inputs are not copied: an evenly spaced sample brackets the answer (Floyd and Rivest, "Expected
    time bounds for selection", CACM 18, 1975), one pass in chunks gathers what lies in the bracket, and a
    bracket that missed, which the counts show, falls back to a partition of everything.
    """
    n, infinity = scores.size, scores.dtype.type(np.inf)
    if n >= SMALL:
        sample = np.sort(scores[:: n // SAMPLE])
        share = position / n
        middle, margin = share * sample.size, 6.0 * np.sqrt(sample.size * share * (1 - share)) + 16
        low_at, high_at = int(middle - margin), int(middle + margin) + 1
        low = sample[low_at] if low_at >= 0 else -infinity
        high = sample[high_at] if high_at < sample.size else infinity
        below, kept, over = 0, [], infinity
        for start in range(0, n, CHUNK):
            chunk = scores[start : start + CHUNK]
            at_least = chunk >= low
            below += chunk.size - int(np.count_nonzero(at_least))
            candidates = chunk[at_least]
            if high < infinity:
                beyond = candidates > high
                if beyond.any():
                    over = min(over, candidates[beyond].min())
                    candidates = candidates[~beyond]
            kept.append(candidates)
        inside = np.concatenate(kept)
        if 0 <= position - below < inside.size:
            found, above = _split(inside, position - below)
            return found, min(above, over)
    return _split(scores, position)


def _split(scores: Reals, position: int) -> tuple[np.floating[Any], np.floating[Any]]:
    part = np.partition(scores, position)
    found = part[position]
    above = part[position + 1 :]
    higher = above[above > found]
    return found, higher.min() if higher.size else scores.dtype.type(np.inf)


def errors_from_the_top(descending: Ints, trials_of: Ints) -> tuple[Ints, Ints, Ints]:
    """Accumulate the cluster sums as the threshold falls past one score after another.

    Parameters
    ----------
    descending : ndarray of int64
        Subject of each trial, in descending order of score.
    trials_of : ndarray of int64
        Same shape: number of trials of that subject.

    Returns
    -------
    errors, squares, products : ndarray of int64
        Sums of S, S**2 and S * m over subjects after each trial, where S counts the trials so far.
    """
    n = descending.size
    order = np.argsort(descending, kind="stable")
    grouped = descending[order]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]]) if n else np.zeros(0, dtype=np.int64)
    before_sorted = np.arange(n) - np.repeat(starts, np.diff(np.r_[starts, n]))
    before = np.empty(n, dtype=np.int64)
    before[order] = before_sorted
    # (S + 1)**2 - S**2 = 2 S + 1
    return (
        np.arange(1, n + 1, dtype=np.int64),
        np.cumsum(2 * before + 1),
        np.cumsum(trials_of),
    )
