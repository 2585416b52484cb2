"""Which figures of two studies differ: pooled over seeds, with intervals, against a stated margin."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from biomatch import checks
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
    # From the lower tail: 0.5 + confidence / 2 rounds to 1, whose quantile is infinite.
    z = -float(ndtri((1.0 - checks.confidence(confidence)) / 2.0))
    share = numerator / denominator
    middle = share + z * z / (2 * denominator)
    half = z * np.sqrt(share * (1 - share) / denominator + z * z / (4 * denominator**2))
    scale = 1 + z * z / denominator
    return max(0.0, float((middle - half) / scale)), min(1.0, float((middle + half) / scale))


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
    checks.confidence(confidence, error=SettingsError)
    for errors, trials in (one, other):
        if not (0 <= errors <= trials and trials > 0):
            raise ResultsError(f"{errors} of {trials}", allowed="0 to all of at least one trial")
    p, q = one[0] / one[1], other[0] / other[1]
    p_low, p_high = wilson(*one, confidence)
    q_low, q_high = wilson(*other, confidence)
    value = q - p
    low = value - float(np.hypot(q - q_low, p_high - p))
    high = value + float(np.hypot(q_high - q, p - p_low))
    return Interval(value, max(-1.0, low), min(1.0, high))


def compare(
    one: Sequence[Row],
    other: Sequence[Row],
    *,
    margin: float = 0.0,
    confidence: float = 0.95,
    partial: bool = False,
) -> list[Change]:
    """Compare two studies, cell by cell, over the same seeds.

    Parameters
    ----------
    one, other : sequence of Row
        The studies; rows of a cell are pooled over their seeds.
    margin : float
        How much worse a figure may get, as a difference of rates, from 0.
    confidence : float
        Of the intervals, two-sided, between 0 and 1.
    partial : bool
        Compare what both have; otherwise both must have the same cells and seeds.

    Raises
    ------
    ResultsError
        When the studies share no cell, or (without `partial`) one lacks what the other has; when one counted
        a figure that the other did not.
    SettingsError
        For a margin or a confidence out of range.
    TableError
        For counts that cannot be.
    """
    margin = checks.share(margin, "--margin", error=SettingsError)
    if margin >= 1:
        raise SettingsError(f"--margin {margin:g}", allowed="from 0 to below 1, as a difference of rates")
    checks.confidence(confidence, "--confidence", error=SettingsError)
    lacking = [*left_out(one, other, "the second study"), *left_out(other, one, "the first study")]
    if lacking and not partial:
        raise ResultsError(
            f"the studies are not of the same runs: {'; '.join(lacking[:3])}"
            + (f"; and {len(lacking) - 3} more" if len(lacking) > 3 else ""),
            allowed="the same cells and seeds in both",
            remedy="finish both, or give --partial to compare what both have",
        )
    keys = _runs(one) & _runs(other)
    first = _pooled([row.check() for row in one if _key(row) in keys])
    second = _pooled([row.check() for row in other if _key(row) in keys])
    shared = sorted(set(first) & set(second))
    if not shared:
        raise ResultsError(
            "the two studies share no cell",
            allowed=f"cells of the first: {', '.join(sorted({_cell(row) for row in one}))}",
            remedy="compare studies of one suite",
        )
    changes = []
    for cell in shared:
        for figure, (numerator, denominator) in FIGURES.items():
            a = _counted(first[cell], numerator, denominator, cell, "first")
            b = _counted(second[cell], numerator, denominator, cell, "second")
            if a is None and b is None:
                changes.append(Change(cell, figure, (0, 0), (0, 0), None, "no trials"))
                continue
            if a is None or b is None:
                raise ResultsError(
                    f"{cell}: the {'first' if a is None else 'second'} study did not count {figure}",
                    allowed=f"{numerator} and {denominator} in both",
                    remedy="run that study again with this version of biomatch",
                )
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


def _cell(row: Row) -> str:
    return " / ".join(row.cell[name] for name in ("world", "system", "control"))


def _key(row: Row) -> tuple[str, str]:
    return _cell(row), row.cell["seed"]


def _runs(rows: Sequence[Row]) -> set[tuple[str, str]]:
    return {_key(row) for row in rows}


def left_out(one: Sequence[Row], other: Collection[Row], whose: str) -> list[str]:
    """Say, in sentences, which cells and seeds of `one` the study called `whose` lacks."""
    lost = sorted(_runs(one) - {_key(row) for row in other})
    cells: dict[str, list[str]] = {}
    for cell, seed in lost:
        cells.setdefault(cell, []).append(seed)
    return [f"{whose} lacks {cell}, seed {', '.join(seeds)}" for cell, seeds in cells.items()]


def _counted(
    counts: dict[str, float], numerator: str, denominator: str, cell: str, which: str
) -> tuple[int, int] | None:
    """Give numerator and denominator of a figure; None where neither was counted."""
    has = (numerator in counts, denominator in counts)
    if not any(has):
        return None
    if not all(has):
        lost = denominator if has[0] else numerator
        raise ResultsError(f"{cell}: the {which} study lacks the count {lost}", remedy="run it again")
    return int(counts[numerator]), int(counts[denominator])


def _pooled(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        cell = _cell(row)
        if cell in found and set(found[cell]) != set(row.counts):
            odd = sorted(set(found[cell]) ^ set(row.counts))
            raise ResultsError(
                f"{cell}: seed {row.cell['seed']} counts other things than the seeds before it ({odd[0]})",
                remedy="run that seed again",
            )
        counts = found.setdefault(cell, dict.fromkeys(row.counts, 0.0))
        for name, value in row.counts.items():
            counts[name] += value
    return found
