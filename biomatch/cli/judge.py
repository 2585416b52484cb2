"""The judge's commands: tune a threshold on one world, evaluate a run on another."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from biomatch.cli.console import Json, emit, note, plain, progress
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    from biomatch.policy import OperatingPoint

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
    aim: Annotated[Aim, typer.Option("--for", help="What is tuned.")] = Aim.identification,
    max_fpir: Annotated[float | None, typer.Option("--max-fpir", help="Target: FPIR at most this.")] = None,
    max_alerts: Annotated[
        float | None, typer.Option("--max-alerts-a-day", help="Fraud, leads: at most so many a day.")
    ] = None,
    max_stops: Annotated[
        float | None,
        typer.Option("--max-stops-per-million", help="Fraud: at most so many honest stopped of a million."),
    ] = None,
    costs: Annotated[Path | None, typer.Option("--costs", help="TOML: what errors cost.")] = None,
    point: Annotated[
        Path | None, typer.Option("--at", help="Fraud, leads: the point to add to; required there.")
    ] = None,
    gallery: Annotated[int | None, typer.Option("--gallery", min=1, help="Operational N.")] = None,
    traffic: Annotated[float | None, typer.Option("--traffic", help="Encounters a day.")] = None,
    prevalence: Annotated[
        Path | None, typer.Option("--prevalence", help="TOML: events per million encounters.")
    ] = None,
    subject_to: Annotated[
        list[str] | None, typer.Option("--subject-to", metavar="CLAIM", help="A limit that must hold too.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="A threshold each: port or mode.")] = None,
    jointly: Annotated[
        bool, typer.Option("--jointly", help="With --by and --max-fpir: one target for all together.")
    ] = False,
    port: Annotated[
        str | None, typer.Option("--port", help="Tune for waits at a port; with --max-over or --costs.")
    ] = None,
    max_over: Annotated[
        str | None, typer.Option("--max-over", metavar="GOAL", help='With --port: such as "30: 5%".')
    ] = None,
    hours: Annotated[Path | None, typer.Option("--hours", help="With --port: its traffic.")] = None,
    flights: Annotated[Path | None, typer.Option("--flights", help="With --port: its traffic.")] = None,
    roster: Annotated[Path | None, typer.Option("--roster", help="With --port: its booths.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the guarantee.")] = 0.95,
    resubstitution: Annotated[
        bool, typer.Option("--resubstitution", help="Tune again on a lineage that --at was tuned on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tune an operating point: the lowest threshold whose guarantee meets the target."""
    from biomatch import decimals

    if len(pairs) % 2:
        raise SettingsError(f"{len(pairs)} folders", allowed="LISTS WORLD, each pair in this order")
    folders = list(zip(pairs[::2], pairs[1::2], strict=True))
    at_port = {"--max-over": max_over, "--hours": hours, "--flights": flights, "--roster": roster}
    if port is None:
        _refuse(at_port, "without --port")
    if aim is not Aim.identification:
        _refuse({"--port": port}, f"with --for {aim.value}")
        options = {
            "max_alerts_a_day": max_alerts,
            "max_stops_per_million": max_stops,
            "costs": costs,
            "traffic": traffic,
            "prevalence": prevalence,
            "by": by,
        }
        _refuse({"--max-fpir": max_fpir, "--gallery": gallery, "--jointly": jointly or None,
                 "--subject-to": subject_to or None}, f"with --for {aim.value}")  # fmt: skip
        _tune_runs(folders, out, aim, point, options, confidence, resubstitution, as_json)
        return
    from biomatch.cli.tune_port import PortAim, tune_port
    from biomatch.tables.candidates import CandidateLists
    from biomatch.tuning import tune as tune_curve
    from biomatch.tuning.by_part import decided
    from biomatch.tuning.costs import Costs
    from biomatch.tuning.growth.curve import swept, with_growth
    from biomatch.tuning.pooled import pool
    from biomatch.worlds import open_world

    _refuse(
        {"--max-alerts-a-day": max_alerts, "--max-stops-per-million": max_stops, "--traffic": traffic,
         "--prevalence": prevalence, "--at": point}, "without --for fraud or --for leads",
    )  # fmt: skip
    if port is None and (max_fpir is None) == (costs is None):
        raise SettingsError(
            "both or neither of --max-fpir and --costs", remedy="give one, for example --max-fpir 0.001"
        )
    found = []
    for lists, world in folders:
        opened = open_world(world)
        found.append(swept(CandidateLists.read(lists, opened.observed), opened.truth))
    curve = pool([one for one, _ in found])
    if port is not None:
        _refuse({"--gallery": gallery, "--by": by, "--jointly": jointly or None,
                 "--subject-to": subject_to or None}, "with --port")  # fmt: skip
        tune_port(
            curve, PortAim(port, max_over, costs, hours, flights, roster, max_fpir, confidence), out, as_json
        )
        return
    tuned = tune_curve(
        curve,
        max_fpir=max_fpir,
        costs=Costs.read(costs) if costs else None,
        subject_to=subject_to or (),
        confidence=confidence,
        by=by,
        jointly=jointly,
        gallery=gallery,
    )
    tuned = with_growth(tuned, [one for _, one in found], gallery=gallery)
    tuned.write(out)
    own = tuned.face_threshold_by.get(by or "", {})
    # With thresholds by part the rates are those of all parts, each at its own.
    at, judged = (1.0, decided(curve, by, own, tuned.face_threshold)) if by else (tuned.face_threshold, curve)
    realised, missed = judged.fpir(at, confidence), judged.fnir(at, confidence=confidence)
    aimed = (
        "least expected cost"
        if max_fpir is None
        else f"FPIR at most {max_fpir:g} with {confidence:.0%} confidence"
    )
    emit(
        as_json,
        {
            "point": out,
            "threshold": tuned.face_threshold,
            "threshold_by": tuned.face_threshold_by,
            "guarantee": tuned.guarantee,
            "fpir": realised,
            "fnir": missed,
            "lineages": tuned.lineages,
        },
        [
            f"threshold {decimals.text(tuned.face_threshold)}: {aimed} "
            f"(N = {curve.enrolled_counts[0]:,}, L = {curve.list_length})",
            *(f"  {by} {label}: threshold {decimals.text(value)}" for label, value in own.items()),
            f"  realised FPIR {realised}",
            f"  realised FNIR {missed}",
            *_further_lines(tuned),
            f"written: {out.absolute()}",
        ],
    )


def _further_lines(tuned: OperatingPoint) -> list[str]:
    """Say what was shown of the system's further searches."""
    from biomatch import decimals

    lines = []
    for policy, shown in tuned.guarantee.get("searches", {}).items():
        if "not_shown" in shown:
            lines.append(
                f"  search {policy}: threshold {decimals.text(tuned.face_threshold)}, the primary search's; "
                f"its own FPIR is not shown ({shown['not_shown']})"
            )
        else:
            lines.append(
                f"  search {policy}: threshold {decimals.text(shown['threshold'])} for the same target "
                f"(N = {shown['enrolled']['median']:,})"
            )
    return lines


def _refuse(options: dict[str, Any], when: str) -> None:
    """Refuse options that would be ignored."""
    wrong = [name for name, value in options.items() if value is not None]
    if wrong:
        raise SettingsError(f"{', '.join(wrong)} {when}", remedy="leave it out")


def _tune_runs(
    folders: list[tuple[Path, Path]],
    out: Path,
    aim: Aim,
    point: Path | None,
    options: dict[str, Any],
    confidence: float,
    resubstitution: bool,
    as_json: bool,
) -> None:
    """Tune alerts or leads: run each tuning world at a point once, then sweep."""
    from biomatch.evaluation.alerts.curves import alert_curves
    from biomatch.evaluation.judge import check_lineages
    from biomatch.evaluation.overstays.leads import lead_curve
    from biomatch.policy import OperatingPoint
    from biomatch.system.run import run
    from biomatch.tables.candidates import CandidateLists
    from biomatch.tuning.alerts.tune import plan_fraud
    from biomatch.tuning.leads import tune_leads
    from biomatch.worlds import open_world

    if point is None:
        raise SettingsError(
            f"--for {aim.value} without --at", remedy="give an operating point of these lists' system"
        )
    at = OperatingPoint.read(point)
    runs = []
    for lists, world in folders:
        opened = open_world(world)
        at = check_lineages(at, opened.truth, resubstitution=resubstitution)
        found = CandidateLists.read(lists, opened.observed)
        runs.append((found, opened))
    done = [(run(opened.observed, at=at, lists=found), opened.truth) for found, opened in runs]
    if aim is Aim.fraud:
        tuned, plan = plan_fraud(
            [alert_curves(one, truth) for one, truth in done],
            max_alerts_a_day=options["max_alerts_a_day"],
            max_stops_per_million=options["max_stops_per_million"],
            alert_costs=options["costs"],
            traffic=options["traffic"],
            prevalence=options["prevalence"],
            by=options["by"],
            confidence=confidence,
        )
        payload: dict[str, Any] = {
            "alert_thresholds": tuned.alert_thresholds,
            "alert_thresholds_by": tuned.alert_thresholds_by,
            "plan": plan,
        }
        lines = plan.lines()
    else:
        _refuse({"--max-stops-per-million": options["max_stops_per_million"], "--by": options["by"],
                 "--traffic": options["traffic"], "--prevalence": options["prevalence"]},
                "with --for leads")  # fmt: skip
        tuned = tune_leads(
            [lead_curve(one, truth) for one, truth in done],
            max_alerts_a_day=options["max_alerts_a_day"],
            costs=options["costs"],
        )
        payload = {"lead_posterior": tuned.lead_posterior, "leads": tuned.guarantee["leads"]}
        about = tuned.guarantee["leads"]
        lines = [f"leads from P(overstay) = {tuned.lead_posterior:.4f}: {about['leads_a_day']:.3g} a day"]
    tuned.write(out)
    emit(
        as_json,
        {"point": out, "threshold": tuned.face_threshold, "lineages": tuned.lineages, **payload},
        [*lines, f"written: {out.absolute()}"],
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
    from biomatch.cli.summary import fraud_lines, search_lines
    from biomatch.evaluation.judge import evaluate as judge
    from biomatch.evaluation.result import KIND
    from biomatch.settings.review import ReviewSettings
    from biomatch.system.run import Run
    from biomatch.tables import storage
    from biomatch.worlds import open_world

    if form is None:
        _refuse({"--at": point, "--system": system}, "without --format: a run has its own")
    else:
        _refuse({"--review": review, "--frauds-per-million": frauds}, "with --format")
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
