"""Thresholds of a system's further searches: everyone at entry, a watchlist, each to the same target.

FPIR grows with N, and each search has an N of its own: one threshold for all would be too strict for a short
list or too lenient for a long one. Each is tuned for itself, on its own non-mated searches.
"""

from __future__ import annotations

from typing import Any

from biomatch.curves.identification import IdentificationCurve
from biomatch.errors import ResultsError
from biomatch.tuning.curve_guarantee import guarantee_of

KEY = "searches"
"""Where an operating point's guarantee holds what was shown of each further search."""
NOT_SHOWN = "not_shown"
"""In its place there: why nothing was shown, so that the search uses the primary search's threshold."""


def tune_further(
    curve: IdentificationCurve, *, max_fpir: float | None, confidence: float, cap: int | None = None
) -> tuple[dict[str, float], dict[str, Any]]:
    """Tune every further search of a curve to one target.

    Parameters
    ----------
    curve : IdentificationCurve
        Of the primary search, with its `further`.
    max_fpir : float or None
        The target; None (tuned by costs): nothing is shown of further searches.
    confidence, cap
        As of `biomatch.tuning.tune.tune`.

    Returns
    -------
    tuple of dict
        Threshold by policy, where one could be shown; and by policy what was shown, as plain data with
        ``enrolled`` (N), or ``not_shown`` with the reason: that search uses the primary search's threshold.
    """
    thresholds: dict[str, float] = {}
    about: dict[str, Any] = {}
    for policy, one in curve.further.items():
        if max_fpir is None:
            about[policy] = {NOT_SHOWN: "costs choose the primary search's threshold alone"}
            continue
        try:
            shown = guarantee_of(one, max_fpir=max_fpir, confidence=confidence, cap=cap)
        except ResultsError as fault:
            about[policy] = {NOT_SHOWN: fault.given if not fault.remedy else f"{fault.given}: {fault.remedy}"}
            continue
        thresholds[policy] = shown.threshold
        middle, least, most = one.enrolled_counts
        about[policy] = {
            **shown.to_json(),
            "enrolled": {"median": middle, "least": least, "greatest": most},
        }
    return thresholds, about
