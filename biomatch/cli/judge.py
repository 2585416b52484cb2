"""The judge's commands: tune a threshold on one world, evaluate a run on another."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit, note, plain, progress
from biomatch.errors import SettingsError

CURVE = "curve"
"""Kind of the folder that an external matcher's curve goes to, where no point is graded."""


class Aim(StrEnum):
    """What a point is tuned for."""

    identification = "identification"
    fraud = "fraud"
    leads = "leads"


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(tune)
    app.command()(evaluate)


def tune(
    pairs: Annotated[
        list[Path], typer.Argument(metavar="LISTS WORLD [LISTS WORLD]...", help="Lists, each with its world.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The operating point's file.")],
    max_fpir: Annotated[float | None, typer.Option("--max-fpir", help="Target: FPIR at most this.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the guarantee.")] = 0.95,
    by: Annotated[str | None, typer.Option("--by", help="A threshold each: port or mode.")] = None,
    aim: Annotated[Aim, typer.Option("--for", help="What the point is tuned for.")] = Aim.identification,
    at: Annotated[Path | None, typer.Option("--at", help="fraud: the point that is carried on.")] = None,
    alerts: Annotated[
        float | None, typer.Option("--max-alerts-a-day", help="fraud: limit on expected alerts.")
    ] = None,
    costs: Annotated[Path | None, typer.Option("--costs", help="fraud: TOML, cost of stop and miss.")] = None,
    traffic: Annotated[float | None, typer.Option("--traffic", help="fraud: encounters a day.")] = None,
    prevalence: Annotated[
        Path | None, typer.Option("--prevalence", help="fraud: TOML, events per million encounters.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tune an operating point: the lowest threshold whose guarantee meets the target."""
    if len(pairs) % 2:
        raise SettingsError(f"{len(pairs)} folders", allowed="LISTS WORLD, each pair in this order")
    if aim is Aim.fraud:
        from biomatch.cli.tune_fraud import tune_for_fraud

        tune_for_fraud(
            pairs, out, at, max_alerts_a_day=alerts, costs=costs, traffic=traffic, prevalence=prevalence,
            confidence=confidence, as_json=as_json,
        )  # fmt: skip
        return
    from biomatch.evaluation.sweep import sweep
    from biomatch.tables.candidates import CandidateLists
    from biomatch.tables.storage import write_text
    from biomatch.tuning import tune as tune_curve
    from biomatch.tuning.pool import pool
    from biomatch.worlds import open_world

    if max_fpir is None:
        raise SettingsError("no target", remedy="give --max-fpir, for example --max-fpir 0.001")
    curves = []
    for lists, world in zip(pairs[::2], pairs[1::2], strict=True):
        opened = open_world(world)
        curves.append(sweep(CandidateLists.read(lists, opened.observed), opened.truth))
    curve = pool(curves)
    point = tune_curve(curve, max_fpir=max_fpir, confidence=confidence, by=by)
    write_text(out, json.dumps(point.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    realised = curve.fpir(point.face_threshold, confidence)
    missed = curve.fnir(point.face_threshold, confidence=confidence)
    emit(
        as_json,
        {
            "point": out,
            "threshold": point.face_threshold,
            "threshold_by": point.face_threshold_by,
            "guarantee": point.guarantee,
            "fpir": realised,
            "fnir": missed,
            "lineages": point.lineages,
        },
        [
            f"threshold {point.face_threshold:.6f}: FPIR at most {max_fpir:g} with {confidence:.0%} "
            f"confidence (N = {curve.enrolled_counts[0]:,}, L = {curve.list_length})",
            f"  realised FPIR {realised}",
            f"  realised FNIR {missed}",
            f"written: {out.absolute()}",
        ],
    )


def evaluate(
    made: Annotated[Path, typer.Argument(metavar="RUN|LISTS", help="A run, or another matcher's log.")],
    world: Annotated[Path, typer.Argument(help="The world that it was made on.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write the result.")],
    form: Annotated[str | None, typer.Option("--format", help="frte: a candidate log.")] = None,
    system: Annotated[str | None, typer.Option("--system", help="With --format: the plan's system.")] = None,
    point: Annotated[Path | None, typer.Option("--at", help="With --format: an operating point.")] = None,
    resubstitution: Annotated[
        bool, typer.Option("--resubstitution", help="Grade on the lineage that was tuned on; is reported.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge a run, or another matcher's candidate lists, by the truth of its world."""
    from biomatch.evaluation.judge import evaluate as judge
    from biomatch.evaluation.result import KIND
    from biomatch.system.run import Run
    from biomatch.tables import storage
    from biomatch.worlds import open_world

    storage.free_place(out, CURVE if form is not None and point is None else KIND)
    if form is not None:
        _external(made, world, out, form, system, point, resubstitution, as_json)
        return
    opened = open_world(world)
    run = Run.read(made, opened.observed)
    with progress() as update:
        update("evaluate", 0, 1)
        result = judge(run, opened.truth, resubstitution=resubstitution)
        update("evaluate", 1, 1)
    result.write(out)
    if result.point.resubstitution:
        note("note: graded on a lineage that was tuned on (resubstitution); every report says so")
    last = result.overstays[-1]
    emit(
        as_json,
        {"result": out, **result.to_json()},
        [
            f"FPIR(N={result.enrolled[0]:,}, T={result.point.face_threshold:.4f}) = {result.fpir}",
            f"FNIR(N={result.enrolled[0]:,}, R={result.list_length}, T) = {result.fnir}",
            f"system miss rate, failures to acquire folded in: {result.system_miss_rate}",
            "misses: " + ", ".join(f"{count:,} {cause}" for cause, count in result.misses.items()),
            f"overstays as of {last.as_of}: {last.leads:,} leads, {last.false_leads:,} of them false, "
            f"{last.hidden:,} hidden; reported {last.reported_in_country_rate}",
            f"written: {out.absolute()}",
        ],
    )


def _external(
    log: Path,
    world: Path,
    out: Path,
    form: str,
    system: str | None,
    point: Path | None,
    resubstitution: bool,
    as_json: bool,
) -> None:
    """Judge candidate lists that another matcher made from ``search --plan``."""
    from biomatch.evaluation.external import check_answers, lists_from_frte
    from biomatch.evaluation.judge import evaluate as judge
    from biomatch.evaluation.sweep import sweep
    from biomatch.policy import OperatingPoint
    from biomatch.settings.system import System
    from biomatch.system.run import run as run_system
    from biomatch.tables import storage
    from biomatch.worlds import open_world

    if form != "frte":
        raise SettingsError(f"--format {form}", allowed="frte")
    if system is None:
        raise SettingsError("no --system", remedy="name the system that the plan was written for")
    opened = open_world(world)
    lists = lists_from_frte(log, opened.observed, System.load(system))
    check_answers(lists)
    if point is None:
        curve = sweep(lists, opened.truth)
        points = curve.points(rank=curve.list_length)
        summary = {
            "curve_only": True,
            "mated_searches": points.mated,
            "non_mated_searches": points.non_mated,
            "enrolled_count": curve.enrolled_counts[0],
            "list_length": curve.list_length,
            "rank_one_miss": curve.fnir(float("-inf"), rank=1),
        }
        with storage.new_folder(out, CURVE) as folder:
            storage.write_text(folder / "summary.json", json.dumps(plain(summary), indent=1) + "\n")
            rows = ["threshold,false_positives,non_mated,misses,mated"]
            rows += [
                f"{threshold!r},{wrong},{points.non_mated},{missed},{points.mated}"
                for threshold, wrong, missed in zip(
                    points.thresholds.tolist(), points.false_positives, points.misses, strict=True
                )
            ]
            storage.write_text(folder / "curve.csv", "\n".join(rows) + "\n")
        lines = [f"curve only (no --at): {points.mated:,} mated, {points.non_mated:,} non-mated searches"]
        emit(as_json, {"result": out, **summary}, [*lines, f"written: {out.absolute()}"])
        return
    done = run_system(opened.observed, at=OperatingPoint.read(point), lists=lists)
    result = judge(done, opened.truth, resubstitution=resubstitution)
    result.write(out)
    lines = [f"FPIR {result.fpir}", f"FNIR {result.fnir}", f"written: {out.absolute()}"]
    emit(as_json, {"result": out, **result.to_json()}, lines)
