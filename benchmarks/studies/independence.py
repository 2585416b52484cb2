"""What a guarantee is worth when the same people stand in many comparisons.

``python benchmarks/studies/independence.py [SETS]``: people are compared in all pairs, a score is
o_i + o_j + noise (standard deviations 0.6, 0.6, 1), the target of FMR is 0.02. A set is *broken* where the
true FMR of its guaranteed threshold exceeds the target; at 95 % confidence one set in twenty may.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import norm

from biomatch.errors import ResultsError
from biomatch.portable.types import Ints
from biomatch.tuning.guarantee import guarantee

SD, NOISE, TARGET = 0.6, 1.0, 0.02
TOTAL = float(np.sqrt(2 * SD**2 + NOISE**2))


def one_set(people: int, rng: np.random.Generator) -> tuple[np.ndarray, Ints, Ints]:
    """Draw the scores of all pairs, and who stands on either side."""
    one, two = np.triu_indices(people, 1)
    effect = rng.normal(0.0, SD, people)
    return effect[one] + effect[two] + rng.normal(0.0, NOISE, one.size), one, two


def study(people: int, sets: int, *, named: str, seed: int = 0) -> dict[str, int | float]:
    """Count broken and refused sets; `named`: ``"none"``, ``"probe"`` or ``"both"``."""
    rng = np.random.default_rng(seed)
    broken, refused, realised = 0, 0, []
    for _ in range(sets):
        scores, one, two = one_set(people, rng)
        try:
            found = guarantee(
                scores,
                None if named == "none" else one,
                references=two if named == "both" else None,
                target=TARGET,
                measure="FMR",
            )
        except ResultsError:
            refused += 1
            continue
        realised.append(float(found.realised.value or 0.0))
        broken += float(norm.sf(found.threshold / TOTAL)) > TARGET
    mean = float(np.mean(realised)) if realised else float("nan")
    return {"people": people, "sets": sets, "broken": broken, "refused": refused, "mean_realised": mean}


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for size, how in ((60, "none"), (60, "both"), (400, "none"), (400, "both")):
        print(how, study(size, number if size < 400 or how == "both" else number // 5, named=how), flush=True)
