"""The tables that people expect: misses at a list of false-positive rates, and the figures of a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biomatch import checks
from biomatch.curves import counting, separation
from biomatch.curves.clustered_rates import rate_above
from biomatch.curves.protocol import Curve
from biomatch.curves.separation import Figure
from biomatch.curves.thresholds import turned
from biomatch.curves.verification import VerificationCurve
from biomatch.errors import ResultsError
from biomatch.rates import Rate
from biomatch.tuning.curve_guarantee import guarantee_for

TARGETS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
NOT_SHOWN = "not shown"
BIG = 20_000_000
"""Beyond so many comparisons no figure that sorts them all is made."""


@dataclass(frozen=True, slots=True)
class Row:
    """Misses where the false-positive rate is held at a target.

    Attributes
    ----------
    target : float
        FMR or FPIR.
    threshold : float or None
        The point estimate's; None where the data do not carry the target.
    false_positive, miss : Rate or None
        The sample's own rates there.
    interval : tuple of float or None
        Of the miss rate at exactly the target: it covers where the threshold for the target may lie, too.
    why : str
        Why it is not shown.
    """

    target: float
    threshold: float | None
    false_positive: Rate | None
    miss: Rate | None
    interval: tuple[float, float] | None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give plain data; ``hit`` is 1 minus the miss rate (TAR, TPIR)."""
        hit = None
        if self.miss is not None and self.miss.value is not None and self.interval is not None:
            hit = {
                "value": 1.0 - self.miss.value,
                "numerator": self.miss.denominator - self.miss.numerator,
                "denominator": self.miss.denominator,
                "interval": [1.0 - self.interval[1], 1.0 - self.interval[0]],
            }
        return {
            "target": self.target,
            "shown": self.threshold is not None,
            "threshold": self.threshold,
            "false_positive": None if self.false_positive is None else self.false_positive.to_json(),
            "miss": None
            if self.miss is None or self.interval is None
            else {**self.miss.to_json(), "interval": list(self.interval)},
            "hit": hit,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Usual:
    """Rates at the usual targets, and figures by name."""

    measures: tuple[str, str]
    rows: tuple[Row, ...]
    figures: dict[str, Figure] = field(default_factory=dict)
    confidence: float = 0.95

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "false_positive": self.measures[0],
            "miss": self.measures[1],
            "confidence": self.confidence,
            "rows": [row.to_json() for row in self.rows],
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
        }


def usual(curve: Curve, *, targets: Sequence[float] = TARGETS, confidence: float = 0.95) -> Usual:
    """Give the tables of a curve.

    Parameters
    ----------
    curve : IdentificationCurve or VerificationCurve
        With mated and non-mated trials.
    targets : sequence of float
        FMR or FPIR.
    confidence : float
        Two-sided, of every interval.

    Returns
    -------
    Usual
        Of comparisons with EER, AUC, d', Cllr and its minimum, ZeroFMR and ZeroFNMR.

    Examples
    --------
    >>> import numpy as np
    >>> from biomatch.curves.build import verification_curve
    >>> found = usual(verification_curve(np.arange(900, 1000), np.arange(950)), targets=[0.1, 1e-6])
    >>> found.rows[0].threshold, found.rows[1].threshold
    (855.0, None)
    """
    checks.confidence(confidence)
    wanted = [checks.target(one, "target") for one in targets]
    rows = tuple(at_target(curve, target, confidence) for target in wanted)
    figures = {} if curve.comparisons is None else figures_of(curve.comparisons, confidence)
    return Usual(curve.measures, rows, figures, confidence)


def at_target(curve: Curve, target: float, confidence: float = 0.95) -> Row:
    """Give the misses where the false-positive rate is at a target.

    Notes
    -----
    The interval rests on four bounds, each with a quarter of the error probability: a threshold where the
    true rate is surely at most the target and one where it is surely at least the target (both found in
    the sample), and the miss rate's own bound at each.
    """
    part = (1.0 - checks.confidence(confidence)) / 4.0
    try:
        strict = guarantee_for(curve, target, 1.0 - part).threshold
    except ResultsError as fault:
        return Row(target, None, None, None, None, str(fault))
    point = curve.threshold_for(target)
    lenient = _surely_at_least(curve, target, 1.0 - 2.0 * part)
    low = 0.0 if lenient is None else curve.miss_rate(lenient, 1.0 - 2.0 * part).interval[0]
    high = curve.miss_rate(strict, 1.0 - 2.0 * part).interval[1]
    false, miss = curve.false_rate(point, confidence), curve.miss_rate(point, confidence)
    return Row(target, point, false, miss, (low, high))


def figures_of(curve: VerificationCurve, confidence: float = 0.95) -> dict[str, Figure]:
    """Give the figures that stand for a whole curve."""
    if max(curve.mated_scores.size, curve.non_mated_scores.size) > BIG:
        return {}
    found = {"EER": equal_error(curve, confidence), "AUC": separation.auc(curve, confidence)}
    found["d'"] = separation.d_prime(curve)
    found["Cllr"] = separation.cllr(curve, confidence)
    found["Cllr min"] = separation.min_cllr(curve)
    at = curve.threshold(max_fmr=0.0)
    missed = curve.fnmr(at, confidence)
    found["ZeroFMR"] = Figure(missed.value, missed.interval, confidence, "FNMR where no false match is left")
    points = curve.points()
    free = int(np.flatnonzero(points.misses == points.misses.min())[-1])
    if points.misses[free] == 0:
        false = curve.fmr(points.decimal(free), confidence)
        found["ZeroFNMR"] = Figure(
            false.value, false.interval, confidence, "FMR where no false non-match is left"
        )
    return found


def equal_error(curve: VerificationCurve, confidence: float = 0.95) -> Figure:
    """Give the equal error rate with an interval.

    At any threshold the equal error rate lies between FMR and FNMR, since one falls as the other rises. So
    it lies, with at least the stated confidence, between the lower of both lower ends and the higher of
    both upper ends at the threshold where the sample's rates meet.
    """
    found = curve.eer()
    ends = [found_rate.interval for found_rate in (
        curve.fmr(found.threshold, confidence), curve.fnmr(found.threshold, confidence))]  # fmt: skip
    return Figure(
        found.value, (min(one[0] for one in ends), max(one[1] for one in ends)), confidence,
        "between FMR and FNMR where they meet",
    )  # fmt: skip


def _surely_at_least(curve: Curve, target: float, two_sided: float) -> float | None:
    """Give the strictest threshold whose true rate is surely at least the target, or None."""
    scores, people, others = curve.non_mated_scores, curve.non_mated_subjects, curve.non_mated_references
    n = int(scores.size)

    def at(count: int) -> float:
        """Give the score that `count` scores reach."""
        return counting.interval_allowing(scores, count)[1] if count < n else float(scores.min())

    def enough(count: int) -> bool:
        found = rate_above(scores, people, at(count), two_sided, references=others)
        return found.interval[0] >= target

    low, high = counting.most_events(target, n), n
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return turned(at(high), curve.distances)
