"""Closed form, correction and brute force side by side, up to N = 1.6 million.

    python benchmarks/studies/closed_form.py [--profile NAME] [--probes N] [--galleries N ...] [--out FILE]

Non-mated probes are searched by matrix products against galleries that are made chunk by chunk; the
table puts FPIR with its Clopper-Pearson interval beside the profile's closed form, with and without the
part measured by simulation, and beside 1 - (1 - FMR)^N. A second table holds one threshold and follows
FPIR from gallery to gallery: the slope that the closed form gives beside the one counted.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biomatch.rates import rate
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import load_profile
from biomatch.streams import stream
from biomatch.training.clustering import best_scores

GALLERIES = (16_000, 160_000, 640_000, 1_600_000)
LEVELS = (0.3, 0.1, 0.03, 0.01, 0.003)
FIXED = 0.03
"""FPIR at the largest gallery of the threshold that the slopes are taken at."""
SEED = 2**32 + 101


def table(name: str, probes: int, galleries: tuple[int, ...]) -> str:
    """Run the searches and write the table as Markdown."""
    profile = load_profile(name)
    began = time.perf_counter()
    found = best_scores(profile, galleries, probes, SEED)
    seconds = time.perf_counter() - began
    corrected = ScoreLaw(profile)
    plain = ScoreLaw(profile.with_({"likeness.common": 0.0}))
    lines = [
        f"# FPIR of `{name}`: closed form, correction and brute force",
        "",
        f"`python benchmarks/studies/closed_form.py --profile {name} --probes {probes} --galleries "
        f"{' '.join(map(str, galleries))}`: {probes:,} non-mated probes of distinct people, d = "
        f"{profile.dimension}, seed {SEED}, {seconds:,.0f} s of one shared core. The profile's "
        "`likeness.common` was measured on other people (N up to 60,000). All rows share their probes, and "
        "galleries are nested: what a sample of probes has too much of, it has in every row.",
        "",
        "| N | threshold | false positives | brute force FPIR (95%) | corrected | closed form, common = 0 "
        "| 1-(1-FMR)^N | corrected / brute force |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size, scores in found.items():
        for level in LEVELS:
            threshold = corrected.threshold(size, level)
            seen = rate(int((scores >= threshold).sum()), probes)
            values = (
                float(corrected.fpir(size, threshold)),
                float(plain.fpir(size, threshold)),
                float(corrected.fpir_if_independent(size, threshold)),
            )
            ratio = f"{values[0] / seen.value:.2f}" if seen.value else "-"
            lines.append(
                f"| {size:,} | {threshold:.4f} | {seen.numerator} | {(seen.value or 0.0):.5f} "
                f"({seen.interval[0]:.5f} to {seen.interval[1]:.5f}) | {values[0]:.5f} | {values[1]:.5f} "
                f"| {values[2]:.5f} | {ratio} |"
            )
    return "\n".join([*lines, *_growth(corrected, found)]) + "\n"


def _growth(law: ScoreLaw, found: dict[int, NDArray[np.float32]]) -> list[str]:
    """Follow FPIR at one threshold from each gallery to the largest."""
    largest = max(found)
    threshold = law.threshold(largest, FIXED)
    lines = [
        "",
        f"Growth at one threshold, {threshold:.4f} (FPIR {FIXED} at N = {largest:,} by the closed form); "
        "intervals by resampling the probes, which are the same in all galleries.",
        "",
        "| from N | false positives | brute force FPIR | closed form "
        f"| slope to {largest:,}, brute force (95%) | slope, closed form |",
        "|---|---|---|---|---|---|",
    ]
    last = found[largest] >= threshold
    rng = stream(SEED, "benchmarks.growth")
    for size, scores in found.items():
        over = scores >= threshold
        row = f"| {size:,} | {int(over.sum())} | {over.mean():.5f} | {float(law.fpir(size, threshold)):.5f} "
        if size == largest:
            lines.append(row + "| | |")
            continue
        span = np.log(largest / size)
        seen = []
        for draw in range(501):
            rows = np.arange(len(over)) if draw == 0 else rng.integers(0, len(over), len(over))
            seen.append(np.log(last[rows].sum() / max(float(over[rows].sum()), 0.5)) / span)
        low, high = np.quantile(seen[1:], [0.025, 0.975])
        rise = float(np.log(law.fpir(largest, threshold) / law.fpir(size, threshold)) / span)
        lines.append(row + f"| {seen[0]:.2f} ({low:.2f} to {high:.2f}) | {rise:.2f} |")
    return lines


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="visa-border-leader")
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--galleries", type=int, nargs="+", default=list(GALLERIES))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    text = table(chosen.profile, chosen.probes, tuple(chosen.galleries))
    print(text)
    if chosen.out is not None:
        chosen.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
