"""Row 7: FPIR against N at a fixed threshold, and against independent comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from biomatch.policy import accept
from biomatch.rates import rate
from biomatch.streams import stream
from biomatch.training.clustering import best_scores
from biomatch.verification.cell import CLOSED, PREDICTED, SIMULATED, Cell, Size, check
from biomatch.verification.simulate import SEED, law_of

SLOPE = (0.85, 1.05)
BELOW = (0.5, 1.0)
REAL_FMR, REAL = 9.8e-5, ((1000, "0.85 (0.080 of 0.094)"), (4000, "0.75 (0.24 of 0.32)"))
"""How real false matches cluster: LFW, 5,749 identities, at the threshold of that false match rate."""
SOURCE = "ISO 19795-1; real faces"


@check("7: FPIR against N")
def growth(size: Size) -> Iterator[Cell]:
    """Search strangers in growing galleries at one threshold."""
    probes = size(6000)
    for name in ("visa-border-leader", "visa-border-50th"):
        law = law_of(name)
        small, large = 2000, 32_000
        found = best_scores(law.profile, (small, large), probes, SEED)
        threshold = law.threshold(large, 0.05)
        over = {n: np.asarray(accept(best, threshold)) for n, best in found.items()}
        slopes = _slopes(over[small], over[large], np.log(large / small))
        yield Cell(
            row=7,
            what=f"{name}: log-log slope of FPIR from N = {small:,} to {large:,} at fixed T (FPIR < 0.05)",
            published="near 1",
            value=slopes[0],
            allowed=SLOPE,
            basis=PREDICTED,
            how=SIMULATED,
            source=SOURCE,
            interval=(slopes[1], slopes[2]),
            counts=f"{over[small].sum():,} and {over[large].sum():,} of {probes:,}",
        )
        crowded = law.threshold(large, 0.3)
        seen = rate(int(np.asarray(accept(found[large], crowded)).sum()), probes)
        alone = float(law.fpir_if_independent(large, crowded))
        yield Cell(
            row=7,
            what=f"{name}: FPIR at N = {large:,} over 1-(1-FMR)^N ({alone:.3g})",
            published="at most 1; 0.75 and 0.85 on real faces",
            value=None if seen.value is None else seen.value / alone,
            allowed=BELOW,
            basis=PREDICTED,
            how=SIMULATED,
            source=SOURCE,
            interval=(seen.interval[0] / alone, seen.interval[1] / alone),
            counts=f"{seen.numerator:,} of {seen.denominator:,}",
        )
        for fpir in (0.03, 0.003):
            fixed = law.threshold(12_000_000, fpir)
            rise = np.log(float(law.fpir(12e6, fixed)) / float(law.fpir(1.6e6, fixed))) / np.log(12.0 / 1.6)
            yield Cell(
                row=7,
                what=f"{name}: log-log slope of FPIR from N = 1.6M to 12M, at the T of FPIR {fpir} at 12M",
                published="near 1",
                value=float(rise),
                allowed=SLOPE,
                basis=PREDICTED,
                how=CLOSED,
                source=SOURCE,
            )
        real = law.threshold_at_fmr(REAL_FMR)
        for n, published in REAL:
            alone = float(law.fpir_if_independent(n, real))
            yield Cell(
                row=7,
                what=f"{name}: FPIR at N = {n:,} and FMR {REAL_FMR:g} over 1-(1-FMR)^N ({alone:.3g})",
                published=published,
                value=float(law.fpir(n, real)) / alone,
                allowed=BELOW,
                basis=PREDICTED,
                how=CLOSED,
                source="LFW, a 128-d MobileFaceNet",
            )


def _slopes(
    small: np.ndarray[tuple[int], np.dtype[np.bool_]],
    large: np.ndarray[tuple[int], np.dtype[np.bool_]],
    decades: float,
) -> tuple[float, float, float]:
    """Slope with its 95% interval by resampling probes, which are the same in both galleries."""
    rng = stream(SEED, "verification.slope")
    values = []
    for draw in range(501):
        rows = np.arange(len(small)) if draw == 0 else rng.integers(0, len(small), len(small))
        values.append(np.log(large[rows].sum() / max(small[rows].sum(), 0.5)) / decades)
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return float(values[0]), float(low), float(high)
