"""Each picture of the report as an Altair chart, which shows itself in a notebook.

Every chart reads named data sets, so that the page can move it along the slider without drawing anew.

Examples
--------
>>> import biomatch as bm
>>> curve = bm.identification_curve([0.9, 0.3], [1, 0], [0.2, 0.5], enrolled_count=10)
>>> type(bm.charts.det(curve)).__module__.split(".")[0]
'altair'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from biomatch.curves.protocol import Curve
from biomatch.evaluation.result import Result
from biomatch.reporting import points
from biomatch.reporting.along import Slider, Tracks
from biomatch.reporting.drawing import BLUE, GREEN, GREY, VERMILION, decades, finished, log, told
from biomatch.reporting.fraud.adversary import adversary as adversary
from biomatch.reporting.fraud.calibrated import reliability as reliability
from biomatch.reporting.fraud.explained import waterfall as waterfall
from biomatch.reporting.fraud.front import front as front
from biomatch.reporting.points import Rows
from biomatch.reporting.prospects import costs as costs
from biomatch.reporting.prospects import growth as growth
from biomatch.reporting.sections.fraud import FALSE_ALARMS, HEADS, alerts_table
from biomatch.reporting.sections.rates import breakdown_table, misses_table
from biomatch.reporting.sections.waits_charts import port_day as port_day
from biomatch.reporting.sections.waits_charts import waits as waits
from biomatch.reporting.tables import Table

if TYPE_CHECKING:
    import altair as alt

BESIDE = {"left": 5, "top": 5, "right": 45, "bottom": 5}
"""Room in pixels for a figure that stands beside the longest bar."""


__all__ = [
    "adversary",
    "alerts",
    "causes",
    "costs",
    "det",
    "fnir_against_threshold",
    "front",
    "groups",
    "growth",
    "overstays",
    "reliability",
    "waterfall",
]


def __dir__() -> list[str]:
    return __all__


def det(
    curve: Curve, *, at: float | None = None, others: Mapping[str, Curve] | None = None
) -> alt.LayerChart:
    """Draw misses against false positives (a DET curve) on logarithmic axes, with the interval of FNIR.

    Parameters
    ----------
    curve : IdentificationCurve or VerificationCurve
        What is drawn; of searches at rank L.
    at : float, optional
        A threshold to mark.
    others : mapping of str to curve, optional
        Curves of other results, drawn thin.

    Returns
    -------
    altair.LayerChart
        Points where nothing was counted lie off logarithmic axes and are left out; a marked threshold
        is put at the edge.
    """
    rows = points.drawn(points.curve_rows(curve))
    return det_of(
        {
            "curve": rows,
            "now": [] if at is None else [now_row(curve, at)],
            "others": other_rows(others or {}),
        },
        points.names_of(curve),
    )


def now_row(curve: Curve, threshold: float) -> dict[str, Any]:
    """Give the row that marks a threshold."""
    false_positive, miss = points.rates_at(curve, threshold)
    row: dict[str, Any] = {"threshold": threshold}
    for name, found in (("fpir", false_positive), ("fnir", miss)):
        row |= {name: found.value, f"{name}_low": found.interval[0], f"{name}_high": found.interval[1]}
        row |= {f"{name}_errors": found.numerator, f"{name}_trials": found.denominator}
    return points.on_axes(row)


def other_rows(others: Mapping[str, Curve]) -> Rows:
    """Give the points of several curves, labelled."""
    return [
        {"label": label, "fpir": row["fpir"], "fnir": row["fnir"], "threshold": row["threshold"]}
        for label, curve in others.items()
        for row in points.drawn(points.curve_rows(curve, most=40))
    ]


def det_of(rows: Mapping[str, Rows], names: tuple[str, str] = ("FPIR", "FNIR")) -> alt.LayerChart:
    """Draw a DET curve from rows: ``curve``, ``now``, ``others``."""
    import altair as alt

    x = alt.X("fpir:Q", title=f"{names[0]} (false positives)", scale=log(), axis=decades())
    y = alt.Y("fnir:Q", title=f"{names[1]} (misses)", scale=log(), axis=decades())
    curve = alt.Chart(alt.NamedData(name="curve"))
    said = [
        alt.Tooltip("threshold:Q", title="threshold T", format=".4f"),
        *(told(name, key) for name, key in zip(names, ("fpir", "fnir"), strict=True)),
    ]
    band = curve.mark_area(opacity=0.22, color=BLUE).encode(x, alt.Y("fnir_low:Q"), alt.Y2("fnir_high:Q"))
    line = curve.mark_line(color=BLUE, strokeWidth=2).encode(x, y, order="threshold:Q")
    dots = curve.mark_point(opacity=0, size=80).encode(x, y, tooltip=said)
    others = (
        alt.Chart(alt.NamedData(name="others"))
        .mark_line(color=GREY, strokeWidth=1.2, opacity=0.8)
        .encode(x, y, order="threshold:Q", detail="label:N", tooltip=[alt.Tooltip("label:N", title="result")])
    )
    now = alt.Chart(alt.NamedData(name="now"))
    cross = now.mark_rule(color=VERMILION, strokeDash=[3, 3], opacity=0.7)
    mark = now.mark_point(color=VERMILION, filled=True, size=110, shape="diamond", opacity=1)
    layers = (band, others, line, dots, cross.encode(x=x), cross.encode(y=y), mark.encode(x, y, tooltip=said))
    return finished(
        alt.layer(*layers),
        rows,
        f"{names[1]} against {names[0]} on logarithmic axes, with the 95% interval of {names[1]} as a band.",
    )


def fnir_against_threshold(curve: Curve, *, at: float | None = None) -> alt.LayerChart:
    """Draw both error rates, with intervals, against the threshold."""
    rows = points.curve_rows(curve)
    now: Rows = [] if at is None else [{"threshold": at}]
    return threshold_of({"curve": rows, "now": now}, points.names_of(curve))


def threshold_of(rows: Mapping[str, Rows], names: tuple[str, str] = ("FPIR", "FNIR")) -> alt.LayerChart:
    """Draw both rates against the threshold from rows: ``curve`` (of `points.curve_rows`), ``now``."""
    import altair as alt

    x = alt.X("threshold:Q", title="threshold T", scale=alt.Scale(zero=False, nice=False))
    colour = alt.Color(
        "rate:N",
        title=None,
        scale=alt.Scale(domain=list(names), range=[BLUE, VERMILION]),
        legend=alt.Legend(orient="top", symbolType="stroke", symbolOpacity=1, symbolFillColor="transparent"),
    )
    dash = alt.StrokeDash("rate:N", title=None, scale=alt.Scale(domain=list(names), range=[[1, 0], [6, 3]]))
    layers = []
    for name, key in zip(names, ("fpir", "fnir"), strict=True):
        base = (
            alt.Chart(alt.NamedData(name="curve"))
            .transform_filter(f"datum.{key}_errors > 0")
            .transform_calculate(
                rate=f"'{name}'",
                low=f"max(datum.{key}_low, datum.{key} / 10)",  # an interval down to zero ends a decade below
                value=f"datum.{key}",
                high=f"datum.{key}_high",
            )
        )
        y = alt.Y("value:Q", title="error rate", scale=log(), axis=decades())
        layers.append(
            base.mark_area(opacity=0.18).encode(x, alt.Y("low:Q", title=None), alt.Y2("high:Q"), colour)
        )
        layers.append(base.mark_line(strokeWidth=2).encode(x, y, colour, dash))
    now = alt.Chart(alt.NamedData(name="now")).mark_rule(color=GREEN, strokeWidth=2, strokeDash=[2, 2])
    return finished(
        alt.layer(*layers, now.encode(x=x)),
        rows,
        f"{names[0]} falls and {names[1]} rises with the threshold; bands are 95% intervals.",
    )


def causes(result: Result) -> alt.LayerChart:
    """Draw the misses at the tuned threshold, by cause."""
    tracks = _tuned(result)
    return causes_of({"bars": points.table_rows(misses_table(tracks), 1)})


def causes_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw bars of counts from rows ``bars``."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="bars")).encode(
        alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
        alt.X("errors:Q", title="misses", axis=alt.Axis(tickMinStep=1, tickCount=6, format=",d")),
    )
    said = [alt.Tooltip("label:N", title="cause"), alt.Tooltip("errors:Q", title="misses")]
    bars = base.mark_bar(color=BLUE, height=18).encode(tooltip=said)
    text = base.mark_text(align="left", dx=5).encode(text=alt.Text("errors:Q", format=",d"))
    return finished(alt.layer(bars, text), rows, "Misses by cause.", height=alt.Step(30), padding=BESIDE)


def groups(result: Result, by: str = "group", *, rate: str = "FNIR") -> alt.LayerChart:
    """Draw FNIR or FPIR of each stratum at the tuned threshold, with its interval.

    Parameters
    ----------
    result : Result
        What is drawn.
    by : str
        A column of the trials: ``"group"``, ``"mode"``, ``"port"``.
    rate : str
        ``"FNIR"`` or ``"FPIR"``.
    """
    table = breakdown_table(_tuned(result), by)
    return intervals_of({"strata": points.table_rows(table, 1 if rate == "FNIR" else 2)}, rate)


def intervals_of(rows: Mapping[str, Rows], rate: str) -> alt.LayerChart:
    """Draw a point and an interval for each row of ``strata``."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="strata")).encode(
        alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=200, grid=True)),
        tooltip=[
            alt.Tooltip("label:N", title="stratum"),
            alt.Tooltip("value:Q", title=rate, format=".3%"),
            alt.Tooltip("errors:Q", title="errors", format=",d"),
            alt.Tooltip("trials:Q", title="trials", format=",d"),
        ],
    )
    x = alt.X("low:Q", title=f"{rate}, 95% interval", axis=alt.Axis(format="~%"), scale=alt.Scale(zero=True))
    rule = base.mark_rule(color=BLUE, strokeWidth=2).encode(x, alt.X2("high:Q"))
    dot = base.mark_point(color=BLUE, filled=True, size=60, opacity=1).encode(alt.X("value:Q"))
    return finished(
        alt.layer(rule, dot), rows, f"{rate} of each stratum with its 95% interval.", height=alt.Step(24)
    )


def overstays(result: Result) -> alt.LayerChart:
    """Draw true leads, false leads and hidden overstays against the threshold."""
    return leads_of({"leads": points.lead_rows(result), "now": [{"threshold": result.point.face_threshold}]})


def leads_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw leads from rows: ``leads`` (threshold, what, number), ``now``."""
    import altair as alt

    what = list(points.LEADS.values())
    x = alt.X("threshold:Q", title="threshold T", scale=alt.Scale(zero=False, nice=False))
    colour = alt.Color("what:N", title=None, scale=alt.Scale(domain=what, range=[GREEN, VERMILION, BLUE]),
                       legend=alt.Legend(orient="top", symbolType="stroke", columns=2))  # fmt: skip
    dash = alt.StrokeDash("what:N", title=None, scale=alt.Scale(domain=what, range=[[1, 0], [6, 3], [2, 2]]))
    said = [
        alt.Tooltip("what:N", title="who"),
        alt.Tooltip("number:Q", title="stays", format=",d"),
        alt.Tooltip("threshold:Q", title="threshold T", format=".4f"),
    ]
    line = (
        alt.Chart(alt.NamedData(name="leads"))
        .mark_line(strokeWidth=2)
        .encode(
            x,
            # Logarithmic from one stay on, with a place for none: false leads grow a hundredfold. Where there
            # is none at all the axis has a length all the same.
            alt.Y(
                "number:Q",
                title="stays",
                scale=alt.Scale(type="symlog", constant=1, domain=alt.DomainUnionWith(unionWith=[0, 3])),
                axis=alt.Axis(format=",d", values=[0, *(step * 10**k for k in range(8) for step in (1, 3))]),
            ),
            colour,
            dash,
            tooltip=said,
        )
    )
    now = alt.Chart(alt.NamedData(name="now")).mark_rule(color=GREY, strokeWidth=2, strokeDash=[2, 2])
    return finished(
        alt.layer(line, now.encode(x=x)), rows, "True leads, false leads and hidden overstays by threshold."
    )


def alerts(result: Result) -> alt.LayerChart:
    """Draw every rate that the judge gives of the alerts, by kind, with intervals."""
    return alerts_of({"alerts": alert_rows(alerts_table(result.alerts))})


def alert_rows(table: Table | None) -> Rows:
    """Give the rates of a table of alerts: label (kind), what, value, low, high, errors, trials."""
    if table is None:
        return []
    return [
        {**row, "what": name}
        for at, name in enumerate(table.columns[1:], start=1)
        if name != FALSE_ALARMS  # of all honest encounters: too small beside shares of events
        for row in points.table_rows(table, at)
    ]


def alerts_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw intervals from rows ``alerts``, a colour and a shape for each rate."""
    import altair as alt

    heads = [head for head in HEADS if head != FALSE_ALARMS]
    palette = alt.Scale(domain=heads, range=[BLUE, VERMILION, GREEN])
    legend = alt.Legend(orient="top", labelLimit=300, labelFontSize=11, columns=1)
    base = alt.Chart(alt.NamedData(name="alerts")).encode(
        alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=200, grid=True)),
        alt.YOffset("what:N"),
        alt.Color("what:N", title=None, scale=palette, legend=legend),
        tooltip=[
            alt.Tooltip("label:N", title="kind"),
            alt.Tooltip("what:N", title="rate"),
            alt.Tooltip("value:Q", title="value", format=".3%"),
            alt.Tooltip("errors:Q", title="of which", format=",d"),
            alt.Tooltip("trials:Q", title="of", format=",d"),
        ],
    )
    x = alt.X(
        "low:Q", title="share, 95% interval", axis=alt.Axis(format="~%"), scale=alt.Scale(domain=[0, 1])
    )
    rule = base.mark_rule(strokeWidth=2).encode(x, alt.X2("high:Q"))
    dot = base.mark_point(filled=True, size=60, opacity=1).encode(
        alt.X("value:Q"), alt.Shape("what:N", scale=alt.Scale(domain=heads))
    )
    return finished(alt.layer(rule, dot), rows, "Rates of alerts by kind.", height=alt.Step(18))


def _tuned(result: Result) -> Tracks:
    """Give tracks that stand at the tuned threshold alone."""
    return Tracks(result, Slider.of(result, 0).alone())
