"""Coverage of the intervals of EER, AUC, Cllr and of misses at a target FMR.

``python benchmarks/studies/separation_intervals.py [--sets 2000]`` writes
``results/separation_intervals.md``. A subject's scores share an effect, so that they come in clusters; mated
scores are normal about `APART`, non-mated ones about 0, both of variance 1. The truth is that of the normal
law (Cllr by quadrature). Coverage is that of 95% intervals; it is marked where it is significantly below
nominal (one-sided 5%, a row at a time).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.integrate import quad
from scipy.stats import binom, norm

from biomatch.curves import separation
from biomatch.curves.build import verification_curve
from biomatch.curves.verification import VerificationCurve
from biomatch.tuning.usual import at_target, equal_error

Design = tuple[int, int, int, float]
Counts = dict[str, tuple[int, int, float]]
RESULTS = Path(__file__).parent.parent / "results"
APART = 3.0
TARGETS = (0.1, 0.01)
DESIGNS = (
    # subjects, mated and non-mated comparisons of each, share of variance that is the subject's
    (300, 1, 4, 0.0),
    (100, 3, 10, 0.3),
    (100, 1, 30, 0.5),
    (40, 5, 30, 0.3),
    (40, 10, 50, 0.7),
)


def truths() -> dict[str, float]:
    """Give what every interval should cover."""
    ratio = np.log(2.0)

    def own(score: float) -> float:
        return float(norm.pdf(score, APART) * np.logaddexp(0.0, -score) / ratio)

    def strange(score: float) -> float:
        return float(norm.pdf(score) * np.logaddexp(0.0, score) / ratio)

    cost = (quad(own, -9.0, 15.0)[0] + quad(strange, -9.0, 12.0)[0]) / 2.0
    found = {"EER": float(norm.sf(APART / 2)), "AUC": float(norm.cdf(APART / np.sqrt(2.0))), "Cllr": cost}
    return found | {f"FNMR at FMR {at:g}": float(norm.cdf(norm.isf(at) - APART)) for at in TARGETS}


def drawn(subjects: int, mated: int, other: int, share: float, rng: np.random.Generator) -> VerificationCurve:
    """Draw one set of comparisons."""
    effect = rng.normal(0.0, np.sqrt(share), subjects)

    def scores(each: int, centre: float) -> tuple[np.ndarray, np.ndarray]:
        who = np.repeat(np.arange(subjects), each)
        return centre + effect[who] + rng.normal(0.0, np.sqrt(1.0 - share), who.size), who

    one, whose = scores(mated, APART)
    two, others = scores(other, 0.0)
    return verification_curve(one, two, mated_subjects=whose, non_mated_subjects=others)


def study(sets: int, seed: int = 0) -> list[tuple[Design, Counts]]:
    """Count, for each design and figure, intervals that were shown and that covered, and their mean width."""
    rows = []
    for at, design in enumerate(DESIGNS):
        rng = np.random.default_rng([seed, at])
        counts: dict[str, list[float]] = {}
        for _ in range(sets):
            curve = drawn(*design, rng)
            ends = {
                "EER": equal_error(curve).interval,
                "AUC": separation.auc(curve).interval,
                "Cllr": separation.cllr(curve).interval,
            } | {f"FNMR at FMR {target:g}": at_target(curve, target).interval for target in TARGETS}
            for name, truth in truths().items():
                interval = ends[name]
                if interval is not None:
                    kept = counts.setdefault(name, [0, 0, 0.0])
                    kept[0] += 1
                    kept[1] += interval[0] <= truth <= interval[1]
                    kept[2] += interval[1] - interval[0]
        rows.append((design, {name: (int(n), int(c), w / n) for name, (n, c, w) in counts.items()}))
        print(rows[-1], flush=True)
    return rows


def page(sets: int) -> str:
    """Write the page."""
    lines = [
        "# Intervals of EER, AUC, Cllr and of misses at a target FMR, with clustered subjects",
        "",
        f"`python benchmarks/studies/separation_intervals.py --sets {sets}`",
        "",
        f"{sets:,} sets a row, 95% intervals. Mated and non-mated scores are normal, {APART:g} standard",
        "deviations apart; `r` is the share of variance that a subject's scores have in common. *Shown*",
        "counts the sets that could show the figure; **below** marks coverage significantly under 95%",
        "(one-sided 5%).",
        "",
        "| subjects | mated, other | r | figure | truth | shown | covered | coverage | mean width |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    expected = truths()
    for (subjects, mated, other, share), found in study(sets):
        for name, (shown, covered, width) in found.items():
            low = binom.cdf(covered, shown, 0.95) < 0.05
            lines.append(
                f"| {subjects} | {mated}, {other} | {share:g} | {name} | {expected[name]:.4g} | {shown:,} "
                f"| {covered:,} | {covered / shown:.3f}{' **below**' if low else ''} | {width:.3g} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--sets", type=int, default=2000)
    ask.add_argument("--out", type=Path, default=RESULTS / "separation_intervals.md")
    asked = ask.parse_args()
    asked.out.write_text(page(asked.sets))
