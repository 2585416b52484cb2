"""What a guarantee is worth when the same people stand in many comparisons.

``python benchmarks/studies/independence.py [--out FILE]``: people are compared in all pairs, a score is
o_i + o_j + noise (standard deviations 0.6, 0.6, 1), the target of FMR is 0.02. A set is *broken* where the
true FMR of its guaranteed threshold exceeds the target; at 95 % confidence one set in twenty may.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import binom, norm

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


SIZES = ((60, "none", 1000), (60, "both", 1000), (120, "both", 1000), (200, "both", 1000), (400, "both", 400))
"""People, which ids are named, and sets."""


def page() -> str:
    """Write the page."""
    lines = [
        "# A guarantee where the same people stand in many comparisons",
        "",
        "`python benchmarks/studies/independence.py --out FILE`",
        "",
        "All pairs of some people; a score is o_i + o_j + noise (standard deviations 0.6, 0.6, 1); target",
        "FMR 0.02 with 95 % confidence. *Broken*: the true FMR at the guaranteed threshold exceeds it.",
        "*Most*: more would be significantly more than 5 % of the sets (one-sided, 5 % level). Where all",
        "sets are refused, too few people were compared to show the target: nothing is promised or broken.",
        "",
        "| people | ids named | sets | refused | broken | most | mean FMR realised in the set |",
        "|---|---|---|---|---|---|---|",
    ]
    for people, named, sets in SIZES:
        found = study(people, sets, named=named)
        most = int(binom.ppf(0.95, sets, 0.05))
        mean = "" if found["refused"] == sets else f"{found['mean_realised']:.4f}"
        lines.append(
            f"| {people} | {named} | {sets:,} | {found['refused']:,} "
            f"| {found['broken']:,} | {most:,} | {mean} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.out is None:
        print(page())
    else:
        asked.out.write_text(page(), encoding="utf-8")
