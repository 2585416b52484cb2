"""The brief: what a board reads and signs, at most three printed pages, every figure at the tuned threshold.

It is a page of its own, with its charts drawn in it: no script moves anything but the reader's own gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING

from biomatch.evaluation.result import Result
from biomatch.reporting import charts, points
from biomatch.reporting.assembly import figure, paper, part, written_on
from biomatch.reporting.captions import CAPTIONS, TUNED
from biomatch.reporting.decision.facts import decision
from biomatch.reporting.figures import clean, shorten
from biomatch.reporting.findings import findings
from biomatch.reporting.opening import Opening
from biomatch.reporting.sections import growth, overstays, provenance, recommendation
from biomatch.reporting.sections.at_port import AtPort, PortWaits
from biomatch.reporting.sections.waits import rows as rows_of_waits
from biomatch.reporting.sections.waits_charts import waits_front_of
from biomatch.reporting.tables import Table

if TYPE_CHECKING:
    import altair as alt

MOST_CHARTS = 4
MOST_PARTS = 10
"""Groups beyond which their chart would be taller than the others: the full report has it."""
SIZE = (360, 190)
"""Pixels of a chart's inside: two stand side by side on paper with letters of 7 points."""
PADDING = {"left": 18, "top": 5, "right": 12, "bottom": 5}
"""The reader's letters may be wider than those that the chart was measured with."""
LONGEST = 200
"""Characters of a value of provenance; the full report has all of them."""
WHENCE = (
    "command", "world", "lineage of the grading world", "lineages of the tuning worlds", "operating point",
    "system", "face threshold, every digit", "resubstitution", "versions: biomatch", "machine",
)  # fmt: skip
"""Rows of provenance that tell which run this is."""
SIGNED = ("Decision", "Name and office", "Date", "Signature")


def page(result: Result, *, at_port: AtPort | None = None, opening: Opening | None = None) -> str:
    """Write the brief of a result.

    Parameters
    ----------
    result : Result
        What was judged.
    at_port : biomatch.reporting.sections.at_port.AtPort, optional
        A port, whose waits are then one of the charts.
    opening : Opening, optional
        Brings the lists of overstays under other systems, and claims.

    Returns
    -------
    str
        HTML that fetches nothing.
    """
    card = decision(
        result, () if opening is None else opening.lists, () if opening is None else opening.claims
    )
    made = escape(version("biomatch"))
    return (
        '<!DOCTYPE html>\n<html lang="en" class="scripted">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src '
        "'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="biomatch {made}">\n'
        f"<title>{escape(clean(recommendation.sentence(result)))}</title>\n"
        f"<style>\n{part('report.css')}{paper('brief, synthetic data')}</style>\n</head>\n"
        '<body class="brief">\n<a class="skip" href="#main">Skip to the brief</a>\n<div class="page">\n'
        f'<header>\n<p class="eyebrow"><span class="stamp">{card.stamp}</span> '
        f"<span>Brief for decision</span> <span>{written_on()}</span> <span>biomatch {made}</span></p>\n"
        f"{_banner(result)}</header>\n"
        '<main id="main" tabindex="-1">\n'
        f'<section id="decision" aria-label="Decision">{card.to_html()}'
        '<p class="still">Every figure in this brief stands at the tuned threshold.</p></section>\n'
        f"{_findings(result)}{_charts(result, at_port)}{_overstays(result, opening)}{_guarantee(result)}"
        f"{_provenance(result)}{_sign()}</main>\n"
        f"<footer><p>Made by biomatch {made}. The full report of the same result has every table, every "
        "threshold and the definitions of all terms.</p></footer>\n</div>\n"
        "<script>\n(function () {\n" + part("format.js") + part("card.js") + "})();\n</script>\n"
        "</body>\n</html>\n"
    )


def _section(name: str, head: str, body: str) -> str:
    return (
        f'<section id="{name}" aria-labelledby="h-{name}"><h2 id="h-{name}">{escape(head)}</h2>'
        f"{body}</section>\n"
    )


def _text(text: object) -> str:
    return escape(clean(text))


def _banner(result: Result) -> str:
    said = recommendation.banner(result)
    return f'<p class="banner">{_text(said)}</p>' if said else ""


def _findings(result: Result) -> str:
    said = [one for one in findings(result).values() if one]
    rows = "".join(f"<li>{_text(one)}</li>" for one in said)
    body = f"<ul>{rows}</ul>" if rows else "<p>No rule found anything to point out.</p>"
    return _section("findings", "Findings", body)


def _charts(result: Result, at_port: AtPort | None) -> str:
    import vl_convert

    drawn: list[str] = []
    for name, chart in _deciding(result, at_port):
        if len(drawn) == MOST_CHARTS:
            break
        spec = {**chart.to_dict(), "width": SIZE[0], "padding": PADDING}
        spec["config"] |= {"background": "transparent", "axisQuantitative": {"tickCount": 5}}
        if not isinstance(spec["height"], dict):
            spec["height"] = SIZE[1]
        says = _text(spec["description"])
        canvas = (
            f'<div class="canvas" role="img" aria-label="{says}">{vl_convert.vegalite_to_svg(spec)}</div>'
        )
        drawn.append(figure(canvas, CAPTIONS[name].to_html(at=TUNED)))
    if not drawn:
        return ""
    return _section("charts", "The charts that decide", f'<div class="pair">{"".join(drawn)}</div>')


def _deciding(result: Result, at_port: AtPort | None) -> Iterator[tuple[str, alt.LayerChart]]:
    """Give the charts that have something to show, in the order in which a board asks."""
    curve, tuned = points.drawn_curve(result), result.point.face_threshold
    if curve.mated and curve.non_mated:
        yield "threshold", charts.fnir_against_threshold(curve, at=tuned)
    if points.lead_rows(result):
        yield "leads", charts.overstays(result)
    if at_port is not None:
        drawn = rows_of_waits(PortWaits.of(result, at_port))
        if drawn["waits-front"]:
            rows = {"front": drawn["waits-front"], "marks": drawn["waits-marks"]}
            yield "waits-front", waits_front_of(rows)
    if 2 <= result.trials["group"].n_unique() <= MOST_PARTS:
        if result.curve.non_mated:
            yield "groups-fpir", charts.groups(result, "group", rate="FPIR")
        if curve.mated:
            yield "groups-fnir", charts.groups(result, "group")
    if growth.growth_of(result) is not None:
        yield "growth", charts.growth(result)
    if curve.mated and curve.non_mated and result.grid.height:
        yield "costs", charts.costs(result)
    if curve.mated:
        yield "causes", charts.causes(result)


def _overstays(result: Result, opening: Opening | None) -> str:
    """List the overstays under each system that was compared, else the result's own list."""
    tables = [] if opening is None else [one for one in opening.tables if one.name == "answers-overstays"]
    if not tables:
        from biomatch.reporting.along import Slider

        own = overstays.leads_table(result, Slider.of(result, 0).alone())
        tables = [] if own is None else [own]
    body = "".join(_table(one) for one in tables)
    return _section("overstays", "Lists of overstays", body) if body else ""


def _guarantee(result: Result) -> str:
    said = (
        recommendation.guarantee(result),
        recommendation.verdict(result),
        recommendation.consequences(result),
    )
    body = "".join(f"<p>{_text(one)}</p>" for one in said if one)
    return _section("recommendation", "Where the guarantee comes from", body)


def _provenance(result: Result) -> str:
    whole = provenance.provenance_table(result)
    rows = tuple((what, shorten(value, LONGEST)) for what, value in whole.rows if what in WHENCE)
    told = Table("provenance", "Which run this is", whole.columns, rows)
    limits = (
        "<p>Every traveller, document and face behind this brief is synthetic. No figure here is evidence "
        "about any person, group or border, and none is a ground for acting on a person.</p>"
    )
    return _section("provenance", "Provenance and limits", f"{_table(told)}{limits}")


def _sign() -> str:
    lines = "".join(f"<dt>{name}</dt><dd>to be filled in by hand</dd>" for name in SIGNED)
    return f'<section id="sign" aria-label="For signature"><dl class="sign">{lines}</dl></section>\n'


def _table(table: Table) -> str:
    kind = ' class="stacked"' if table.stacked else ""
    return (
        f'<div class="table" data-table="{table.name}"><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{_text(table.caption)}"><table{kind}>{table.to_html()}</table></div></div>'
    )
