"""``biomatch tune … --port``: the threshold that keeps waits short, or that costs least, at a port."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biomatch.cli.console import emit, note
from biomatch.errors import ResultsError, SettingsError

if TYPE_CHECKING:
    from biomatch.curves.build import IdentificationCurve
    from biomatch.tuning.waits.front import Front, FrontPoint


@dataclass(frozen=True)
class PortAim:
    """What a threshold is tuned for at a port.

    Attributes
    ----------
    port : str
        A built-in name or a TOML file.
    max_over : str or None
        Goal such as ``"30: 5%"``; None: least cost.
    costs : Path or None
        TOML with the port's prices (`biomatch.settings.port.WaitCosts`).
    hours, flights, roster : Path or None
        As of ``biomatch queue``.
    max_fpir : float or None
        A claim that the threshold must meet with the stated confidence.
    confidence : float
    """

    port: str
    max_over: str | None
    costs: Path | None
    hours: Path | None
    flights: Path | None
    roster: Path | None
    max_fpir: float | None
    confidence: float


def tune_port(curve: IdentificationCurve, aim: PortAim, out: Path, as_json: bool) -> None:
    """Price the thresholds of a curve in waits, pick one, and write the operating point."""
    from biomatch.policy import OperatingPoint
    from biomatch.settings.port import Port, WaitCosts
    from biomatch.settings.system import System
    from biomatch.tables.storage import write_text
    from biomatch.tuning.waits.front import parse_goal, sensitivity, waits
    from biomatch.tuning.waits.rates import rates_of_curve

    if (aim.max_over is None) == (aim.costs is None):
        raise SettingsError(
            "both or neither of --max-over and --costs with --port",
            remedy='give one, for example --max-over "30: 5%"',
        )
    port = Port.load(aim.port)
    if aim.costs is not None:
        port = port.with_({"costs": WaitCosts.read(aim.costs).model_dump(mode="json")})
    goal = None if aim.max_over is None else parse_goal(aim.max_over, "--max-over")
    if goal is not None and goal[0] not in port.over_minutes:
        port = port.with_({"over_minutes": [*port.over_minutes, goal[0]]})
    thresholds, claim = _candidates(curve, aim)
    rates = rates_of_curve(curve, thresholds, confidence=aim.confidence)
    traffic: dict[str, Any] = {"hours": aim.hours, "flights": aim.flights, "roster": aim.roster}
    front = waits(rates, port, **traffic)
    chosen = front.cheapest() if goal is None else front.holding(*goal)
    moved = sensitivity(rates, port, **traffic).to_dicts() if goal is None else []
    about = {**claim, "method": "least cost at a port" if goal is None else "waits at a port",
             "port": _about(chosen, port, aim)}  # fmt: skip
    point = OperatingPoint(
        face_threshold=chosen.at.threshold,
        lineages=list(curve.lineages),
        resubstitution=curve.resubstitution,
        system=System() if curve.system is None else System.from_mapping(curve.system),
        guarantee=about,
    )
    write_text(out, json.dumps(point.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    emit(
        as_json,
        {
            "point": out,
            "threshold": point.face_threshold,
            "guarantee": about,
            "port": port.name,
            "port_id": port.id,
            "front": front.frame.to_dicts(),
            "sensitivity": moved,
            "sentence": front.sentence,
            "lineages": point.lineages,
        },
        [*_lines(front, chosen, port.name), *_moved(moved), f"written: {out.absolute()}"],
    )
    if not chosen.day.holds:
        note("note: at this threshold there is more work than staff")


def _candidates(curve: IdentificationCurve, aim: PortAim) -> tuple[list[float], dict[str, Any]]:
    """Give the thresholds that may be chosen: those that meet the claim on FPIR, where there is one."""
    from biomatch.tuning.curve_guarantee import guarantee_of
    from biomatch.tuning.waits.rates import rates_of_curve

    every = [one.threshold for one in rates_of_curve(curve, confidence=aim.confidence)]
    if aim.max_fpir is None:
        return every, {}
    held = guarantee_of(curve, max_fpir=aim.max_fpir, confidence=aim.confidence)
    able = sorted({held.threshold, *(one for one in every if one > held.threshold)})
    if not able:
        raise ResultsError(f"no threshold with FPIR at most {aim.max_fpir:g}", remedy="raise the target")
    return able, dict(held.to_json())


def _about(chosen: FrontPoint, port: Any, aim: PortAim) -> dict[str, Any]:
    row = chosen.row()
    return {
        "name": port.name,
        "id": port.id,
        "max_over": aim.max_over,
        "wait_minutes": row["wait"],
        "wait_interval": [row["wait_low"], row["wait_high"]],
        "over": {f"{one:g}": row[f"over_{one:g}"] for one in port.over_minutes},
        "staff_hours": row["staff"],
        "missed": row["missed"],
        "cost": row["cost"],
        "holds": row["holds"],
    }


def _lines(front: Front, chosen: FrontPoint, name: str) -> list[str]:
    lines = [f"thresholds at {name}, waits in minutes with the bounds of the rates carried through:"]
    for point in front.points:
        row = point.row()
        mark = "*" if point is chosen else " "
        if row["wait"] is None:
            waited = "more work than staff"
        else:
            high = "without end" if row["wait_high"] is None else f"{row['wait_high']:.1f}"
            waited = f"wait {row['wait']:.1f} ({row['wait_low']:.1f} to {high})"
        cost = "no cost: more work than staff" if row["cost"] is None else f"cost {row['cost']:,.0f}"
        lines.append(
            f"{mark} {row['threshold']:.6f}  FPIR {row['fpir']:.3g}  FNIR {row['fnir']:.3g}  {waited}, "
            f"{row['missed']:,.0f} missed, staff {row['staff']:,.0f} h, {cost}"
        )
    return [*lines, front.sentence]


def _moved(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    found = ["the cheapest threshold with each assumption at half and at double:"]
    for row in rows:
        what = row["assumption"] if row["value"] is None else f"{row['assumption']} = {row['value']:g}"
        said = "none can be worked" if row["threshold"] is None else f"{row['threshold']:.6f}"
        found.append(f"  {what}: {said}")
    return found
