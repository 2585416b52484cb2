"""Error rates of 1:1 comparisons at every threshold: FMR and FNMR (ISO/IEC 19795-1). Equality accepts."""

from __future__ import annotations

from abc import ABC, abstractmethod
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


class EqualError(NamedTuple):
    """Where the two rates of a verification curve meet.

    Attributes
    ----------
    value : float
        Mean of FMR and FNMR at `threshold`, in [0, 1].
    threshold : float
        The threshold where the two differ least; of several, the one with the lowest mean, then the lowest.
    fmr, fnmr : Rate
        Both rates there.
    """

    value: float
    threshold: float
    fmr: Rate
    fnmr: Rate


class ComparisonRates(ABC):
    """What `biomatch.curves.protocol.Rates` asks, of comparisons: kept scores or not."""

    @abstractmethod
    def fmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FMR at a threshold."""

    @abstractmethod
    def fnmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNMR at a threshold."""

    @abstractmethod
    def threshold(self, *, max_fmr: float) -> float:
        """Give the threshold with the fewest misses whose realised FMR is at most ``max_fmr``."""

    @abstractmethod
    def threshold_interval(self, *, max_fmr: float) -> tuple[float, float]:
        """Give the thresholds that accept the same non-mated scores as `threshold` does."""

    @property
    def measures(self) -> tuple[str, str]:
        """FMR and FNMR."""
        return ("FMR", "FNMR")

    @property
    def searches(self) -> None:
        """None: no searches."""
        return None

    def false_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FMR."""
        return self.fmr(threshold, confidence)

    def miss_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNMR."""
        return self.fnmr(threshold, confidence)

    def threshold_for(self, target: float) -> float:
        """Give `threshold` for a largest FMR."""
        return self.threshold(max_fmr=target)

    def interval_for(self, target: float) -> tuple[float, float]:
        """Give `threshold_interval` for a largest FMR."""
        return self.threshold_interval(max_fmr=target)


@dataclass(frozen=True, eq=False, repr=False)
class VerificationCurve(Carded, ComparisonRates):
    """What one set of 1:1 comparisons says about every threshold; made by `verification_curve`.

    Attributes
    ----------
    mated_scores, non_mated_scores : ndarray
        Shapes (m,) and (k,), float32 or float64; comparison scores, higher is closer. -inf: a comparison
        that gave no score (rejected at every threshold).
    mated_subjects, non_mated_subjects : ndarray of int64 or None
        Whose probe it was: the clusters of every interval.
    non_mated_references : ndarray of int64 or None
        Shape (k,): whose reference it was, in the same codes: intervals and guarantees of FMR then heed
        dependence through either side. (A mated comparison has one subject on both sides.)
    mated_strata, non_mated_strata : mapping
        Name of a breakdown to a label for each comparison.
    lineages : tuple of int
        Root seeds of the worlds that went in.
    mated_failures, non_mated_failures : int
        Comparisons that were due and could not be made (failures to acquire); they are no comparisons.
    distances : bool
        Whether the scores came as distances. The arrays then hold them negated; every threshold that a
        method takes or gives is a distance, and lower accepts.

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> verification_curve([0.9, 0.3], [0.1, 0.3]).fmr(0.3).value
    0.5
    """

    mated_scores: Reals
    non_mated_scores: Reals
    mated_subjects: Ints | None = None
    non_mated_subjects: Ints | None = None
    mated_strata: Labels = field(default_factory=dict)
    non_mated_strata: Labels = field(default_factory=dict)
    lineages: tuple[int, ...] = ()
    non_mated_references: Ints | None = None
    mated_failures: int = 0
    non_mated_failures: int = 0
    distances: bool = False

    def card(self) -> Card:
        """Say what is shown: the comparisons, and the curve itself."""
        picture = ""
        if self.mated_scores.size and self.non_mated_scores.size:
            drawn = self.points()
            picture = error_curve(
                (drawn.false_positives / drawn.non_mated).tolist(),
                (drawn.misses / drawn.mated).tolist(),
                ("FMR", "FNMR"),
            )
        return Card(
            "VerificationCurve: FMR and FNMR at every threshold",
            facts(
                ("mated comparisons", int(self.mated_scores.size)),
                ("non-mated comparisons", int(self.non_mated_scores.size)),
                ("next", "bm.tune(curve, max_fmr=0.0001)"),
            ),
            picture,
        )

    # -- what `biomatch.curves.protocol.Curve` asks ---------------------------------------------

    @property
    def comparisons(self) -> VerificationCurve:
        """The curve itself."""
        return self

    def hits_at(self, threshold: float) -> Bools:
        """Say which mated comparisons are accepted; shape (m,)."""
        return accept(self.mated_scores, turned(threshold, self.distances))

    def counts(self) -> Points:
        """Give `points`."""
        return self.points()

    # -- every threshold ------------------------------------------------------------------------

    @cached_property
    def _mated_sorted(self) -> Reals:
        return counting.in_order(self.mated_scores)

    @cached_property
    def _non_mated_sorted(self) -> Reals:
        return counting.in_order(self.non_mated_scores)

    def at(self, thresholds: ArrayLike) -> tuple[Ints, Ints]:
        """Count false matches and false non-matches at each threshold (any shape; two int64 arrays)."""
        wanted = np.asarray(thresholds, dtype=np.float64)
        wanted = 0.0 - wanted if self.distances else wanted
        return (
            counting.accepted(self._non_mated_sorted, wanted),
            self.mated_scores.size - counting.accepted(self._mated_sorted, wanted),
        )

    def fmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FMR, in [0, 1]: non-mated comparisons at or above T, of all; None where there are none."""
        inner = turned(threshold, self.distances)
        return rate_above(
            self.non_mated_scores, self.non_mated_subjects, inner, confidence,
            references=self.non_mated_references,
        )  # fmt: skip

    def fnmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNMR, in [0, 1]: mated comparisons below T, of all; None where there are none."""
        inner = turned(threshold, self.distances)
        return rate_above(self.mated_scores, self.mated_subjects, inner, confidence, complement=True)

    def failure_to_acquire(self, confidence: float = 0.95) -> Rate:
        """Give FTA, in [0, 1]: comparisons that were due and could not be made, of all that were due."""
        failed = self.mated_failures + self.non_mated_failures
        made = self.mated_scores.size + self.non_mated_scores.size
        return rate(failed, failed + made, confidence)

    def false_reject_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FRR of the system, in [0, 1]: misses and mated failures, of all that were due.

        A failed comparison counts as a subject of its own.
        """
        failed = self.mated_failures
        scores = np.r_[self.mated_scores, np.full(failed, -np.inf, dtype=self.mated_scores.dtype)]
        people = self.mated_subjects
        if people is not None:
            people = np.r_[people, np.arange(failed) + (people.max() + 1 if people.size else 0)]
        inner = turned(threshold, self.distances)
        return rate_above(scores, people, inner, confidence, complement=True)

    def false_accept_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FAR of the system, in [0, 1]: false matches, of all non-mated comparisons that were due."""
        failed = self.non_mated_failures
        scores = np.r_[self.non_mated_scores, np.full(failed, -np.inf, dtype=self.non_mated_scores.dtype)]
        people, others = self.non_mated_subjects, self.non_mated_references
        inner = turned(threshold, self.distances)
        if people is None:
            return rate_above(scores, None, inner, confidence)
        new = 1 + max(int(part.max(initial=0)) for part in (people, others) if part is not None)
        alone = np.arange(failed) + new
        return rate_above(
            scores, np.r_[people, alone], inner, confidence,
            references=None if others is None else np.r_[others, alone + failed],
        )  # fmt: skip

    def _interval(self, max_fmr: float) -> tuple[float, float]:
        if not self.non_mated_scores.size:
            raise ResultsError("no non-mated comparison", remedy="FMR needs pairs of different people")
        return counting.threshold_interval(self.non_mated_scores, checks.share(max_fmr, "max_fmr"))

    def threshold_interval(self, *, max_fmr: float) -> tuple[float, float]:
        """Give (low, high]: the lowest interval of thresholds with a realised FMR of at most ``max_fmr``.

        Of distances [low, high): the highest.
        """
        low, high = self._interval(max_fmr)
        return (turned(high, True), turned(low, True)) if self.distances else (low, high)

    def threshold(self, *, max_fmr: float) -> float:
        """Give the threshold with the fewest misses whose realised FMR is at most ``max_fmr``.

        A point estimate: the shortest decimal above the highest refused score and not above the lowest
        accepted one, mated or not (`biomatch.decimals.shortest`; of distances below and not below).

        Examples
        --------
        >>> from biomatch.curves.build import verification_curve
        >>> verification_curve([30] * 200, [10] * 900 + [20] * 100).threshold(max_fmr=0.05)
        30.0
        """
        return turned(decided(self._interval(max_fmr), self.mated_scores), self.distances)

    def points(self) -> Points:
        """Give the counts at every threshold that makes a difference."""
        points = points_of(self._non_mated_sorted, self._mated_sorted, self.mated_scores.size)
        return points.turned() if self.distances else points

    def by(self, name: str) -> dict[str, VerificationCurve]:
        """Split the curve by a breakdown (``"sex"``), of the probes; labels in sorted order."""
        if name not in self.mated_strata and name not in self.non_mated_strata:
            known = sorted({*self.mated_strata, *self.non_mated_strata})
            raise ResultsError(
                f"breakdown {name!r}", allowed=", ".join(known) or "none: no labels were given"
            )
        own = self.mated_strata.get(name, np.full(self.mated_scores.size, "", dtype="U1")).astype(str)
        other = self.non_mated_strata.get(name, np.full(self.non_mated_scores.size, "", dtype="U1")).astype(
            str
        )
        labels = sorted({*np.unique(own).tolist(), *np.unique(other).tolist()} - {""})
        return {label: self._subset(own == label, other == label) for label in labels}

    def _subset(self, mated: NDArray[np.bool_], other: NDArray[np.bool_]) -> VerificationCurve:
        return replace(
            self,
            mated_scores=self.mated_scores[mated],
            non_mated_scores=self.non_mated_scores[other],
            mated_subjects=None if self.mated_subjects is None else self.mated_subjects[mated],
            non_mated_subjects=None if self.non_mated_subjects is None else self.non_mated_subjects[other],
            non_mated_references=None
            if self.non_mated_references is None
            else self.non_mated_references[other],
            mated_failures=0,
            non_mated_failures=0,
            mated_strata={key: labels[mated] for key, labels in self.mated_strata.items()},
            non_mated_strata={key: labels[other] for key, labels in self.non_mated_strata.items()},
        )

    def eer(self) -> EqualError:
        """Give the equal error rate: the mean of FMR and FNMR where they differ least."""
        points = self.points()
        if not points.mated or not points.non_mated:
            raise ResultsError(
                "one class only", remedy="an equal error rate needs mated and non-mated scores"
            )
        # Cross-multiplied counts: integers tie where floats would not.
        fm, fn = points.false_positives * points.mated, points.misses * points.non_mated
        gap = np.abs(fm - fn)
        best = np.flatnonzero(gap == gap.min())
        at = best[np.argmin((fm + fn)[best])]
        threshold = points.decimal(int(at))
        value = float(fm[at] + fn[at]) / (2.0 * points.mated * points.non_mated)
        return EqualError(value, threshold, self.fmr(threshold), self.fnmr(threshold))
