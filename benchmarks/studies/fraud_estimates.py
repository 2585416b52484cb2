"""Does the combined estimate say the truth? ``benchmarks/results/fraud-estimates.md``.

    .venv/bin/python benchmarks/studies/fraud_estimates.py --replicates 500

Coverage: many small pairs of worlds, one with fraud and one without, each pair an estimate of its own; what
is true is what all pairs together say. Plain simulation: worlds at a prevalence at which events and false
stops can both be counted in one world, beside the estimate from enriched worlds and worlds without fraud.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from fraud_tables import table
from fraud_worlds import CONTROLS, SYSTEM, Graded, graded, merged, scenario, threshold_at
from scipy.stats import binom, norm

from biomatch.evaluation.alerts.curves import AlertCurve
from biomatch.fraud import ghost_exit
from biomatch.fraud.detect import detect
from biomatch.fraud.facts import Facts
from biomatch.rates import rate
from biomatch.settings.scenario import KINDS
from biomatch.tuning.alerts.estimates import combined, estimate

FUSED = "everything, fused"
ENRICHED, RICH, PLAIN = 30_000.0, 10_000.0, 2_000.0
"""Each kind per million visits: of replicates, of enriched worlds, of plain simulation."""
TRAVELLERS = 400
PREVALENCES = (8e-6, 800e-6)
STOPS = 5_000.0
"""Honest encounters stopped per million at the threshold."""
CONFIDENCE = 0.95


def curve(travellers: int, per_million: float, seed: int, **changes: object) -> AlertCurve:
    """The fused curve of one world."""
    return CONTROLS[FUSED](graded(scenario(travellers, per_million, **changes), seed))


def both_curves(one: Graded, shares: dict[str, float]) -> tuple[AlertCurve, AlertCurve]:
    """The fused curve of one world, ghost exits by its own records, and by audited shares."""
    facts = one.facts
    audited = Facts(facts.observed, facts.lists, facts.links, None, shares)
    again = detect(one.made.observed, facts.lists, facts.links, SYSTEM, facts=audited)
    return CONTROLS[FUSED](one), CONTROLS[FUSED](Graded(one.made, audited, again))


def audit(travellers: int) -> dict[str, float]:
    """Share of declared departures that each port does not see, in a world of another seed without fraud."""
    return ghost_exit.unseen_shares(graded(scenario(travellers, 0.0), 7_900).facts)


def coverage(rich: list[AlertCurve], clean: list[AlertCurve]) -> str:
    """How often the intervals of single pairs hold what all pairs say."""
    threshold = threshold_at(merged(clean), STOPS)
    truth = combined(merged(rich), merged(clean))
    rows: list[list[object]] = []
    names = ("alerts_a_day", "caught_a_day", "stops_a_day", "precision", "officer_hours_a_catch")
    count = len(rich)
    # Not significantly below nominal: one-sided, at 5 %.
    least = int(binom.ppf(0.05, count, CONFIDENCE))
    for prevalence in PREVALENCES:
        true = estimate(truth, threshold, kind="fused", prevalence=prevalence, traffic=1e4)
        inside = dict.fromkeys(names, 0)
        width: dict[str, list[float]] = {name: [] for name in names}
        for one, other in zip(rich, clean, strict=True):
            found = estimate(
                combined(one, other), threshold, kind="fused", prevalence=prevalence, traffic=1e4,
                confidence=CONFIDENCE,
            )  # fmt: skip
            for name in names:
                said, real = getattr(found, name), getattr(true, name)
                low, high = (0.0, np.inf) if said is None else said[1:]
                inside[name] += low <= real[0] <= high
                width[name].append(high / low if low > 0 else np.inf)
        rows += [
            [f"{1e6 * prevalence:.0f}", name.replace("_", " "), f"{getattr(true, name)[0]:.4g}",
             rate(inside[name], count), f"{np.median(width[name]):.3g}",
             "not below" if inside[name] >= least else "BELOW"]
            for name in names
        ]  # fmt: skip
    return table(
        f"Coverage of {CONFIDENCE:.0%} intervals over {count} replicates",
        ["events per million", "figure, at 10,000 encounters a day", "all replicates together",
         "replicates whose interval holds it", "upper over lower end, median",
         f"against nominal (at least {least} of {count})"],
        rows,
        f"A replicate: a world of {TRAVELLERS} travellers with {ENRICHED:,.0f} of each kind per million "
        f"visits (in all {truth.events:,} events) and one without fraud (in all {truth.encounters:,} honest "
        f"encounters), at the threshold that stops {STOPS:,.0f} per million. The interval is a box of two "
        "rates, so it covers more than it says; events of one actor or document are taken together.",
    )  # fmt: skip


def against_plain(rich: AlertCurve, clean: AlertCurve, plain: AlertCurve) -> str:
    """The estimate beside what worlds at one prevalence show."""
    threshold = threshold_at(clean, 1_000.0)
    rows: list[list[object]] = []
    for kind in (*KINDS, "all"):
        one, two = (c if kind == "all" else c.of(kind) for c in (rich, plain))
        share = two.events / (two.events + two.encounters)
        caught, stopped = (int(n) for n in two.at(threshold))
        seen = rate(caught, caught + stopped)
        found = estimate(combined(one, clean), threshold, kind=kind, prevalence=share, traffic=1e6)
        p = found.precision or (0.0, 0.0, 1.0)
        low, high = seen.interval
        apart = ((p[2] - p[1]) / 3.92) ** 2 + ((high - low) / 3.92) ** 2
        z = (p[0] - (seen.value or 0.0)) / apart**0.5 if apart else 0.0
        rows.append([
            kind, f"{1e6 * share:,.0f}", one.catch_rate(threshold), two.catch_rate(threshold),
            f"{p[0]:.3g} ({p[1]:.2g} to {p[2]:.2g})", seen, f"{z:+.2f} ({2 * norm.sf(abs(z)):.2f})",
        ])  # fmt: skip
    worst = min(float(str(row[-1]).split("(")[1].rstrip(")")) for row in rows)
    return table(
        "The combined estimate beside plain simulation",
        ["kind of event", "events per million encounters, plain worlds", "caught, enriched worlds",
         "caught, plain worlds", "precision, combined estimate", "precision, plain worlds (the kind's alarms "
         "and all false ones)", "z (p)"],
        rows,
        f"Fused, threshold at 1,000 stops per million. {rich.events:,} events of enriched worlds, "
        f"{clean.encounters:,} honest encounters of worlds without fraud; plain worlds with {PLAIN:,.0f} of "
        f"each kind per million visits: {plain.events:,} events among {plain.encounters:,} honest "
        f"encounters. Smallest p of {len(rows)}: {worst:.2f}.",
    )  # fmt: skip


def stops(by: dict[float, AlertCurve], audited: dict[float, AlertCurve]) -> str:
    """Honest encounters stopped, by how much fraud there is: why worlds without it are asked."""
    rows: list[list[object]] = []
    for how, found in (("the same records", by), ("an audit", audited)):
        for limit in (5_000.0, 1_000.0, 200.0):
            threshold = threshold_at(found[0.0], limit)
            rates = [found[key].false_alarm_rate(threshold) for key in sorted(found)]
            spread = sum(((r.interval[1] - r.interval[0]) / 3.92) ** 2 for r in (rates[0], rates[-1])) ** 0.5
            z = ((rates[0].value or 0.0) - (rates[-1].value or 0.0)) / spread
            rows.append([
                how, f"{limit:,.0f}", f"{threshold:.2f}", *rates, f"{z:+.2f} ({2 * norm.sf(abs(z)):.2g})",
                found[max(found)].of("ghost_exit").catch_rate(threshold),
            ])  # fmt: skip
    return table(
        "Honest encounters stopped, by how much fraud there is",
        ["departures unseen, by", "stops per million in worlds without fraud", "threshold, nats",
         *(f"{key:,.0f} of each kind per million visits" for key in sorted(by)), "first against last, z (p)",
         "ghost exits caught, last"],
        rows,
        "A ghost exit is judged against the share of departures that only the carrier declared: in the same "
        "records, where such frauds make an honest one surprise less, or as an audit found it "
        "(`alerts.unseen_departures`, here from a world of another seed without fraud).",
    )  # fmt: skip


def main() -> None:
    """Run the worlds and write both tables."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--replicates", type=int, default=500)
    ask.add_argument("--plain", type=int, default=8, help="worlds of each sort in the second table")
    ask.add_argument("--travellers", type=int, default=8_000, help="of these worlds")
    ask.add_argument("--out", type=Path, default=Path("benchmarks/results/fraud-estimates.md"))
    given = ask.parse_args()
    begun = time.time()
    large: dict[float, AlertCurve] = {}
    audited: dict[float, AlertCurve] = {}
    shares = audit(given.travellers)
    for at, per_million in enumerate((RICH, 0.0, PLAIN)):
        worlds = (
            graded(scenario(given.travellers, per_million), 7_000 + 100 * at + n) for n in range(given.plain)
        )
        pairs = [both_curves(one, shares) for one in worlds]
        large[per_million], audited[per_million] = (
            merged(list(curves)) for curves in zip(*pairs, strict=True)
        )
        sys.stderr.write(f"{time.time() - begun:6.0f} s  {per_million:.0f} per million\n")
    plain = against_plain(large[RICH], large[0.0], large[PLAIN]) + "\n" + stops(large, audited)
    small: list[list[AlertCurve]] = [[], []]
    for n in range(given.replicates):
        small[0].append(curve(TRAVELLERS, ENRICHED, 10_000 + n, **{"faces.profile": "visa-border-small"}))
        small[1].append(curve(TRAVELLERS, 0.0, 20_000 + n, **{"faces.profile": "visa-border-small"}))
        if n % 50 == 49:
            sys.stderr.write(f"{time.time() - begun:6.0f} s  replicate {n + 1}\n")
    head = (
        "# Rates from two kinds of worlds, put together at a prevalence\n\n"
        f"`.venv/bin/python benchmarks/studies/fraud_estimates.py --replicates {given.replicates} "
        f"--plain {given.plain} --travellers {given.travellers}`: scenario `airport`, policy `all`. That "
        "doubling the enrichment moves neither rate stands in [fraud.md](fraud.md).\n\n"
    )
    given.out.write_text(head + coverage(*small) + "\n" + plain, encoding="utf-8")


if __name__ == "__main__":
    main()
