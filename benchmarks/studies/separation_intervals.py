"""Coverage of the intervals of EER, AUC, Cllr and TAR at an FMR where subjects make several comparisons.

    python benchmarks/studies/separation_intervals.py [--sets 2000] [--out FILE]

A subject's own shift stays in all its comparisons, mated and non-mated: mated scores are N(2, 1) and
non-mated ones N(-1, 1) plus a shift N(0, `spread`). All four true values follow from that law.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from scipy.stats import binom, norm

from biomatch.curves import separation
from biomatch.curves.build import verification_curve
from biomatch.curves.verification import VerificationCurve
from biomatch.tuning.usual import at_target, equal_error

TARGET = 0.1


@dataclass(frozen=True)
class Design:
    """People, comparisons of each kind a person, and the standard deviation of a person's shift."""

    people: int
    each: int
    spread: float

    def truth(self) -> dict[str, float]:
        """Give the values of the law."""
        scale = float(np.hypot(self.spread, 1.0))
        nodes, weights = np.polynomial.hermite_e.hermegauss(200)
        own = np.logaddexp(0, -(2.0 + scale * nodes)) / np.log(2)
        other = np.logaddexp(0, -1.0 + scale * nodes) / np.log(2)
        return {
            "EER": float(norm.sf(1.5 / scale)),
            "AUC": float(norm.cdf(3.0 / (scale * np.sqrt(2.0)))),
            "Cllr": float((weights @ (own + other)) / weights.sum() / 2),
            "TAR at FMR 0.1": float(norm.sf((-1.0 + scale * norm.isf(TARGET) - 2.0) / scale)),
        }

    def curve(self, random: np.random.Generator) -> VerificationCurve:
        """Draw one data set."""
        who = np.repeat(np.arange(self.people), self.each)
        shift = random.normal(0, self.spread, self.people)[who]
        mated = 2.0 + shift + random.normal(0, 1, who.size)
        other = -1.0 + shift + random.normal(0, 1, who.size)
        return verification_curve(mated, other, mated_subjects=who, non_mated_subjects=who)


DESIGNS = (Design(40, 4, 0.7), Design(100, 4, 0.7), Design(100, 8, 1.2), Design(200, 2, 1.0))


def intervals(curve: VerificationCurve) -> dict[str, tuple[float, float] | None]:
    """Give the four intervals; None where none is given."""
    missed = at_target(curve, TARGET).interval
    return {
        "EER": equal_error(curve).interval,
        "AUC": separation.auc(curve).interval,
        "Cllr": separation.cllr(curve).interval,
        "TAR at FMR 0.1": None if missed is None else (1.0 - missed[1], 1.0 - missed[0]),
    }


def rows(design: Design, sets: int, seed: int = 22) -> list[str]:
    """Count over `sets` data sets; a set without an interval counts apart, not as covered."""
    random = np.random.default_rng(seed)
    truth = design.truth()
    held, given = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for _ in range(sets):
        for name, ends in intervals(design.curve(random)).items():
            if ends is not None:
                given[name] += 1
                held[name] += ends[0] <= truth[name] <= ends[1]
    lines = []
    for name, value in truth.items():
        line = f"| {design.people} x {design.each}, shift {design.spread:g} | {name} | {value:.4f} "
        line += f"| {given[name]:,} "
        if given[name]:
            least = int(binom.ppf(0.05, given[name], 0.95))
            verdict = "" if held[name] >= least else " (significantly below)"
            lines.append(f"{line}| {held[name]:,}{verdict} | {least:,} |")
        else:
            lines.append(f"{line}| not shown | |")
    return lines


def page(sets: int) -> str:
    """Write the page."""
    with ProcessPoolExecutor(2) as pool:
        table = [line for lines in pool.map(rows, DESIGNS, repeat(sets)) for line in lines]
    return "\n".join(
        [
            "# Intervals of EER, AUC, Cllr and TAR with clustered subjects",
            "",
            f"`python benchmarks/studies/separation_intervals.py --sets {sets}`",
            "",
            f"{sets:,} data sets a design at 95 %. Fewer covered than *least* is significantly below 95 %",
            "(one-sided 5 % level, one row). A shift of its own stays in all comparisons of a person, mated",
            "and non-mated. *Not shown*: so few people cannot show the FMR, and no interval is given.",
            "",
            "| people x comparisons | figure | true value | interval given | covered | least |",
            "|---|---|---|---|---|---|",
            *table,
            "",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    text = page(asked.sets)
    if asked.out is None:
        print(text)
    else:
        asked.out.write_text(text, encoding="utf-8")
