r"""Number by number beside pyeer, scikit-learn, Bob and MAPIE: where they agree, and whose rule it is if not.

    PYTHONPATH=PEERS BIOMATCH_BOB_PYTHON=BOB/bin/python \
        python benchmarks/studies/peers_thresholds.py [--sets 300]

PEERS holds ``pip install --no-deps --target PEERS pyeer mapie``; Bob (``bob.measure==6.1.1``) needs an older
numpy, so it runs in an interpreter of its own. A peer that is not there is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from guarantee import LAWS, Law, ours
from scipy.stats import binom, norm

from biomatch.curves.build import VerificationCurve, verification_curve
from biomatch.curves.counting import most_events

TARGETS = (0.0, 0.001, 0.01, 0.05, 0.2)
Scores = tuple[np.ndarray, np.ndarray]
BOB = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, bob.measure as b
held = np.load(sys.argv[1]); targets = json.loads(sys.argv[2]); told = []
for number in range(int(held["sets"])):
    g, i = held[f"g{number}"], held[f"i{number}"]
    rows = []
    for target in targets:
        t = float(b.far_threshold(i, g, target)); far, frr = b.farfrr(i, g, t)
        rows.append((t, float(far), float(frr)))
    t = float(b.eer_threshold(i, g)); far, frr = b.farfrr(i, g, t)
    probes = range(int(held[f"probes{number}"]))
    pairs = [[held[f"{kind}{number}_{probe}"] for kind in "np"] for probe in probes]
    lists = [(n if n.size else None, p if p.size else None) for n, p in pairs]
    known = [entry for entry in lists if entry[1] is not None]
    searched = [[float(b.detection_identification_rate(lists, at, r)) for r in (1, 5)]
                + [float(b.false_alarm_rate(lists, at))] for at in held[f"at{number}"]]
    told.append({"targets": rows, "eer": (t, float(far), float(frr)), "searched": searched,
                 "cmc": [float(x) for x in b.cmc(known)]})
print(json.dumps(told))
"""


def draw(number: int) -> Scores:
    """Make mated and non-mated scores, 20 to 300 and 50 to 3,000; every second set has ties."""
    rng = np.random.default_rng([41, number])
    mated = rng.normal(rng.uniform(0.5, 3.0), 1.0, rng.integers(20, 300))
    other = rng.normal(0.0, 1.0, rng.integers(50, 3000))
    return (np.round(mated, 1), np.round(other, 1)) if number % 2 else (mated, other)


def searches(number: int) -> list[Scores]:
    """Make 40 searches among 12 references, 25 of them mated, as non-mated and mated scores of each."""
    rng = np.random.default_rng([42, number])
    lists = []
    for probe in range(40):
        own = rng.normal(1.5, 1.0, 1 if probe < 25 else 0)
        rest = rng.normal(0.0, 1.0, 12 - own.size)
        lists.append((np.round(rest, 1), np.round(own, 1)) if number % 2 else (rest, own))
    return lists


class Tally:
    """What one peer did at the targets."""

    def __init__(self) -> None:
        self.asked = self.counts = self.same = self.above = self.misses = 0

    def add(self, curve: VerificationCurve, target: float, threshold: float, fmr: float, fnmr: float) -> None:
        """Compare its threshold with ours, and the rates that it gives there with ours there."""
        self.asked += 1
        own = curve.threshold(max_fmr=target)
        (own_false, own_miss), (false, miss) = (
            (int(a), int(b)) for a, b in (curve.at(own), curve.at(threshold))
        )
        self.counts += (false, miss) == (
            round(fmr * curve.non_mated_scores.size), round(fnmr * curve.mated_scores.size)
        )  # fmt: skip
        self.same += (false, miss) == (own_false, own_miss)
        within = false <= most_events(target, curve.non_mated_scores.size)
        self.above += not within
        self.misses += within and miss > own_miss

    def row(self, name: str) -> str:
        """Give a row of the table."""
        counts = (self.asked, self.counts, self.same, self.above, self.misses)
        return f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + " |"


def bob(sets: int) -> list[dict[str, Any]] | None:
    """Ask Bob everything at once; None where there is no Bob."""
    python = os.environ.get("BIOMATCH_BOB_PYTHON")
    if not python:
        return None
    held: dict[str, Any] = {"sets": sets}
    for number in range(sets):
        held[f"g{number}"], held[f"i{number}"] = draw(number)
        lists = searches(number)
        held[f"probes{number}"], held[f"at{number}"] = len(lists), np.array([0.5, 1.0, 2.0])
        for probe, (rest, own) in enumerate(lists):
            held[f"n{number}_{probe}"], held[f"p{number}_{probe}"] = rest, own
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sets.npz"
        np.savez(path, **held)
        done = subprocess.run(
            [python, "-W", "ignore", "-c", BOB, path, json.dumps(TARGETS)],
            capture_output=True,
            text=True,
            check=True,
        )
    return list(json.loads(done.stdout.splitlines()[-1]))


def thresholds(sets: int, of_bob: list[dict[str, Any]] | None) -> list[str]:
    """Compare thresholds, the rates there and the equal error rates of every peer."""
    from sklearn.metrics import roc_curve

    try:
        from pyeer.eer_stats import calculate_roc, get_eer_values, get_fmr_op
    except ImportError:
        calculate_roc = None
    tallies = {name: Tally() for name in ("pyeer 0.5.6", "scikit-learn, nearest FPR", "Bob")}
    equal = {"pyeer 0.5.6": [0, 0, 0], "Bob": [0, 0, 0]}
    for number in range(sets):
        mated, other = draw(number)
        curve = verification_curve(mated, other)
        labels = np.r_[np.ones(mated.size), np.zeros(other.size)]
        fpr, tpr, at = roc_curve(labels, np.r_[mated, other], drop_intermediate=False)
        mine = curve.eer().value
        for target in TARGETS:
            place = int(np.argmin(np.abs(fpr - target)))
            tallies["scikit-learn, nearest FPR"].add(
                curve, target, float(at[place]), fpr[place], 1 - tpr[place]
            )
        if calculate_roc is not None:
            observed, fmr, fnmr = calculate_roc(mated, other)
            for target in TARGETS:
                place, _ = get_fmr_op(fmr, fnmr, target)
                tallies["pyeer 0.5.6"].add(curve, target, float(observed[place]), fmr[place], fnmr[place])
            _tally_equal(equal["pyeer 0.5.6"], mine, float(get_eer_values(fmr, fnmr)[-1]))
        if of_bob is not None:
            told = of_bob[number]
            for target, (threshold, far, frr) in zip(TARGETS, told["targets"], strict=True):
                tallies["Bob"].add(curve, target, threshold, far, frr)
            _tally_equal(equal["Bob"], mine, sum(told["eer"][1:]) / 2)
    rows = [tally.row(name) for name, tally in tallies.items() if tally.asked]
    return [
        *rows,
        "",
        "| equal error rate | sets | the same | peer higher | peer lower |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {sum(found):,} | {found[0]:,} | {found[1]:,} | {found[2]:,} |"
            for name, found in equal.items()
            if sum(found)
        ),
    ]


def _tally_equal(found: list[int], mine: float, theirs: float) -> None:
    found[0 if abs(mine - theirs) < 1e-12 else 1 if theirs > mine else 2] += 1


def lists_beside_bob(sets: int, of_bob: list[dict[str, Any]] | None) -> list[str]:
    """Compare CMC, detection and identification rate, and false-alarm rate."""
    if of_bob is None:
        return ["| Bob is not there | | |"]
    from biomatch.curves.build import identification_curve

    agree = {"CMC, every rank": [0, 0], "DIR at rank 1 and 5": [0, 0], "false-alarm rate": [0, 0]}
    for number in range(sets):
        lists = searches(number)
        known = [(rest, float(own[0])) for rest, own in lists if own.size]
        # Ties count against the mate, as in the reader of Bob's files.
        curve = identification_curve(
            [own for _, own in known],
            [1 + int((rest >= own).sum()) for rest, own in known],
            [rest.max() for rest, own in lists if not own.size],
            enrolled_count=12,
            list_length=12,
        )
        mine = curve.cmc()
        for rank, share in enumerate(of_bob[number]["cmc"]):
            _agree(agree["CMC, every rank"], round(share * len(known)) == int(mine[rank]))
        for at, (first, fifth, alarms) in zip((0.5, 1.0, 2.0), of_bob[number]["searched"], strict=True):
            for rank, share in ((1, first), (5, fifth)):
                hits = len(known) - curve.fnir(at, rank).numerator
                _agree(agree["DIR at rank 1 and 5"], round(share * len(known)) == hits)
            _agree(
                agree["false-alarm rate"],
                round(alarms * (len(lists) - len(known))) == curve.fpir(at).numerator,
            )
    return [f"| {name} | {found[1]:,} | {found[0]:,} |" for name, found in agree.items()]


def _agree(found: list[int], same: bool) -> None:
    found[0] += same
    found[1] += 1


def mapie_valid(scores: np.ndarray, target: float, *, method: str | None, grid: np.ndarray) -> np.ndarray:
    """Give the thresholds of a grid that MAPIE's controller calls valid for the false positive rate."""
    from mapie.risk_control import BinaryClassificationController

    # MAPIE thresholds probabilities; a strictly rising map changes no comparison.
    more = {} if method is None else {"fwer_method": method}
    found = BinaryClassificationController(
        lambda given: np.c_[1 - given, given], "fpr", target, confidence_level=0.95,
        list_predict_params=norm.cdf(grid), **more,
    )  # fmt: skip
    found.calibrate(norm.cdf(scores), np.zeros(scores.size, dtype=int))
    return np.isin(norm.cdf(grid), found.valid_predict_params)


def mapie_bound(scores: np.ndarray, target: float, method: str, bound: str | None) -> float:
    """Pick the lowest observed score by MAPIE's upper bounds of a risk (RCPS, and CRC for the mean)."""
    from mapie.risk_control.methods import get_r_hat_plus

    top = np.sort(scores)[::-1][: most_events(3 * target, scores.size)]
    risks = (scores[:, None] >= top).astype(float)
    _, upper = get_r_hat_plus(risks, top, method, bound, 0.05, None)
    fits = np.flatnonzero(upper <= target)
    return float(top[fits[-1]]) if fits.size else np.inf


def mapie(sets: int) -> list[str]:
    """Count how often each of MAPIE's rules exceeds the target, and what it gives away."""
    target, expected, laws = 1e-2, 30.0, ("independent", "5 searches each, strongly alike")
    rules = {
        "biomatch tune": lambda s, w: ours(s, w, target),
        "biomatch, clusters ignored": lambda s, _w: ours(s, None, target),
        "MAPIE, fixed sequence over observed scores": lambda s, _w: _lowest(s, target, "fixed_sequence"),
        "MAPIE, as it comes (Bonferroni-Holm), 100 thresholds": lambda s, _w: _lowest(s, target, None),
        "MAPIE, RCPS with Hoeffding's bound": lambda s, _w: mapie_bound(s, target, "rcps", "hoeffding"),
        "MAPIE, RCPS with Bernstein's bound": lambda s, _w: mapie_bound(s, target, "rcps", "bernstein"),
        "MAPIE, CRC (controls the mean only)": lambda s, _w: mapie_bound(s, target, "crc", None),
    }
    rows = []
    for name in laws:
        law: Law = LAWS[name]
        drawn = [law.sample(np.random.default_rng([43, number]), target, expected) for number in range(sets)]
        for rule, pick in rules.items():
            picked = np.array([pick(scores, subjects) for scores, subjects in drawn])
            given = picked[np.isfinite(picked)]
            ratio = np.array([law.true_rate(float(t), target) / target for t in given])
            median = f"{np.median(ratio):.2f}" if ratio.size else "-"
            rows.append(
                f"| {name} | {rule} | {int((ratio > 1).sum())} of {sets} | {sets - given.size} | {median} |"
            )
    return rows


def _lowest(scores: np.ndarray, target: float, method: str | None) -> float:
    """Give MAPIE's lowest valid threshold among the 100 highest observed scores."""
    grid = np.unique(scores)[-100:]
    valid = mapie_valid(scores, target, method=method, grid=grid)
    return float(grid[valid].min()) if valid.any() else np.inf


def mapie_p_values(sets: int) -> list[str]:
    """Compare p-values and picked thresholds where the rule is the same: binomial tests in fixed sequence."""
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

    same = shifted = other = 0
    for trials in (299, 300, 1_000, 2_995, 3_000, 10_000):
        for target in (1e-2, 1e-3):
            errors = np.arange(0, 2 * int(trials * target) + 2)
            theirs = compute_hoeffding_bentkus_p_value(errors / trials, trials, target, binary=True)[:, 0]
            mine, next_up = binom.cdf(errors, trials, target), binom.cdf(errors + 1, trials, target)
            # Above the target Hoeffding's bound is 1 and cannot be the lesser one.
            good = np.abs(theirs - mine) < 1e-12
            one = ~good & (np.abs(theirs - next_up) < 1e-12)
            same, shifted, other = (
                same + int(good.sum()), shifted + int(one.sum()), other + int((~good & ~one).sum())
            )  # fmt: skip
    law, equal, fewer, more = LAWS["independent"], 0, 0, 0
    for number in range(sets):
        scores, _ = law.sample(np.random.default_rng([44, number]), 1e-2, 30.0)
        mine, theirs = (
            int((scores >= t).sum())
            for t in (ours(scores, None, 1e-2), _lowest(scores, 1e-2, "fixed_sequence"))
        )
        equal, fewer, more = equal + (theirs == mine), fewer + (theirs < mine), more + (theirs > mine)
    return [
        f"| p-values of k errors in n trials | {same + shifted + other:,} | {same:,} "
        f"| {shifted:,} are those of k + 1 errors, {other:,} others |",
        f"| errors allowed, fixed sequence | {sets:,} | {equal:,} | {fewer:,} fewer, {more:,} more |",
    ]


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    of_bob = bob(given.sets)
    text = [
        "| thresholds at FMR 0, 0.001, 0.01, 0.05, 0.2 | asked | its two rates are our counts there "
        "| decides as ours | above the target | allowed, but misses more |",
        "|---|---|---|---|---|---|",
        *thresholds(given.sets, of_bob),
        "",
        "| searches beside Bob | asked | the same |",
        "|---|---|---|",
        *lists_beside_bob(given.sets, of_bob),
        "",
    ]
    try:
        import mapie as _  # noqa: F401
    except ImportError:
        text.append("MAPIE is not there.")
    else:
        text += [
            "| MAPIE beside the binomial test | asked | the same | else |",
            "|---|---|---|---|",
            *mapie_p_values(given.sets),
            "",
            "| law | rule (target 0.01, 30 expected errors) | exceeded | refused | median true / target |",
            "|---|---|---|---|---|",
            *mapie(given.sets),
        ]
    joined = "\n".join(text) + "\n"
    if given.out:
        given.out.write_text(joined, encoding="utf-8")
    else:
        sys.stdout.write(joined)


if __name__ == "__main__":
    main()
