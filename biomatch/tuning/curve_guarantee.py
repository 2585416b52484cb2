"""The guarantee of a curve: which of its scores are the non-mated ones, and what they are called."""

from __future__ import annotations

from biomatch.curves.protocol import Curve, Rates
from biomatch.errors import ResultsError
from biomatch.rates import upper_bound
from biomatch.scorefiles import StreamedComparisons
from biomatch.tuning.guarantee import Guarantee, check_claim, guarantee, most_independent, refusal


def guarantee_of(
    curve: Rates,
    *,
    max_fpir: float | None = None,
    max_fmr: float | None = None,
    confidence: float = 0.95,
    cap: int | None = None,
) -> Guarantee:
    """Give the guarantee alone; parameters and errors as of `biomatch.tuning.tune.tune`."""
    target, other = (max_fpir, max_fmr) if curve.searches is not None else (max_fmr, max_fpir)
    if target is None or other is not None:
        if curve.searches is not None:
            raise ResultsError("an identification curve", allowed="a target: max_fpir or costs")
        what = "streamed comparisons" if curve.comparisons is None else "a verification curve"
        raise ResultsError(what, allowed="the target max_fmr", remedy="give max_fmr")
    return guarantee_for(curve, target, confidence, cap)


def guarantee_for(curve: Rates, target: float, confidence: float = 0.95, cap: int | None = None) -> Guarantee:
    """Give the guarantee of a largest false-positive rate, FPIR or FMR as the curve has it."""
    whole: Curve | None = curve.searches or curve.comparisons
    if whole is None:
        if not isinstance(curve, StreamedComparisons):
            raise ResultsError(f"a {type(curve).__name__}", allowed="a curve of searches or comparisons")
        return _of_stream(curve, target, confidence, cap)
    return guarantee(
        whole.non_mated_scores,
        whole.non_mated_subjects,
        target=target,
        confidence=confidence,
        cap=cap,
        measure=whole.measures[0],
        others=whole.mated_scores,
        references=whole.non_mated_references,
        distances=whole.distances,
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
