"""Where the figures come from, and how to make them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from biomatch.evaluation.result import Result
from biomatch.reporting.figures import clean, words
from biomatch.reporting.tables import Table

MOST_CHARACTERS = 20_000
"""A single value of provenance is cut here, so that no name can outgrow the page."""


def provenance_table(result: Result, *, sparing: bool = False) -> Table:
    """List versions, worlds, lineages and machine, a row a value (`sparing`: long values cut)."""
    point = result.point
    first = {
        "command": command(result),
        "world": result.about.get("world_id"),
        "lineage of the grading world": result.about.get("lineage"),
        "lineages of the tuning worlds": ", ".join(map(str, point.lineages)) or None,
        "operating point": point.id,
        "system": point.system.id,
        "face threshold, every digit": repr(point.face_threshold),
        "face thresholds by field": point.face_threshold_by or None,
        "alert thresholds": point.alert_thresholds or None,
        "alert thresholds by field": point.alert_thresholds_by or None,
        "lead posterior": point.lead_threshold,
        "resubstitution": "yes" if point.resubstitution else "no",
        "guarantee": {name: value for name, value in point.guarantee.items() if name != "growth"} or None,
    }
    rest = {
        name: value
        for name, value in result.about.items()
        if name not in {"command", "world_id", "lineage", "scenario"}
    }
    return _listed("provenance", "Where these figures come from", {**first, **rest}, sparing)


def settings_table(result: Result, *, sparing: bool = False) -> Table:
    """List every setting of system and scenario; `sparing` leaves the scenario out."""
    scenario = result.about.get("scenario")
    values = {"system": result.point.system.model_dump(mode="json")}
    if isinstance(scenario, Mapping) and not sparing:
        values["scenario"] = dict(scenario)
    return _listed("settings", "Every setting", values, sparing)


def _listed(name: str, caption: str, values: Mapping[str, Any], sparing: bool) -> Table:
    most = 200 if sparing else MOST_CHARACTERS
    rows = tuple((what[:200], value[:most]) for what, value in _flat(values))
    return Table(name, caption, ("What", "Value"), rows)


def command(result: Result) -> str:
    """Give the command that makes the result again: the recorded one, else the flow's commands."""
    recorded = result.about.get("command")
    if recorded:
        return clean(recorded)
    scenario = result.about.get("scenario")
    name = scenario.get("name", "SCENARIO") if isinstance(scenario, Mapping) else "SCENARIO"
    world = f"biomatch world {shlex.quote(clean(name))} --seed {result.about.get('lineage')} --out WORLD"
    return (
        f"{world} && biomatch run WORLD --at POINT --out RUN && biomatch evaluate RUN WORLD --out RESULT "
        "&& biomatch report RESULT --out report.html"
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        key = f"{prefix}{words(str(name))}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}: ")
        elif isinstance(value, list | tuple):
            yield key, clean(", ".join(map(str, value)) or "none")
        elif value is not None:
            yield key, clean(value)
