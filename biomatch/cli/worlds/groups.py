"""``biomatch groups``: how the thresholds of a judged run treat each group."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from biomatch import checks
from biomatch.cli.console import Json, emit, note
from biomatch.cli.types import checked
from biomatch.errors import ResultsError

CROSSED = 12
"""Cells of the cross-group matrix that are printed, the highest counts first; JSON has all."""


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(groups)


def groups(
    result: Annotated[Path, typer.Argument(help="A result of `evaluate`.")],
    world: Annotated[
        Path | None, typer.Argument(help="Its world: also say who is taken for whom, by group.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="The breakdown.")] = "group",
    max_fpir: Annotated[
        float | None,
        typer.Option(
            "--max-fpir", callback=checked(checks.target), help="Target that each group is tested against."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give FPIR, FNIR and FTA of each group with intervals, and inequity (ISO/IEC 19795-10)."""
    from biomatch.curves.groups import group_report
    from biomatch.evaluation.cross_group import crossed
    from biomatch.evaluation.result import Result
    from biomatch.policy import SEARCH
    from biomatch.tuning.by_part import decided
    from biomatch.worlds import open_world

    read = Result.read(result)
    curve, at = read.curve, read.point.face_threshold
    if not curve.non_mated and read.designed_curve is not None:
        curve = read.designed_curve
    # Thresholds of the further searches are not those of the curve, which is the primary search's.
    by_field = {name: found for name, found in read.point.face_threshold_by.items() if name != SEARCH}
    if by_field:
        if len(by_field) > 1:
            raise ResultsError(
                "thresholds by several fields", allowed="thresholds by one field, or one for all"
            )
        ((field, limits),) = by_field.items()
        curve, at = decided(curve, field, limits, at), 1.0
    report = group_report(curve, by, at, target=max_fpir, rank=read.list_length)
    payload, lines = told(report.to_json())
    payload["cross_group"] = None
    if world is not None:
        opened = open_world(world)
        table = crossed(read, opened.observed, opened.truth, by=by)
        payload["cross_group"] = table.to_dicts()
        lines += crossed_lines(table.to_dicts())
    payload["threshold"] = read.point.face_threshold
    payload["threshold_by"] = read.point.face_threshold_by
    emit(as_json, payload, lines)


def told(report: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give a report by group as payload and lines, and note what is in no row."""
    if report["unlabelled"]:
        note(f"note: {report['unlabelled']:,} trials without a {report['breakdown']} are in no row")
    lines = []
    for row in report["groups"]:
        rates = [
            f"{name.upper()} {_rate(row, name)}"
            for name in ("fpir", "fmr", "fnir", "fnmr", "fta")
            if row.get(f"{name}_denominator") is not None
        ]
        verdict = "" if row["target"] is None else f"; target {row['target']}"
        lines.append(f"{report['breakdown']} {row['group']}: {', '.join(rates)}{verdict}")
    shown = [f"{name} {_figure(found)}" for name, found in report["inequity"].items()]
    lines.append(f"inequity (95% by bootstrap): {'; '.join(shown)}")
    return report, lines


def crossed_lines(cells: list[dict[str, Any]]) -> list[str]:
    """Print who is taken for whom: the cells with the most false positives."""
    made = sorted((cell for cell in cells if cell["numerator"]), key=lambda cell: -cell["numerator"])
    lines = [
        f"{cell['probe_group']} taken for {cell['reference_group']}: {_rate(cell, '')}"
        for cell in made[:CROSSED]
    ]
    if len(made) > CROSSED:
        lines.append(f"and {len(made) - CROSSED:,} cells more: --json")
    return lines or ["no cross-group false positives"]


def _rate(row: dict[str, Any], name: str) -> str:
    start = f"{name}_" if name else ""
    if not row[f"{start}denominator"]:
        return "no trials"
    return (
        f"{row[f'{start}value']:.3g} ({row[f'{start}numerator']:,} of {row[f'{start}denominator']:,}; "
        f"{row[f'{start}low']:.2g} to {row[f'{start}high']:.2g})"
    )


def _figure(found: dict[str, float | None]) -> str:
    if found["value"] is None:
        return "none"
    span = "" if found["low"] is None else f" ({found['low']:.2g} to {found['high']:.2g})"
    return f"{found['value']:.3g}{span}"
