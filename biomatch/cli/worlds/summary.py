"""What `evaluate` and the demo print of a result: the rates of each search, and fraud."""

from __future__ import annotations

from biomatch import decimals
from biomatch.evaluation.result import Result
from biomatch.fraud.detect import unsearched_kinds


def search_lines(result: Result) -> list[str]:
    """Say the rates of the further searches, each with its own N and T."""
    primary = result.point.system.gallery.policy
    return [
        f"search {policy}: FPIR(N={one.enrolled[0]:,}, T={decimals.text(one.threshold)}) = {one.fpir}; "
        f"FNIR {one.fnir}"
        for policy, one in result.searches.items()
        if policy != primary
    ]


def fraud_lines(result: Result) -> list[str]:
    """Say what fraud was caught by kind of event, who was stopped for it, and how often an alert is right."""
    counts = result.alerts.counts
    named = [f"{kind} {caught:,} of {events:,}" for kind, (caught, events) in counts.event_kinds.items()]
    named += [f"{kind} not searched" for kind in unsearched_kinds(result.point.system)]
    caught = counts.fraud_caught
    said = f"caught {caught}" if caught.denominator else "none happened that counts"
    return [
        f"fraud: {said}" + (": " if named else "") + ", ".join(named),
        f"  honest encounters stopped {counts.together.false_alarms}; {counts.precision}",
    ]
