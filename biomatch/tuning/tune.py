"""`tune`: the door of this package, from a curve and a target to an operating point."""

from __future__ import annotations

from biomatch.errors import ResultsError
from biomatch.evaluation.curves import IdentificationCurve, VerificationCurve
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tuning.guarantee import Guarantee, guarantee
from biomatch.tuning.pool import between_galleries

OBSERVED = ("port", "mode")
"""Breakdowns that an operating point may be keyed on: fields that the system sees."""

Curve = IdentificationCurve | VerificationCurve


def tune(
    curve: Curve,
    *,
    max_fpir: float | None = None,
    max_fmr: float | None = None,
    confidence: float = 0.95,
    cap: int | None = None,
    by: str | None = None,
    floor_score: float | None = None,
) -> OperatingPoint:
    """Pick the lowest threshold whose true rate is at most the target, with the stated confidence.

    Parameters
    ----------
    curve : IdentificationCurve or VerificationCurve
        The tuning set.
    max_fpir, max_fmr : float
        The target: FPIR per search for an identification curve, FMR per comparison for a verification
        curve.
    confidence : float
        One-sided confidence of the guarantee.
    cap : int, optional
        The most errors that one subject can make; see `biomatch.tuning.guarantee.guarantee`.
    by : str, optional
        ``"port"`` or ``"mode"``: a threshold for each, each with a guarantee of its own; other values
        get the highest of them.
    floor_score : float, optional
        Score below which the index's losses are not bounded; thresholds below it are refused.

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
    >>> from biomatch.evaluation.curves import identification_curve
    >>> tops = np.arange(1000) / 1000
    >>> curve = identification_curve([0.9995], [1], tops, enrolled_count=500)
    >>> point = tune(curve, max_fpir=0.01)
    >>> point.guarantee["realised"]["numerator"], round(point.guarantee["bound"], 5)
    (4, 0.00913)
    """
    whole = guarantee_of(curve, max_fpir=max_fpir, max_fmr=max_fmr, confidence=confidence, cap=cap)
    about = whole.to_json()
    thresholds: dict[str, dict[str, float]] = {}
    chosen = whole.threshold
    if by is not None:
        if by not in OBSERVED or not isinstance(curve, IdentificationCurve):
            raise ResultsError(f"thresholds by {by!r}", allowed=" or ".join(OBSERVED) + ", of searches")
        parts: dict[str, Guarantee] = {}
        for label, part in curve.by(by).items():
            try:
                parts[label] = guarantee_of(part, max_fpir=max_fpir, confidence=confidence, cap=cap)
            except ResultsError as fault:
                raise ResultsError(f"{by} {label}: {fault.given}", remedy=fault.remedy) from None
        thresholds[by] = {label: part.threshold for label, part in parts.items()}
        about["by"] = {by: {label: part.to_json() for label, part in parts.items()}}
        chosen = max(thresholds[by].values())
    _check_floor([chosen, *thresholds.get(by or "", {}).values()], floor_score)
    system, lineages, again = None, curve.lineages, False
    if isinstance(curve, IdentificationCurve):
        about["enrolled"] = {
            "median": curve.enrolled_counts[0],
            "least": curve.enrolled_counts[1],
            "greatest": curve.enrolled_counts[2],
        }
        about["list_length"] = curve.list_length
        about["between_galleries"] = between_galleries(curve, chosen)
        system, again = curve.system, curve.resubstitution
    return OperatingPoint(
        face_threshold=chosen,
        face_threshold_by=thresholds,
        lineages=list(lineages),
        resubstitution=again,
        system=System() if system is None else System.from_mapping(system),
        guarantee=about,
    )


def guarantee_of(
    curve: Curve,
    *,
    max_fpir: float | None = None,
    max_fmr: float | None = None,
    confidence: float = 0.95,
    cap: int | None = None,
) -> Guarantee:
    """Give the guarantee alone; parameters and errors as of `tune`."""
    if isinstance(curve, IdentificationCurve):
        if max_fpir is None or max_fmr is not None:
            raise ResultsError(
                "an identification curve", allowed="the target max_fpir", remedy="give max_fpir"
            )
        return guarantee(
            curve.non_mated_top_scores,
            curve.non_mated_subjects,
            target=max_fpir,
            confidence=confidence,
            cap=cap,
            others=curve.mated_scores,
        )
    if max_fmr is None or max_fpir is not None:
        raise ResultsError("a verification curve", allowed="the target max_fmr", remedy="give max_fmr")
    return guarantee(
        curve.non_mated_scores,
        curve.non_mated_subjects,
        target=max_fmr,
        confidence=confidence,
        cap=cap,
        measure="FMR",
        others=curve.mated_scores,
    )


def _check_floor(thresholds: list[float], floor_score: float | None) -> None:
    if floor_score is not None and min(thresholds) < floor_score:
        raise ResultsError(
            f"the threshold {min(thresholds):.6g} lies below the gallery's floor_score {floor_score:.6g}",
            allowed="thresholds at which the index's losses are bounded",
            remedy="build the gallery with a lower floor_score, or lower the target",
        )
