"""An impostor who picks the best donor: the share of such impostors caught, against the size of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from biomatch.evaluation.alerts.alert_result import AdversaryResult, AlertResult, DonorCatch
from biomatch.evaluation.alerts.donor_pools import KNOWN, OWN
from biomatch.rates import Rate, rate
from biomatch.reporting.drawing import BLUE, GREY, VERMILION, finished, told
from biomatch.reporting.figures import Ratio, count, percent, shorten
from biomatch.reporting.points import Rows
from biomatch.reporting.tables import Table, Value

if TYPE_CHECKING:
    import altair as alt

    from biomatch.evaluation.result import Result

HOW = {
    OWN: "picks by his own photo, measured",
    KNOWN: "knows every score, measured",
    "expected": "knows every score, face model",
}
HEADING = "An impostor who picks the best donor"
DONORS = {
    "relative": "a relative of the same sex",
    "twin": "a twin",
    "stranger": "a stranger",
}


def _donors(found: AdversaryResult) -> tuple[tuple[str, Ratio], ...]:
    """Give passports of relatives and twins, then the world's own impostors: in words, and who is caught."""
    return (
        *((f"lent by {_donor(one)}", Ratio.of(one.caught)) for one in found.kin),
        *((f"this world's own, lent by {_donor(one)}", Ratio.of(one.caught)) for one in found.happened),
    )


def _donor(one: DonorCatch) -> str:
    if one.size is not None:
        return f"the best of {count(one.size)} strangers"
    return DONORS.get(one.donor, shorten(one.donor, 40))


def sentence(alerts: AlertResult) -> str:
    """Say who was tried, at which threshold, and what the largest pool does; or why nobody was."""
    found = alerts.adversary
    if found is None:
        return ""
    if found.absent:
        return f"Not tried: {shorten(found.absent, 160)}."
    at, fused = found.threshold, found.scoring == "fusion"
    unit = "the fused ratio of photo and capture is at least {:.4g} nats" if fused else (
        "the similarity of face and photo is at most {:.4f}"
    )  # fmt: skip
    rule = "thresholds vary by port or mode" if at is None else unit.format(at if fused else -at)
    measured = [pool for pool in found.pools if pool.score_known is not None and pool.score_known.denominator]
    said = ""
    if measured:
        last = measured[-1]
        said = (
            f" With the best of {_passports(last.size)}, {_counts(last.own_photo)} are caught when the "
            f"impostor goes by his own photo, {_counts(last.score_known)} when he knows every score "
            "beforehand."
        )
    expected = [(pool.size, pool.expected) for pool in found.pools if pool.expected is not None]
    if expected:
        size, share = expected[-1]
        said += f" The face model expects {percent(share, 4)} at {_passports(size)}, the scores known."
    return (
        f"{count(found.impostors)} travellers of this world were tried as impostors, one after another, "
        f"with passports of strangers of their sex, region and age; the rule of the alert: {rule}.{said}"
    )


def _counts(found: Rate | None) -> str:
    ratio = Ratio.of(found or rate(0, 0))
    return f"{count(ratio.numerator)} of {count(ratio.denominator)}"


def _passports(size: int) -> str:
    return f"{count(size)} passport{'' if size == 1 else 's'}"


def pools_table(alerts: AlertResult) -> Table | None:
    """Show the share of caught by the size of the pool; None where nobody was tried."""
    found = alerts.adversary
    if found is None or found.absent:
        return None
    rows: list[tuple[Value, ...]] = [
        (
            count(pool.size),
            None if pool.own_photo is None else Ratio.of(pool.own_photo),
            None if pool.score_known is None else Ratio.of(pool.score_known),
            None if pool.expected is None else percent(pool.expected, 4),
        )
        for pool in found.pools
    ]
    checked = [
        (Ratio.of(pool.score_known), pool.expected)
        for pool in found.pools
        if pool.score_known is not None and pool.expected is not None
    ]
    inside = sum(measured.low <= expected <= measured.high for measured, expected in checked)
    note = (
        "Caught, of the travellers who have so many strangers of their sex, region and age in this world. "
        "One impostor takes the photo that the matcher finds most like his own; the other knows beforehand "
        "what every passport would score, which nobody can: a real one lies between. "
    )
    if found.scoring == "fusion":
        note += "Only photo and capture speak here; other evidence adds to a real alert."
    elif found.profile is None:
        note += "The face profile of the world is not here, so larger pools are not carried on."
    else:
        note += (
            f"Face model {shorten(found.profile, 40)}, not measured: within the measured interval at "
            f"{inside} of {len(checked)} sizes."
        )
    return Table(
        "adversary",
        "Impostors caught by their face against the photo, by how many passports they pick from",
        ("Passports to pick from", "Picks by his own photo, caught", "Knows every score, caught",
         "Knows every score, face model"),
        tuple(rows),
        note,
    )  # fmt: skip


def others_table(alerts: AlertResult) -> Table | None:
    """Show passports of relatives and twins, and what this world's own impostors did; None without any."""
    found = alerts.adversary
    if found is None or not (found.kin or found.happened):
        return None
    return Table(
        "adversary-others",
        "Impostors caught by their face against the photo, by whose passport it is",
        ("Passport", "Caught, 95% interval"),
        _donors(found),
        "Where a face was captured. The world's own impostors by the alerts of that kind that were raised.",
    )


def adversary_rows(alerts: AlertResult) -> tuple[Rows, Rows]:
    """Give the chart's rows: measured shares with intervals, and what the face model expects."""
    found = alerts.adversary
    if found is None or found.absent:
        return [], []
    measured = [
        {"how": HOW[how], "size": size, "caught": ratio.value, "low": ratio.low, "high": ratio.high,
         "errors": ratio.numerator, "trials": ratio.denominator}
        for how, size, ratio in (
            *((OWN, pool.size, Ratio.of(pool.own_photo)) for pool in found.pools if pool.own_photo),
            *((KNOWN, pool.size, Ratio.of(pool.score_known)) for pool in found.pools if pool.score_known),
        )
        if ratio.value is not None
    ]  # fmt: skip
    expected = [
        {"how": HOW["expected"], "size": pool.size, "caught": pool.expected}
        for pool in found.pools
        if pool.expected is not None
    ]
    return measured, expected


def adversary(result: Result) -> alt.LayerChart:
    """Draw the share of impostors caught against the size of the pool that they pick the best donor from.

    Parameters
    ----------
    result : Result
        As `biomatch.evaluation.judge.evaluate` gives it; without pools the chart is empty.
    """
    measured, expected = adversary_rows(result.alerts)
    return adversary_chart({"pools": measured, "expected": expected})


def adversary_chart(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the chart from rows: ``pools`` and ``expected``."""
    import altair as alt

    x = alt.X(
        "size:Q",
        title="passports to pick from",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(format="~s", values=[10**k for k in range(8)]),
    )
    y = alt.Y(
        "caught:Q", title="caught by face against photo", axis=alt.Axis(format="~%"),
        scale=alt.Scale(domain=[0, 1]),
    )  # fmt: skip
    names = list(HOW.values())
    colour = alt.Color(
        "how:N", title=None, scale=alt.Scale(domain=names, range=[BLUE, VERMILION, GREY]),
        legend=alt.Legend(orient="top", columns=1, labelLimit=300),
    )  # fmt: skip
    shape = alt.Shape(
        "how:N", title=None, scale=alt.Scale(domain=names, range=["circle", "diamond", "cross"])
    )
    said = [
        alt.Tooltip("how:N", title="impostor"),
        alt.Tooltip("size:Q", title="passports", format=",d"),
        told("caught", "caught"),
    ]
    counts = [alt.Tooltip("errors:Q", title="of which", format=",d"),
              alt.Tooltip("trials:Q", title="of", format=",d")]  # fmt: skip
    seen, model = (alt.Chart(alt.NamedData(name=name)) for name in ("pools", "expected"))
    line = model.mark_line(strokeWidth=2, strokeDash=[6, 3]).encode(x, y, colour)
    dots = model.mark_point(size=40).encode(x, y, colour, shape, tooltip=said)
    bars = seen.mark_rule(aria=False, strokeWidth=2).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour)
    marks = seen.mark_point(size=110, strokeWidth=2, opacity=1).encode(
        x, y, colour, shape, tooltip=[*said, *counts]
    )
    return finished(
        alt.layer(line, dots, bars, marks),
        rows,
        "Share of impostors caught by their face against the photo, by how many passports they pick the best "
        "from: measured, and as the face model carries it to larger pools.",
    )
