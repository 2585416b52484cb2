"""How unequal groups fare: the indices that ISO/IEC 19795-10, NIST and the literature use, with intervals."""

from __future__ import annotations

import polars as pl

from biomatch.errors import ResultsError
from biomatch.evaluation.result import Result
from biomatch.reporting.figures import significant, words
from biomatch.reporting.tables import Along, Table, Value
from biomatch.tuning.result_groups import groups

INDICES = {
    "ineq": ("INEQ, greatest over least", "1"),
    "mxog": ("MXOG, greatest over geometric mean", "1"),
    "gini": ("Gini coefficient", "0"),
    "garbe": ("GARBE, mean Gini coefficient of both", "0"),
    "fdr": ("FDR, 1 less the mean greatest difference", "1"),
}
"""What each index of inequity is, and its value where all groups fare alike."""
OF_BOTH = "both rates"


def inequity_table(result: Result, by: str = "group") -> Table | None:
    """Show how unequal groups fare at the tuned thresholds, in the indices of ISO/IEC 19795-10.

    None where fewer than two groups have trials of both sorts, and for thresholds by several fields.
    """
    labels = result.trials.filter(pl.col("counted"))[by].drop_nulls()
    if labels.n_unique() < 2 or result.fnir.denominator == 0 or result.fpir.denominator == 0:
        return None
    try:
        found = groups(result, by).inequity
    except ResultsError:  # thresholds by several fields: no single curve is decided by them
        return None
    rows: list[tuple[Value | Along, ...]] = []
    for index, (says, equal) in INDICES.items():
        for key, of in ((f"{index}_fpir", "FPIR"), (f"{index}_fnir", "FNIR"), (index, OF_BOTH)):
            one = found.get(key)
            if one is None:
                continue
            value, low, high = (one[end] for end in ("value", "low", "high"))
            between = (
                "" if low is None or high is None else f"{significant(low, 3)} to {significant(high, 3)}"
            )
            rows.append((f"{says}: {of}", value, between or None, equal))
    if all(row[1] is None for row in rows):
        return None
    return Table(
        "inequity",
        f"How unequal {words(by)}s fare, at the tuned thresholds",
        ("Index", "Value", "95% interval", "All alike"),
        tuple(rows),
        "ISO/IEC 19795-10 asks for differences between groups with their uncertainty. Bootstrap over "
        "subjects within groups; each interval holds its estimate. Few errors alone make groups look "
        "unequal. A ratio to a group without errors is not given (–).",
    )
