"""How many trials and subjects a claim about an error rate needs, before anyone collects data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from biomatch import checks, portable
from biomatch.errors import SettingsError
from biomatch.rates import upper_bound
from biomatch.streams import stream
from biomatch.tuning.clusters import p_value, subjects_needed

SIMULATIONS = 400
"""Tuning sets a size when subjects search more than once; the power is then known to about 0.04."""
MOST_PER_SUBJECT = 100_000
"""Searches of one subject for which the clustered test is simulated within seconds."""
TABLE = (0, 1, 3, 10, 30)
"""Observed errors for which the least number of searches is tabled."""


MEASURES = {
    "FPIR": ("non-mated searches", "false positives"),
    "FMR": ("non-mated comparisons", "false matches"),
    "FNIR": ("mated searches", "misses"),
    "FNMR": ("mated comparisons", "false non-matches"),
}
"""Rates that can be planned for: their trials and their errors."""


@dataclass(frozen=True)
class Plan:
    """What to collect; figures of a model, not measurements.

    Attributes
    ----------
    measure, target, expected : str, float, float
        The rate (one of `MEASURES`), what is claimed of it, and what is hoped for.
    searches, subjects : int
        Trials (searches or comparisons), and the people who make them.
    errors_allowed : int or None
        The most errors with which `searches` independent trials still support the claim; None
        for clusters, where it depends on how they fall.
    design_effect : float
        Variance of the count over that of independent searches, 1 + (m - 1) r.
    expected_errors : float
        Errors to be expected.
    if_errors : mapping
        Independent trials needed when 0, 1, 3, 10, 30 errors are seen.
    """

    measure: str
    target: float
    confidence: float
    power: float
    expected: float
    per_subject: int
    correlation: float
    searches: int
    subjects: int
    errors_allowed: int | None
    design_effect: float
    expected_errors: float
    if_errors: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give plain data, with the rate's name in the keys: ``max_fmr``, ``expected_fmr``."""
        name = self.measure.lower()
        found = asdict(self)
        ends = {f"max_{name}": found.pop("target"), f"expected_{name}": found.pop("expected")}
        return {**ends, **found, "trials": MEASURES[self.measure][0]}


def plan(
    max_fpir: float,
    *,
    expected_fpir: float = 0.0,
    per_subject: int = 1,
    correlation: float = 0.0,
    power: float = 0.8,
    confidence: float = 0.95,
    measure: str = "FPIR",
) -> Plan:
    """Say how many trials and subjects show "the rate is at most ``max_fpir``".

    Parameters
    ----------
    max_fpir : float
        The claim's target, between 0 and 1.
    expected_fpir : float
        The true rate that is hoped for, below the target. 0: the least number of searches, all without a
        false positive.
    per_subject : int
        Searches that each subject makes.
    correlation : float
        Of two searches' errors of one subject (intraclass), in [0, 1].
    power : float
        Probability, over data still to be collected, that the claim will then be supported.
    confidence : float
        One-sided confidence of the claim.
    measure : str
        Which rate: one of `MEASURES`. The arithmetic is the same; only the trials bear other names.

    Returns
    -------
    Plan

    Raises
    ------
    SettingsError
        For a value out of range.

    Notes
    -----
    Independent searches: the least n at which the Clopper-Pearson bound of k errors meets the target, for
    the smallest k with P(Bin(n, expected) <= k) >= power. Clusters: errors of a subject are beta-binomial,
    and the very test that `tune` uses is simulated, with every search of a subject as its cap.

    Examples
    --------
    >>> plan(0.001).searches
    2995
    >>> plan(0.01, expected_fpir=0.003).searches, plan(0.01, expected_fpir=0.003).errors_allowed
    (913, 4)
    >>> plan(1e-4, measure="FMR").to_json()["max_fmr"]
    0.0001
    """
    if measure not in MEASURES:
        raise SettingsError(f"measure {measure!r}", allowed=", ".join(MEASURES))
    _check(max_fpir, expected_fpir, per_subject, correlation, power, confidence)
    table = {str(errors): searches_for(errors, max_fpir, confidence) for errors in TABLE}
    effect = 1.0 + (per_subject - 1) * correlation
    allowed: int | None = None
    if per_subject == 1:
        allowed = _errors_for_power(max_fpir, expected_fpir, power, confidence)
        subjects = searches_for(allowed, max_fpir, confidence)
    elif expected_fpir == 0.0:
        allowed = 0
        subjects = subjects_needed(max_fpir * per_subject, per_subject, confidence)
    else:
        subjects = _clustered(max_fpir, expected_fpir, per_subject, correlation, power, confidence)
    searches = subjects * per_subject
    return Plan(
        measure, max_fpir, confidence, power, expected_fpir, per_subject, correlation, searches, subjects,
        allowed,
        effect, searches * expected_fpir, table,
    )  # fmt: skip


def searches_for(errors: int, max_fpir: float, confidence: float = 0.95) -> int:
    """Give the least number of independent searches whose bound meets the target with `errors` errors.

    Examples
    --------
    >>> [searches_for(k, 0.01) for k in (0, 1, 3, 10, 30)]
    [299, 473, 773, 1693, 4064]
    """
    low, high = errors, max(2, errors + 1)
    while upper_bound(errors, high, confidence) > max_fpir:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(errors, middle, confidence) > max_fpir:
            low = middle
        else:
            high = middle
    return high


def _errors_for_power(max_fpir: float, expected: float, power: float, confidence: float) -> int:
    """Give the least k such that the n it asks for has at most k errors with the wanted power."""

    def enough(k: int) -> bool:
        return bool(binom.cdf(k, searches_for(k, max_fpir, confidence), expected) >= power)

    high = 0
    while not enough(high):
        high = 2 * high + 1
        if high > 1 << 24:
            raise SettingsError(
                f"expected_fpir={expected} against max_fpir={max_fpir}",
                allowed="an expected rate clearly below the target",
                remedy="no realistic number of searches tells these two apart",
            )
    low = high // 2
    while high - low > 1 and high > 0:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return 0 if enough(0) else high


def _clustered(
    max_fpir: float, expected: float, size: int, correlation: float, power: float, confidence: float
) -> int:
    """Find the least number of subjects, to about 2%, by simulating the test."""
    law = _errors_of_a_subject(expected, size, correlation)
    low = subjects_needed(max_fpir * size, size, confidence)
    if _power(low, law, max_fpir * size, size, confidence) >= power:
        return low
    high = 2 * low
    while _power(high, law, max_fpir * size, size, confidence) < power:
        low, high = high, 2 * high
        if high > 1 << 28:
            raise SettingsError(
                f"expected_fpir={expected} against max_fpir={max_fpir}",
                allowed="an expected rate clearly below the target",
            )
    while high > 1.02 * low + 1:
        middle = round(np.sqrt(float(low) * high))
        if _power(middle, law, max_fpir * size, size, confidence) >= power:
            high = middle
        else:
            low = middle
    return high


def _power(subjects: int, law: NDArray[np.float64], mean: float, cap: int, confidence: float) -> float:
    draws = stream(0, "tuning.plan", subjects).multinomial(subjects, law, size=SIMULATIONS)
    kinds, times = np.unique(draws, axis=0, return_counts=True)
    shown = [p_value(np.asarray(kind, dtype=np.int64), mean, cap) <= 1.0 - confidence for kind in kinds]
    return float(np.dot(shown, times)) / SIMULATIONS


def _errors_of_a_subject(rate: float, size: int, correlation: float) -> NDArray[np.float64]:
    """Give P(0), ..., P(size) errors of a subject: beta-binomial with that intraclass correlation."""
    if correlation >= 1.0:
        law = np.zeros(size + 1)
        law[0], law[size] = 1.0 - rate, rate
        return law
    # In products of (rate + i x): the gamma functions of the usual formula cancel where x is small.
    x, steps = correlation / (1.0 - correlation), np.arange(size)
    erring, sparing = (np.r_[0.0, np.cumsum(portable.log(p + steps * x))] for p in (rate, 1.0 - rate))
    choices = np.r_[0.0, np.cumsum(portable.log(size - steps) - portable.log(steps + 1.0))]
    weights = choices + erring + sparing[::-1]
    law = portable.exp(weights - weights.max())
    return np.asarray(law / law.sum(), dtype=np.float64)


def _check(
    max_fpir: float, expected: float, per_subject: int, correlation: float, power: float, confidence: float
) -> None:
    checks.target(max_fpir, "the target", error=SettingsError)
    checks.probability(max_fpir, "the target", error=SettingsError)
    checks.probability(power, "power", error=SettingsError)
    checks.confidence(confidence, error=SettingsError)
    if not checks.share(expected, "the expected rate", error=SettingsError) < max_fpir:
        raise SettingsError(
            f"an expected rate of {expected}",
            allowed=f"from 0 to below the target {max_fpir:g}",
            remedy="a claim can only be shown where the true rate is lower",
        )
    if 0.0 < expected < checks.LEAST_TARGET:
        raise SettingsError(
            f"an expected rate of {expected:g}",
            allowed=f"0, or from {checks.LEAST_TARGET:g}",
            remedy="give 0",
        )
    if checks.whole(per_subject, "per_subject", least=1, error=SettingsError) > MOST_PER_SUBJECT:
        raise SettingsError(
            f"per_subject={per_subject:g}", allowed=f"a whole number from 1 to {MOST_PER_SUBJECT:,}"
        )
    checks.share(correlation, "correlation", error=SettingsError)
