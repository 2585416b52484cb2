"""What could be caught for what is stopped: the front that `tune --for fraud` chose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from biomatch.reporting.drawing import BLUE, VERMILION, finished
from biomatch.reporting.figures import number, percent, shorten, words
from biomatch.reporting.points import Rows
from biomatch.reporting.tables import Table

if TYPE_CHECKING:
    import altair as alt

    from biomatch.evaluation.result import Result

HEADING = "What other alert thresholds would catch"


def front_of(result: Result) -> Mapping[str, Any] | None:
    """Find the front of a point that was tuned for fraud, and the plan's own place; None where there is none.

    An operating point is a file that anybody may edit, so its shape is checked here and nowhere later.
    """
    found: Any = result.point.guarantee.get("alerts")
    try:
        points: list[dict[str, Any]] = [
            {
                "stopped": float(one["stopped_per_million"]),
                "caught": float(one["caught"]),
                "kinds": {str(kind): float(share) for kind, share in one["kinds"].items()},
            }
            for one in found["front"]
        ]
        kinds = found["kinds"].values()
        weights = [float(one["prevalence_per_million"]) for one in kinds]
        rates = [[float(one[name]["value"] or 0.0) for one in kinds]
                 for name in ("catch_rate", "false_alarm_rate")]  # fmt: skip
        caught = sum(w * c for w, c in zip(weights, rates[0], strict=True)) / sum(weights)
        names = list(points[0]["kinds"])
        usable = all(
            0.0 <= one["caught"] <= 1.0 and one["stopped"] >= 0.0 and list(one["kinds"]) == names
            for one in points
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    tuned = {"stopped": 1e6 * sum(rates[1]), "caught": caught}
    return {"points": points, "tuned": tuned, "kinds": names} if usable else None


def front_table(result: Result) -> Table | None:
    """Show the front, a row a point; None where the point was not tuned for fraud."""
    found = front_of(result)
    if found is None:
        return None
    return Table(
        "alerts-front",
        "Fraud caught for honest travellers stopped, on the tuning worlds",
        ("Stopped, per million", "Caught, all kinds", *(shorten(words(kind), 40) for kind in found["kinds"])),
        tuple(
            (number(one["stopped"]), percent(one["caught"]), *(percent(s) for s in one["kinds"].values()))
            for one in found["points"]
        ),
        "Each row the best that a threshold a kind can do; all kinds weigh by the prevalence that was tuned "
        f"for. Chosen: {number(found['tuned']['stopped'])} stopped per million, "
        f"{percent(found['tuned']['caught'])} caught. Picked on the worlds that it is shown for.",
    )


def front_rows(result: Result) -> tuple[Rows, Rows]:
    """Give the chart's rows: the front, and where the plan stands; a logarithmic axis has no zero."""
    found = front_of(result)
    if found is None:
        return [], []
    rows = [{"stopped": one["stopped"], "caught": one["caught"]} for one in found["points"] if one["stopped"]]
    return rows, [found["tuned"]] if rows and found["tuned"]["stopped"] else []


def front(result: Result) -> alt.LayerChart:
    """Draw what is caught against what is stopped, and the point that was chosen.

    Parameters
    ----------
    result : Result
        Graded at a point that `tune --for fraud` made; without it the chart is empty.
    """
    points, tuned = front_rows(result)
    return front_chart({"front": points, "chosen": tuned})


def front_chart(rows: Mapping[str, Rows]) -> alt.LayerChart:
    """Draw the chart from rows: ``front`` and ``chosen``."""
    import altair as alt

    x = alt.X("stopped:Q", title="honest travellers stopped, per million", scale=alt.Scale(type="log"),
              axis=alt.Axis(format="~s", values=[10.0**k for k in range(-3, 7)]))  # fmt: skip
    y = alt.Y(
        "caught:Q", title="fraud caught", axis=alt.Axis(format="~%"), scale=alt.Scale(domain=[0, 1])
    )  # fmt: skip
    said = [
        alt.Tooltip("stopped:Q", title="stopped per million", format=",.1f"),
        alt.Tooltip("caught:Q", title="caught", format=".1%"),
    ]
    base = alt.Chart(alt.NamedData(name="front")).encode(x, y, tooltip=said)
    now = alt.Chart(alt.NamedData(name="chosen")).mark_point(
        color=VERMILION, filled=True, shape="diamond", size=110, opacity=1
    )
    return finished(
        alt.layer(
            base.mark_line(color=BLUE, strokeWidth=2), base.mark_point(color=BLUE, size=40),
            now.encode(x, y, tooltip=said),
        ),
        rows,
        "Share of fraud caught against honest travellers stopped per million; the diamond was chosen.",
    )  # fmt: skip
