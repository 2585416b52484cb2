"""The rows that the charts draw: plain dictionaries, made from curves, results and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from biomatch.curves.build import IdentificationCurve
from biomatch.curves.protocol import Curve
from biomatch.evaluation.result import Result
from biomatch.rates import Rate
from biomatch.reporting.figures import Ratio
from biomatch.reporting.tables import Table

Rows = list[dict[str, Any]]
LARGEST_CURVE = 120
"""Points that a drawn curve has, spread evenly over the logarithms of its counts."""


def rates_at(curve: Curve, threshold: float, rank: int | None = None) -> tuple[Rate, Rate]:
    """Give (FPIR, FNIR) of an identification curve at rank L or `rank`, (FMR, FNMR) of a verification one."""
    missed = curve.miss_rate(threshold)
    if rank is not None and curve.searches is not None:
        missed = curve.searches.fnir(threshold, rank=rank)
    return curve.false_rate(threshold), missed


def names_of(curve: Curve) -> tuple[str, str]:
    """Give the names of the two rates."""
    return curve.measures


def curve_rows(curve: Curve, rank: int | None = None, most: int = LARGEST_CURVE) -> Rows:
    """Choose points of a curve and give both rates with their intervals.

    Returns
    -------
    list of dict
        A row a threshold, ascending: threshold; fpir, fnir (None without trials) with ``_low``,
        ``_high``, ``_errors`` and ``_trials``. Every decade of either count is drawn alike.
    """
    ranked = rank is not None and curve.searches is not None
    points = curve.searches.points(rank=rank) if ranked and curve.searches else curve.counts()
    if not points.thresholds.size:
        return []
    chosen = {0, points.thresholds.size - 1}
    for counts in (points.false_positives, points.misses):
        top = int(counts.max(initial=0))
        wanted = np.unique(np.geomspace(1, max(top, 1), most // 2).round().astype(np.int64))
        ascending = counts if counts[0] <= counts[-1] else counts[::-1]
        # The corner with the fewest errors of the other kind: the last of equal counts.
        found = (np.searchsorted(ascending, wanted, side="right") - 1).clip(0, counts.size - 1)
        chosen.update((found if ascending is counts else counts.size - 1 - found).tolist())
    rows = []
    for at in sorted(chosen):
        threshold = float(points.thresholds[at])
        if math.isfinite(threshold):
            false_positive, miss = rates_at(curve, threshold, rank)
            rows.append(
                {"threshold": threshold, **_columns("fpir", false_positive), **_columns("fnir", miss)}
            )
    return rows


def _columns(name: str, found: Rate) -> dict[str, Any]:
    return {
        name: found.value,
        f"{name}_low": found.interval[0],
        f"{name}_high": found.interval[1],
        f"{name}_errors": found.numerator,
        f"{name}_trials": found.denominator,
    }


def floor_of(trials: int) -> float:
    """Give the decade at or below one error in `trials`: where a logarithmic axis ends."""
    return float(10.0 ** math.floor(math.log10(1.0 / max(trials, 1)) + 1e-9))


def on_axes(row: Mapping[str, Any]) -> dict[str, Any]:
    """Clamp a row to the logarithmic axes: a rate of zero stands at the edge, and the table says so."""
    found = dict(row)
    for name in ("fpir", "fnir"):
        floor = floor_of(row[f"{name}_trials"])
        for key in (name, f"{name}_low", f"{name}_high"):
            found[key] = None if row[key] is None else max(float(row[key]), floor)
    return found


def drawn(rows: Rows) -> Rows:
    """Keep what logarithmic axes can show: at least one false positive and one miss.

    Of thresholds with equally many false positives the lowest is kept, which misses least.
    """
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        if row["fpir_errors"] and row["fnir_errors"]:
            found.setdefault(row["fpir_errors"], on_axes(row))
    return list(found.values())


def table_rows(table: Table, column: int, position: int = 0) -> Rows:
    """Give a table's column of rates or counts as rows to draw: label, value, low, high, errors, trials."""
    rows: Rows = []
    for cells in table.at(position).rows:
        cell = cells[column]
        if isinstance(cell, Ratio) and cell.value is not None:
            rows.append(
                {
                    "label": str(cells[0]),
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    "errors": cell.numerator,
                    "trials": cell.denominator,
                }
            )
    return rows


def drawn_curve(result: Result) -> IdentificationCurve:
    """Choose the curve that holds the trials of `Result.fpir`: the policy's own, else the designed ones."""
    own, designed = result.curve, result.designed_curve
    return own if own.non_mated or designed is None else designed


LEADS = {"true_leads": "true leads", "false_leads": "false leads", "hidden": "hidden overstays"}


def lead_rows(result: Result) -> Rows:
    """Give leads and hidden overstays at each threshold of the grid: threshold, what, number."""
    if not {"threshold", *LEADS} <= set(result.grid.columns):
        return []
    ordered = result.grid.sort("threshold")
    return [
        {"threshold": row["threshold"], "what": what, "number": row[name]}
        for name, what in LEADS.items()
        for row in ordered.iter_rows(named=True)
        if row[name] is not None
    ]
