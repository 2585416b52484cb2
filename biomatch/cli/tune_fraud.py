"""``biomatch tune --for fraud``: thresholds of alerts, from lists over worlds with and without fraud."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from biomatch.cli.console import emit, progress
from biomatch.errors import SettingsError


def tune_for_fraud(
    pairs: Sequence[Path],
    out: Path,
    at: Path | None,
    *,
    max_alerts_a_day: float | None,
    costs: Path | None,
    traffic: float | None,
    prevalence: Path | None,
    confidence: float,
    as_json: bool,
) -> None:
    """Run the point's system over every tuning world once, and sweep its alerts.

    Raises
    ------
    SettingsError
        Without a point; for lists of another system (`run` says which).
    """
    from biomatch.evaluation.alert_curves import alert_curves
    from biomatch.policy import OperatingPoint
    from biomatch.system.run import run
    from biomatch.tables.candidates import CandidateLists
    from biomatch.tables.storage import write_text
    from biomatch.tuning.fraud import tune_fraud
    from biomatch.worlds import open_world

    if at is None:
        raise SettingsError(
            "no operating point", remedy="give --at POINT, tuned for identification on other lists"
        )
    point = OperatingPoint.read(at)
    swept = []
    with progress() as update:
        for number, (lists, place) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
            update("sweeping alerts", number, len(pairs) // 2)
            opened = open_world(place)
            done = run(opened.observed, at=point, lists=CandidateLists.read(lists, opened.observed))
            swept.append(alert_curves(done, opened.truth))
        update("sweeping alerts", 1, 1)
    tuned, plan = tune_fraud(
        swept,
        max_alerts_a_day=max_alerts_a_day,
        alert_costs=costs,
        traffic=traffic,
        prevalence=prevalence,
        confidence=confidence,
    )
    write_text(out, json.dumps(tuned.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    lines = [f"{plan.how}, at {plan.traffic:,.0f} encounters a day: {plan.alerts_a_day:.3g} alerts expected"]
    for kind, one in plan.estimates.items():
        right = (
            "no alerts" if one.precision is None else f"right 1 in {1 / max(one.precision[0], 1e-12):,.0f}"
        )
        lines.append(
            f"  {kind} from {one.threshold:.4g}: caught {one.catch_rate}; honest stopped "
            f"{one.false_alarm_rate}; {right} at {1e6 * one.prevalence:g} per million"
        )
    emit(
        as_json,
        {"point": out, "thresholds": plan.thresholds, "plan": plan.to_json(), "lineages": tuned.lineages},
        [*lines, f"written: {out.absolute()}"],
    )
