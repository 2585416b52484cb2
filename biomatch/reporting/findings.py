"""What a reader must not miss, found by rules: each gives one sentence, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from biomatch.evaluation.result import Result
from biomatch.reporting.figures import Ratio, count, percent, shorten, words
from biomatch.reporting.fraud.calibrated import FAILED, MODELS
from biomatch.tuning.alerts.plan import SILENT

FEWEST = 30
"""Trials below which a rate is called uncertain, whatever it is: the usual bound of small samples."""
RATIO = 2.0
"""How many times another group's rate a group's must be to be named, beside disjoint intervals."""


def findings(result: Result) -> dict[str, str]:
    """Apply every rule to a result at its tuned threshold.

    Returns
    -------
    dict of str to str
        A sentence by rule, the gravest rule first; empty where it finds nothing.
    """
    return {name: rule(result) for name, rule in RULES.items()}


def target_missed(result: Result) -> str:
    """Say that FPIR of the grading world lies above the target with its whole interval."""
    target = result.point.guarantee.get("target")
    if not isinstance(target, int | float) or not result.fpir.denominator:
        return ""
    if result.fpir.interval[0] <= target:
        return ""
    return f"FPIR of the grading world is above the target of {percent(target)}: {Ratio.of(result.fpir)}."


def graded_again(result: Result) -> str:
    """Say that the point was graded on people that it was tuned on."""
    if not result.point.resubstitution:
        return ""
    return "The threshold was graded on people that it was tuned on (resubstitution): its rates are too good."


def fraud_uncaught(result: Result) -> str:
    """Name the kinds of alert that stopped honest travellers and caught none of their frauds."""
    found = [
        f"{words(kind)} ({count(one.false_encounters)} honest stops, 0 of {count(one.events)} caught)"
        for kind, one in result.alerts.counts.kinds.items()
        if one.events and not one.caught_by_kind and one.false_encounters
    ]
    return f"Alerts that caught nothing and stopped honest travellers: {', '.join(found)}." if found else ""


def groups_apart(result: Result) -> str:
    """Name the worst pair of groups whose rates differ by a factor and whose intervals are disjoint."""
    table = result.by("group")
    worst: tuple[float, str] | None = None
    for rate in ("fpir", "fnir"):
        rows = [row for row in table.to_dicts() if row[f"{rate}_trials"] >= FEWEST]
        for high in rows:
            for low in rows:
                if high[f"{rate}_low"] <= low[f"{rate}_high"] or not high[rate]:
                    continue
                ratio = high[rate] / low[rate] if low[rate] else float("inf")
                if ratio < RATIO or (worst is not None and ratio <= worst[0]):
                    continue
                times = f"{ratio:.1f} times" if low[rate] else "above"
                worst = (
                    ratio,
                    (
                        f"{rate.upper()} of {high['group']} is {times} that of {low['group']}: "
                        f"{_counts(high, rate)} against {_counts(low, rate)}; the intervals do not overlap."
                    ),
                )
    return "" if worst is None else worst[1]


def beyond_tested(result: Result) -> str:
    """Say that the operational gallery is larger than the tested one."""
    asked = result.point.guarantee.get("larger_gallery")
    gallery = asked.get("gallery") if isinstance(asked, Mapping) else None
    tested = result.enrolled[0]
    if not isinstance(gallery, int) or gallery <= tested:
        return ""
    return (
        f"The operational gallery (N = {count(gallery)}) is larger than the tested one "
        f"(N = {count(tested)}): rates there are extrapolated."
    )


def index_lost(result: Result) -> str:
    """Say how many mates the index lost: no threshold brings them back."""
    lost = result.misses.get("lost by the index", 0)
    if not lost:
        return ""
    return f"The index lost {count(lost)} {'mate' if lost == 1 else 'mates'}, which no threshold brings back."


def alerts_off(result: Result) -> str:
    """Name the kinds of alert whose threshold nothing reaches."""
    off = [
        words(kind)
        for kind, one in result.alerts.counts.kinds.items()
        if one.threshold is not None and one.threshold >= SILENT
    ]
    return f"Off, as no threshold is worth its false stops: {', '.join(off)}." if off else ""


def ratios_off(result: Result) -> str:
    """Name the models whose log-likelihood ratios do not keep their word on the grading world."""
    failed = [
        f"{MODELS.get(one.model, shorten(one.model, 30))} "
        f"(Cllr {one.cllr:.3g} bits, {one.minimum:.3g} at best)"
        for one in result.alerts.calibration or ()
        if one.verdict == FAILED and one.cllr is not None and one.minimum is not None
    ]
    return f"Odds of fraud are not calibrated on the grading world: {', '.join(failed)}." if failed else ""


def posterior_off(result: Result) -> str:
    """Say that the list states a share of true leads that lies outside the interval of what it has."""
    if not result.overstays or not result.overstays[-1].leads:
        return ""
    last = result.overstays[-1]
    stated = result.stays.filter(pl.col("listed") & (pl.col("as_of") == last.as_of))["p_overstay"]
    if stated.len() < FEWEST or stated.null_count():
        return ""
    share, true = float(stated.sum()) / stated.len(), Ratio.of(last.precision)
    if true.value is None or true.low <= share <= true.high:
        return ""
    return (
        f"Probabilities of an overstay are not calibrated: the list's own say that {percent(share)} of its "
        f"leads are true, and {true} are."
    )


def too_few(result: Result) -> str:
    """Name the rates that rest on few trials."""
    rates = {"FNIR": result.fnir, "FPIR": result.fpir}
    few = [f"{name} ({count(one.denominator)})" for name, one in rates.items() if one.denominator < FEWEST]
    return f"Fewer than {FEWEST} trials, so hardly more than a guess: {', '.join(few)}." if few else ""


def profile_doubted(result: Result) -> str:
    """Repeat what the fit of the world's face profile said against it."""
    doubts = (result.about.get("observed") or {}).get("profile_warnings") or ()
    return f"The fit of the face profile is in doubt: {'; '.join(map(str, doubts))}." if doubts else ""


RULES: dict[str, Callable[[Result], str]] = {
    "target-missed": target_missed,
    "graded-again": graded_again,
    "profile-doubted": profile_doubted,
    "fraud-uncaught": fraud_uncaught,
    "groups-apart": groups_apart,
    "beyond-tested": beyond_tested,
    "index-lost": index_lost,
    "ratios-off": ratios_off,
    "posterior-off": posterior_off,
    "alerts-off": alerts_off,
    "too-few": too_few,
}
"""The gravest first; the page has a place for each (``finding-NAME``)."""
PLACES = {
    "target-missed": "t-rates",
    "graded-again": "recommendation",
    "profile-doubted": "provenance",
    "fraud-uncaught": "t-alerts",
    "groups-apart": "t-by-group",
    "beyond-tested": "growth",
    "index-lost": "t-misses",
    "ratios-off": "t-calibration",
    "posterior-off": "t-leads",
    "alerts-off": "t-alerts",
    "too-few": "t-rates",
}
"""What each finding speaks of, by its id in the page."""


def _counts(row: Mapping[str, Any], rate: str) -> str:
    return f"{count(row[f'{rate}_errors'])} of {count(row[f'{rate}_trials'])}"
