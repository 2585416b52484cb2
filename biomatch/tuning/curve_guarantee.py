"""The guarantee of a curve: which of its scores are the non-mated ones, and what they are called."""

from __future__ import annotations

from biomatch.curves.build import IdentificationCurve, VerificationCurve
from biomatch.errors import ResultsError
from biomatch.rates import upper_bound
from biomatch.scorefiles import StreamedComparisons
from biomatch.tuning.guarantee import Guarantee, check_claim, guarantee, most_independent, refusal

Curve = IdentificationCurve | VerificationCurve | StreamedComparisons


def guarantee_of(
    curve: Curve,
    *,
    max_fpir: float | None = None,
    max_fmr: float | None = None,
    confidence: float = 0.95,
    cap: int | None = None,
) -> Guarantee:
    """Give the guarantee alone; parameters and errors as of `biomatch.tuning.tune.tune`."""
    if isinstance(curve, StreamedComparisons):
        if max_fmr is None or max_fpir is not None:
            raise ResultsError("streamed comparisons", allowed="the target max_fmr", remedy="give max_fmr")
        return _of_stream(curve, max_fmr, confidence, cap)
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
            distances=curve.distances,
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
        references=curve.non_mated_references,
        distances=curve.distances,
    )


def _of_stream(curve: StreamedComparisons, target: float, confidence: float, cap: int | None) -> Guarantee:
    """Give the guarantee of independent comparisons from their accumulated counts."""
    if curve.clustered:
        raise ResultsError(
            f"a {curve.format} file that names subjects, read in one pass",
            allowed="a guarantee from independent comparisons, or with the subjects at hand",
            remedy="read it without --stream: subjects are the clusters that a guarantee must respect",
        )
    trials = curve.non_mated.total
    check_claim(trials, target, confidence, cap, "FMR")
    allowed = most_independent(trials, target, 1.0 - confidence)
    if allowed < 0:
        raise refusal(trials, trials, 1, target, confidence, 1, "FMR")
    threshold = curve.threshold_allowing(allowed)
    realised = curve.fmr(threshold, confidence)
    errors = realised.numerator
    bound = 1.0 if target >= 1.0 else upper_bound(errors, trials, confidence)
    return Guarantee(
        "FMR", target, confidence, threshold, realised, bound, trials, errors, 1, 1,
        cap_asked=cap, effective=float(trials), named=False, distances=curve.distances,
    )  # fmt: skip
