"""Two matchers, or two versions of one, side by side: whether their misses differ by more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from biomatch import checks
from biomatch.curves.build import IdentificationCurve, VerificationCurve
from biomatch.errors import ResultsError
from biomatch.rates import Rate, effective_subjects

Curve = IdentificationCurve | VerificationCurve


@dataclass(frozen=True)
class Beside:
    """The misses of two sets of scores, each at its own threshold for one target.

    Attributes
    ----------
    target : float
        FMR or FPIR of both.
    thresholds : tuple of float
        The point estimates.
    misses : tuple of Rate
        FNMR or FNIR there.
    difference : float
        Second minus first.
    interval : tuple of float
        Two-sided, of the difference.
    paired : bool
        Whether the same trials were compared one by one.
    only_first, only_second : int or None
        Of paired trials: missed by one alone.
    """

    target: float
    thresholds: tuple[float, float]
    misses: tuple[Rate, Rate]
    difference: float
    interval: tuple[float, float]
    paired: bool
    only_first: int | None = None
    only_second: int | None = None

    @property
    def verdict(self) -> str:
        """Say which one misses less, or that this is not shown."""
        if self.interval[1] < 0:
            return "the second misses less"
        if self.interval[0] > 0:
            return "the first misses less"
        return "no difference is shown"

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "target": self.target,
            "thresholds": list(self.thresholds),
            "misses": [one.to_json() for one in self.misses],
            "difference": self.difference,
            "interval": list(self.interval),
            "paired": self.paired,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "verdict": self.verdict,
        }


def beside(
    first: Curve, second: Curve, target: float, *, confidence: float = 0.95, paired: bool = False
) -> Beside:
    """Compare the misses of two sets of scores where both hold one false-positive rate.

    Parameters
    ----------
    first, second : IdentificationCurve or VerificationCurve
        Both of one sort.
    target : float
        FMR or FPIR.
    confidence : float
        Two-sided.
    paired : bool
        Whether both hold the same trials of the same subjects in the same order. The interval is then
        Student's for the mean difference with subjects as clusters; otherwise it is made from the two
        rates' intervals (Newcombe, Stat. Med. 17, 1998, method 10).

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> who = [f"p{number}" for number in range(40)]
    >>> people = {"mated_subjects": who, "non_mated_subjects": who}
    >>> one = verification_curve([0.9] * 20 + [0.1] * 20, [0.2] * 40, **people)
    >>> two = verification_curve([0.9] * 39 + [0.1], [0.2] * 40, **people)
    >>> found = beside(one, two, 0.1, paired=True)
    >>> found.paired, found.difference, found.verdict
    (True, -0.475, 'the second misses less')
    """
    checks.confidence(confidence)
    if type(first) is not type(second):
        raise ResultsError("searches beside comparisons", allowed="two of one sort")
    points = first.threshold_for(target), second.threshold_for(target)
    misses = first.miss_rate(points[0], confidence), second.miss_rate(points[1], confidence)
    if not all(one.denominator for one in misses):
        raise ResultsError("no mated trial", remedy="misses need mated trials on both sides")
    values = [float(one.value or 0.0) for one in misses]
    difference = values[1] - values[0]
    if paired and not _same_trials(first, second):
        raise ResultsError("trials that are not the same", allowed="the same subjects in the same order")
    if not paired:
        (l1, u1), (l2, u2) = (one.interval for one in misses)
        low = difference - np.hypot(values[1] - l2, u1 - values[0])
        high = difference + np.hypot(u2 - values[1], values[0] - l1)
        return Beside(target, points, misses, difference, (float(low), float(high)), False)
    flags = [~one.hits_at(at) for one, at in zip((first, second), points, strict=True)]
    change = flags[1].astype(np.float64) - flags[0]
    _, codes = np.unique(first.mated_subjects, return_inverse=True)  # type: ignore[call-overload]
    sums = np.bincount(codes, weights=change - difference)
    trials = np.bincount(codes)
    freedom = max(1.0, (effective_subjects(trials) or 2.0) - 1.0)
    # One further subject that changes sides keeps an interval from vanishing where nothing differs.
    spread = float((sums**2).sum()) + float(trials.max()) ** 2
    step = student.isf((1.0 - confidence) / 2.0, freedom) * np.sqrt(spread) / change.size
    return Beside(
        target, points, misses, difference,
        (max(-1.0, float(difference - step)), min(1.0, float(difference + step))), True,
        int((flags[0] & ~flags[1]).sum()), int((~flags[0] & flags[1]).sum()),
    )  # fmt: skip


def _same_trials(first: Curve, second: Curve) -> bool:
    """Say whether both name the same subjects, trial by trial."""
    one, two = first.mated_subjects, second.mated_subjects
    return one is not None and two is not None and np.array_equal(one, two)
