"""Error rates of 1:1 comparisons at every threshold: FMR and FNMR (ISO/IEC 19795-1). Equality accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch.cards import Card, Carded, error_curve, facts
from biomatch.curves import counting
from biomatch.curves.clustered_rates import rate_above
from biomatch.curves.counting import Floats, Ints
from biomatch.curves.thresholds import Points, lower_end, points_of
from biomatch.errors import ResultsError
from biomatch.rates import Rate

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


@dataclass(frozen=True, eq=False, repr=False)
class VerificationCurve(Carded):
    """What one set of 1:1 comparisons says about every threshold; made by `verification_curve`.

    Attributes
    ----------
    mated_scores, non_mated_scores : ndarray
        Shapes (m,) and (k,), float32 or float64; comparison scores, higher is closer. -inf: a comparison
        that gave no score (rejected at every threshold).
    mated_subjects, non_mated_subjects : ndarray of int64 or None
        Whose probe it was: the clusters of every interval.
    mated_strata, non_mated_strata : mapping
        Name of a breakdown to a label for each comparison.
    lineages : tuple of int
        Root seeds of the worlds that went in.

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> verification_curve([0.9, 0.3], [0.1, 0.3]).fmr(0.3).value
    0.5
    """

    mated_scores: Floats
    non_mated_scores: Floats
    mated_subjects: Ints | None = None
    non_mated_subjects: Ints | None = None
    mated_strata: Labels = field(default_factory=dict)
    non_mated_strata: Labels = field(default_factory=dict)
    lineages: tuple[int, ...] = ()

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

    @cached_property
    def _mated_sorted(self) -> Floats:
        return counting.in_order(self.mated_scores)

    @cached_property
    def _non_mated_sorted(self) -> Floats:
        return counting.in_order(self.non_mated_scores)

    def at(self, thresholds: ArrayLike) -> tuple[Ints, Ints]:
        """Count false matches and false non-matches at each threshold (any shape; two int64 arrays)."""
        return (
            counting.accepted(self._non_mated_sorted, thresholds),
            self.mated_scores.size - counting.accepted(self._mated_sorted, thresholds),
        )

    def fmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FMR, in [0, 1]: non-mated comparisons at or above T, of all; None where there are none."""
        return rate_above(self.non_mated_scores, self.non_mated_subjects, threshold, confidence)

    def fnmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNMR, in [0, 1]: mated comparisons below T, of all; None where there are none."""
        return rate_above(self.mated_scores, self.mated_subjects, threshold, confidence, complement=True)

    def threshold_interval(self, *, max_fmr: float) -> tuple[float, float]:
        """Give (low, high]: the lowest interval of thresholds with a realised FMR of at most ``max_fmr``."""
        if not self.non_mated_scores.size:
            raise ResultsError("no non-mated comparison", remedy="FMR needs pairs of different people")
        target = counting.checked_target(max_fmr, "max_fmr")
        return counting.threshold_interval(self.non_mated_scores, target)

    def threshold(self, *, max_fmr: float) -> float:
        """Give the lowest threshold whose realised FMR is at most ``max_fmr``: a point estimate."""
        return lower_end(
            self.threshold_interval(max_fmr=max_fmr)[0], self.non_mated_scores, self.mated_scores
        )

    def points(self) -> Points:
        """Give the counts at every threshold that makes a difference."""
        return points_of(self._non_mated_sorted, self._mated_sorted, self.mated_scores.size)

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
        threshold = float(points.thresholds[at])
        value = float(fm[at] + fn[at]) / (2.0 * points.mated * points.non_mated)
        return EqualError(value, threshold, self.fmr(threshold), self.fnmr(threshold))
