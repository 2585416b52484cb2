"""Charts of what was not measured but follows: FPIR at larger galleries, what a day costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from biomatch.evaluation.result import Result
from biomatch.reporting.along import Slider
from biomatch.reporting.drawing import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    VERMILION,
    decades,
    finished,
    log,
    tens,
    told,
)
from biomatch.reporting.points import Rows
from biomatch.reporting.sections.costs import cost_rows, days
from biomatch.reporting.sections.growth import RESTS_ON, growth_rows

if TYPE_CHECKING:
    import altair as alt

METHODS = (RESTS_ON, "face model", "effective N", "tail")


def growth(result: Result) -> alt.LayerChart:
    """Draw FPIR against the size of the gallery: measured, and carried on by every method.

    Parameters
    ----------
    result : Result
        Graded at a point that `tune` made with growth; without it the chart is empty.
    """
    estimates, measured, operational = growth_rows(result)
    return growth_of({"growth": estimates, "measured": measured, "operational": operational})


def growth_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw growth from rows: ``growth``, ``measured``, ``operational``."""
    import altair as alt

    x = alt.X("n:Q", title="references enrolled, N", scale=log(), axis=tens("~s"))
    y = alt.Y("fpir:Q", title="FPIR at the tuned threshold", scale=log(), axis=decades())
    estimates = alt.Chart(alt.NamedData(name="growth"))
    colour = alt.Color(
        "method:N",
        title=None,
        scale=alt.Scale(domain=list(METHODS), range=[BLUE, GREEN, PURPLE, GREY]),
        legend=alt.Legend(orient="top", columns=2, symbolType="stroke", symbolSize=300),
    )
    dash = alt.StrokeDash(
        "method:N",
        scale=alt.Scale(domain=list(METHODS), range=[[1, 0], [6, 3], [2, 2], [8, 2, 2, 2]]),
    )
    said = [
        alt.Tooltip("method:N", title="method"),
        alt.Tooltip("n:Q", title="N", format=",d"),
        *(told(name, key) for name, key in (("FPIR", "fpir"), ("95% low", "low"), ("95% high", "high"))),
    ]
    safe = estimates.transform_filter(f"datum.method === '{RESTS_ON}' && isValid(datum.low)")
    band = safe.mark_area(opacity=0.18, color=BLUE).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"))
    line = estimates.mark_line(strokeWidth=2).encode(x, y, colour, dash)
    dots = estimates.mark_point(size=40, filled=True, opacity=1).encode(x, y, colour, tooltip=said)
    seen = alt.Chart(alt.NamedData(name="measured"))
    bars = seen.transform_filter("isValid(datum.low)").mark_rule(color=VERMILION, aria=False)
    marks = seen.mark_point(color=VERMILION, filled=True, shape="diamond", size=90, opacity=1)
    asked = alt.Chart(alt.NamedData(name="operational")).mark_rule(color=GREY, strokeDash=[3, 3], aria=False)
    return finished(
        alt.layer(
            band,
            line,
            dots,
            bars.encode(x, alt.Y("low:Q"), alt.Y2("high:Q")),
            marks.encode(x, y, tooltip=said[1:]),
            asked.encode(x=x),
        ),
        rows,
        "FPIR against the number of references, both logarithmic: measured on shares of the tested gallery "
        "(diamonds), and carried to larger ones by several methods.",
    )


def costs(result: Result) -> alt.LayerChart:
    """Draw the expected cost of a day against the threshold, with its interval.

    Parameters
    ----------
    result : Result
        With a grid of thresholds; without one, or with one kind of search alone, the chart is empty.
    """
    slider = Slider.of(result)
    rows, least = cost_rows(result, slider, days(result, slider))
    now = [{"threshold": slider.thresholds[slider.tuned]}]
    return costs_of({"costs": rows, "cheapest": least, "now": now})


def costs_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw costs from rows: ``costs``, ``cheapest``, ``now``."""
    import altair as alt

    x = alt.X("threshold:Q", title="threshold T", scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("hours:Q", title="cost of a day, officers' hours", scale=log(), axis=tens(","))
    base = alt.Chart(alt.NamedData(name="costs"))
    said = [
        alt.Tooltip("threshold:Q", title="threshold T", format=".4f"),
        *(
            alt.Tooltip(f"{key}:Q", title=name, format=",.1f")
            for name, key in (("hours", "hours"), ("95% low", "low"), ("95% high", "high"))
        ),
    ]
    band = base.mark_area(opacity=0.2, color=BLUE).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"))
    line = base.mark_line(color=BLUE, strokeWidth=2).encode(x, y)
    dots = base.mark_point(opacity=0, size=80).encode(x, y, tooltip=said)
    least = alt.Chart(alt.NamedData(name="cheapest")).mark_point(
        color=VERMILION, filled=True, shape="diamond", size=110, opacity=1
    )
    now = alt.Chart(alt.NamedData(name="now")).mark_rule(
        color=GREEN, strokeWidth=2, strokeDash=[2, 2], aria=False
    )
    return finished(
        alt.layer(band, line, dots, least.encode(x, y, tooltip=said), now.encode(x=x)),
        rows,
        "Expected cost of a day against the threshold, with its 95% interval; the diamond is the cheapest.",
    )
