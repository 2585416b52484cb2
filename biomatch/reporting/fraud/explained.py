"""One alert explained: a waterfall from the odds of fraud before any evidence to those after all of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, isfinite
from typing import TYPE_CHECKING, Any

from biomatch.evaluation.alerts.alert_result import ExplainedAlert
from biomatch.reporting.drawing import BLUE, GREY, VERMILION, finished
from biomatch.reporting.figures import number, percent, shorten, words
from biomatch.reporting.points import Rows
from biomatch.reporting.tables import Table

if TYPE_CHECKING:
    import altair as alt

PRIOR, POSTERIOR = "Before any evidence", "After all evidence"
SIGNS = ("for fraud (+)", "against (\N{MINUS SIGN})", "log-odds")


def waterfall(explained: ExplainedAlert) -> alt.LayerChart:
    """Draw one alert of ``result.alerts.explained``: every bar begins where the last one ended."""
    return waterfall_of({"steps": steps(explained)})


def steps(explained: ExplainedAlert | None) -> Rows:
    """Give the bars: label, start, end, nats (signed length), sign, said (the figure in words).

    The strongest evidence comes first; prior and posterior stand on zero.
    """
    if explained is None:
        return []
    running = explained.prior
    rows: Rows = [_bar(PRIOR, 0.0, running, SIGNS[2])]
    parts = [(one.evidence, one.nats) for one in explained.parts]
    for label, nats in sorted(parts, key=lambda part: -abs(part[1])):
        rows.append(_bar(shorten(label, 60), running, running + nats, SIGNS[0] if nats >= 0 else SIGNS[1]))
        running += nats
    return [*rows, _bar(POSTERIOR, 0.0, explained.posterior, SIGNS[2])]


def _bar(label: str, start: float, end: float, sign: str) -> dict[str, Any]:
    nats = end - start
    return {"label": label, "start": start, "end": end, "nats": nats, "sign": sign, "said": _signed(nats),
            "right": max(start, end)}  # fmt: skip


def _signed(nats: float) -> str:
    return f"{'+' if nats >= 0 else chr(0x2212)}{abs(nats):.2f}"


def waterfall_of(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw a waterfall from rows ``steps``."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="steps")).encode(
        alt.Y("label:N", title=None, sort=None, axis=None),
        tooltip=[
            alt.Tooltip("label:N", title="evidence"),
            alt.Tooltip("said:N", title="nats"),
            alt.Tooltip("end:Q", title="log-odds after it", format=".2f"),
        ],
    )
    colour = alt.Color(
        "sign:N",
        title=None,
        scale=alt.Scale(domain=list(SIGNS), range=[VERMILION, BLUE, GREY]),
        legend=alt.Legend(orient="top"),
    )
    x = alt.X("start:Q", title="log-odds of fraud, nats", scale=alt.Scale(padding=36))
    bars = base.mark_bar(height=14, yOffset=8).encode(x, alt.X2("end:Q"), colour)
    text = base.mark_text(align="left", dx=4, yOffset=8).encode(alt.X("right:Q"), text="said:N")
    # Names stand above their bars: beside them they would leave a telephone no room for any bar.
    name = base.mark_text(align="left", fontSize=12, yOffset=-8).encode(x=alt.value(0), text="label:N")
    zero = alt.Chart(alt.NamedData(name="steps")).mark_rule(color=GREY, strokeDash=[3, 3], aria=False)
    return finished(
        alt.layer(bars, text, name, zero.encode(x=alt.datum(0))),
        rows,
        "Waterfall of one alert: log-odds of fraud before, what each piece of evidence adds, and after.",
        height=alt.Step(38),
    )


def explained_table(name: str, explained: ExplainedAlert | None) -> Table | None:
    """Show the bars as figures; None where no alert was explained."""
    if explained is None:
        return None
    rows = tuple(
        (row["label"], float(row["nats"]), row["sign"], float(row["end"])) for row in steps(explained)
    )
    what = shorten(words(explained.truth))
    kind = shorten(words(explained.kind))
    truth = f"in truth {what}" if explained.caught else f"a false alert, cause: {what}"
    return Table(
        name,
        f"One alert explained: {kind}, {truth}",
        ("Evidence", "Adds, nats", "Speaks", "Log-odds after it, nats"),
        rows,
        f"Before any evidence: {explained.per_million:.3g} frauds a million encounters. Fused "
        f"log-likelihood ratio {number(explained.ratio)} nats; probability of fraud after it "
        f"{percent(_probability(explained.posterior))}. A nat multiplies the odds by 2.718; "
        "evidence that adds nothing is left out.",
    )


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + exp(-log_odds)) if isfinite(log_odds) and log_odds > -700 else 0.0
