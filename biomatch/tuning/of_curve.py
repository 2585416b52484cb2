"""The guarantee of a curve: which of its scores are the non-mated ones, and what they are called."""

from __future__ import annotations

from biomatch.errors import ResultsError
from biomatch.evaluation.curves import IdentificationCurve, VerificationCurve
from biomatch.tuning.guarantee import Guarantee, guarantee

Curve = IdentificationCurve | VerificationCurve


def guarantee_of(
    curve: Curve,
    *,
    max_fpir: float | None = None,
    max_fmr: float | None = None,
    confidence: float = 0.95,
    cap: int | None = None,
) -> Guarantee:
    """Give the guarantee alone; parameters and errors as of `biomatch.tuning.tune.tune`."""
    if isinstance(curve, IdentificationCurve):
        if max_fpir is None or max_fmr is not None:
            raise ResultsError("an identification curve", allowed="a target: max_fpir or costs")
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
