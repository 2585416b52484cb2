"""From goodness of fit to a verdict that the profile carries: refused, or trusted in a stated range."""

from __future__ import annotations

import math

from biomatch.scorelaw.fit.centre import FAR
from biomatch.scorelaw.fit.goodness import Goodness
from biomatch.scorelaw.fit.sample import ScoreSample
from biomatch.scorelaw.fit.twin import Twin
from biomatch.settings.verdict import HeldOutRate, Verdict

WORST_MISFIT = 4.0
"""Root mean square residual, in units of expected errors, from which a profile describes other data."""
WORST_FACTOR = 4.0
"""Held-out FPIR beyond this factor of the predicted one, its whole interval, refuses a profile: the largest
declared band is a factor of 3.
"""
RANGE = 100.0
"""Multiple of the fitted identities up to which fits were tested (benchmarks/results/fit.md)."""
RANGE_FPIR = 0.01


def pronounce(twin: Twin, sample: ScoreSample, goodness: Goodness) -> Verdict:
    """Judge a fit.

    Parameters
    ----------
    twin : Twin
    sample : ScoreSample
        What it was fitted to.
    goodness : Goodness
        Its table, held-out rows and warnings.

    Returns
    -------
    Verdict
    """
    people = sample.identities or max(int(math.sqrt(sample.non_mated)), 1)
    refused = []
    centring = (
        f" Strangers' scores average {sample.mean_non_mated:.2f}: the templates lean one way; try --centre."
        if sample.mean_non_mated > FAR
        else ""
    )
    if twin.misfit > WORST_MISFIT:
        refused.append(
            f"The misfit is {twin.misfit:.1f} (1 is as good as any, {WORST_MISFIT:g} the worst that is "
            f"accepted).{centring}"
        )
    for row in goodness.held_out:
        low, high = row.seen.interval
        if low > row.predicted * WORST_FACTOR or high < row.predicted / WORST_FACTOR:
            refused.append(
                f"On identities kept from the fit, N = {row.gallery:,}, FPIR was {row.seen} where "
                f"{row.predicted:.3g} was predicted.{centring}"
            )
            break
    return Verdict(
        misfit=float(f"{twin.misfit:.3g}"),
        converged=twin.converged,
        largest_gallery=RANGE * people,
        lowest_fmr=float(f"{RANGE_FPIR / (RANGE * people):.3g}"),
        refused=refused,
        warnings=list(goodness.warnings),
        held_out=[
            HeldOutRate(
                gallery=row.gallery,
                threshold=float(f"{row.threshold:.6g}"),
                predicted=float(f"{row.predicted:.4g}"),
                false_positives=row.seen.numerator,
                searches=row.seen.denominator,
            )
            for row in goodness.held_out
        ],
    )
