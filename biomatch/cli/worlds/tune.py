"""``biomatch tune``: a threshold of searches, of alerts or of the list of overstays, and waits at a port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from biomatch.cli.console import Json, emit, refuse
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    from biomatch.curves.identification import IdentificationCurve
    from biomatch.policy import OperatingPoint
    from biomatch.system.run import Run
    from biomatch.truth import Truth


class Aim(StrEnum):
    """What a point is tuned for."""

    identification = "identification"
    fraud = "fraud"
    leads = "leads"


Pairs = Annotated[
    list[Path], typer.Argument(metavar="LISTS WORLD [LISTS WORLD]...", help="Lists, each with its world.")
]
PointFile = Annotated[Path, typer.Option("--out", help="The operating point's file.")]
For = Annotated[Aim, typer.Option("--for", help="What is tuned.")]
MaxFpir = Annotated[float | None, typer.Option("--max-fpir", help="Target: FPIR at most this.")]
MaxAlerts = Annotated[
    float | None, typer.Option("--max-alerts-a-day", help="Fraud, leads: at most so many a day.")
]
MaxStops = Annotated[
    float | None,
    typer.Option("--max-stops-per-million", help="Fraud: at most so many honest stopped of a million."),
]
CostsFile = Annotated[Path | None, typer.Option("--costs", help="TOML: what errors cost.")]
At = Annotated[Path | None, typer.Option("--at", help="Fraud, leads: the point to add to; required there.")]
Gallery = Annotated[int | None, typer.Option("--gallery", min=1, help="Operational N.")]
Traffic = Annotated[float | None, typer.Option("--traffic", help="Encounters a day.")]
Prevalence = Annotated[Path | None, typer.Option("--prevalence", help="TOML: events per million encounters.")]
SubjectTo = Annotated[
    list[str] | None, typer.Option("--subject-to", metavar="CLAIM", help="A limit that must hold too.")
]
By = Annotated[str | None, typer.Option("--by", help="A threshold each: port or mode.")]
Jointly = Annotated[
    bool, typer.Option("--jointly", help="With --by and --max-fpir: one target for all together.")
]
PortName = Annotated[
    str | None, typer.Option("--port", help="Tune for waits at a port; with --max-over or --costs.")
]
MaxOver = Annotated[
    str | None, typer.Option("--max-over", metavar="GOAL", help='With --port: such as "30: 5%".')
]
Hours = Annotated[Path | None, typer.Option("--hours", help="With --port: its traffic.")]
Flights = Annotated[Path | None, typer.Option("--flights", help="With --port: its traffic.")]
Roster = Annotated[Path | None, typer.Option("--roster", help="With --port: its booths.")]
Confidence = Annotated[float, typer.Option("--confidence", help="Of the guarantee.")]
Resubstitution = Annotated[
    bool, typer.Option("--resubstitution", help="Tune again on a lineage that --at was tuned on.")
]


@dataclass(frozen=True)
class Asked:
    """What the command was asked for, option by option; None where one was not given."""

    folders: list[tuple[Path, Path]]
    out: Path
    aim: Aim
    max_fpir: float | None
    max_alerts: float | None
    max_stops: float | None
    costs: Path | None
    point: Path | None
    gallery: int | None
    traffic: float | None
    prevalence: Path | None
    subject_to: list[str] | None
    by: str | None
    jointly: bool
    confidence: float
    resubstitution: bool
    as_json: bool

    @property
    def of_searches(self) -> dict[str, Any]:
        """Options that thresholds of searches alone take, beside the target."""
        return {"--gallery": self.gallery, "--by": self.by, "--jointly": self.jointly or None,
                "--subject-to": self.subject_to or None}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(tune)


def tune(
    pairs: Pairs,
    *,
    out: PointFile,
    aim: For = Aim.identification,
    max_fpir: MaxFpir = None,
    max_alerts: MaxAlerts = None,
    max_stops: MaxStops = None,
    costs: CostsFile = None,
    point: At = None,
    gallery: Gallery = None,
    traffic: Traffic = None,
    prevalence: Prevalence = None,
    subject_to: SubjectTo = None,
    by: By = None,
    jointly: Jointly = False,
    port: PortName = None,
    max_over: MaxOver = None,
    hours: Hours = None,
    flights: Flights = None,
    roster: Roster = None,
    confidence: Confidence = 0.95,
    resubstitution: Resubstitution = False,
    as_json: Json = False,
) -> None:
    """Tune an operating point: the lowest threshold whose guarantee meets the target."""
    from biomatch.cli.worlds.tune_port import PortAim, tune_port

    if len(pairs) % 2:
        raise SettingsError(f"{len(pairs)} folders", allowed="LISTS WORLD, each pair in this order")
    folders = list(zip(pairs[::2], pairs[1::2], strict=True))
    asked = Asked(
        folders, out, aim, max_fpir, max_alerts, max_stops, costs, point, gallery, traffic, prevalence,
        subject_to, by, jointly, confidence, resubstitution, as_json,
    )  # fmt: skip
    if port is None:
        at_port = {"--max-over": max_over, "--hours": hours, "--flights": flights, "--roster": roster}
        refuse(at_port, "without --port")
    if aim is not Aim.identification:
        refuse({"--port": port}, f"with --for {aim.value}")
        _tune_runs(asked)
        return
    refuse(
        {"--max-alerts-a-day": max_alerts, "--max-stops-per-million": max_stops, "--traffic": traffic,
         "--prevalence": prevalence, "--at": point}, "without --for fraud or --for leads",
    )  # fmt: skip
    if port is None:
        _tune_searches(asked)
        return
    curve, _ = _pooled(folders)
    refuse(asked.of_searches, "with --port")
    tune_port(
        curve, PortAim(port, max_over, costs, hours, flights, roster, max_fpir, confidence), out, as_json
    )


def _pooled(folders: list[tuple[Path, Path]]) -> tuple[IdentificationCurve, list[Any]]:
    """Read lists with their worlds; give the curve of all of them, and what growth needs of each."""
    from biomatch.curves.pooled import pool
    from biomatch.tables.candidates import CandidateLists
    from biomatch.tuning.growth.curve import swept
    from biomatch.worlds import open_world

    found = []
    for lists, world in folders:
        opened = open_world(world)
        found.append(swept(CandidateLists.read(lists, opened.observed), opened.truth))
    return pool([one for one, _ in found]), [one for _, one in found]


def _tune_searches(asked: Asked) -> None:
    """Tune the threshold of searches, and say what it brought on the tuning worlds."""
    from biomatch import decimals
    from biomatch.tuning import tune as tune_curve
    from biomatch.tuning.by_part import decided
    from biomatch.tuning.costs import Costs
    from biomatch.tuning.growth.curve import with_growth

    max_fpir, by, confidence = asked.max_fpir, asked.by, asked.confidence
    if (max_fpir is None) == (asked.costs is None):
        raise SettingsError(
            "both or neither of --max-fpir and --costs", remedy="give one, for example --max-fpir 0.001"
        )
    curve, grown = _pooled(asked.folders)
    tuned = tune_curve(
        curve,
        max_fpir=max_fpir,
        costs=Costs.read(asked.costs) if asked.costs else None,
        subject_to=asked.subject_to or (),
        confidence=confidence,
        by=by,
        jointly=asked.jointly,
        gallery=asked.gallery,
    )
    tuned = with_growth(tuned, grown, gallery=asked.gallery)
    tuned.write(asked.out)
    own = tuned.face_threshold_by.get(by or "", {})
    # With thresholds by part the rates are those of all parts, each at its own.
    at, judged = (1.0, decided(curve, by, own, tuned.face_threshold)) if by else (tuned.face_threshold, curve)
    realised, missed = judged.fpir(at, confidence), judged.fnir(at, confidence=confidence)
    aimed = (
        "least expected cost"
        if max_fpir is None
        else f"FPIR at most {max_fpir:g} with {confidence:.0%} confidence"
    )
    payload = {
        "point": asked.out,
        "threshold": tuned.face_threshold,
        "threshold_by": tuned.face_threshold_by,
        "guarantee": tuned.guarantee,
        "fpir": realised,
        "fnir": missed,
        "lineages": tuned.lineages,
    }
    lines = [
        f"threshold {decimals.text(tuned.face_threshold)}: {aimed} "
        f"(N = {curve.enrolled_counts[0]:,}, L = {curve.list_length})",
        *(f"  {by} {label}: threshold {decimals.text(value)}" for label, value in own.items()),
        f"  realised FPIR {realised}",
        f"  realised FNIR {missed}",
        *_further_lines(tuned),
        f"written: {asked.out.absolute()}",
    ]
    emit(asked.as_json, payload, lines)


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


def _tune_runs(asked: Asked) -> None:
    """Tune alerts or leads: run each tuning world at a point once, then sweep."""
    from biomatch.evaluation.judge import check_lineages
    from biomatch.policy import OperatingPoint
    from biomatch.system.run import run
    from biomatch.tables.candidates import CandidateLists
    from biomatch.worlds import open_world

    refuse({"--max-fpir": asked.max_fpir, "--gallery": asked.gallery, "--jointly": asked.jointly or None,
             "--subject-to": asked.subject_to or None}, f"with --for {asked.aim.value}")  # fmt: skip
    if asked.point is None:
        raise SettingsError(
            f"--for {asked.aim.value} without --at", remedy="give an operating point of these lists' system"
        )
    at = OperatingPoint.read(asked.point)
    runs = []
    for lists, world in asked.folders:
        opened = open_world(world)
        at = check_lineages(at, opened.truth, resubstitution=asked.resubstitution)
        runs.append((CandidateLists.read(lists, opened.observed), opened))
    done = [(run(opened.observed, at=at, lists=found), opened.truth) for found, opened in runs]
    tuned, payload, lines = (_fraud if asked.aim is Aim.fraud else _leads)(asked, done)
    tuned.write(asked.out)
    emit(
        asked.as_json,
        {"point": asked.out, "threshold": tuned.face_threshold, "lineages": tuned.lineages, **payload},
        [*lines, f"written: {asked.out.absolute()}"],
    )


def _fraud(asked: Asked, done: list[tuple[Run, Truth]]) -> tuple[OperatingPoint, dict[str, Any], list[str]]:
    from biomatch.evaluation.alerts.curves import alert_curves
    from biomatch.tuning.alerts.tune import plan_fraud

    tuned, plan = plan_fraud(
        [alert_curves(one, truth) for one, truth in done],
        max_alerts_a_day=asked.max_alerts,
        max_stops_per_million=asked.max_stops,
        alert_costs=asked.costs,
        traffic=asked.traffic,
        prevalence=asked.prevalence,
        by=asked.by,
        confidence=asked.confidence,
    )
    payload: dict[str, Any] = {
        "alert_thresholds": tuned.alert_thresholds,
        "alert_thresholds_by": tuned.alert_thresholds_by,
        "plan": plan,
    }
    return tuned, payload, plan.lines()


def _leads(asked: Asked, done: list[tuple[Run, Truth]]) -> tuple[OperatingPoint, dict[str, Any], list[str]]:
    from biomatch.evaluation.overstays.leads import lead_curve
    from biomatch.tuning.leads import tune_leads

    refuse({"--max-stops-per-million": asked.max_stops, "--by": asked.by, "--traffic": asked.traffic,
             "--prevalence": asked.prevalence}, "with --for leads")  # fmt: skip
    tuned = tune_leads(
        [lead_curve(one, truth) for one, truth in done], max_alerts_a_day=asked.max_alerts, costs=asked.costs
    )
    about = tuned.guarantee["leads"]
    line = f"leads from P(overstay) = {tuned.lead_posterior:.4f}: {about['leads_a_day']:.3g} a day"
    return tuned, {"lead_posterior": tuned.lead_posterior, "leads": about}, [line]
