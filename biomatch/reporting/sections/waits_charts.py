"""Charts of waits at a port: the front of thresholds, where waits come from, lanes, the day, the trade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from biomatch.evaluation.waits.day import PortDay
from biomatch.reporting.drawing import BLUE, GREEN, GREY, PURPLE, VERMILION, finished, told
from biomatch.reporting.points import Rows
from biomatch.reporting.sections.waits import front_rows, port_day_rows
from biomatch.tuning.waits.front import Front

if TYPE_CHECKING:
    import altair as alt


def waits(front: Front) -> alt.LayerChart:
    """Draw the mean wait against the threshold, with the bounds of the rates; the cheapest is marked.

    Parameters
    ----------
    front : Front
        Of ``bm.waits``.
    """
    able = any(point.day.holds for point in front.points)
    drawn, marks = front_rows(front, {"cheapest": front.cheapest() if able else None})
    return waits_front_of({"front": drawn, "marks": marks})


def port_day(day: PortDay) -> alt.LayerChart:
    """Draw a day at the hall: travellers, open desks and waits by the hour.

    Parameters
    ----------
    day : PortDay
        Of ``bm.queue``.
    """
    return waits_day_of({"day": port_day_rows(day)})


def waits_front_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the front from rows: ``front``, ``marks``."""
    import altair as alt

    x = alt.X("threshold:Q", title="threshold T", scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("wait:Q", title="mean wait, minutes", scale=alt.Scale(zero=True))
    said = [
        alt.Tooltip("threshold:Q", title="threshold T", format=".4f"),
        alt.Tooltip("wait:Q", title="mean wait, minutes", format=".1f"),
        *(told(name, key) for name, key in (("FPIR", "fpir"), ("FNIR", "fnir"), ("catch", "catch"))),
    ]
    base = alt.Chart(alt.NamedData(name="front"))
    band = base.mark_area(opacity=0.2, color=BLUE).encode(
        x, alt.Y("low:Q", title="mean wait, minutes"), alt.Y2("high:Q")
    )
    line = base.mark_line(color=BLUE, strokeWidth=2).encode(x, y)
    dots = base.mark_point(color=BLUE, filled=True, size=40, opacity=1).encode(x, y, tooltip=said)
    which = ["tuned", "cheapest"]
    marks = (
        alt.Chart(alt.NamedData(name="marks"))
        .mark_point(filled=True, size=120, opacity=1)
        .encode(
            x,
            y,
            alt.Color("which:N", title=None, scale=alt.Scale(domain=which, range=[GREEN, VERMILION]),
                      legend=alt.Legend(orient="top")),
            alt.Shape("which:N", title=None, scale=alt.Scale(domain=which, range=["square", "diamond"])),
            tooltip=[alt.Tooltip("which:N", title="which"), *said],
        )
    )  # fmt: skip
    return finished(
        alt.layer(band, line, dots, marks),
        rows,
        "Mean wait against the threshold, with the bounds that the intervals of the rates give.",
    )


def waits_parts_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the minutes of an average traveller from rows ``parts`` (label, minutes)."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="parts")).encode(
        alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
        alt.X("minutes:Q", title="minutes of an average traveller"),
    )
    said = [alt.Tooltip("label:N", title="where"), alt.Tooltip("minutes:Q", title="minutes", format=".2f")]
    bars = base.mark_bar(color=BLUE, height=18).encode(tooltip=said)
    text = base.mark_text(align="left", dx=5).encode(text=alt.Text("minutes:Q", format=".1f"))
    padding = {"left": 5, "top": 5, "right": 45, "bottom": 5}
    return finished(alt.layer(bars, text), rows, "Minutes by place.", height=alt.Step(30), padding=padding)


def waits_lanes_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the shares over each number of minutes from rows ``lanes`` (label, what, value)."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="lanes")).encode(
        alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=200, grid=True)),
        alt.YOffset("what:N", sort=None),
        alt.X("value:Q", title="share who wait longer", axis=alt.Axis(format="~%")),
        alt.Color("what:N", title=None, sort=None, legend=alt.Legend(orient="top"),
                  scale=alt.Scale(range=[BLUE, GREEN, VERMILION, PURPLE, GREY])),
        tooltip=[
            alt.Tooltip("label:N", title="lane"),
            alt.Tooltip("what:N", title="minutes"),
            alt.Tooltip("value:Q", title="share", format=".2%"),
        ],
    )  # fmt: skip
    bars = base.mark_bar(height=9)
    text = base.mark_text(align="left", dx=4, fontSize=10, color="black").encode(
        text=alt.Text("value:Q", format=".1%"), color=alt.value(GREY)
    )
    return finished(alt.layer(bars, text), rows, "Share of waits over limits, by lane.", height=alt.Step(12))


def waits_day_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the day from rows ``day``: people, booths, wait, longest by hour."""
    import altair as alt

    x = alt.X(
        "hour:Q", title="hour of the day", scale=alt.Scale(domain=[0, 23]), axis=alt.Axis(tickMinStep=1)
    )
    said = [
        alt.Tooltip("hour:Q", title="hour"),
        alt.Tooltip("people:Q", title="travellers a day", format=",.0f"),
        alt.Tooltip("booths:Q", title="open desks", format=".1f"),
        alt.Tooltip("wait:Q", title="mean wait, minutes", format=".1f"),
        alt.Tooltip("longest:Q", title="longest wait, minutes", format=".1f"),
    ]
    base = alt.Chart(alt.NamedData(name="day"))
    bars = base.mark_bar(color=GREY, opacity=0.4, width=14).encode(
        x,
        alt.Y("people:Q", title="travellers an hour", axis=alt.Axis(orient="right", grid=False)),
        tooltip=said,
    )
    what: list[Any] = ["mean wait", "longest wait", "open desks"]
    lines = (
        base.transform_calculate(as_="mean wait", calculate="datum.wait")
        .transform_calculate(as_="longest wait", calculate="datum.longest")
        .transform_calculate(as_="open desks", calculate="datum.booths")
        .transform_fold(what, as_=["what", "value"])
        .mark_line(strokeWidth=2, point=True)
        .encode(
            x,
            alt.Y("value:Q", title="minutes; open desks"),
            alt.Color("what:N", title=None, scale=alt.Scale(domain=what, range=[BLUE, VERMILION, GREEN]),
                      legend=alt.Legend(orient="top")),
            alt.StrokeDash("what:N", scale=alt.Scale(domain=what, range=[[1, 0], [6, 3], [2, 2]])),
            tooltip=said,
        )
    )  # fmt: skip
    return finished(
        alt.layer(bars, lines).resolve_scale(y="independent"),
        rows,
        "Travellers, open desks and waits by the hour of the day.",
    )


def waits_trade_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw mean waits against staff hours from rows ``trade`` (label, desks, staff, wait)."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="trade")).encode(
        alt.X("staff:Q", title="staff hours", scale=alt.Scale(zero=False), axis=alt.Axis(format=",d")),
        alt.Y("wait:Q", title="mean wait, minutes", scale=alt.Scale(zero=True)),
        alt.Color("label:N", title="threshold", legend=alt.Legend(orient="top"),
                  scale=alt.Scale(range=[BLUE, VERMILION, GREEN])),
        alt.Shape("label:N", title="threshold"),
        tooltip=[
            alt.Tooltip("label:N", title="threshold"),
            alt.Tooltip("desks:Q", title="desks, times the roster"),
            alt.Tooltip("staff:Q", title="staff hours", format=",.0f"),
            alt.Tooltip("wait:Q", title="mean wait, minutes", format=".1f"),
        ],
    )  # fmt: skip
    return finished(
        alt.layer(base.mark_line(strokeWidth=1.5), base.mark_point(filled=True, size=70, opacity=1)),
        rows,
        "Mean wait against staff hours, for three thresholds.",
    )
