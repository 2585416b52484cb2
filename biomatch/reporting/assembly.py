"""Puts texts, tables, charts, style and scripts into one HTML file that needs no network."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from biomatch.reporting import charts, prospects
from biomatch.reporting.along import TARGETS
from biomatch.reporting.captions import CAPTIONS
from biomatch.reporting.content import Content
from biomatch.reporting.figures import clean
from biomatch.reporting.findings import PLACES
from biomatch.reporting.fraud import adversary, calibrated, explained, front
from biomatch.reporting.opening import Opening
from biomatch.reporting.sections import waits_charts
from biomatch.reporting.tables import Table

SCRIPTS = ("format.js", "contents.js", "card.js", "tables.js", "charts.js", "main.js")
BINDINGS: Mapping[str, Mapping[str, str]] = {
    "det": {"curve": "rows:drawn", "others": "others", "now": "now"},
    "threshold": {"curve": "rows:curve", "now": "threshold"},
    "growth": {"growth": "rows:growth", "measured": "rows:measured", "operational": "rows:operational"},
    "costs": {"costs": "rows:costs", "cheapest": "rows:cheapest", "now": "threshold"},
    "causes": {"bars": "table:misses:1"},
    "leads": {"leads": "rows:leads", "now": "threshold"},
    "alerts": {"alerts": "rows:alerts"},
    "adversary": {"pools": "rows:pools", "expected": "rows:expected"},
    "alerts-front": {"front": "rows:front", "chosen": "rows:chosen"},
    "waits-front": {"front": "rows:waits-front", "marks": "rows:waits-marks"},
    "waits-parts": {"parts": "rows:waits-parts"},
    "waits-lanes": {"lanes": "rows:waits-lanes"},
    "waits-day": {"day": "rows:waits-day"},
    "waits-trade": {"trade": "rows:waits-trade"},
    "reliability": {"bins": "rows:bins", "diagonal": "rows:diagonal"},
    "explained-caught": {"steps": "rows:explained-caught"},
    "explained-false": {"steps": "rows:explained-false"},
    "groups-fnir": {"strata": "part:1"},
    "groups-fpir": {"strata": "part:2"},
}
"""Where each named data set of each chart comes from: ``page/charts.js`` reads these."""
SECTIONS = {
    "decision": "Decision",
    "findings": "Findings",
    "recommendation": "Guarantee",
    "curve": "Every threshold",
    "growth": "Larger galleries",
    "misses": "Misses",
    "day": "A day at the port",
    "waits": "Queues and staff",
    "overstays": "Overstays",
    "fraud": "Fraud",
    "breakdowns": "Groups",
    "definitions": "Definitions",
    "provenance": "Provenance",
    "limits": "Limits",
}
"""Sections of the page by id, as its contents name them."""
MOST_PLAIN = 1_000_000
"""Characters of data that a page holds as they are; more are compressed."""
_PLACE = re.compile(r"\{\{(\w+)(?::([\w-]+))?\}\}")


def page(contents: Sequence[Content], comparison: Table | None, opening: Opening | None = None) -> str:
    """Assemble the page.

    Parameters
    ----------
    contents : sequence of Content
        One for each result; the first is what stands in the page without scripts.
    comparison : Table or None
        Where there are several.
    opening : Opening or None
        What stands before everything else.

    Returns
    -------
    str
        HTML, ASCII but for typographic characters; no address in it is ever fetched (a content security
        policy inside the page forbids it).
    """
    return _PLACE.sub(lambda found: _fill(found, contents, comparison, opening), part("report.html"))


@cache
def part(name: str) -> str:
    """Read a file of ``page/``."""
    return files("biomatch.reporting").joinpath("page", name).read_text(encoding="utf-8")


@cache
def bundle() -> str:
    """Give Vega, Vega-Lite and Vega-Embed as one script (vl-convert carries them)."""
    import vl_convert

    made = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    # Its names would otherwise be everybody's; and nothing in it may end the script element.
    return "(function () {" + made.replace("</script", r"<\/script").replace("<!--", r"<\!--") + "\n})();"


@cache
def specifications() -> dict[str, dict[str, Any]]:
    """Give the charts without data, as wide as their place and on no ground of their own."""
    made = {
        "det": charts.det_of({}),
        "threshold": charts.threshold_of({}),
        "growth": prospects.growth_of({}),
        "costs": prospects.costs_of({}),
        "causes": charts.causes_of({}),
        "leads": charts.leads_of({}),
        "alerts": charts.alerts_of({}),
        "adversary": adversary.adversary_chart({}),
        "alerts-front": front.front_chart({}),
        "waits-front": waits_charts.waits_front_of({}),
        "waits-parts": waits_charts.waits_parts_of({}),
        "waits-lanes": waits_charts.waits_lanes_of({}),
        "waits-day": waits_charts.waits_day_of({}),
        "waits-trade": waits_charts.waits_trade_of({}),
        "reliability": calibrated.reliability_chart({}),
        "explained-caught": explained.waterfall_of({}),
        "explained-false": explained.waterfall_of({}),
        "groups-fnir": charts.intervals_of({}, "FNIR"),
        "groups-fpir": charts.intervals_of({}, "FPIR"),
    }
    found = {}
    for name, chart in made.items():
        spec = chart.to_dict()
        spec.pop("datasets", None)
        spec["width"] = "container"
        spec["config"]["background"] = "transparent"
        found[name] = spec
    return found


def embedded(data: Any) -> str:
    """Write data as JSON that can stand in a script element: no ``<``, ``>`` or ``&``, ASCII only."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def data_element(data: Any) -> str:
    """Write the page's data as a script element that nothing runs: JSON, or compressed where it is long.

    Fifty results make three megabytes of JSON, in which every table's words stand fifty times.
    """
    text = embedded(data)
    kind = "application/json"
    if len(text) > MOST_PLAIN:
        text = base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii")
        kind = "application/gzip"
    return f'<script type="{kind}" id="data">{text}</script>'


def _fill(
    found: re.Match[str], contents: Sequence[Content], comparison: Table | None, opening: Opening | None
) -> str:
    kind, name = found.group(1), found.group(2) or ""
    first = contents[0]
    if kind == "text":
        return escape(clean(first.texts[name]))
    if kind == "table":
        return _table(name, first.tables.get(name), first)
    if kind == "hidden":
        return "" if first.texts[name] else " hidden"
    if kind == "figure":
        others = " Thin lines are the other results." if name == "det" and comparison is not None else ""
        return figure(f'<div class="canvas" id="chart-{name}"></div>', CAPTIONS[name].to_html(shown=others))
    if kind == "file":
        return part(name.replace("-", "."))
    made: Mapping[str, Callable[[], str]] = {
        "title": lambda: escape(_title(contents)),
        "headline": lambda: _headline(contents),
        "date": written_on,
        "contents": _contents,
        "cards": lambda: _cards(contents),
        "findings": lambda: _findings(first),
        "bundle": bundle,
        "scripts": lambda: "(async function () {\n" + "\n".join(part(one) for one in SCRIPTS) + "})();",
        "data": lambda: data_element(_data(contents, comparison, opening)),
        "version": lambda: escape(version("biomatch")),
        "opening": lambda: "" if opening is None else opening.to_html(),
        "several": lambda: _several(contents, comparison),
        "paper": lambda: paper("threshold-tuning report"),
        "slider": lambda: _slider(first),
    }
    return made[kind]()


def figure(drawn: str, caption: str) -> str:
    """Write a chart with what it shows and how to read it."""
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def paper(what: str) -> str:
    """Write the rule of printed pages: what they are, their date, and which page of how many each is."""
    foot = f"biomatch {version('biomatch')}, {what}, {written_on()}"
    safe = "".join(one for one in foot if one.isalnum() or one in " .,-+")
    return (
        f'@page {{ @bottom-left {{ content: "{safe}"; }} '
        '@bottom-right { content: "Page " counter(page) " of " counter(pages); } }\n'
    )


def _contents() -> str:
    return "".join(f'<li><a href="#{one}">{name}</a></li>\n' for one, name in SECTIONS.items())


def written_on() -> str:
    """Say which day it is, or the one that SOURCE_DATE_EPOCH names: so equal results give equal files."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    day = datetime.fromtimestamp(int(given), UTC) if given.isdigit() else datetime.now().astimezone()
    return day.strftime("%-d %B %Y")


def _headline(contents: Sequence[Content]) -> str:
    """Head the page; of a single result the card's own heading does."""
    return "" if len(contents) == 1 else f"<h1>{escape(_title(contents))}</h1>"


def _cards(contents: Sequence[Content]) -> str:
    """Write the card of each result, the chosen one shown."""
    level = 1 if len(contents) == 1 else 2
    return "\n".join(one.decision.to_html(at, level=level, hidden=at > 0) for at, one in enumerate(contents))


def _findings(first: Content) -> str:
    """Write a place for each rule, with the link to what it speaks of."""
    found = ""
    for name, place in PLACES.items():
        text = escape(clean(first.texts[f"finding-{name}"]))
        found += (
            f'<li><a href="#{place}" data-text="finding-{name}"{"" if text else " hidden"}>{text}</a></li>\n'
        )
    return found


def _title(contents: Sequence[Content]) -> str:
    if len(contents) == 1:
        return clean(contents[0].texts["sentence"])
    return f"{len(contents)} operating points side by side"


def _data(contents: Sequence[Content], comparison: Table | None, opening: Opening | None) -> dict[str, Any]:
    return {
        "results": [one.to_json() for one in contents],
        "comparison": None if comparison is None else comparison.to_json(),
        "targets": list(TARGETS),
        "still": {} if opening is None else {one.name: one.to_json() for one in opening.tables},
        "charts": {name: _chart(name, spec) for name, spec in specifications().items()},
    }


def _chart(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Give a chart to the page, which itself multiplies steps by rows.

    Vega-Lite cannot fit a width to its place while a height grows by steps.
    """
    step = spec["height"]["step"] if isinstance(spec["height"], Mapping) else None
    fitting = {key: value for key, value in spec.items() if key != "height" or step is None}
    return {"spec": fitting, "step": step, "bind": BINDINGS[name]}


def _table(name: str, table: Table | None, first: Content) -> str:
    """Write a table with its button; an absent one is hidden, since another result may have it."""
    where = "" if table is None or name == "comparison" else first.where(table)
    inner = "" if table is None else table.to_html(first.slider.tuned, where)
    hidden = " hidden" if table is None else ""
    kind = ' class="stacked"' if table is not None and table.stacked else ""
    caption = escape(name if table is None else clean(table.caption))
    return (
        f'<div class="table" id="t-{name}" data-table="{name}"{hidden}><div class="scroll">'
        f"<table{kind}>{inner}</table></div>"
        f'<button type="button" class="csv" data-csv="{name}" '
        f'aria-label="Download as CSV: {caption}">CSV</button></div>'
    )


def _several(contents: Sequence[Content], comparison: Table | None) -> str:
    if comparison is None:
        return ""
    options = "".join(f'<option value="{at}">{escape(one.label)}</option>' for at, one in enumerate(contents))
    return (
        '<section id="comparison" aria-labelledby="h-comparison"><h2 id="h-comparison">Side by side</h2>'
        f"{_table('comparison', comparison, contents[0])}"
        '<p class="pick"><label for="result">What follows is about</label> '
        f'<select id="result">{options}</select></p></section>'
    )


def _slider(first: Content) -> str:
    last, tuned = len(first.slider.thresholds) - 1, first.slider.tuned
    return (
        f'<input type="range" id="slider" min="0" max="{last}" step="1" value="{tuned}" '
        f'aria-describedby="label" autocomplete="off">'
    )
