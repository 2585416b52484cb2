"""Back-test of ``biomatch fit``: fitted on few identities, asked about a gallery 100 times larger.

    python benchmarks/studies/fit.py [--cases NAME ...] [--people 300 600 2000] [--repetitions 20]
        [--store FILE.json] [--out FILE.md]

Beside the fit stand a generalised Pareto tail and a normal law on the same scores (mated and non-mated), both
with 1 - (1 - FMR)^N. Each law chooses the threshold that it takes for FPIR 0.01 at 100 times its identities,
and says what FNIR it expects there. The truth is brute force: other people of the same profile searched in a
gallery of that size, and other mated pairs. Results are kept in the store: cases can be run one by one.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray
from scipy.stats import genpareto, norm

from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.fit import fit_embeddings
from biomatch.scorelaw.fit.report import fpir_band
from biomatch.settings.profile import FaceProfile, load_profile

LIMIT, PROBES, MATED, TAIL, SEED = 0.01, 8000, 40_000, 0.01, 2**32 + 207
MATED_TAIL = 0.05
LAWS = ("fit", "Pareto", "normal")
GROUPS = ["E-Asia F", "E-Europe F", "E-Europe M"]
CASES: dict[str, tuple[str, dict[str, float], list[str] | None]] = {
    "known: visa-border-50th": ("visa-border-50th", {}, None),
    "known: visa-border-leader": ("visa-border-leader", {}, None),
    "other kernel and k (length 2.8, k = 10)": (
        "visa-border-50th",
        {"likeness.length": 2.8, "likeness.latent_dimension": 10},
        None,
    ),
    "heavier noise (image 0.45, person 0.3)": (
        "visa-border-50th",
        {"noise.image": 0.45, "noise.person": 0.3},
        None,
    ),
    "three groups that the fit is not told of": ("visa-border-50th", {}, GROUPS),
}
Vectors = NDArray[np.float32]


def profile_of(case: str) -> FaceProfile:
    """Make the profile of a case; both images of a pair are of the probes' kind, as in a user's folder."""
    name, changes, _ = CASES[case]
    base = load_profile(name).with_(changes)
    return base.with_({"noise.enrolment_image": 1.0, "noise.unusable_enrolment": base.noise.unusable})


def capture(case: str, first: int, count: int, image: int, seed: int) -> Vectors:
    """Take one image of each of `count` persons from number `first` on."""
    profile, groups = profile_of(case), CASES[case][2]
    ids = np.arange(first, first + count)
    people = People.make(profile, ids, group=[groups[i % len(groups)] for i in ids] if groups else None)
    space = FaceSpace(profile, seed=seed)
    out = np.empty((count, space.dimension), dtype=np.float32)
    render(space, people, Shots.of(ids, image), out)
    return out


def truth(case: str, sizes: list[int]) -> tuple[dict[int, NDArray[np.float32]], NDArray[np.float32]]:
    """Search other people by brute force: best score of each probe by gallery size, and mated scores."""
    largest, block = max(sizes), 4000
    probes = capture(case, largest, PROBES, 1, SEED)
    best = np.full(PROBES, -1.0, dtype=np.float32)
    found = {}
    edges = sorted({*range(0, largest, block), *sizes, largest})
    for first, last in pairwise(edges):
        np.maximum(best, (probes @ capture(case, first, last - first, 0, SEED).T).max(axis=1), out=best)
        if last in sizes:
            found[last] = best.copy()
    mated = np.concatenate(
        [
            np.einsum("nd,nd->n", capture(case, n, 4000, 0, SEED), capture(case, n, 4000, 1, SEED))
            for n in range(largest + PROBES, largest + PROBES + MATED, 4000)
        ]
    )
    return found, mated


def answers(case: str, people: int, turn: int) -> dict[str, Any]:
    """Threshold for FPIR `LIMIT` at 100 times the identities and FNIR there, as each law has them."""
    size, seed = 100 * people, SEED + 1 + turn
    first, second = (capture(case, 0, people, image, seed) for image in (0, 1))
    labels = np.repeat(np.arange(people), 2).astype(np.str_)
    templates = np.stack([first, second], axis=1).reshape(2 * people, -1)
    found = fit_embeddings(templates, labels, "twin", turn)
    law = ScoreLaw(found.profile)
    scores = (second @ first.T).astype(np.float64)
    mated, others = np.diag(scores).copy(), scores[~np.eye(people, dtype=bool)]
    fmr = -np.expm1(np.log1p(-LIMIT) / size)
    edge = float(np.quantile(others, 1.0 - TAIL))
    shape, _, scale = genpareto.fit(others[others > edge] - edge, floc=0.0)
    low = float(np.quantile(mated, MATED_TAIL))
    low_shape, _, low_scale = genpareto.fit(low - mated[mated < low], floc=0.0)
    asked = {
        "fit": law.threshold(size, LIMIT),
        "Pareto": edge + float(genpareto.isf(fmr / TAIL, shape, 0.0, scale)),
        "normal": float(norm.isf(fmr, others.mean(), others.std())),
    }
    t = asked["Pareto"]
    beyond = MATED_TAIL * float(genpareto.sf(low - t, low_shape, 0.0, low_scale))
    expected = {
        "fit": float(law.fnir(min(max(asked["fit"], -0.3), 0.98))),
        "Pareto": beyond if t < low else float((mated < t).mean()),
        "normal": float(norm.cdf(asked["normal"], mated.mean(), mated.std())),
    }
    return {
        "threshold": asked,
        "fnir": expected,
        "warnings": list(found.goodness.warnings),
    }


def run(case: str, sizes: list[int], repetitions: int) -> dict[str, Any]:
    """Run one case; keys of the result are numbers of identities."""
    best, mated = truth(case, [100 * n for n in sizes])
    store: dict[str, Any] = {}
    for people in sizes:
        rows = []
        for turn in range(repetitions):
            row = answers(case, people, turn)
            row["true_fpir"] = {
                law: float((best[100 * people] >= t).mean()) for law, t in row["threshold"].items()
            }
            row["true_fnir"] = {law: float((mated < t).mean()) for law, t in row["threshold"].items()}
            rows.append(row)
        store[str(people)] = rows
    return store


def off(true: list[float], said: list[float], trials: int) -> NDArray[np.float64]:
    """Factors between what a law said and what was counted; no event counts as half of one."""
    ratio = np.maximum(true, 0.5 / trials) / np.maximum(said, 0.5 / trials)
    return np.asarray(np.maximum(ratio, 1.0 / ratio))


def table(store: dict[str, Any]) -> list[str]:
    """Lay the store out as Markdown."""
    lines = [
        "| data | identities | law | true FPIR where 0.01 was asked: median (10% to 90%) "
        "| factor off, median (90%) | true FNIR, median | said, median | factor off, median (90%) "
        "| FPIR within the fit's own band | warned |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in [name for name in CASES if name in store]:
        for people, rows in store[case].items():
            medians = {}
            for law in LAWS:
                fpir = [row["true_fpir"][law] for row in rows]
                factor = off(fpir, [LIMIT] * len(rows), PROBES)
                medians[law] = float(np.median(factor))
            for law in LAWS:
                fpir = np.array([row["true_fpir"][law] for row in rows])
                fnir, said = ([row[key][law] for row in rows] for key in ("true_fnir", "fnir"))
                factor = off(list(fpir), [LIMIT] * len(rows), PROBES)
                missed = off(fnir, said, MATED)
                inside = int((factor <= 1.0 + fpir_band(int(people))).sum())
                best = medians[law] == min(medians.values())
                low, high = np.quantile(fpir, [0.1, 0.9])
                lines.append(
                    f"| {case} | {people} | {f'**{law}**' if best else law} | {np.median(fpir):.4f} "
                    f"({low:.4f} to {high:.4f}) | {np.median(factor):.2f} "
                    f"({np.quantile(factor, 0.9):.2f}) | {np.median(fnir):.4f} | {np.median(said):.4f} "
                    f"| {np.median(missed):.2f} ({np.quantile(missed, 0.9):.2f}) "
                    f"| {f'{inside} of {len(rows)}' if law == 'fit' else ''} "
                    f"| {_warned(rows) if law == 'fit' else ''} |"
                )
    return lines


def _warned(rows: list[dict[str, Any]]) -> str:
    return f"{sum(bool(row['warnings']) for row in rows)} of {len(rows)}"


def main() -> None:
    """Run what is asked, keep it, and write the table of all that is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--people", type=int, nargs="+", default=[300, 600, 2000])
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--store", type=Path, default=Path("benchmarks/results/fit.json"))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    store = json.loads(chosen.store.read_text(encoding="utf-8")) if chosen.store.exists() else {}
    for case in chosen.cases:
        began = time.process_time()
        store.setdefault(case, {}).update(run(case, chosen.people, chosen.repetitions))
        print(f"{case}: {time.process_time() - began:,.0f} s of processor time", flush=True)
        chosen.store.write_text(json.dumps(store, indent=0), encoding="utf-8")
    print("\n".join(table(store)))
    if chosen.out is not None:
        head = [
            f"# `biomatch fit`, asked about 100 times its identities (FPIR {LIMIT})",
            "",
            f"`python benchmarks/studies/fit.py --out {chosen.out}`: {chosen.repetitions} repetitions, two",
            f"images a person, seed {SEED}; truth by brute force, {PROBES:,} non-mated probes and {MATED:,}",
            "mated pairs of other people. Bold: nearest to FPIR 0.01 of the three. Raw answers: `fit.json`.",
            "",
        ]
        chosen.out.write_text("\n".join([*head, *table(store)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
