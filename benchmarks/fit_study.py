"""Back-test of ``biomatch fit``: fitted on few identities, asked about a gallery 100 times larger.

    python benchmarks/fit_study.py [--repetitions 3] [--people 300 600] [--out FILE.md]

Beside the fit stand a generalised Pareto tail and a normal law on the same non-mated scores, both with
1 - (1 - FMR)^N. Each is asked for the threshold of FPIR 0.01 at 100 times its identities; the true FPIR
there is brute force: other people of the same profile, searched in a gallery of that size.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray
from scipy.stats import genpareto, norm

from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.fit import fit_embeddings
from biomatch.settings.profile import FaceProfile, load_profile
from biomatch.training.clustering import best_scores

LIMIT, PROBES, TAIL, SEED = 0.01, 8000, 0.01, 2**32 + 207
BASE = "visa-border-50th"
CASES = {
    "known profile": {},
    "other kernel length and k": {"likeness.length": 2.8, "likeness.latent_dimension": 10},
    "heavier noise": {"noise.image": 0.45, "noise.person": 0.3},
}


def embeddings(profile: FaceProfile, people: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    space = FaceSpace(profile, seed=seed)
    ids = np.repeat(np.arange(people), 2)
    out = np.empty((len(ids), space.dimension), dtype=np.float32)
    render(space, People.make(profile, np.arange(people)), Shots.of(ids, np.tile([0, 1], people)), out)
    return out, ids.astype(np.str_)


def thresholds(
    templates: NDArray[np.float32], labels: NDArray[np.str_], size: int, seed: int
) -> tuple[dict[str, float], int]:
    """Thresholds of the three laws for FPIR `LIMIT` at N = size, and the number of warnings of the fit."""
    found = fit_embeddings(templates, labels, "twin", seed)
    scores = templates[1::2] @ templates[0::2].T
    scores = scores[~np.eye(len(scores), dtype=bool)]
    fmr = -np.expm1(np.log1p(-LIMIT) / size)
    edge = float(np.quantile(scores, 1.0 - TAIL))
    shape, _, scale = genpareto.fit(scores[scores > edge] - edge, floc=0.0)
    return {
        "fit": ScoreLaw(found.profile).threshold(size, LIMIT),
        "Pareto": edge + float(genpareto.isf(fmr / TAIL, shape, 0.0, scale)),
        "normal": float(norm.isf(fmr, scores.mean(), scores.std())),
    }, len(found.goodness.warnings)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--people", type=int, nargs="+", default=[300, 600])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    began = time.perf_counter()
    lines = [
        f"# FPIR at 100 times the gallery, thresholds for FPIR {LIMIT}",
        "",
        f"`python benchmarks/fit_study.py --repetitions {chosen.repetitions} --people "
        f"{' '.join(map(str, chosen.people))}`: `{BASE}` and what is changed in it, two images a person, "
        f"seed {SEED}. True FPIR: {PROBES:,} probes of other people, brute force.",
        "",
        "| data | identities | law | true FPIR, median of repetitions (lowest to highest) | factor off "
        "| fits with a warning |",
        "|---|---|---|---|---|---|",
    ]
    for case in chosen.cases:
        profile = load_profile(BASE).with_(CASES[case])
        sizes = tuple(sorted(100 * n for n in chosen.people))
        best = best_scores(profile, sizes, PROBES, SEED)
        for people in chosen.people:
            seen: dict[str, list[float]] = {"fit": [], "Pareto": [], "normal": []}
            warned = 0
            for turn in range(chosen.repetitions):
                asked, warnings = thresholds(
                    *embeddings(profile, people, SEED + 1 + turn), 100 * people, turn
                )
                warned += warnings > 0
                for law, threshold in asked.items():
                    seen[law].append(float((best[100 * people] >= threshold).mean()))
            for law, rates in seen.items():
                middle = float(np.median(rates))
                off = float(np.median([max(r, 0.5 / PROBES) / LIMIT for r in rates]))
                lines.append(
                    f"| {case} | {people} | {law} | {middle:.4f} ({min(rates):.4f} to {max(rates):.4f}) | "
                    f"{max(off, 1.0 / off):.2f} | "
                    f"{f'{warned} of {chosen.repetitions}' if law == 'fit' else ''} |"
                )
            print("\n".join(lines[-3:]), flush=True)
    lines += ["", f"{time.perf_counter() - began:,.0f} s on two shared cores."]
    if chosen.out is not None:
        chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
