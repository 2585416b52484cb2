"""What every curve of error rates can be asked, whether searches or comparisons were tried.

A consumer asks for what it needs and never for the class: `Rates` also where the scores were not kept,
`Curve` where they are at hand, and `Rates.searches` or `Rates.comparisons` for what only one of them has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from biomatch.curves.thresholds import Points
from biomatch.portable.types import Bools, Ints, Reals
from biomatch.rates import Rate

if TYPE_CHECKING:
    from biomatch.curves.identification import IdentificationCurve
    from biomatch.curves.verification import VerificationCurve


@runtime_checkable
class Rates(Protocol):
    """Error rates at any threshold."""

    @property
    def measures(self) -> tuple[str, str]:
        """Names of the false-positive rate and of the miss rate."""

    @property
    def searches(self) -> IdentificationCurve | None:
        """The curve itself where it is of searches."""

    @property
    def comparisons(self) -> VerificationCurve | None:
        """The curve itself where it is of comparisons whose scores are at hand."""

    @property
    def distances(self) -> bool:
        """Whether thresholds are distances, and lower accepts."""

    def false_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FPIR or FMR at a threshold."""

    def miss_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNIR at rank L, or FNMR, at a threshold."""

    def threshold_for(self, target: float) -> float:
        """Give the threshold with the fewest misses whose false-positive rate is at most a target."""

    def interval_for(self, target: float) -> tuple[float, float]:
        """Give the thresholds that accept the same non-mated scores as `threshold_for` does."""


@runtime_checkable
class Curve(Rates, Protocol):
    """Error rates at every threshold, with the scores that they come from; -inf: no score, never accepted."""

    @property
    def mated_scores(self) -> Reals:
        """Shape (m,): of each mated trial the mate's own score."""

    @property
    def non_mated_scores(self) -> Reals:
        """Shape (k,): of each non-mated trial its score, of a search the best one."""

    @property
    def mated_subjects(self) -> Ints | None:
        """Shape (m,): who was tried; None: each is another subject."""

    @property
    def non_mated_subjects(self) -> Ints | None:
        """Shape (k,)."""

    @property
    def non_mated_references(self) -> Ints | None:
        """Shape (k,): whose reference each was compared with; None where it was a gallery, or is unknown."""

    @property
    def non_mated_strata(self) -> Mapping[str, NDArray[Any]]:
        """Labels of the non-mated trials by name of a breakdown."""

    @property
    def lineages(self) -> tuple[int, ...]:
        """Root seeds of the worlds that went in."""

    def hits_at(self, threshold: float) -> Bools:
        """Say of each mated trial whether it is a hit at a threshold, of searches at rank L; shape (m,)."""

    def counts(self) -> Points:
        """Give the counts at every threshold that makes a difference, of searches at rank L."""
