"""Coverage and width of intervals for rates whose trials come in clusters (subjects).

    python benchmarks/studies/clustered_intervals.py [--sets 2000] [--out FILE]

Errors of a subject are beta-binomial with an intraclass correlation; the true rate is known. The width is
printed over the cluster-robust ideal, 2 x 1.96 standard deviations of the estimate over all sets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta, binom
from scipy.stats import t as student

from biomatch.rates import clustered_rate, rate

Interval = Callable[[np.ndarray, np.ndarray], tuple[float, float]]


@dataclass(frozen=True)
class Design:
    """Sizes of subjects, their shares, and the correlation of two errors of one subject."""

    sizes: tuple[int, ...]
    shares: tuple[float, ...]
    correlation: float

    def sample(self, rng: np.random.Generator, p: float, expected: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw errors and trials by subject, with `expected` errors in all."""
        sizes = np.array(self.sizes)
        subjects = max(2, round(expected / p / float(sizes @ np.array(self.shares))))
        m = sizes[rng.choice(sizes.size, subjects, p=self.shares)]
        if self.correlation == 0:
            return rng.binomial(m, p), m
        strength = 1 / self.correlation - 1
        return rng.binomial(m, rng.beta(p * strength, (1 - p) * strength, subjects)), m


DESIGNS = {
    "1 each": Design((1,), (1.0,), 0.0),
    "3 each, r 0.3": Design((3,), (1.0,), 0.3),
    "5 each, r 0.7": Design((5,), (1.0,), 0.7),
    "10 each, r 0.5": Design((10,), (1.0,), 0.5),
    "1 to 10, r 0.5": Design((1, 2, 4, 10), (0.5, 0.3, 0.15, 0.05), 0.5),
    "1 to 20, r 0.5": Design((1, 3, 20), (0.7, 0.27, 0.03), 0.5),
}


def ours(errors: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """Take the interval of `biomatch.rates.clustered_rate`."""
    return clustered_rate(errors, trials).interval


def ignoring(errors: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """Take Clopper-Pearson over all trials, as if they were independent."""
    return rate(int(errors.sum()), int(trials.sum())).interval


def korn_graubard(errors: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """Take Clopper-Pearson at the effective sample size (Korn and Graubard, Survey Methodology 24, 1998)."""
    k, n, subjects = float(errors.sum()), float(trials.sum()), errors.size
    p = k / n
    spread = ((errors - p * trials) ** 2).sum() * subjects / (subjects - 1) / n**2
    size = n * n / float((trials**2.0).sum())
    if 0 < k < n and spread > 0:
        freedom = student.ppf(0.975, n - 1) / student.ppf(0.975, subjects - 1)
        size = min(n, p * (1 - p) / spread * freedom**2)
    x = p * size
    low = beta.ppf(0.025, x, size - x + 1) if x > 0 else 0.0
    high = beta.ppf(0.975, x + 1, size - x) if x < size else 1.0
    return float(low), float(high)


RULES: dict[str, Interval] = {"biomatch": ours, "ignoring clusters": ignoring, "Korn-Graubard": korn_graubard}


def study(
    design: Design, p: float, expected: float, sets: int, rules: dict[str, Interval], seed: int = 1
) -> dict[str, tuple[int, float]]:
    """Give, by rule, how many of `sets` intervals hold p, and the mean width over the ideal."""
    rng = np.random.default_rng([seed, int(1 / p), int(expected)])
    held = dict.fromkeys(rules, 0)
    width = dict.fromkeys(rules, 0.0)
    estimates = []
    for _ in range(sets):
        errors, trials = design.sample(rng, p, expected)
        estimates.append(errors.sum() / trials.sum())
        for name, rule in rules.items():
            low, high = rule(errors, trials)
            held[name] += low <= p <= high
            width[name] += high - low
    ideal = 2 * 1.959964 * float(np.std(estimates))
    return {name: (held[name], width[name] / sets / ideal) for name in rules}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/clustered-intervals.md"))
    given = parser.parse_args()
    rows = []
    for p in (0.003, 0.03, 0.3):
        for expected in (5, 30, 100):
            for name, design in DESIGNS.items():
                found = study(design, p, expected, given.sets, RULES)
                cells = " | ".join(f"{held / given.sets:.3f} | {width:.2f}" for held, width in found.values())
                rows.append(f"| {p} | {expected} | {name} | {cells} |")
                print(rows[-1], file=sys.stderr, flush=True)
    least = binom.ppf(0.05, given.sets, 0.95) / given.sets
    head = "".join(f" {name}: coverage | width / ideal |" for name in RULES)
    text = f"""# Intervals for rates with clustered subjects

`python benchmarks/studies/clustered_intervals.py --sets {given.sets}`

{given.sets:,} sets a row at 95 %; coverage below {least:.3f} is significantly below 95 % (one-sided 5 %
level, one row). r: intraclass correlation of a subject's errors (beta-binomial). Ideal width: 2 x 1.96
standard deviations of the estimate.

| rate | expected errors | subjects' searches |{head}
|---|---|---|{"---|" * 2 * len(RULES)}
"""
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
