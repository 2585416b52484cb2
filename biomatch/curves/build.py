"""The doors of the judge for scores whose truth is known: every check, then a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import checks
from biomatch.curves import counting
from biomatch.curves.identification import EnrolledCounts, IdentificationCurve
from biomatch.curves.thresholds import Points
from biomatch.curves.verification import EqualError, VerificationCurve
from biomatch.errors import ResultsError
from biomatch.portable.types import Ints, Reals

__all__ = [
    "EqualError",
    "IdentificationCurve",
    "Points",
    "VerificationCurve",
    "identification_curve",
    "verification_curve",
]


def __dir__() -> list[str]:
    return __all__


def identification_curve(
    mated_scores: ArrayLike,
    mated_ranks: ArrayLike,
    non_mated_top_scores: ArrayLike,
    *,
    enrolled_count: int | Sequence[int] | NDArray[np.int64],
    list_length: int | None = None,
    mated_subjects: ArrayLike | None = None,
    non_mated_subjects: ArrayLike | None = None,
    mated_strata: Mapping[str, ArrayLike] | None = None,
    non_mated_strata: Mapping[str, ArrayLike] | None = None,
    mated_failures: int = 0,
    non_mated_failures: int = 0,
    mated_failure_strata: Mapping[str, ArrayLike] | None = None,
    non_mated_failure_strata: Mapping[str, ArrayLike] | None = None,
    mates_known_above: float = -np.inf,
    lineages: Sequence[int] = (),
    system: Mapping[str, Any] | None = None,
    resubstitution: bool = False,
    distances: bool = False,
) -> IdentificationCurve:
    """Make a curve from the scores of searches whose truth is known.

    Parameters
    ----------
    mated_scores : array_like
        Shape (m,): the mate's own score in each mated search; -inf where it got none.
    mated_ranks : array_like
        Shape (m,): 1-based rank of the mate in the list, 0 where it is not in it.
    non_mated_top_scores : array_like
        Shape (k,): best score of each non-mated search; -inf for an empty list.
    enrolled_count : int or sequence of int
        N, the references searched; a sequence (one a search) is kept as median, least and greatest.
    list_length : int, optional
        L; default: the greatest rank given, at least 1.
    mated_subjects, non_mated_subjects : array_like, optional
        Who was searched, integers or strings; the same label in both is the same subject.
    mated_strata, non_mated_strata, mated_failure_strata, non_mated_failure_strata : mapping, optional
        Labels for breakdowns, of searches and of failures to acquire.
    mated_failures, non_mated_failures : int
        Failures to acquire; they are no searches.
    mates_known_above : float
        See `IdentificationCurve`.
    lineages, system, resubstitution
        Provenance; see `IdentificationCurve`.
    distances : bool
        Whether lower is closer. Every threshold that the curve takes or gives is then a distance, and a
        missing score is +inf.

    Returns
    -------
    IdentificationCurve

    Raises
    ------
    ResultsError
        For NaN, +inf, wrong shapes, ranks that are no ranks, an impossible N or L.

    Examples
    --------
    >>> curve = identification_curve([0.9, 0.4], [1, 2], [0.3, 0.5, 0.2], enrolled_count=1000)
    >>> print(curve.fnir(0.5).value, curve.fpir(0.5).numerator, curve.threshold(max_fpir=0.34) > 0.3)
    0.5 1 True
    """
    mated = _similarities(mated_scores, "mated scores", distances)
    tops = _similarities(non_mated_top_scores, "non-mated top scores", distances)
    ranks = _checked_ranks(mated, mated_ranks)
    longest = int(ranks.max(initial=0))
    length = max(1, longest) if list_length is None else int(list_length)
    if length < max(1, longest):
        raise ResultsError(
            f"list_length={list_length}", allowed=f"at least {max(1, longest)}, the last rank seen"
        )
    counts = _checked_sizes(enrolled_count, longest)
    people = counting.subject_codes(
        counting.checked_labels(mated_subjects, mated.size, "mated subjects"),
        counting.checked_labels(non_mated_subjects, tops.size, "non-mated subjects"),
    )
    if mated_failures < 0 or non_mated_failures < 0:
        raise ResultsError("a negative number of failures to acquire")
    return IdentificationCurve(
        mated_scores=mated,
        mated_ranks=ranks,
        non_mated_top_scores=tops,
        list_length=length,
        enrolled_counts=EnrolledCounts(int(np.median(counts)), int(counts.min()), int(counts.max())),
        mated_subjects=people[0],
        non_mated_subjects=people[1],
        mated_strata=counting.checked_strata(mated_strata, mated.size, "mated"),
        non_mated_strata=counting.checked_strata(non_mated_strata, tops.size, "non-mated"),
        mated_failures=int(mated_failures),
        non_mated_failures=int(non_mated_failures),
        mated_failure_strata=counting.checked_strata(mated_failure_strata, mated_failures, "mated failures'"),
        non_mated_failure_strata=counting.checked_strata(
            non_mated_failure_strata, non_mated_failures, "non-mated failures'"
        ),
        mates_known_above=float(mates_known_above),
        lineages=tuple(int(seed) for seed in lineages),
        system=system,
        resubstitution=resubstitution,
        distances=distances,
    )


def _checked_ranks(mated: Reals, mated_ranks: ArrayLike) -> Ints:
    """Check the ranks of mates, one a score; shape (m,)."""
    ranks = counting.unmasked(mated_ranks, "mated ranks")
    if ranks.shape != mated.shape:
        raise ResultsError(f"{ranks.size} ranks for {mated.size} mated scores", allowed="one rank a score")
    if ranks.size and (ranks.dtype.kind not in "iu" or ranks.min() < 0):
        raise ResultsError(
            f"mated ranks are {ranks.dtype}, least {ranks.min()}",
            allowed="whole numbers: 1 is the best, 0 means not in the list",
        )
    ranks = ranks.astype(np.int64)
    lost = np.flatnonzero(np.isneginf(mated) & (ranks > 0))
    if lost.size:
        raise ResultsError(
            f"mated search {lost[0]} has rank {ranks[lost[0]]} and no score", remedy="give both or neither"
        )
    return ranks


def _checked_sizes(enrolled_count: int | Sequence[int] | NDArray[np.int64], longest: int) -> Ints:
    """Check the numbers of references searched against the last rank seen; at least one number."""
    counts = np.atleast_1d(counting.unmasked(enrolled_count, "enrolled_count"))
    if counts.dtype.kind not in "iu" or counts.size == 0 or counts.min() < 0:
        raise ResultsError(
            f"enrolled_count={enrolled_count!r}", allowed="the number of references searched, N"
        )
    if 0 < counts.max() < longest:  # 0: not known
        raise ResultsError(
            f"a mate has rank {longest} among {int(counts.max()):,} references",
            allowed="ranks up to N",
            remedy="is enrolled_count the number of references that were searched?",
        )
    return counts


def _similarities(values: ArrayLike, what: str, distances: bool) -> Reals:
    """Check scores; give distances negated, so that higher is closer."""
    if not distances:
        return counting.checked_scores(values, what, padding=True)
    given = np.asarray(values)
    if given.dtype.kind in "fiu":
        given = -given if given.dtype in (np.float32, np.float64) else -given.astype(np.float64)
    return counting.checked_scores(given, what, padding=True)


def verification_curve(
    mated_scores: ArrayLike,
    non_mated_scores: ArrayLike,
    *,
    mated_subjects: ArrayLike | None = None,
    non_mated_subjects: ArrayLike | None = None,
    non_mated_references: ArrayLike | None = None,
    mated_strata: Mapping[str, ArrayLike] | None = None,
    non_mated_strata: Mapping[str, ArrayLike] | None = None,
    mated_failures: int = 0,
    non_mated_failures: int = 0,
    lineages: Sequence[int] = (),
    distances: bool = False,
) -> VerificationCurve:
    """Make a curve from 1:1 comparison scores; parameters and errors as of `identification_curve`.

    Parameters
    ----------
    mated_scores, non_mated_scores : array_like
        Shapes (m,) and (k,); -inf (of distances +inf): a comparison that gave no score.
    mated_subjects, non_mated_subjects : array_like, optional
        Whose probe it was. Without them every comparison counts as a subject of its own.
    non_mated_references : array_like, optional
        Shape (k,): whose reference it was; needs `non_mated_subjects`. The same label is the same person.
    mated_strata, non_mated_strata : mapping, optional
        Labels for breakdowns.
    mated_failures, non_mated_failures : int
        Failures to acquire; they are no comparisons.
    lineages : sequence of int
        Root seeds of the worlds that went in.
    distances : bool
        Whether lower is closer; every threshold is then a distance.

    Examples
    --------
    >>> curve = verification_curve([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5])
    >>> curve.eer().value, curve.fmr(0.5).value, curve.fnmr(0.5).value
    (0.25, 0.25, 0.25)
    >>> verification_curve([0.10, 0.20], [0.30, 0.60], distances=True).threshold(max_fmr=0)
    0.2
    """
    mated = _similarities(mated_scores, "mated scores", distances)
    other = _similarities(non_mated_scores, "non-mated scores", distances)
    if non_mated_references is not None and non_mated_subjects is None:
        raise ResultsError(
            "subjects of the references without those of the probes", remedy="give non_mated_subjects too"
        )
    people = counting.subject_codes(
        counting.checked_labels(mated_subjects, mated.size, "mated subjects"),
        counting.checked_labels(non_mated_subjects, other.size, "non-mated subjects"),
        counting.checked_labels(non_mated_references, other.size, "non-mated references"),
    )
    if people[2] is not None:
        same = np.flatnonzero(people[1] == people[2])
        if same.size:
            raise ResultsError(
                f"non-mated comparison {same[0]} has one subject on both sides",
                allowed="two people",
                remedy="is it a mated comparison?",
            )
    return VerificationCurve(
        mated,
        other,
        people[0],
        people[1],
        counting.checked_strata(mated_strata, mated.size, "mated"),
        counting.checked_strata(non_mated_strata, other.size, "non-mated"),
        tuple(int(seed) for seed in lineages),
        people[2],
        checks.whole(mated_failures, "mated_failures"),
        checks.whole(non_mated_failures, "non_mated_failures"),
        distances,
    )
