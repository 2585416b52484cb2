"""Error rates of searches at every threshold: FNIR(N, R, T) and FPIR(N, T), failures to acquire apart.

Definitions of ISO/IEC 19795-1. FPIR(N, T): share of non-mated searches that return one or more
candidates at or above T. FNIR(N, R, T): share of mated searches whose mate is not among the best R
candidates at or above T; ``rank=None`` drops the condition on the rank. Equality accepts. Failures to
acquire are no search; `IdentificationCurve.system_miss_rate` folds them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import checks
from biomatch.cards import Card, Carded, error_curve, facts
from biomatch.curves import counting
from biomatch.curves.clustered_rates import rate_above
from biomatch.curves.thresholds import Points, decided, points_of, turned
from biomatch.errors import ResultsError
from biomatch.policy import accept
from biomatch.portable.types import Bools, Ints, Reals
from biomatch.rates import Rate, rate

Labels = Mapping[str, NDArray[Any]]


class EnrolledCounts(NamedTuple):
    """How many references were searched (N): over all searches, the median, the least and the greatest."""

    median: int
    least: int
    greatest: int


UNKNOWN = EnrolledCounts(0, 0, 0)


@dataclass(frozen=True, eq=False, repr=False)
class IdentificationCurve(Carded):
    """What one set of searches says about every threshold; made by `identification_curve` or a sweep.

    Attributes
    ----------
    mated_scores : ndarray
        Shape (m,), float32 or float64; the mate's own score in each mated search, -inf where it got none.
    mated_ranks : ndarray of int64
        Shape (m,); 1-based rank of the mate in the candidate list, 0 where it is not in the list.
    non_mated_top_scores : ndarray
        Shape (k,); best score of each non-mated search, -inf where its list was empty.
    list_length : int
        L, the number of candidates that a search may return.
    enrolled_counts : EnrolledCounts
        Median, least and greatest number of references searched (N); zeros where unknown.
    mated_subjects, non_mated_subjects : ndarray of int64 or None
        Who was searched: the clusters of every interval. None: each search is another subject.
    mated_strata, non_mated_strata : mapping
        Name of a breakdown (port, mode, group) to a label for each search.
    mated_failures, non_mated_failures : int or None
        Captures that were due and failed to acquire; None where they cannot be told (a part of a whole
        whose failures carry no labels).
    mated_failure_strata, non_mated_failure_strata : mapping
        Labels of the failures, as of the searches.
    mates_known_above : float
        Mates' own scores are known only above this score (-inf: all are known). Where only candidate
        lists are at hand it is the highest last score of a full list without its mate.
    lineages : tuple of int
        Root seeds of the worlds that went in.
    system : mapping or None
        Settings of the system that made the lists.
    resubstitution : bool
        Whether the system's own training saw these lineages and that was asked for.
    distances : bool
        Whether the scores came as distances. The arrays then hold them negated; every threshold that a
        method takes or gives is a distance, and lower accepts.
    further : mapping of str to IdentificationCurve
        Curves of the system's further searches (everyone at entry, a watchlist), by policy; each has an N of
        its own and is tuned for itself.

    Examples
    --------
    >>> from biomatch.curves.build import identification_curve
    >>> curve = identification_curve([0.9, 0.3], [1, 0], [0.2, 0.5], enrolled_count=10)
    >>> curve.fnir(0.5).value, curve.fpir(0.5).value
    (0.5, 0.5)
    """

    mated_scores: Reals
    mated_ranks: Ints
    non_mated_top_scores: Reals
    list_length: int = 1
    enrolled_counts: EnrolledCounts = UNKNOWN
    mated_subjects: Ints | None = None
    non_mated_subjects: Ints | None = None
    mated_strata: Labels = field(default_factory=dict)
    non_mated_strata: Labels = field(default_factory=dict)
    mated_failures: int | None = 0
    non_mated_failures: int | None = 0
    mated_failure_strata: Labels = field(default_factory=dict)
    non_mated_failure_strata: Labels = field(default_factory=dict)
    mates_known_above: float = -np.inf
    lineages: tuple[int, ...] = ()
    system: Mapping[str, Any] | None = None
    resubstitution: bool = False
    distances: bool = False
    further: Mapping[str, IdentificationCurve] = field(default_factory=dict)

    def card(self) -> Card:
        """Say what is shown: the searches, N and L, and the curve itself."""
        middle, least, most = self.enrolled_counts
        picture = ""
        if self.mated and self.non_mated:
            drawn = self.points(rank=self.list_length)
            picture = error_curve(
                (drawn.false_positives / drawn.non_mated).tolist(),
                (drawn.misses / drawn.mated).tolist(),
                ("FPIR", "FNIR"),
            )
        return Card(
            "IdentificationCurve: FNIR and FPIR at every threshold",
            facts(
                ("mated searches", self.mated),
                ("non-mated searches", self.non_mated),
                ("references searched", f"N = {middle:,} (median; {least:,} to {most:,})"),
                ("candidates a list", f"L = {self.list_length}"),
                ("lineages", [str(seed) for seed in self.lineages] or None),
                ("further searches", list(self.further) or None),
                ("next", "bm.tune(curve, max_fpir=0.001)"),
            ),
            picture,
        )

    @property
    def mated(self) -> int:
        """Number of mated searches."""
        return int(self.mated_scores.size)

    @property
    def non_mated(self) -> int:
        """Number of non-mated searches."""
        return int(self.non_mated_top_scores.size)

    # -- what `biomatch.curves.protocol.Curve` asks ---------------------------------------------

    @property
    def measures(self) -> tuple[str, str]:
        """FPIR and FNIR."""
        return ("FPIR", "FNIR")

    @property
    def searches(self) -> IdentificationCurve:
        """The curve itself."""
        return self

    @property
    def comparisons(self) -> None:
        """None: no comparisons."""

    @property
    def non_mated_scores(self) -> Reals:
        """`non_mated_top_scores`."""
        return self.non_mated_top_scores

    @property
    def non_mated_references(self) -> None:
        """None: each search was of a gallery."""

    def false_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FPIR(N, T)."""
        return self.fpir(threshold, confidence)

    def miss_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNIR(N, L, T)."""
        return self.fnir(threshold, self.list_length, confidence)

    def threshold_for(self, target: float) -> float:
        """Give `threshold` for a largest FPIR."""
        return self.threshold(max_fpir=target)

    def interval_for(self, target: float) -> tuple[float, float]:
        """Give `threshold_interval` for a largest FPIR."""
        return self.threshold_interval(max_fpir=target)

    def hits_at(self, threshold: float) -> Bools:
        """Say which mates are accepted in the list; shape (m,)."""
        return accept(self.mated_scores, turned(threshold, self.distances)) & (self.mated_ranks >= 1)

    def counts(self) -> Points:
        """Give `points` at rank L."""
        return self.points(self.list_length)

    # -- every threshold ------------------------------------------------------------------------

    @cached_property
    def _non_mated_sorted(self) -> Reals:
        return counting.in_order(self.non_mated_top_scores)

    @cached_property
    def _hits_sorted(self) -> dict[int | None, Reals]:
        return {}

    def hits(self, rank: int | None = None) -> Reals:
        """Give the ascending scores of mates that count at a rank: (h,), never -inf.

        Parameters
        ----------
        rank : int or None
            Best rank that still counts, from 1 to L; None: any rank, in the list or not.
        """
        whole = isinstance(rank, (int, np.integer)) and not isinstance(rank, bool)
        if rank is not None and not (whole and 1 <= rank <= self.list_length):
            raise ResultsError(f"rank={rank}", allowed=f"None or 1 to {self.list_length} (the list length)")
        if rank not in self._hits_sorted:
            counts = ~np.isneginf(self.mated_scores)
            if rank is not None:
                counts &= (self.mated_ranks >= 1) & (self.mated_ranks <= rank)
            self._hits_sorted[rank] = counting.in_order(self.mated_scores[counts])
        return self._hits_sorted[rank]

    def at(self, thresholds: ArrayLike, rank: int | None = None) -> tuple[Ints, Ints]:
        """Count false positives and misses at each threshold (any shape; two int64 arrays of that shape).

        Raises
        ------
        ResultsError
            For a rank outside 1 to L, and for ``rank=None`` at a threshold where mates' own scores are
            unknown.
        """
        wanted = np.asarray(thresholds, dtype=np.float64)
        wanted = 0.0 - wanted if self.distances else wanted
        if rank is None and wanted.size and float(wanted.min()) <= self.mates_known_above:
            known = turned(self.mates_known_above, self.distances)
            raise ResultsError(
                f"FNIR with unlimited rank at threshold {turned(float(wanted.min()), self.distances):g}",
                allowed=f"thresholds {'below' if self.distances else 'above'} {known:g}, where every full "
                "list ends",
                remedy=f"give rank={self.list_length}, or lists that are longer",
            )
        return (
            counting.accepted(self._non_mated_sorted, wanted),
            self.mated - counting.accepted(self.hits(rank), wanted),
        )

    def fpir(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FPIR(N, T), in [0, 1]: non-mated searches with a candidate at or above T, of all of them.

        The interval treats a subject's searches as one cluster; value None where nothing was searched.
        """
        inner = turned(threshold, self.distances)
        return rate_above(self.non_mated_top_scores, self.non_mated_subjects, inner, confidence)

    def fnir(self, threshold: float, rank: int | None = None, confidence: float = 0.95) -> Rate:
        """Give FNIR(N, R, T), in [0, 1]: mated searches whose mate is not in the top R at or above T.

        ``rank=None``: the mate's own score decides, whatever its rank. Value None without mated searches.
        """
        self.at(threshold, rank)  # refuses what cannot be known
        scores = self.mated_scores
        if rank is not None:
            counts = (self.mated_ranks >= 1) & (self.mated_ranks <= rank)
            scores = np.where(counts, scores, scores.dtype.type(-np.inf))
        inner = turned(threshold, self.distances)
        return rate_above(scores, self.mated_subjects, inner, confidence, complement=True)

    def system_miss_rate(self, threshold: float, rank: int | None = None, confidence: float = 0.95) -> Rate:
        """Give (misses + mated failures to acquire) / (mated searches + mated failures to acquire).

        A failed capture counts as a subject of its own. In [0, 1]; value None without mated trials.
        """
        if self.mated_failures is None:
            raise ResultsError(
                "failures to acquire that carry no labels", remedy="give mated_failure_strata with the curve"
            )
        misses = self.fnir(threshold, rank, confidence)
        if self.mated_subjects is None:
            failed = self.mated_failures
            return rate(misses.numerator + failed, misses.denominator + failed, confidence)
        own = np.arange(self.mated_failures) + (self.mated_subjects.max() + 1 if self.mated else 0)
        scores = self.mated_scores
        if rank is not None:
            counts = (self.mated_ranks >= 1) & (self.mated_ranks <= rank)
            scores = np.where(counts, scores, scores.dtype.type(-np.inf))
        scores = np.r_[scores, np.full(self.mated_failures, -np.inf, dtype=scores.dtype)]
        subjects = np.r_[self.mated_subjects, own]
        inner = turned(threshold, self.distances)
        return rate_above(scores, subjects, inner, confidence, complement=True)

    def failure_to_acquire(self, confidence: float = 0.95) -> Rate:
        """Give FTA, in [0, 1]: captures that were due and failed, of all that were due."""
        if self.mated_failures is None or self.non_mated_failures is None:
            raise ResultsError("failures to acquire that carry no labels", remedy="give their strata")
        failed = self.mated_failures + self.non_mated_failures
        return rate(failed, failed + self.mated + self.non_mated, confidence)

    def _interval(self, max_fpir: float) -> tuple[float, float]:
        if not self.non_mated:
            raise ResultsError("no non-mated search", remedy="FPIR needs probes that are not in the gallery")
        target = checks.share(max_fpir, "max_fpir")
        return counting.threshold_interval(self.non_mated_top_scores, target)

    def threshold_interval(self, *, max_fpir: float) -> tuple[float, float]:
        """Give (low, high]: the lowest thresholds with a realised FPIR of at most ``max_fpir``.

        Of distances [low, high): the highest.
        """
        low, high = self._interval(max_fpir)
        return (turned(high, True), turned(low, True)) if self.distances else (low, high)

    def threshold(self, *, max_fpir: float) -> float:
        """Give the threshold with the fewest misses whose realised FPIR is at most ``max_fpir``.

        A point estimate: the shortest decimal above the highest refused score and not above the lowest
        accepted one, mated or not (`biomatch.decimals.shortest`; of distances below and not below). For a
        guarantee about the true rate use `biomatch.tuning.tune`.
        """
        return turned(decided(self._interval(max_fpir), self.mated_scores), self.distances)

    def points(self, rank: int | None = None) -> Points:
        """Give the counts at every threshold that makes a difference."""
        above = self.mates_known_above if rank is None else -np.inf
        points = points_of(self._non_mated_sorted, self.hits(rank), self.mated, above)
        return points.turned() if self.distances else points

    def cmc(self) -> Ints:
        """Count, for each rank 1 to L, the mated searches whose mate stands at that rank or better: (L,)."""
        found = np.bincount(self.mated_ranks, minlength=self.list_length + 1)[1 : self.list_length + 1]
        return np.cumsum(found, dtype=np.int64)

    def by(self, name: str) -> dict[str, IdentificationCurve]:
        """Split the curve by a breakdown (``"mode"``, ``"group"``); labels in sorted order."""
        if name not in self.mated_strata and name not in self.non_mated_strata:
            known = sorted({*self.mated_strata, *self.non_mated_strata})
            raise ResultsError(
                f"breakdown {name!r}", allowed=", ".join(known) or "none: no labels were given"
            )
        mated = self.mated_strata.get(name, np.full(self.mated, "", dtype="U1")).astype(str)
        other = self.non_mated_strata.get(name, np.full(self.non_mated, "", dtype="U1")).astype(str)
        labels = sorted({*np.unique(mated).tolist(), *np.unique(other).tolist()} - {""})
        return {label: self._part(name, label, mated == label, other == label) for label in labels}

    def _part(self, name: str, label: str, mated: NDArray[np.bool_], other: NDArray[np.bool_]) -> Any:
        def failures(total: int | None, strata: Labels) -> int | None:
            if name in strata:
                return int((strata[name].astype(str) == label).sum())
            return 0 if total == 0 else None

        return replace(
            self.subset(mated, other),
            mated_failures=failures(self.mated_failures, self.mated_failure_strata),
            non_mated_failures=failures(self.non_mated_failures, self.non_mated_failure_strata),
        )

    def subset(self, mated: NDArray[np.bool_], other: NDArray[np.bool_]) -> IdentificationCurve:
        """Keep some searches by masks over mated, (m,), and non-mated ones, (k,); failures stay behind."""
        return replace(
            self,
            mated_scores=self.mated_scores[mated],
            mated_ranks=self.mated_ranks[mated],
            non_mated_top_scores=self.non_mated_top_scores[other],
            mated_subjects=None if self.mated_subjects is None else self.mated_subjects[mated],
            non_mated_subjects=None if self.non_mated_subjects is None else self.non_mated_subjects[other],
            mated_strata={k: v[mated] for k, v in self.mated_strata.items()},
            non_mated_strata={k: v[other] for k, v in self.non_mated_strata.items()},
            mated_failures=0,
            non_mated_failures=0,
            mated_failure_strata={},
            non_mated_failure_strata={},
            further={},
        )
