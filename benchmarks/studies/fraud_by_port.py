"""Thresholds of alerts for every port or mode beside one for all: ``benchmarks/results/fraud-by-port.md``.

    .venv/bin/python benchmarks/studies/fraud_by_port.py --seeds 6

Tuned on one pair of worlds (with fraud, without), graded on another pair of other seeds, both at the same
limit of honest travellers stopped; differences are paired by seed. Borders: the shipped one, whose ports
differ in traffic, coverage and mode alone, and ones at which one airport's cameras are poor (noise is added
to the templates of its captures).
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from biomatch_synthetic.world import make
from fraud_tables import table
from fraud_worlds import FRAUD, SYSTEM
from scipy.stats import t as student

from biomatch.evaluation.alerts.curves import AlertCurve, alert_curve
from biomatch.evaluation.alerts.events import EVENT_OF
from biomatch.fraud.detect import detect
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.streams import stream
from biomatch.training.fusion import facts_of
from biomatch.tuning.alerts.plan import AlertPlan, tune_alerts
from biomatch.tuning.alerts.tune import pool

PORTS = {
    "AIR1": {"mode": "air", "weight": 3.0},
    "AIR2": {"mode": "air", "weight": 2.0},
    "SEA1": {"mode": "sea", "weight": 1.0},
    "LAND1": {"mode": "land", "weight": 1.0},
}
MODES = {"air": 0.7, "sea": 0.1, "land": 0.2}
POOR_PORT = "AIR2"
POOR_NOISE = (0.0, 0.6, 1.2)
"""Length of the noise that a camera adds to a template of length 1 (0: the shipped border; assumed)."""
LIMITS = (1_000.0, 5_000.0)
"""Honest encounters stopped per million, over all kinds."""
Curves = dict[str, AlertCurve]


def curves_of(seed: int, per_million: float, travellers: int, *, noise: float) -> Curves:
    """Make a world, search it, and give the curve of every kind of alert against its own events."""
    changes: dict[str, object] = {f"subversion.{kind}": per_million for kind in KINDS}
    changes |= {"travellers": travellers, "ports": PORTS, "traffic.mode_shares": MODES}
    observed, truth = make(Scenario.load("airport").with_(changes), seed)
    if noise > 0.0:
        rows = observed.encounters.filter((pl.col("port") == POOR_PORT) & (pl.col("template_row") >= 0))
        at = rows["template_row"].to_numpy()
        templates = np.array(observed.templates)
        drawn = stream(seed, "benchmark.poor_port").standard_normal((len(at), templates.shape[1]))
        worse = templates[at] + noise * drawn / np.sqrt(templates.shape[1])
        templates[at] = worse / np.linalg.norm(worse, axis=1, keepdims=True)
        observed = replace(observed, templates=templates)
    observed = observed.sealed()
    truth = replace(truth, world_id=observed.id)
    facts = facts_of(observed, SYSTEM)
    alerts = detect(observed, facts.lists, facts.links, SYSTEM, facts=facts, weighed=False)
    return {kind: alert_curve(alerts, observed, truth, kinds=kind).of(EVENT_OF[kind]) for kind in FRAUD}


def graded(plan: AlertPlan, worlds: Curves) -> tuple[int, int, int, int]:
    """Count events caught and events, honest encounters stopped (a kind each) and honest encounters."""
    caught = events = stopped = honest = 0
    for kind, curve in worlds.items():
        one = curve.decided(plan.by or "port", plan.parts.get(kind, {}), plan.thresholds[kind])
        c, s = one.at(0.0)
        caught, events = caught + int(c), events + curve.events
        stopped, honest = stopped + int(s), curve.encounters
    return caught, events, stopped, honest


def paired(values: list[float]) -> str:
    """Mean of paired differences with its 95 % interval."""
    d = np.array(values)
    half = float(student.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))
    return f"{d.mean():+.4f} ({d.mean() - half:+.4f} to {d.mean() + half:+.4f})"


def main() -> None:
    """Run both borders and write the table."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seeds", type=int, default=6)
    ask.add_argument("--travellers", type=int, default=6_000, help="of a world with fraud")
    ask.add_argument("--honest", type=int, default=20_000, help="travellers of a world without fraud")
    ask.add_argument("--noise", type=float, nargs="*", default=POOR_NOISE, help="of the poor cameras")
    ask.add_argument("--out", type=Path, default=Path("benchmarks/results/fraud-by-port.md"))
    given = ask.parse_args()
    begun = time.time()
    rows: list[list[object]] = []
    for noise in given.noise:
        border = f"{POOR_PORT} with noise {noise:g}" if noise > 0.0 else "as shipped"
        pairs = []
        for seed in range(1, given.seeds + 1):
            made = [
                pool([curves_of(base + seed, 10_000.0, given.travellers, noise=noise),
                      curves_of(base + 500 + seed, 0.0, given.honest, noise=noise)])
                for base in (0, 1_000)
            ]  # fmt: skip
            pairs.append(made)
            sys.stderr.write(f"{time.time() - begun:6.0f} s  {border}, seed {seed}\n")
        for limit in LIMITS:
            found: dict[str, list[tuple[int, int, int, int]]] = {}
            own: dict[str, int] = {}
            for by in (None, "mode", "port"):
                for tuning, other in pairs:
                    plan = tune_alerts(
                        tuning, max_stops_per_million=limit, by=by, traffic=1e4, prevalence=80e-6
                    )
                    found.setdefault(str(by), []).append(graded(plan, other))
                    own[str(by)] = own.get(str(by), 0) + sum(len(one) for one in plan.parts.values())
            for by, counts in found.items():
                sums = np.array(counts).sum(axis=0)
                catch = [c / e for c, e, _, _ in counts]
                stop = [s / h for _, _, s, h in counts]
                first = [c / e for c, e, _, _ in found["None"]]
                one = [s / h for _, _, s, h in found["None"]]
                rows.append([
                    border, f"{limit:,.0f}", "one for all" if by == "None" else f"by {by}",
                    f"{own[by] / given.seeds:.1f}", f"{sums[0] / sums[1]:.3f} ({sums[0]:,} of {sums[1]:,})",
                    f"{1e6 * sums[2] / sums[3]:,.0f}",
                    "" if by == "None" else paired([a - b for a, b in zip(catch, first, strict=True)]),
                    "" if by == "None" else paired([1e3 * (a - b) for a, b in zip(stop, one, strict=True)]),
                ])  # fmt: skip
    more = [row for row in rows if row[6] and float(str(row[6]).split("(")[1].split()[0]) > 0.0]
    split = sum(bool(row[6]) for row in rows)
    reading = (
        f"Of {split} comparisons, the interval of what is caught more lies above 0 in {len(more)}"
        + "".join(
            f"; {row[0]}, {row[2]} at {row[1]}, with {row[7]} per thousand more stopped" for row in more
        )
        + ". Where ports differ in traffic and coverage alone, one threshold is right for all: what a score "
        "says is the same everywhere.\n\n"
    )
    head = (
        "# Thresholds of alerts by port or mode, beside one for all\n\n"
        f"`.venv/bin/python benchmarks/studies/fraud_by_port.py --seeds {given.seeds} --travellers "
        f"{given.travellers} --honest {given.honest}`: tuned and graded on worlds of different "
        f"seeds ({given.seeds} pairs of each), "
        "nine kinds of alert by their own evidence, policy `all`, prevalence 80 per million. Noise: length "
        "of what the cameras of one airport add to a template of length 1.\n\n"
    )
    given.out.write_text(
        head
        + reading
        + table(
            "At the same limit of stops",
            [
                "border", "stops per million allowed", "thresholds", "thresholds of their own, mean",
                "events caught by their own kind", "honest stopped per million, all kinds",
                "caught, less one for all (paired, 95%)",
                "stopped per thousand, less one for all (paired, 95%)",
            ],
            rows,
        ),
        encoding="utf-8",
    )  # fmt: skip


if __name__ == "__main__":
    main()
