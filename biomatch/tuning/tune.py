"""`tune`: the door of this package, from a curve and a target to an operating point."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biomatch import decimals
from biomatch.curves.build import IdentificationCurve
from biomatch.curves.pooled import between_galleries, pool
from biomatch.curves.protocol import Curve
from biomatch.errors import ResultsError
from biomatch.evaluation.alerts.curves import AlertCurves
from biomatch.evaluation.overstays.leads import LeadCurve
from biomatch.policy import SEARCH, OperatingPoint
from biomatch.settings.system import System
from biomatch.tuning.alerts.plan import SILENT
from biomatch.tuning.by_part import tune_parts
from biomatch.tuning.claims import judge, parse
from biomatch.tuning.costs import Costs, cheapest, day
from biomatch.tuning.curve_guarantee import guarantee_of
from biomatch.tuning.further import KEY as FURTHER
from biomatch.tuning.further import tune_further
from biomatch.tuning.growth.methods import shrink
from biomatch.tuning.guarantee import Guarantee

OBSERVED = ("port", "mode")
"""Breakdowns that an operating point may be keyed on: fields that the system sees."""


def tune(
    curve: Curve | Sequence[IdentificationCurve],
    *,
    max_fpir: float | None = None,
    max_fmr: float | None = None,
    costs: Costs | Path | None = None,
    subject_to: Sequence[str] = (),
    confidence: float = 0.95,
    cap: int | None = None,
    by: str | None = None,
    jointly: bool = False,
    floor_score: float | None = None,
    gallery: int | None = None,
) -> OperatingPoint:
    """Pick the lowest threshold whose true rate is at most the target, with the stated confidence.

    Parameters
    ----------
    curve : IdentificationCurve or VerificationCurve, or a sequence of IdentificationCurve
        The tuning set. Several worlds: a sequence of curves, one a world, of different seeds. Alerts are
        tuned by `tune_fraud`, leads by `tune_leads`.
    max_fpir, max_fmr : float
        The target: FPIR per search for an identification curve, FMR per comparison for a verification
        curve. A system's further searches (`IdentificationCurve.further`) are each tuned to the same FPIR
        on their own non-mated searches (`biomatch.tuning.further`).
    costs : biomatch.tuning.costs.Costs, optional
        Instead of a target: the threshold with the least expected cost a day (no guarantee of its own).
    subject_to : sequence of str
        Limits that must hold as well, for example ``"fnir<=0.02"``. A limit on FPIR or FMR raises a
        cost-optimal threshold to its own guarantee; a limit on misses must be met at the threshold by
        its one-sided bound, or the point is refused.
    confidence : float
        One-sided confidence of the guarantee.
    cap : int, optional
        The most errors that one subject can make; see `biomatch.tuning.guarantee.guarantee`.
    by : str, optional
        ``"port"`` or ``"mode"``: a threshold for each, each with a guarantee of its own; other values
        get the highest of them.
    jointly : bool
        With `by` and `max_fpir`: the target holds over all parts together, shared among them so that
        least is missed (`biomatch.tuning.by_part.tune_parts`).
    floor_score : float, optional
        Score below which the index's losses are not bounded; thresholds below it are refused.
    gallery : int, optional
        Operational N, at least the tested median: the target is lowered so that binomial growth from the
        tested N reaches `max_fpir` at this N. For N above the tested one that is never too lenient
        (`biomatch.tuning.growth.methods`), as long as the tested gallery is a fair sample of the larger one.

    Returns
    -------
    OperatingPoint
        Its ``guarantee`` holds target, bound, realised counts and subjects.

    Raises
    ------
    ResultsError
        Where the data cannot support the claim (says how many searches it takes), for a target that does
        not fit the curve, or a threshold below the floor.

    Examples
    --------
    >>> import numpy as np
    >>> from biomatch.curves.build import identification_curve
    >>> tops = np.arange(1000) / 1000
    >>> curve = identification_curve([0.9995], [1], tops, enrolled_count=500)
    >>> point = tune(curve, max_fpir=0.01)
    >>> point.guarantee["realised"]["numerator"], round(point.guarantee["bound"], 5)
    (4, 0.00913)
    """
    given = list(curve) if isinstance(curve, Sequence) else [curve]
    _check_one_sort(given)
    searches = [one.searches for one in given if one.searches is not None]
    return _tune_searches(
        pool(searches) if len(given) > 1 else given[0],
        max_fpir=max_fpir,
        max_fmr=max_fmr,
        costs=Costs.read(costs) if isinstance(costs, Path) else costs,
        subject_to=subject_to,
        confidence=confidence,
        cap=cap,
        by=by,
        jointly=jointly,
        floor_score=floor_score,
        gallery=gallery,
    )


def _check_one_sort(given: Sequence[Any]) -> None:
    """Refuse an empty sequence, and what is not a curve of searches or comparisons."""
    if not given:
        raise ResultsError("no curve to tune on", remedy="give at least one")
    for one in given:
        if isinstance(one, AlertCurves | LeadCurve):
            call = "tune_fraud" if isinstance(one, AlertCurves) else "tune_leads"
            raise ResultsError(
                f"{'curves of alerts' if call == 'tune_fraud' else 'a curve of leads'}",
                allowed="curves of searches or comparisons",
                remedy=f"write bm.{call}(curves, max_alerts_a_day=20)",
            )
        if not isinstance(one, Curve):
            raise ResultsError(
                f"a {type(one).__name__}",
                allowed="curves of searches or comparisons",
                remedy="write bm.tune(bm.sweep(lists, world.truth), max_fpir=0.001)",
            )
    if len({type(one) for one in given}) > 1:
        raise ResultsError(
            f"curves of sorts {', '.join(sorted({type(one).__name__ for one in given}))}", allowed="one sort"
        )
    if len(given) > 1 and given[0].searches is None:
        raise ResultsError(f"{len(given)} verification curves", allowed="one: put the comparisons together")


def _tune_searches(
    curve: Curve,
    *,
    max_fpir: float | None,
    max_fmr: float | None,
    costs: Costs | None,
    subject_to: Sequence[str],
    confidence: float,
    cap: int | None,
    by: str | None,
    jointly: bool,
    floor_score: float | None,
    gallery: int | None,
) -> OperatingPoint:
    thresholds: dict[str, dict[str, float]] = {}
    asked = max_fpir
    if gallery is not None:
        max_fpir = at_tested_size(curve, gallery, max_fpir)
    if costs is not None:
        if max_fpir is not None or max_fmr is not None or by is not None:
            raise ResultsError("costs and another aim", allowed="one target, or costs without --by")
        chosen, about = _by_costs(curve, costs, subject_to, confidence, cap)
    elif jointly:
        thresholds, about = _jointly(curve, by, max_fpir, confidence, cap)
        chosen = max(next(iter(thresholds.values())).values())
    else:
        whole = guarantee_of(curve, max_fpir=max_fpir, max_fmr=max_fmr, confidence=confidence, cap=cap)
        chosen, about = whole.threshold, whole.to_json()
    if by is not None and not jointly:
        parts = _by_part(curve, by, max_fpir, confidence, cap)
        thresholds[by] = {label: part.threshold for label, part in parts.items()}
        about["by"] = {by: {label: part.to_json() for label, part in parts.items()}}
        chosen = max(thresholds[by].values())
    _check_floor([chosen, *thresholds.get(by or "", {}).values()], floor_score)
    if subject_to:
        about["subject_to"] = _held(curve, subject_to, chosen, confidence)
    if curve.distances:
        about["direction"] = "distance: accepted at or below the threshold"
    system, lineages, again = None, curve.lineages, False
    searches = curve.searches
    if searches is not None:
        about["enrolled"] = dict(zip(("median", "least", "greatest"), searches.enrolled_counts, strict=True))
        about["list_length"] = searches.list_length
        if gallery is not None:
            about["larger_gallery"] = {"gallery": gallery, "target": asked, "method": "binomial growth"}
        about["between_galleries"] = between_galleries(searches, chosen)
        if searches.further:
            own, about[FURTHER] = tune_further(searches, max_fpir=max_fpir, confidence=confidence, cap=cap)
            thresholds |= {SEARCH: own} if own else {}
        system, again = searches.system, searches.resubstitution
    return OperatingPoint(
        face_threshold=chosen,
        face_threshold_by=thresholds,
        lineages=list(lineages),
        resubstitution=again,
        system=System() if system is None else System.from_mapping(system),
        guarantee=about,
    )


def at_tested_size(curve: Curve, gallery: int, max_fpir: float | None) -> float:
    """Lower a target at the operational N to the one that the tested gallery must show."""
    if curve.searches is None or max_fpir is None:
        raise ResultsError(f"gallery={gallery}", allowed="with max_fpir, of searches")
    tested = curve.searches.enrolled_counts[0]
    if not 0 < tested <= gallery:
        raise ResultsError(
            f"gallery={gallery} against a tested median N of {tested}", allowed=f"at least {max(tested, 1)}"
        )
    return shrink(max_fpir, gallery / tested)


def _jointly(
    curve: Curve, by: str | None, max_fpir: float | None, confidence: float, cap: int | None
) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Give thresholds that share one target, and what was shown of all of them together."""
    if by not in OBSERVED or curve.searches is None or max_fpir is None:
        raise ResultsError(
            f"thresholds by {by!r} jointly", allowed=f"by {' or '.join(OBSERVED)} with max_fpir, of searches"
        )
    found = tune_parts(curve.searches, by, max_fpir=max_fpir, confidence=confidence, cap=cap)
    # No searches drew a path at a part: nothing is accepted there, which is what the guarantee assumed.
    thresholds = {label: min(value, SILENT) for label, value in found.thresholds.items()}
    return {by: thresholds}, {**found.to_json()["guarantee"], "jointly_by": by}


def _by_part(
    curve: Curve, by: str, max_fpir: float | None, confidence: float, cap: int | None
) -> dict[str, Guarantee]:
    if by not in OBSERVED or curve.searches is None:
        raise ResultsError(f"thresholds by {by!r}", allowed=" or ".join(OBSERVED) + ", of searches")
    parts: dict[str, Guarantee] = {}
    for label, part in curve.searches.by(by).items():
        try:
            parts[label] = guarantee_of(part, max_fpir=max_fpir, confidence=confidence, cap=cap)
        except ResultsError as fault:
            raise ResultsError(f"{by} {label}: {fault.given}", remedy=fault.remedy) from None
    return parts


def _by_costs(
    curve: Curve, costs: Costs, subject_to: Sequence[str], confidence: float, cap: int | None
) -> tuple[float, dict[str, Any]]:
    """Give the cheapest threshold that keeps the limits on false positives, and what was shown of it."""
    searches = curve.searches
    if searches is None:
        raise ResultsError("costs of comparisons", allowed="searches: costs need FPIR and FNIR")
    best = cheapest(searches, costs, confidence=confidence)
    chosen = best.threshold
    about: dict[str, Any] = {"method": "least expected cost", "costs": costs.model_dump(mode="json")}
    for text in subject_to:
        claim = parse(f"{text}@threshold=0")
        if claim.measure == "fpir":
            held = guarantee_of(curve, max_fpir=claim.limit, confidence=confidence, cap=cap)
            chosen = max(chosen, held.threshold)
            about |= held.to_json() if held.threshold == chosen else {}
    about["day"] = (best if chosen == best.threshold else day(searches, costs, chosen)).to_json()
    return chosen, about


def _held(
    curve: Curve, subject_to: Sequence[str], threshold: float, confidence: float
) -> list[dict[str, Any]]:
    """Judge limits at the chosen threshold; refuse where one of the misses is not met by its bound."""
    found = []
    for text in subject_to:
        verdict = judge(parse(f"{text}@threshold={threshold!r}"), curve, confidence=confidence)
        if verdict.verdict != "met" and verdict.claim.measure in ("fnir", "fnmr"):
            raise ResultsError(
                f"subject to {text}: {verdict.verdict} ({verdict.reason})",
                remedy="raise the limit or the target, or bring more mated searches",
            )
        found.append(verdict.to_json())
    return found


def _check_floor(thresholds: list[float], floor_score: float | None) -> None:
    if floor_score is not None and min(thresholds) < floor_score:
        raise ResultsError(
            f"the threshold {decimals.text(min(thresholds))} lies below the gallery's floor_score "
            f"{floor_score:.6g}",
            allowed="thresholds at which the index's losses are bounded",
            remedy="build the gallery with a lower floor_score, or lower the target",
        )
