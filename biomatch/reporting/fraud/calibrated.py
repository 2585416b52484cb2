"""Whether log-likelihood ratios are calibrated: Cllr of each model, and stated against realised odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from biomatch.evaluation.alerts.alert_result import AlertResult, ModelCalibration, ReliabilityBin
from biomatch.reporting.drawing import BLUE, GREEN, GREY, VERMILION, finished
from biomatch.reporting.figures import count, shorten
from biomatch.reporting.points import Rows
from biomatch.reporting.tables import Table, Value

if TYPE_CHECKING:
    import altair as alt

    from biomatch.evaluation.result import Result

HEADING = "Are the log-likelihood ratios calibrated?"
MODELS = {"photo": "face against photo", "entry": "face against entry", "fusion": "all evidence"}
FAILED = "NOT calibrated"


def _model(one: ModelCalibration) -> str:
    return MODELS.get(one.model, shorten(one.model, 30))


def sentence(alerts: AlertResult) -> str:
    """Say which models are calibrated in this world and which are not."""
    found = [one for one in alerts.calibration or () if one.cllr is not None]
    if not found:
        return ""
    failed = [_model(one) for one in found if one.verdict == FAILED]
    held = [_model(one) for one in found if one.verdict != FAILED]
    parts = []
    if failed:
        parts.append(
            f"The ratios of {_listed(failed)} are NOT calibrated in this world: read no odds from them, and "
            "train them on such faces (make models)."
        )
    if held:
        parts.append(f"Those of {_listed(held)} are calibrated.")
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def models_table(alerts: AlertResult) -> Table | None:
    """Show Cllr, its minimum and the verdict of each model; None where nothing was judged."""
    found = alerts.calibration
    if not found:
        return None
    rows: list[tuple[Value, ...]] = [
        (
            _model(one),
            shorten(one.says, 80),
            count(one.events),
            count(one.others),
            one.cllr,
            one.minimum,
            shorten(one.verdict, 30),
        )
        for one in found
    ]
    return Table(
        "calibration",
        "Calibration of the log-likelihood ratios in this world",
        ("Model", "Cases", "Strangers or frauds", "Own or honest", "Cllr, bits", "Minimum, bits", "Verdict"),
        tuple(rows),
        "Cllr is 0 for perfect ratios and 1 for ones that say nothing; its minimum is what the best monotone "
        "calibration of the same scores would reach. Calibrated: the difference is below a tenth of the "
        "minimum plus 0.01 bits. Pairs of faces are drawn; all evidence is judged by this world's frauds.",
    )


def bins_table(alerts: AlertResult) -> Table | None:
    """Show stated against realised log odds; None where no model had cases enough."""
    rows: list[tuple[Value, ...]] = [
        (
            f"{_model(one)}, {at}",
            row.stated,
            row.realised,
            row.low,
            row.high,
            count(row.events),
            count(row.others),
            _outside(row),
        )
        for one in alerts.calibration or ()
        for at, row in enumerate(one.bins, start=1)
    ]
    if not rows:
        return None
    return Table(
        "calibration-bins",
        "Stated against realised log odds, in bins of equally many strangers or frauds",
        ("Model and bin", "Stated, nats", "Realised, nats", "95% low", "95% high", "Strangers or frauds",
         "Own or honest", "Stated lies"),
        tuple(rows),
        "At even prior odds. Without cases of the other sort a bin has no realised odds and one open end.",
    )  # fmt: skip


def _outside(row: ReliabilityBin) -> str:
    stated, low, high = row.stated, row.low, row.high
    if stated is None or (low is None and high is None):
        return ""
    return (
        "outside" if (low is not None and stated < low) or (high is not None and stated > high) else "inside"
    )


def reliability_rows(alerts: AlertResult) -> tuple[Rows, Rows]:
    """Give the chart's rows: bins (an open end is drawn to the edge), and the ends of the diagonal."""
    bins = [
        (_model(one), row) for one in alerts.calibration or () for row in one.bins if row.stated is not None
    ]
    ends = [value for _, row in bins for value in (row.stated, row.low, row.high) if value is not None]
    if not ends:
        return [], []
    first, last = min(ends), max(ends)
    rows = [
        {"model": model, "stated": row.stated, "realised": row.realised,
         "low": first if row.low is None else row.low,
         "high": last if row.high is None else row.high,
         "events": row.events, "others": row.others}
        for model, row in bins
    ]  # fmt: skip
    return rows, [{"stated": end, "realised": end} for end in (first, last)]


def reliability(result: Result) -> alt.LayerChart:
    """Draw stated against realised log odds of each model, in bins of equally many events.

    Parameters
    ----------
    result : Result
        As `biomatch.evaluation.judge.evaluate` gives it; without calibration the chart is empty.
    """
    bins, diagonal = reliability_rows(result.alerts)
    return reliability_chart({"bins": bins, "diagonal": diagonal})


def reliability_chart(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the chart from rows: ``bins`` and ``diagonal``."""
    import altair as alt

    x = alt.X("stated:Q", title="stated log odds, nats", scale=alt.Scale(zero=False))
    y = alt.Y("realised:Q", title="realised log odds, nats", scale=alt.Scale(zero=False))
    names = list(MODELS.values())
    colour = alt.Color(
        "model:N", title=None, scale=alt.Scale(domain=names, range=[BLUE, VERMILION, GREEN]),
        legend=alt.Legend(orient="top", symbolOpacity=1, columns=2),
    )  # fmt: skip
    shape = alt.Shape(
        "model:N", title=None, scale=alt.Scale(domain=names, range=["circle", "diamond", "triangle-up"])
    )
    said = [
        alt.Tooltip("model:N", title="model"),
        *(alt.Tooltip(f"{key}:Q", title=key, format=".2f") for key in ("stated", "realised", "low", "high")),
        alt.Tooltip("events:Q", title="strangers or frauds", format=",d"),
        alt.Tooltip("others:Q", title="own or honest", format=",d"),
    ]  # fmt: skip
    base = alt.Chart(alt.NamedData(name="bins"))
    ideal = alt.Chart(alt.NamedData(name="diagonal")).mark_line(color=GREY, strokeDash=[3, 3], aria=False)
    bars = base.mark_rule(strokeWidth=2, aria=False).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour)
    dots = base.transform_filter("isValid(datum.realised)").mark_point(filled=True, size=80, opacity=1)
    return finished(
        alt.layer(ideal.encode(x, y), bars, dots.encode(x, y, colour, shape, tooltip=said)),
        rows,
        "Stated against realised log odds of each model, with 95% intervals; calibrated ones lie on the "
        "dashed diagonal.",
    )
