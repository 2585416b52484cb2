"""Which figures of two studies differ: pooled over seeds, with intervals, against a stated margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from biomatch.errors import ResultsError, SettingsError
from biomatch.studies.rows import Row

FIGURES = {
    "fnir": ("missed", "mated"),
    "system_miss_rate": ("missed_or_failed", "mated_due"),
    "fpir": ("false_positives", "non_mated"),
    "false_lead_rate": ("false_leads", "true_departures"),
    "hidden_overstays": ("hidden", "true_in_country"),
}
"""Rates by numerator and denominator among a row's counts; of each, lower is better."""


class Interval(NamedTuple):
    """A difference of two rates and its two-sided interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """One figure of one cell in two studies.

    Attributes
    ----------
    cell, figure : str
        ``"world / system / control"`` and the name in ``FIGURES``.
    one, other : tuple of int
        Numerator and denominator in each study.
    difference : Interval or None
        Other minus one; None where either has no trial.
    verdict : str
        ``"regressed"`` when the whole interval lies above the margin, ``"improved"`` when it lies below
        minus the margin, ``"no difference shown"`` otherwise, ``"no trials"``.
    """

    cell: str
    figure: str
    one: tuple[int, int]
    other: tuple[int, int]
    difference: Interval | None
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Give the change as plain data."""
        found: dict[str, Any] = {
            "cell": self.cell,
            "figure": self.figure,
            "one": dict(zip(("numerator", "denominator"), self.one, strict=True)),
            "other": dict(zip(("numerator", "denominator"), self.other, strict=True)),
            "verdict": self.verdict,
        }
        if self.difference is not None:
            found["difference"] = self.difference.value
            found["interval"] = [self.difference.low, self.difference.high]
        return found


def wilson(numerator: int, denominator: int, confidence: float) -> tuple[float, float]:
    """Give Wilson's score interval of a proportion (Wilson, JASA 22, 1927)."""
    z = float(ndtri(0.5 + confidence / 2.0))
    share = numerator / denominator
    middle = share + z * z / (2 * denominator)
    half = z * np.sqrt(share * (1 - share) / denominator + z * z / (4 * denominator**2))
    scale = 1 + z * z / denominator
    return float((middle - half) / scale), float((middle + half) / scale)


def difference(one: tuple[int, int], other: tuple[int, int], confidence: float = 0.95) -> Interval:
    """Give the difference of two independent proportions, other minus one, with Newcombe's interval.

    Parameters
    ----------
    one, other : tuple of int
        Numerator and denominator, at least one trial each.
    confidence : float
        Two-sided.

    Notes
    -----
    Method 10 of Newcombe, Statistics in Medicine 17 (1998): Wilson's bounds of each, combined by squares.
    Studies of the same seeds are paired and vary less than this allows for.

    Examples
    --------
    >>> tuple(round(x, 4) for x in difference((48, 80), (56, 70)))  # Newcombe's table II, case (a), negated
    (0.2, 0.0524, 0.3339)
    """
    p, q = one[0] / one[1], other[0] / other[1]
    p_low, p_high = wilson(*one, confidence)
    q_low, q_high = wilson(*other, confidence)
    value = q - p
    low = value - float(np.hypot(q - q_low, p_high - p))
    high = value + float(np.hypot(q_high - q, p - p_low))
    return Interval(value, low, high)


def compare(
    one: Sequence[Row], other: Sequence[Row], *, margin: float = 0.0, confidence: float = 0.95
) -> list[Change]:
    """Compare the cells that two studies share.

    Parameters
    ----------
    one, other : sequence of Row
        The studies; rows of a cell are pooled over their seeds.
    margin : float
        How much worse a figure may get, as a difference of rates, from 0.

    Raises
    ------
    ResultsError
        When the studies share no cell.
    SettingsError
        For a margin below 0.
    """
    if not 0 <= margin < 1:
        raise SettingsError(f"--margin {margin}", allowed="from 0 to below 1, as a difference of rates")
    first, second = _pooled(one), _pooled(other)
    shared = sorted(set(first) & set(second))
    if not shared:
        raise ResultsError(
            "the two studies share no cell",
            allowed=f"cells of the first: {', '.join(sorted(first))}",
            remedy="compare studies of one suite",
        )
    changes = []
    for cell in shared:
        for figure, (numerator, denominator) in FIGURES.items():
            a = (int(first[cell].get(numerator, 0)), int(first[cell].get(denominator, 0)))
            b = (int(second[cell].get(numerator, 0)), int(second[cell].get(denominator, 0)))
            if not a[1] or not b[1]:
                changes.append(Change(cell, figure, a, b, None, "no trials"))
                continue
            found = difference(a, b, confidence)
            verdict = "no difference shown"
            if found.low > margin:
                verdict = "regressed"
            elif found.high < -margin:
                verdict = "improved"
            changes.append(Change(cell, figure, a, b, found, verdict))
    return changes


def _pooled(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        cell = " / ".join(row.cell[name] for name in ("world", "system", "control"))
        counts = found.setdefault(cell, {})
        for name, value in row.counts.items():
            counts[name] = counts.get(name, 0) + value
    return found
