"""What the thresholds of a result mean for people who wait at a port: front, lanes, day, trade."""

from __future__ import annotations

from typing import Any

import numpy as np

from biomatch.evaluation.waits.day import PortDay
from biomatch.reporting.figures import count, number, percent, threshold
from biomatch.reporting.points import Rows
from biomatch.reporting.sections.at_port import PortWaits
from biomatch.reporting.tables import OWN_THRESHOLD, Table, Value
from biomatch.tuning.waits.front import Front, FrontPoint

NOT_COMPARED = (
    "These waits were not compared with any port. They follow from the desk and gate times of the port's "
    "settings, of which several are assumed; `biomatch queue --fit` compares the coarse model of a hall with "
    "measured hours. No fit of such hours can say what another roster would do: booths there follow demand."
)
HEADINGS = ("Where waits come from", "Who waits how long", "The day", "What more staff would do",
            "What is assumed", "Can this be believed?")  # fmt: skip
ASSUMPTIONS = {
    "secondary.mean": "Minutes in secondary",
    "manual_check.mean": "Minutes of a manual check",
    "costs.officer_hour": "Cost of an officer's hour",
    "costs.traveller_hour": "Cost of a traveller's hour",
    "costs.missed_connection": "Cost of a missed connection",
    "connection_minutes": "Slack of a connection, minutes",
}
IN_MINUTES = ("secondary.mean", "manual_check.mean")


def sentence(found: PortWaits | None) -> str:
    """Say what the tuned threshold means at the port, and what the slider can do."""
    if found is None:
        return ""
    return f"{card(found)} {found.front.sentence}"


def card(found: PortWaits | None) -> str:
    """Say it in one sentence, for the decision card."""
    if found is None:
        return ""
    row, port = found.tuned.row(), found.at.port
    if row["wait"] is None:
        return (
            f"At {port.name} there is more work than staff at this threshold: {count(round(row['staff']))} "
            f"staff hours are rostered, {count(round(row['staff_needed']))} would do."
        )
    over = "30" if 30.0 in port.over_minutes else f"{port.over_minutes[0]:g}"
    missed = "connections" if port.direction == "entry" else "departures"
    high = "without end" if row["wait_high"] is None else number(row["wait_high"])
    return (
        f"At {port.name} travellers wait {number(row['wait'])} minutes on average "
        f"({number(row['wait_low'])} to {high} by the intervals of the rates), "
        f"{percent(row[f'over_{over}'])} of them more than {over}; "
        f"{count(round(row['missed']))} {missed} are missed, with {count(round(row['staff']))} staff hours."
    )


def believed(found: PortWaits | None) -> str:
    """Say how far the waits can be believed."""
    return "" if found is None else NOT_COMPARED


def front_table(found: PortWaits) -> Table:
    """Show every threshold with its rates, waits, staff and cost."""
    over = 30.0 if 30.0 in found.at.port.over_minutes else found.at.port.over_minutes[0]
    rows: list[tuple[Value, ...]] = []
    for point in found.front.points:
        row = point.row()
        marks = [name for name, one in (("tuned", found.tuned), ("cheapest", found.cheapest)) if one is point]
        rows.append(
            (
                threshold(row["threshold"]),
                ", ".join(marks) or None,
                percent(row["fpir"]),
                percent(row["fnir"]),
                _span(row, "wait") or "more work than staff",
                _span(row, f"over_{over:g}", share=True),
                _span(row, "secondary_wait") or "more work than staff",
                round(row["missed"]),
                round(row["staff"]),
                None if row["cost"] is None else round(row["cost"]),
                percent(row["catch"]),
            )
        )
    missed = "connections" if found.at.port.direction == "entry" else "departures"
    return Table(
        "waits-front",
        f"Waits at {found.at.port.name} by threshold",
        (OWN_THRESHOLD, "Which", "FPIR", "FNIR", "Mean wait, minutes", f"Over {over:g} minutes",
         "Wait for secondary, minutes", f"Missed {missed}", "Staff hours", "Cost", "Catch of the watchlist"),
        tuple(rows),
        "The same travellers and draws at every threshold. In brackets: with every rate at the lower and at "
        "the upper end of its 95% interval. The cheapest is picked on this world: it is no recommendation.",
    )  # fmt: skip


def _span(row: dict[str, Any], name: str, *, share: bool = False) -> str | None:
    if row[name] is None:
        return None
    said = [("without end" if one is None else percent(one) if share else number(one))
            for one in (row[name], row[f"{name}_low"], row[f"{name}_high"])]  # fmt: skip
    return f"{said[0]} ({said[1]} to {said[2]})"


def parts_table(found: PortWaits) -> Table:
    """Show the minutes of an average traveller by where they are spent."""
    return Table(
        "waits-parts",
        "Minutes of an average traveller, at the tuned threshold",
        ("Where", "Minutes"),
        tuple((name, value) for name, value in _parts(found).items()),
        "Queues only, but for the way from the aircraft.",
    )


def _parts(found: PortWaits) -> dict[str, float]:
    replicates = found.tuned.day.replicates
    parts = {
        name: float(np.mean([one.service_minutes[name] for one in replicates]))
        for name in replicates[0].service_minutes
    }
    return {name: value for name, value in parts.items() if np.isfinite(value)}


def lanes_table(found: PortWaits) -> Table | None:
    """Show waits by lane."""
    day = found.tuned.day
    if not day.primary_holds:
        return None
    limits = [f"{one:g}" for one in found.at.port.over_minutes]
    rows: list[tuple[Value, ...]] = []
    for name, part in day.by("lane").items():
        wait = part["wait_minutes"]
        shares = [percent(part["over"][limit]["value"]) for limit in limits]
        figures = (wait["mean"]["value"], wait["p95"]["value"], wait["longest"]["value"])
        rows.append((name, round(part["people"]), *figures, *shares))
    measured = "travellers" if found.at.port.measure == "travellers" else "quarter-hours"
    return Table(
        "waits-lanes",
        "Waits by lane, at the tuned threshold",
        ("Lane", "Travellers", "Mean, minutes", "95% within", "Longest", *(f"Over {one}" for one in limits)),
        tuple(rows),
        f"Shares count {measured}; the clock starts at the {found.at.port.clock}.",
    )


def day_table(found: PortWaits) -> Table | None:
    """Show the day by hour of landing (or of coming): travellers, open booths, waits."""
    day = found.tuned.day
    if not day.primary_holds:
        return None
    return Table(
        "waits-day",
        "The day by hour, at the tuned threshold",
        ("Hour", "Travellers a day", "Open desks", "Mean wait, minutes", "Longest wait, minutes"),
        tuple(
            (row["label"], round(row["people"]), row["booths"], row["wait"], row["longest"])
            for row in day_rows(found)
        ),
        "Means over the days and replications; the longest is the mean of each replication's longest.",
    )


def day_rows(found: PortWaits) -> Rows:
    """Give the rows of the day by hour."""
    day = found.tuned.day
    return port_day_rows(day) if day.primary_holds else []


def port_day_rows(day: PortDay) -> Rows:
    """Give a day's rows by hour: label, people a day, open desks, mean and longest wait."""
    days = max(day.groups.hours // 24, 1)
    desks = np.zeros(24)
    for name, roster in day.plan.items():
        if roster.staffed and name != "secondary":
            desks += roster.by_hour.reshape(-1, 24).mean(axis=0)
    return [
        {
            "label": label,
            "hour": int(label),
            "people": part["people"] / days,
            "booths": float(desks[int(label)]),
            "wait": part["wait_minutes"]["mean"]["value"],
            "longest": part["wait_minutes"]["longest"]["value"],
        }
        for label, part in day.by("hour").items()
    ]


def trade_table(found: PortWaits) -> Table:
    """Show what more or fewer desks would do, at three thresholds."""
    return Table(
        "waits-trade",
        "Waits against staff",
        (OWN_THRESHOLD, "Desks, times the roster", "Staff hours", "Mean wait, minutes", "Cost"),
        tuple(
            (
                row["label"],
                row["desks"],
                round(row["staff"]),
                "more work than staff" if row["wait"] is None else row["wait"],
                None if row["cost"] is None else round(row["cost"]),
            )
            for row in found.trade
        ),
        "By the desk times of the port's settings, with one replication.",
    )


def assumed_table(found: PortWaits) -> Table | None:
    """Show how the cheapest threshold moves with what is assumed, at half and at double."""
    if found.cheapest is None:
        return None
    rows: list[tuple[Value, ...]] = []
    for row in found.moved.to_dicts():
        name = row["assumption"]
        value = row["value"] / 60.0 if name in IN_MINUTES else row["value"]
        rows.append(
            (
                ASSUMPTIONS.get(name, name.capitalize()),
                None if value is None else number(value),
                "none: more work than staff" if row["threshold"] is None else threshold(row["threshold"]),
                None if row["wait"] is None else row["wait"],
                None if row["cost"] is None else round(row["cost"]),
            )
        )
    return Table(
        "waits-assumed",
        "The cheapest threshold with each assumption at half and at double",
        ("Assumption", "Value", "Cheapest threshold", "Mean wait, minutes", "Cost"),
        tuple(rows),
        "Staff stays as rostered. Costs are in the port's currency.",
    )


def tables(found: PortWaits | None) -> list[Table | None]:
    """Give every table of the section."""
    if found is None:
        return []
    return [front_table(found), parts_table(found), lanes_table(found), day_table(found), trade_table(found),
            assumed_table(found)]  # fmt: skip


def rows(found: PortWaits | None) -> dict[str, Rows]:
    """Give the rows of the section's charts."""
    names = ("waits-front", "waits-marks", "waits-parts", "waits-lanes", "waits-day", "waits-trade")
    if found is None:
        return {name: [] for name in names}
    lanes = lanes_table(found)
    shares = [] if lanes is None else lane_rows(found.tuned.day)
    made = (*front_rows(found.front, {"tuned": found.tuned, "cheapest": found.cheapest}),
            [{"label": name, "minutes": value} for name, value in _parts(found).items()],
            shares, day_rows(found), [row for row in found.trade if row["wait"] is not None])  # fmt: skip
    return dict(zip(names, made, strict=True))


def front_rows(front: Front, marks: dict[str, FrontPoint | None]) -> tuple[Rows, Rows]:
    """Give the rows of the front and of its marks; where the staff cannot do the work the line breaks off."""
    drawn: Rows = []
    for point in front.points:
        row = point.row()
        if row["wait"] is not None:
            drawn.append(
                {
                    "threshold": row["threshold"],
                    "wait": row["wait"],
                    "low": row["wait_low"],
                    "high": row["wait"] if row["wait_high"] is None else row["wait_high"],
                    "fpir": row["fpir"],
                    "fnir": row["fnir"],
                    "catch": row["catch"],
                }
            )
    at = {row["threshold"]: row for row in drawn}
    chosen = [
        {"which": name, **at[point.at.threshold]}
        for name, point in marks.items()
        if point is not None and point.at.threshold in at
    ]
    return drawn, chosen


def lane_rows(day: PortDay) -> Rows:
    """Give shares over each number of minutes by lane."""
    return [
        {"label": name, "what": f"over {minutes} min", "value": share["value"]}
        for name, part in day.by("lane").items()
        for minutes, share in part["over"].items()
    ]
