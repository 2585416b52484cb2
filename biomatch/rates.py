"""Integers in, a rate with its interval out: the only place where errors are divided by trials.

Stages hand on counts. A rate over no trials has no value: it is ``None``, never 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy.stats import beta

from biomatch.errors import ResultsError


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion with the counts that it came from.

    Attributes
    ----------
    numerator, denominator : int
        Events and trials.
    interval : tuple of float
        Lower and upper bound, each in [0, 1]; (0, 1) where there was no trial.
    confidence : float
        Two-sided confidence of `interval`.
    method : str
        How the interval was made, for example ``"Clopper-Pearson"``.
    """

    numerator: int
    denominator: int
    interval: tuple[float, float]
    confidence: float = 0.95
    method: str = "Clopper-Pearson"

    @property
    def value(self) -> float | None:
        """The proportion in [0, 1], or None where there was no trial."""
        return self.numerator / self.denominator if self.denominator else None

    def to_json(self) -> dict[str, Any]:
        """Give the rate in the form that every ``--json`` output uses."""
        return {
            "value": self.value,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "interval": list(self.interval),
        }

    def __str__(self) -> str:
        if self.value is None:
            return "no trials"
        lo, hi = self.interval
        return f"{self.value:.3g} ({self.numerator:,} of {self.denominator:,}; {lo:.2g} to {hi:.2g})"


def _check(numerator: int, denominator: int, confidence: float) -> None:
    if not 0 <= numerator <= denominator:
        raise ResultsError(
            f"{numerator} events in {denominator} trials",
            allowed="0 <= events <= trials",
            remedy="count the trials before the events",
        )
    if not 0.0 < confidence < 1.0:
        raise ResultsError(f"confidence {confidence}", allowed="a number between 0 and 1, such as 0.95")


def rate(numerator: int, denominator: int, confidence: float = 0.95) -> Rate:
    """Make a rate with the two-sided Clopper-Pearson interval.

    Parameters
    ----------
    numerator, denominator : int
        Events and independent trials, ``0 <= numerator <= denominator``.
    confidence : float
        Two-sided confidence, between 0 and 1.

    Returns
    -------
    Rate
        ``numerator / denominator``, in [0, 1]; value None and interval (0, 1) for an empty denominator.

    Raises
    ------
    ResultsError
        For counts that cannot be, or a confidence outside (0, 1).

    Notes
    -----
    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934): the bounds are quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k).

    Examples
    --------
    >>> print(rate(0, 299, confidence=0.90))
    0 (0 of 299; 0 to 0.01)
    """
    _check(numerator, denominator, confidence)
    tail = (1.0 - confidence) / 2.0
    return Rate(
        numerator,
        denominator,
        (lower_bound(numerator, denominator, 1.0 - tail), upper_bound(numerator, denominator, 1.0 - tail)),
        confidence,
    )


def upper_bound(numerator: int, denominator: int, confidence: float = 0.95) -> float:
    """Give the one-sided Clopper-Pearson upper bound of a proportion.

    Parameters
    ----------
    numerator, denominator : int
        Events and independent trials.
    confidence : float
        One-sided confidence, between 0 and 1.

    Returns
    -------
    float
        The bound in [0, 1]; 1 for an empty denominator.
    """
    _check(numerator, denominator, confidence)
    if numerator == denominator:
        return 1.0
    return float(beta.ppf(confidence, numerator + 1, denominator - numerator))


def lower_bound(numerator: int, denominator: int, confidence: float = 0.95) -> float:
    """Give the one-sided Clopper-Pearson lower bound of a proportion (0 for an empty denominator)."""
    _check(numerator, denominator, confidence)
    if numerator == 0:
        return 0.0
    return float(beta.ppf(1.0 - confidence, numerator, denominator - numerator + 1))
