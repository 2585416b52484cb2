"""What `evaluate` and the demo print of a result: the rates of each search, and fraud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biomatch import decimals
from biomatch.evaluation.alerts.judge import AT_PREVALENCE, EVENTS, FRAUD, JOINT
from biomatch.evaluation.alerts.precision import Precision
from biomatch.evaluation.result import Result
from biomatch.fraud.detect import unsearched_kinds
from biomatch.rates import Rate


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
    every = result.alerts.get(JOINT)
    if not every:
        return ["fraud: no kind of alert is on"]
    events = every[EVENTS]
    named = [f"{kind} {caught:,} of {count:,}" for kind, (caught, count) in events.items()]
    named += [f"{kind} not searched" for kind in unsearched_kinds(result.point.system)]
    caught = rated(every[FRAUD])
    said = f"caught {caught}" if caught.denominator else "none happened that counts"
    return [
        f"fraud: {said}" + (": " if named else "") + ", ".join(named),
        f"  honest encounters stopped {rated(every['false_alarms'])}; {precision(every[AT_PREVALENCE])}",
    ]


def rated(found: Mapping[str, Any]) -> Rate:
    """Make a rate of its JSON form."""
    low, high = found["interval"]
    return Rate(int(found["numerator"]), int(found["denominator"]), (float(low), float(high)))


def precision(found: Mapping[str, Any]) -> Precision:
    """Make a precision at a prevalence of its JSON form."""
    low, high = found["interval"]
    return Precision(float(found["per_million"]), found["value"], (float(low), float(high)))
