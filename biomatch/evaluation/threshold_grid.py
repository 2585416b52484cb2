"""What another threshold would have meant: the whole flow after the search, on a grid of thresholds.

The candidate lists serve every threshold; decisions and links are made again at each. The tuned
threshold is always on the grid.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evaluation.overstays.counts import Overstays, count_overstays, judge_stays
from biomatch.evaluation.trials import observed_of
from biomatch.gallery.threads import thread_count
from biomatch.policy import OperatingPoint
from biomatch.system.run import Run
from biomatch.truth import Truth

if TYPE_CHECKING:
    from biomatch.evaluation.result import Result


def grid_thresholds(result: Result, count: int) -> NDArray[np.float64]:
    """Choose thresholds from where most probes alarm to where most mates are refused.

    Returns
    -------
    ndarray
        Ascending, distinct float64 that float32 can hold, the tuned threshold among them.
    """
    curve = result.curve
    tops = curve.non_mated_top_scores[np.isfinite(curve.non_mated_top_scores)]
    mates = curve.mated_scores[np.isfinite(curve.mated_scores)]
    tuned = result.point.face_threshold
    low = float(np.quantile(tops, 0.5)) if tops.size else tuned - 0.2
    high = float(np.quantile(mates, 0.5)) if mates.size else tuned + 0.2
    low, high = min(low, tuned - 0.02), max(high, tuned + 0.02)
    spread = np.linspace(low, high, count - 1).astype(np.float32).astype(np.float64)
    return np.unique(np.append(spread, tuned))


def threshold_grid(result: Result, run: Run, truth: Truth, count: int) -> pl.DataFrame:
    """Count, at each threshold of a grid, what the slider of a report shows.

    Returns
    -------
    polars.DataFrame
        A row a threshold, ascending: threshold, tuned (bool), misses, mated, false_positives, non_mated,
        mated_failures, and, as of the run's last date, expected_departures, leads, true_leads,
        false_leads, hidden, and the false leads of each cause (``"false_leads: left unrecorded"``, ...).
    """
    thresholds = grid_thresholds(result, count)
    curve, observed = result.curve, observed_of(run.lists)
    false_positives, misses = curve.at(thresholds, rank=result.list_length)

    def overstays_at(threshold: float) -> list[Overstays]:
        if threshold == result.point.face_threshold and not result.point.face_threshold_by:
            return result.overstays[-1:]  # as the run listed them: its last date
        point = OperatingPoint.of(threshold, result.point.system, lead_posterior=result.point.lead_posterior)
        stays, _ = run.book.at(point)
        return count_overstays(judge_stays(stays, observed, truth, point))

    # Each threshold links anew and needs nothing of its neighbours: a core works on one, another on the next.
    with ThreadPoolExecutor(thread_count(None)) as pool:
        listed = list(pool.map(overstays_at, thresholds.tolist()))
    rows = []
    for threshold, wrong, missed, overstays in zip(thresholds, false_positives, misses, listed, strict=True):
        row = {
            "threshold": float(threshold),
            "tuned": float(threshold) == result.point.face_threshold,
            "misses": int(missed),
            "mated": curve.mated,
            "false_positives": int(wrong),
            "non_mated": curve.non_mated,
            "mated_failures": curve.mated_failures,
        }
        for one in overstays:  # one date: the run's last
            row |= {
                "expected_departures": one.expected_departures,
                "leads": one.leads,
                "true_leads": one.true_leads,
                "false_leads": one.false_leads,
                "hidden": one.hidden,
                **{f"false_leads: {cause}": number for cause, number in one.causes.items()},
            }
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)
