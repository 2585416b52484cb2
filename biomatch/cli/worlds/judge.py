"""The judge's command: evaluate a run, or another matcher's candidate lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biomatch.cli.console import Json, emit, note, plain, progress, refuse
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    pass

CURVE = "curve"
"""Kind of the folder that an external matcher's curve goes to, where no point is graded."""


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(evaluate)


def evaluate(
    made: Annotated[Path, typer.Argument(metavar="RUN|LISTS", help="A run, or another matcher's log.")],
    world: Annotated[Path, typer.Argument(help="The world that it was made on.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="Where to write the result.")],
    form: Annotated[str | None, typer.Option("--format", help="frte: a candidate log.")] = None,
    system: Annotated[str | None, typer.Option("--system", help="With --format: the plan's system.")] = None,
    point: Annotated[Path | None, typer.Option("--at", help="With --format: an operating point.")] = None,
    resubstitution: Annotated[
        bool, typer.Option("--resubstitution", help="Grade on the lineage that was tuned on; is reported.")
    ] = False,
    review: Annotated[
        Path | None, typer.Option("--review", help="TOML: how people review the list of overstays.")
    ] = None,
    frauds: Annotated[
        float | None,
        typer.Option(
            "--frauds-per-million", help="Odds from which an alert is explained; default: as tuned."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a run, or another matcher's candidate lists, by the truth of its world."""
    from biomatch import decimals
    from biomatch.cli.worlds.summary import fraud_lines, search_lines
    from biomatch.evaluation.judge import evaluate as judge
    from biomatch.evaluation.result import KIND
    from biomatch.settings.review import ReviewSettings
    from biomatch.system.run import Run
    from biomatch.tables import storage
    from biomatch.worlds import open_world

    if form is None:
        refuse({"--at": point, "--system": system}, "without --format: a run has its own")
    else:
        refuse({"--review": review, "--frauds-per-million": frauds}, "with --format")
    storage.free_place(out, CURVE if form is not None and point is None else KIND)
    if form is not None:
        _external(made, world, out, form, system, point, resubstitution, as_json)
        return
    officers = ReviewSettings() if review is None else ReviewSettings.read(review)
    opened = open_world(world)
    run = Run.read(made, opened.observed)
    with progress() as update:
        update("evaluate", 0, 1)
        result = judge(
            run, opened.truth, resubstitution=resubstitution, review=officers, frauds_per_million=frauds
        )
        update("evaluate", 1, 1)
    result.write(out)
    if result.point.resubstitution:
        note("note: graded on a lineage that was tuned on (resubstitution); every report says so")
    last = result.overstays[-1]
    emit(
        as_json,
        {"result": out, **result.to_json()},
        [
            f"FPIR(N={result.enrolled[0]:,}, T={decimals.text(result.point.face_threshold)}) = {result.fpir}",
            f"FNIR(N={result.enrolled[0]:,}, R={result.list_length}, T) = {result.fnir}",
            f"system miss rate, failures to acquire folded in: {result.system_miss_rate}",
            "misses: " + ", ".join(f"{count:,} {cause}" for cause, count in result.misses.items()),
            *search_lines(result),
            *fraud_lines(result),
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
    from biomatch.evaluation.external_lists import check_answers, lists_from_frte
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
