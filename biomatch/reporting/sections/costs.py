"""What a day costs at each threshold: alarms, officers' minutes, misses, and how often an alarm is right."""

from __future__ import annotations

import polars as pl

from biomatch.errors import BiomatchError
from biomatch.evaluation.result import Result
from biomatch.reporting import points
from biomatch.reporting.along import Slider
from biomatch.reporting.figures import number, percent, shorten, words
from biomatch.reporting.points import Rows
from biomatch.reporting.sections.rates import days_of
from biomatch.reporting.tables import Along, Table
from biomatch.tuning.costs import Costs, Day, cheapest, day

Figure = tuple[float, float, float] | None


def costs_of(result: Result) -> tuple[Costs, bool] | None:
    """Find prices: those that the threshold was tuned by, else the assumed ones; None without both kinds.

    Returns
    -------
    (Costs, bool) or None
        The bool says that they are the user's own. Assumed prices take prevalence and, where the world says
        how many days were graded, searches a day from the graded world.
    """
    curve = points.drawn_curve(result)
    if not curve.mated or not curve.non_mated:
        return None
    given = result.point.guarantee.get("costs")
    if isinstance(given, dict):
        try:
            return Costs.from_mapping(given), True
        except BiomatchError:  # of another aim, or edited: shown under provenance
            pass
    searches = result.trials.filter(pl.col("counted") & pl.col("acquired") & ~pl.col("designed"))
    if not searches.height:
        return None
    days_graded = days_of(result)
    traffic = {} if days_graded is None else {"traffic_per_day": searches.height / days_graded}
    return Costs(prevalence=float(searches["mated"].sum()) / searches.height, **traffic), False


def days(result: Result, slider: Slider) -> list[Day]:
    """Describe the expected day at each position of the slider; empty without prices."""
    found = costs_of(result)
    if found is None:
        return []
    curve = points.drawn_curve(result)
    return [day(curve, found[0], one) for one in slider.thresholds]


def costs_table(made: list[Day], *, follow: bool = True) -> Table | None:
    """Show the expected day, along the slider or (not `follow`) at the one position that was described."""
    if not made:
        return None
    rows = (
        ("False alarms", [one.false_alarms for one in made]),
        ("True alarms", [one.true_alarms for one in made]),
        ("Misses", [one.misses for one in made]),
        ("Cost, officers' hours", [_hours(one.cost_minutes) for one in made]),
    )
    told = [(name, Along(tuple(_told(one) for one in each))) for name, each in rows]
    shares = Along(tuple(_share(one.positive_predictive_value) for one in made))
    table = Table(
        "costs",
        "What a day is expected to cost, at this threshold",
        ("On a day", "Expected, 95% interval"),
        (*told, ("Alarms that are right", shares)),
        "An alarm is a search with a candidate at or above the threshold: right when the candidate is the "
        "traveller, false otherwise. An officer looks at every alarm; a miss costs its price below. "
        "Bounds come from the corners of both rates' intervals.",
    )
    return table if follow else table.at(0)


def prices_table(result: Result) -> Table | None:
    """Show the prices, and which of them are assumed."""
    found = costs_of(result)
    if found is None:
        return None
    costs, own = found
    rows = []
    for name, field in Costs.model_fields.items():
        extra = field.json_schema_extra
        source = str(extra.get("source", "")) if isinstance(extra, dict) else ""
        if own:
            source = "given in the costs that tuned the threshold"
        elif name == "prevalence":
            source = "share of mated searches in the graded world"
        elif name == "traffic_per_day" and days_of(result) is not None:
            source = "searches on a mean day of the graded world"
        rows.append((words(name).capitalize(), float(getattr(costs, name)), shorten(source, 120)))
    return Table(
        "prices",
        "Prices behind the costs",
        ("Setting", "Value", "Where from"),
        tuple(rows),
        "Give your own with tune --costs FILE.",
    )


def cost_rows(result: Result, slider: Slider, made: list[Day]) -> tuple[Rows, Rows]:
    """Give the chart's rows (threshold, hours, low, high) and its mark at the cheapest threshold."""
    found = costs_of(result)
    if found is None or len(made) < 2:
        return [], []
    rows = [_row(one, threshold) for one, threshold in zip(made, slider.thresholds, strict=True)]
    least = cheapest(points.drawn_curve(result), found[0])
    inside = slider.thresholds[0] <= least.threshold <= slider.thresholds[-1]
    return rows, [_row(least, least.threshold)] if inside else []


def _row(one: Day, threshold: float) -> dict[str, float]:
    hours, low, high = _hours(one.cost_minutes)
    return {"threshold": threshold, "hours": hours, "low": low, "high": high}


def _hours(minutes: tuple[float, float, float]) -> tuple[float, float, float]:
    value, low, high = (one / 60.0 for one in minutes)
    return value, low, high


def _told(figure: tuple[float, float, float]) -> str:
    value, low, high = figure
    return f"{number(value)} ({number(low)} to {number(high)})"


def _share(figure: Figure) -> str | None:
    if figure is None:
        return None
    value, low, high = figure
    return f"{percent(value, 4)} ({percent(low, 4)} to {percent(high, 4)})"
