"""Integers in, a rate with its interval out: the only place where errors are divided by trials.

Stages hand on counts. A rate over no trials has no value: it is ``None``, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from biomatch import checks
from biomatch.cards import Card, Carded, facts
from biomatch.errors import ResultsError

PAIRED = "clusters on both sides"


@dataclass(frozen=True, slots=True, repr=False)
class Rate(Carded):
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

    Examples
    --------
    >>> found = rate(1, 4)
    >>> found.value, rate(0, 0).value
    (0.25, None)
    >>> float(found)
    0.25
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

    def card(self) -> Card:
        """Say what is shown: the rate with its counts and interval."""
        about = facts(("interval", f"{self.confidence:.0%}, {self.method}"))
        return Card(f"Rate {self}", about)

    def __float__(self) -> float:
        """Give the proportion; a rate over no trials has none, and says so."""
        if self.value is None:
            raise ResultsError(
                "a rate over no trials, which has no value",
                remedy="ask for rate.value, which is None then, or bring trials",
            )
        return self.value

    def to_json(self) -> dict[str, Any]:
        """Give the rate in the form that every ``--json`` output uses."""
        return {
            "value": self.value,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "interval": list(self.interval),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Rate:
        """Take a rate from the form that `to_json` gives, which does not say how its interval was made.

        Raises
        ------
        ResultsError
            For counts or bounds that cannot be.
        KeyError, TypeError, ValueError
            For anything else that is no such form.

        Examples
        --------
        >>> Rate.from_json(rate(1, 4).to_json()).value
        0.25
        """
        numerator, denominator = int(given["numerator"]), int(given["denominator"])
        low, high = (float(bound) for bound in given["interval"])
        _check(numerator, denominator, 0.95)
        if not 0.0 <= low <= high <= 1.0:
            raise ResultsError(f"an interval from {low:g} to {high:g}", allowed="0 <= low <= high <= 1")
        return cls(numerator, denominator, (low, high), method="as written")

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
    checks.confidence(confidence)


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
    return float(betaincinv(numerator + 1, denominator - numerator, confidence))


def lower_bound(numerator: int, denominator: int, confidence: float = 0.95) -> float:
    """Give the one-sided Clopper-Pearson lower bound of a proportion (0 for an empty denominator)."""
    _check(numerator, denominator, confidence)
    if numerator == 0:
        return 0.0
    return float(betaincinv(numerator, denominator - numerator + 1, 1.0 - confidence))


def beta_for_clusters(
    errors: ArrayLike,
    squares: ArrayLike,
    products: ArrayLike,
    *,
    trials: float,
    trial_squares: float,
    subjects: int,
    extra: ArrayLike,
    extra_errs: bool,
    pairs: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the Beta distribution of a proportion whose trials come in clusters (subjects).

    Parameters
    ----------
    errors, squares, products : array_like
        Sums over subjects of S, S**2 and S * m, where S is a subject's number of errors and m its number
        of trials. Any shape: one entry a threshold.
    trials, trial_squares : float
        Sums over subjects of m and m**2.
    subjects : int
        Number of subjects, at least 1.
    extra : array_like
        Trials of the imaginary further subject.
    extra_errs : bool
        Whether every trial of the imaginary subject is an error (for an upper bound) or none is (lower).
    pairs : bool
        Each trial belongs to two subjects, one on either side: `errors` and `trials` count each trial once,
        the other sums run over both sides.

    Returns
    -------
    a, b : ndarray of float64
        Parameters of the Beta distribution; 0 where the distribution is a point mass at 0 (a) or 1 (b).

    Notes
    -----
    The subjects' Bayesian bootstrap (Rubin, Ann. Stat. 9, 1981) with one imaginary subject on the unsafe
    side, matched by its first two moments. Learned-Miller and Thomas, "A new confidence interval for the
    mean of a bounded random variable" (2020), propose the same completion by one worst case for
    independent draws. With one trial a subject and ``extra = 1`` it *is* Clopper-Pearson; where errors are
    rare it is the gamma bound for weighted Poisson sums of Fay and Feuer (Stat. Med. 16, 1997).

    Pairs: a trial's own deviation enters through both of its subjects, so it is taken off once, as in the
    variance for dyads of Aronow, Samii and Assenova (Political Analysis 23, 2015), and the spread is never
    below that of independent trials.
    """
    added = np.asarray(extra, dtype=np.float64)
    unit = 1.0 if extra_errs else 0.0
    total = trials + added
    mean = (np.asarray(errors, dtype=np.float64) + unit * added) / total
    # Sum of (S - mean * m)**2 over the subjects and the imaginary one: the ratio's linearised variance.
    spread = (
        np.asarray(squares, dtype=np.float64)
        - 2.0 * mean * np.asarray(products, dtype=np.float64)
        + mean**2 * trial_squares
    )
    number = subjects + 1.0
    if pairs:
        own = np.asarray(errors, dtype=np.float64) * (1.0 - 2.0 * mean) + mean**2 * trials
        spread = np.maximum(spread - own, own)
        number = subjects / 2.0 + 1.0
    spread = spread + added**2 * (unit - mean) ** 2
    # With N subjects in all, Dirichlet(1, ..., 1) weights have variance (1 - 1/N) / (N (N + 1)); the
    # factor N / (N + 1) makes one trial a subject agree with Clopper-Pearson to the last digit.
    variance = spread * number / (number + 1) / total**2
    inside = (mean > 0.0) & (mean < 1.0) & (variance > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(inside, mean * (1.0 - mean) / variance - 1.0, 0.0)
    size = np.maximum(size, 1e-9)
    return np.where(mean > 0.0, mean * size, 0.0), np.where(mean < 1.0, (1.0 - mean) * size, 0.0)


def paired_rate(
    errors: ArrayLike, trials: ArrayLike, confidence: float = 0.95, *, largest: int | None = None
) -> Rate:
    """Make a rate of comparisons that depend through the subjects on either side.

    Parameters
    ----------
    errors, trials : array_like
        Shape (s,), integers; of each subject, on whichever side it stood. So each comparison is counted
        twice, once for each of its two subjects.
    confidence, largest
        As of `clustered_rate`.

    Returns
    -------
    Rate
        Counts of comparisons (each once), in [0, 1], with the interval of `beta_for_clusters`; value None
        and interval (0, 1) where there are no trials.

    Examples
    --------
    >>> alone = paired_rate([1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1])  # nobody compared twice
    >>> alone.numerator, alone.denominator, alone.interval[1] == rate(1, 3).interval[1]
    (1, 3, True)
    """
    s, m = np.atleast_1d(np.asarray(errors)), np.atleast_1d(np.asarray(trials))
    if s.shape != m.shape or s.ndim != 1 or int(s.sum()) % 2 or int(m.sum()) % 2:
        raise ResultsError(
            "errors and trials that are no pairs", allowed="each comparison counted once a side"
        )
    k, n = int(s.sum()) // 2, int(m.sum()) // 2
    _check(k, n, confidence)
    if not n:
        return Rate(0, 0, (0.0, 1.0), confidence, PAIRED)
    s, m = s[m > 0].astype(np.float64), m[m > 0].astype(np.float64)
    if m.max() == 1 and largest is None:
        return rate(k, n, confidence)
    extra = float((m**2).sum() / m.sum()) if largest is None else float(largest)
    ends = []
    for unsafe, level in ((False, (1.0 - confidence) / 2.0), (True, (1.0 + confidence) / 2.0)):
        a, b = beta_for_clusters(
            k, (s**2).sum(), (s * m).sum(), trials=float(n), trial_squares=float((m**2).sum()),
            subjects=int(s.size), extra=extra, extra_errs=unsafe, pairs=True,
        )  # fmt: skip
        ends.append(float(betaincinv(a, b, level)) if min(float(a), float(b)) > 0 else float(unsafe))
    return Rate(k, n, (ends[0], ends[1]), confidence, PAIRED)


def effective_subjects(trials: ArrayLike) -> float | None:
    """Give how many equally busy subjects the trials are worth: (sum m)**2 / sum m**2 (Kish, 1965).

    Examples
    --------
    >>> effective_subjects([5, 5, 5, 5]), round(effective_subjects([97, 1, 1, 1]), 2)
    (4.0, 1.06)
    """
    m = np.asarray(trials, dtype=np.float64)
    return float(m.sum() ** 2 / (m**2).sum()) if m.sum() > 0 else None


def clustered_rate(
    errors: ArrayLike, trials: ArrayLike, confidence: float = 0.95, *, largest: int | None = None
) -> Rate:
    """Make a rate whose trials come in clusters: the same subject's errors are not independent.

    Parameters
    ----------
    errors, trials : array_like
        Shape (s,), integers; errors and trials of each subject. Subjects without trials are left out.
    confidence : float
        Two-sided confidence, between 0 and 1.
    largest : int, optional
        Trials of the imaginary subject that completes the sample; default: the trial-weighted mean
        number of trials of a subject. A guarantee passes the largest number that any subject makes.

    Returns
    -------
    Rate
        Pooled proportion (each trial weighs the same), in [0, 1], with the interval of
        `beta_for_clusters`; value None and interval (0, 1) where there are no trials.

    Examples
    --------
    >>> clustered_rate([0, 1, 0, 1], [1, 1, 1, 1]).interval == rate(2, 4).interval
    True
    >>> wide = clustered_rate([5, 0, 0, 0], [5, 5, 5, 5]).interval
    >>> wide[1] > rate(5, 20).interval[1]
    True
    """
    s, m = np.atleast_1d(np.asarray(errors)), np.atleast_1d(np.asarray(trials))
    if s.shape != m.shape or s.ndim != 1:
        raise ResultsError(
            f"errors of shape {s.shape} and trials of shape {m.shape}", allowed="one number of each a subject"
        )
    if s.size and ((s < 0) | (s > m)).any():
        raise ResultsError("a subject with more errors than trials", allowed="0 <= errors <= trials")
    _check(int(s.sum()), int(m.sum()), confidence)
    s, m = s[m > 0].astype(np.float64), m[m > 0].astype(np.float64)
    n, k = int(m.sum()), int(s.sum())
    if not n:
        return Rate(0, 0, (0.0, 1.0), confidence, "clusters")
    if s.size == n and largest is None:
        return rate(k, n, confidence)
    extra = float((m**2).sum() / n) if largest is None else float(largest)
    sums = {"trials": float(n), "trial_squares": float((m**2).sum()), "subjects": int(s.size)}
    tail = (1.0 - confidence) / 2.0
    low = high = 0.0
    a, b = beta_for_clusters(k, (s**2).sum(), (s * m).sum(), extra=extra, extra_errs=False, **sums)  # type: ignore[arg-type]
    low = float(betaincinv(a, b, tail)) if a > 0 else 0.0
    a, b = beta_for_clusters(k, (s**2).sum(), (s * m).sum(), extra=extra, extra_errs=True, **sums)  # type: ignore[arg-type]
    high = float(betaincinv(a, b, 1.0 - tail)) if b > 0 else 1.0
    return Rate(k, n, (low, high), confidence, "clusters")
