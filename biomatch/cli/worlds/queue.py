"""``biomatch queue``: waits of a port at given error rates, or a port's own hours predicted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from biomatch.cli.console import Json, Set, emit, note, plain, progress
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    from biomatch.evaluation.waits.day import PortDay
    from biomatch.settings.port import Port
    from biomatch.tables.ports import PortHours

FAILED = 1


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(queue)
    port = typer.Typer(help="The built-in ports: halls, lanes and times.", no_args_is_help=True)
    port.command("list")(port_list)
    port.command("show")(port_show)
    app.add_typer(port, name="port")


def port_list(as_json: Json = False) -> None:
    """List the built-in ports."""
    from biomatch.settings.port import Port

    emit(as_json, {"ports": Port.names()}, Port.names())


def port_show(
    name: Annotated[str, typer.Argument(help="A built-in name or a TOML file.")], as_json: Json = False
) -> None:
    """Print a port as TOML, with the source of each default."""
    from biomatch.cli.settings import toml_lines
    from biomatch.settings.port import Port

    port = Port.load(name)
    values = port.model_dump(mode="json", exclude_none=True)
    emit(as_json, {"settings": values, "id": port.id}, toml_lines(port))


def queue(
    port: Annotated[str, typer.Argument(metavar="[PORT]", help="A built-in port or a TOML file.")] = "hall",
    *,
    hours: Annotated[
        Path | None, typer.Option("--hours", help="CSV or Parquet: date, hour, passengers, ...; or `ohare`.")
    ] = None,
    flights: Annotated[
        Path | None, typer.Option("--flights", help="CSV instead: gate_time, passengers.")
    ] = None,
    roster: Annotated[Path | None, typer.Option("--roster", help="CSV: from, to, lane, booths.")] = None,
    airport: Annotated[str | None, typer.Option("--airport", help="Of several in the file.")] = None,
    terminal: Annotated[str | None, typer.Option("--terminal", help="Of several in the file.")] = None,
    fnir: Annotated[float | None, typer.Option("--fnir", help="Misses of mated searches, 0 to 1.")] = None,
    fpir: Annotated[float | None, typer.Option("--fpir", help="Alarms of non-mated searches.")] = None,
    fta: Annotated[float | None, typer.Option("--fta", help="Failures to acquire.")] = None,
    result: Annotated[
        Path | None, typer.Option("--result", help="Take the rates from a result of `evaluate`.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same bytes.")] = 0,
    replications: Annotated[int, typer.Option("--replications", min=1, max=10_000)] = 20,
    roster_for: Annotated[
        str | None, typer.Option("--roster-for", metavar="GOAL", help='Such as "over 45 <= 5%".')
    ] = None,
    lane: Annotated[str | None, typer.Option("--lane", help="With --roster-for: whose share.")] = None,
    changes: Set = None,
    fit: Annotated[bool, typer.Option("--fit", help="Fit the hall to measured hours, and test it.")] = False,
    train: Annotated[
        str | None, typer.Option("--train", metavar="FROM:TO", help="With --fit: training days.")
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="FROM:TO", help="With --fit: days to predict.")
    ] = None,
    traffic: Annotated[
        float | None,
        typer.Option("--traffic", min=0.1, max=3.0, help="With --fit: so many times the travellers."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for tables as CSV.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace tables that stand in --out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say who waits how long at a port, which staff that takes, and who misses a connection.

    With --fit: fit the hall to the file's own measured waits, predict held-out days, and compare with naive
    predictors; exit code 1 where it loses to hour of day.
    """
    from biomatch.settings.base import parse_changes
    from biomatch.settings.port import Port

    chosen = Port.load(port)
    if changes:
        chosen = chosen.with_(parse_changes(changes))
    table = None if hours is None else _hours(hours, airport, terminal)
    given = {"--fnir": fnir, "--fpir": fpir, "--fta": fta, "--result": result}
    if fit or train is not None or test is not None:
        other = {"--roster": roster, "--roster-for": roster_for, "--flights": flights, "--lane": lane}
        _refuse({**given, **other},
                "with --fit: booths in measured hours follow demand, a fit knows no other staff or rates",
                "leave --fit out: the simulation takes the roster and the port's desk times")  # fmt: skip
        if table is None or train is None or test is None or not fit:
            raise SettingsError(
                "a fit needs --fit, --hours, --train and --test together",
                remedy="for example --hours FILE --fit --train 2018-01:2018-12 --test 2019-01:2019-12",
            )
        _fit(table, hours, train, test, traffic, out, overwrite, as_json)
        return
    _refuse({"--traffic": traffic}, "without --fit", "change the travellers in the file")
    rates = _rates(result, fnir, fpir, fta)
    about = {"hours": table, "flights": flights, "roster": roster, "seed": seed, "replications": replications}
    if roster_for is not None:
        _roster_for(chosen, about, rates, roster_for, lane, out, overwrite, as_json)
        return
    _refuse({"--lane": lane}, "without --roster-for", "leave it out: every lane is printed")
    from biomatch.evaluation.waits.day import queue as find

    day = find(chosen, **about, **rates)  # type: ignore[arg-type]
    written = [] if out is None else _write(out, day, table, hours, overwrite)
    emit(as_json, {**day.to_json(), "paths": written}, [*lines_of(day), *_written(written)])


def _hours(path: Path, airport: str | None, terminal: str | None) -> PortHours:
    from biomatch.tables.ports import read_hours, sample_hours

    samples = sample_hours()
    whole = samples[str(path)] if str(path) in samples else read_hours(path)
    table = whole.only(airport, terminal)
    for text in table.notes:
        note(f"note: {text}")
    return table


def _refuse(options: dict[str, Any], when: str, remedy: str) -> None:
    wrong = [name for name, value in options.items() if value is not None]
    if wrong:
        raise SettingsError(f"{', '.join(wrong)} {when}", remedy=remedy)


def _rates(
    result: Path | None, fnir: float | None, fpir: float | None, fta: float | None
) -> dict[str, float]:
    """Take the rates from a judged run, or as given; a rate that is not given is 0."""
    if result is None:
        given = {"--fnir": fnir, "--fpir": fpir, "--fta": fta}
        absent = [name for name, value in given.items() if value is None]
        if absent:
            note(f"note: {', '.join(absent)} not given: counted as 0")
        return {"fnir": fnir or 0.0, "fpir": fpir or 0.0, "fta": fta or 0.0}
    _refuse({"--fnir": fnir, "--fpir": fpir, "--fta": fta}, "with --result", "give the rates or a result")
    from biomatch.evaluation.result import Result
    from biomatch.tuning.waits.rates import rates_of

    rates = rates_of(Result.read(result)).rates
    return {"fnir": rates.fnir, "fpir": rates.fpir, "fta": rates.fta}


def lines_of(day: PortDay) -> list[str]:
    """Say a port's day in sentences."""
    told = day.to_json()
    rates, plural = day.rates, "" if len(day.replicates) == 1 else "s"
    lines = [
        f"{day.port.name}: {day.people:,} travellers at FNIR {rates.fnir:g}, FPIR {rates.fpir:g}, "
        f"FTA {rates.fta:g}; {len(day.replicates)} replication{plural}"
    ]
    if not day.holds:
        lines.append(
            f"more work than staff at {', '.join(told['not_holding'])}: the queue only grows. "
            f"{told['staff_hours']:,.0f} staff hours are rostered; {told['staff_hours_needed']:,.0f} would do"
        )
    if told["wait_minutes"] is not None:
        wait = told["wait_minutes"]
        clock = {"gate": "from the aircraft's gate", "door": "from the hall's door", "lane": "in queues"}
        lines.append(
            f"wait {clock[day.port.clock]}: mean {_figure(wait['mean'])} min, "
            f"95% within {_figure(wait['p95'])}, longest {_figure(wait['longest'])}"
        )
        measured = {"travellers": "travellers", "quarter_hours": "quarter-hours"}[day.port.measure]
        lines.append(
            f"{measured} over "
            + ", ".join(f"{minutes} min: {_share(share)}" for minutes, share in told["over"].items())
        )
        lines += [
            f"  {name}: {part['people']:,.0f} travellers, mean {_figure(part['wait_minutes']['mean'])} min, "
            f"over 30: {_share(part['over']['30']) if '30' in part['over'] else 'not counted'}"
            for name, part in told["by_lane"].items()
        ]
    places = "" if day.port.places is None else f" (places: {day.port.places:,})"
    lines.append(f"most in queues at once: {_figure(told['queue_peak'], 0)}{places}")
    lines.append(
        f"staff: {told['staff_hours']:,.0f} hours; "
        + ", ".join(f"{name} busy {_share(busy)}" for name, busy in told["busy"].items())
    )
    second = told["secondary"]
    if second["people"]["value"]:
        waited = second["wait_minutes"]
        lines.append(
            f"secondary: {_figure(second['people'], 0)} people, "
            + ("without end" if waited is None else f"mean wait {_figure(waited)} min")
        )
    for name in ("missed_connections", "missed_departures"):
        if told[name] is not None:
            lines.append(f"{name.replace('_', ' ')}: {_figure(told[name], 0)}")
    if told["boarding_minutes"] is not None and told["boarding_minutes"]["value"]:
        lines.append(f"boarding takes {_figure(told['boarding_minutes'])} min")
    if told["cost"] is not None:
        lines.append(f"cost with the port's assumed prices: {_figure(told['cost'], 0)}")
    return lines


def _figure(found: dict[str, Any], digits: int = 1) -> str:
    text = f"{found['value']:,.{digits}f}"
    if found["interval"] is None:
        return text
    low, high = found["interval"]
    return f"{text} ({low:,.{digits}f} to {high:,.{digits}f})"


def _share(found: dict[str, Any]) -> str:
    text = f"{found['value']:.1%}"
    if found["interval"] is None:
        return text
    low, high = found["interval"]
    return f"{text} ({low:.1%} to {high:.1%})"


def _written(paths: list[Path]) -> list[str]:
    return [f"written: {path.absolute()}" for path in paths]


def _put(path: Path, text: str, overwrite: bool) -> Path:
    from biomatch.tables.storage import write_text

    if path.exists() and not overwrite and path.read_text(encoding="utf-8") != text:
        raise SettingsError(
            f"{path} holds another answer", allowed="a new place", remedy="give --overwrite or another --out"
        )
    write_text(path, text)
    return path


def _write(
    out: Path, day: PortDay, table: PortHours | None, hours: Path | None, overwrite: bool
) -> list[Path]:
    """Write the waits by hour and lane, and the user's own table with predictions added."""
    from biomatch.files import csv_text

    told = json.dumps(plain(day.to_json()), indent=1) + "\n"
    paths = [_put(out / "summary.json", told, overwrite)]
    if not day.primary_holds:
        note("note: no table of waits is written: with more work than staff they have no meaning")
        return paths
    paths.append(_put(out / "waits.csv", csv_text(day.waits, float_precision=3), overwrite))
    if table is not None and hours is not None:
        text = csv_text(day.beside(table), float_precision=3)
        paths.append(_put(out / f"{hours.stem}-predicted.csv", text, overwrite))
    return paths


def _fit(
    table: PortHours,
    path: Path | None,
    train: str,
    test: str,
    traffic: float | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Fit, predict, compare; leave with 1 where the hall loses to hour of day."""
    from biomatch.files import csv_text
    from biomatch.training.heldout import held_out, span

    with progress() as update:
        found = held_out(table, span(train, "--train"), span(test, "--test"), update=update)
    told = found.to_json()
    if traffic is not None:
        today, then = found.what_if(table.between(*found.test), traffic)
        told["what_if"] = {"traffic": traffic, "mean_wait_minutes": {"as_is": today, "changed": then}}
    written: list[Path] = []
    if out is not None and path is not None:
        folder = out.parent if out.suffix == ".toml" else out
        source = table.source.with_row_index("row").cast({"row": found.predictions["row"].dtype})
        joined = source.join(found.predictions, on="row", how="inner", maintain_order="right").drop("row")
        written = [
            _put(
                out if out.suffix == ".toml" else out / "fit.toml",
                "\n".join(_fit_toml(found)) + "\n",
                overwrite,
            ),
            _put(folder / f"{path.stem}-predicted.csv", csv_text(joined, float_precision=3), overwrite),
        ]
    errors = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in found.mae_minutes.items())
    low, high = found.interval
    correlation = found.correlations["hall"]
    lines = [
        f"trained on {found.train_hours:,} hours from {found.train[0]} to {found.train[1]}, "
        f"tested on {found.test_hours:,} from {found.test[0]} to {found.test[1]}",
        f"mean absolute error of an hour's mean wait, minutes: {errors}",
        f"hall against hour of day: {told['against_hour_of_day']['difference_minutes']:+.2f} min "
        f"({low:+.2f} to {high:+.2f} over days)",
        "correlation with the measured waits: " + ("none" if correlation is None else f"{correlation:.2f}"),
        "error of a day's mean wait: "
        + ", ".join(
            f"{name.replace('_', ' ')} {value:.2f}" for name, value in found.days_mae_minutes.items()
        ),
    ]
    if found.bands is not None:
        lines.append(f"wait bands: {found.bands:.3f} of travellers would have to change bands")
    if traffic is not None:
        lines.append(
            f"with {traffic:g} times the travellers, a mean wait of {then:.1f} min in place of {today:.1f}"
        )
    if not found.wins:
        lines.append("the hall loses to hour of day here: do not use it for this port")
    emit(as_json, {**told, "paths": written}, [*lines, told["cannot_say"], *_written(written)])
    if not found.wins:
        raise typer.Exit(FAILED)


def _fit_toml(found: Any) -> list[str]:
    scales, weights = found.fit.scales, found.fit.weights
    return [
        "# A hall fitted to measured hours. These are scales of a coarse model, no service times:",
        f"# {found.to_json()['cannot_say']}",
        f'train = "{found.train[0]}:{found.train[1]}"',
        f'test = "{found.test[0]}:{found.test[1]}"',
        f"mae_minutes = {{ hall = {found.mae_minutes['hall']:.4f}, "
        f"hour_of_day = {found.mae_minutes['hour_of_day']:.4f} }}",
        "[scales]",
        f"work_scale = {scales.work:.4f}",
        f"booths_power = {scales.booths:g}",
        f"usual_booths_power = {scales.usual:g}",
        f"speed_up_scale = {scales.speed_up:.4f}",
        f"offset_minutes = {weights[0]:g}",
        f"queue_weight = {weights[1]:g}",
        f"flight_size_weight = {weights[2]:g}",
    ]


def _roster_for(
    port: Port,
    about: dict[str, Any],
    rates: dict[str, float],
    goal: str,
    lane: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the smallest roster that holds a goal."""
    from biomatch.files import csv_text
    from biomatch.tuning.waits.roster import roster_for

    found = roster_for(port, goal, lane=lane, **{**about, **rates})
    text = csv_text(found.frame)
    written = [] if out is None else [_put(out / "roster.csv", text, overwrite)]
    emit(as_json, {**found.to_json(), "paths": written}, [*found.lines(), *_written(written)])
