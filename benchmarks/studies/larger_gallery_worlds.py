"""Back-test on templates: FPIR measured at N <= 2,000 carried to N = 200,000, where it is measured too.

    python benchmarks/studies/larger_gallery_worlds.py [--probes 20000]

One gallery of 200,000 synthetic faces a profile. Ten disjoint parts of it (2,000 references, of which nested
500 and 1,000) are the test galleries of one set of strangers; other strangers, searched against the whole
gallery, give the rate that is held out. The face model is the profile's own score law, and once the leader's
law on templates of the mid-field tier: wrong on purpose.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray

from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import load_profile
from biomatch.tuning.growth.methods import Gallery, fpir_at

SIZES, HELD_OUT, PARTS = (500, 1_000, 2_000), 200_000, 10
DIMENSION, SEED, STRANGERS = 512, 20_261_124, 1 << 40
WORLDS = (
    ("visa-border-leader", "visa-border-leader"),
    ("visa-border-50th", "visa-border-50th"),
    ("kiosk-leader", "kiosk-leader"),
    ("visa-border-50th", "visa-border-leader"),
)
"""(profile of the templates, profile of the face model)."""
VERDICT = """
What `tune` uses: *binomial*, for the reason in larger_gallery.md: in no world is its median too low.
"""


def templates(name: str, persons: NDArray[np.int64], *, enrolment: bool) -> NDArray[np.float32]:
    """Render one capture a person."""
    profile = load_profile(name)
    out = np.empty((len(persons), DIMENSION), np.float32)
    shots = Shots.of(persons, np.full(len(persons), 0 if enrolment else 1), enrolment=enrolment)
    render(FaceSpace(profile, seed=SEED), People.make(profile, persons), shots, out)
    return out


def best_scores(probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the best score among the first n references for each n of `SIZES` in each part, and among all.

    Returns shape (PARTS * len(SIZES) + 1, probes).
    """
    found = np.full((PARTS * len(SIZES) + 1, len(probes)), -np.inf, np.float32)
    block, step = SIZES[-1], 2_000
    for begin in range(0, len(probes), step):
        rows = slice(begin, begin + step)
        for number, start in enumerate(range(0, len(references), block)):
            scores = probes[rows] @ references[start : start + block].T
            if number < PARTS:
                for place, size in enumerate(SIZES):
                    found[number * len(SIZES) + place, rows] = scores[:, :size].max(axis=1)
            np.maximum(found[-1, rows], scores.max(axis=1), out=found[-1, rows])
    return found


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=20_000, help="strangers of the test, and of the truth")
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/larger-gallery-worlds.md"))
    given = parser.parse_args()
    rows: list[str] = []
    measured: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for made, model in WORLDS:
        if made not in measured:
            began = time.perf_counter()
            references = templates(made, np.arange(HELD_OUT), enrolment=True)
            strangers = templates(made, STRANGERS + np.arange(2 * given.probes), enrolment=False)
            tested = best_scores(strangers[: given.probes], references[: PARTS * SIZES[-1]])
            truth = best_scores(strangers[given.probes :], references)[-1]
            measured[made] = tested, truth
            print(made, round(time.perf_counter() - began), "s", file=sys.stderr, flush=True)
        rows += table(made, model, *measured[made], resamples=given.resamples)
    text = f"""# FPIR at a larger gallery: back-test on templates

`python benchmarks/studies/larger_gallery_worlds.py --probes {given.probes} --resamples {given.resamples}`

{given.probes:,} non-mated searches against nested galleries of {", ".join(f"{n:,}" for n in SIZES)};
as many of other strangers against {HELD_OUT:,} references give the rate held out, at the threshold
where it is the target. *Ratio*: estimate over truth, median and range of {PARTS} test galleries.
*Covered*: galleries whose 95 % interval (sampling error of the test alone) holds the truth.

| templates | face model | FPIR at {HELD_OUT:,} | errors at {SIZES[-1]:,} | method | ratio | range | covered |
|---|---|---|---|---|---|---|---|
"""
    given.out.write_text(text + "\n".join(rows) + "\n" + VERDICT, encoding="utf-8")


def table(
    made: str,
    model: str,
    tested: NDArray[np.float32],
    truth: NDArray[np.float32],
    *,
    resamples: int,
) -> list[str]:
    """Give the rows of one world: every method at two held-out rates."""
    law, rows = ScoreLaw(load_profile(model)), []
    for target in (0.1, 0.01):
        threshold = float(np.sort(truth)[::-1][int(target * truth.size) - 1])
        ratios: dict[str, list[float]] = {}
        held: dict[str, list[bool]] = {}
        errors = []
        for part in range(PARTS):
            galleries = [Gallery(size, tested[part * len(SIZES) + place]) for place, size in enumerate(SIZES)]
            errors.append(int((galleries[-1].top_scores >= threshold).sum()))
            for one in fpir_at(galleries, HELD_OUT, threshold, law=law, resamples=resamples):
                if one.fpir is not None:
                    ratios.setdefault(one.method, []).append(one.fpir / target)
                if one.interval is not None:
                    held.setdefault(one.method, []).append(one.interval[0] <= target <= one.interval[1])
        for method, values in ratios.items():
            covered = held.get(method, [])
            rows.append(
                f"| {made} | {model} | {target:g} | {np.median(errors):.0f} | {method} "
                f"| {np.median(values):.2f} | {min(values):.2f} to {max(values):.2f} "
                f"| {sum(covered)} of {len(covered)} |"
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()
