"""The threshold-tuning report: results in, one offline HTML file out, and its tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from biomatch.curves.build import IdentificationCurve, VerificationCurve
from biomatch.errors import ResultsError
from biomatch.evaluation.result import Result
from biomatch.reporting import assembly, charts, points
from biomatch.reporting.content import FEW, Content, comparison_table, content, labels_of
from biomatch.reporting.fraud import adversary, calibrated, front
from biomatch.reporting.opening import Opening
from biomatch.reporting.sections import fraud, growth, waits_charts
from biomatch.reporting.sections.at_port import AtPort, PortWaits
from biomatch.reporting.sections.waits import rows
from biomatch.tables import storage

if TYPE_CHECKING:
    import altair as alt

PICTURES = ("png", "svg")
Curve = IdentificationCurve | VerificationCurve


def report(
    results: Result | Sequence[Result] | Curve,
    path: str | Path = "report.html",
    *,
    opening: Opening | None = None,
    at_port: AtPort | None = None,
    brief: bool = False,
) -> Path:
    """Write the report of one result, of several side by side, or of a user's own scores.

    Parameters
    ----------
    results : Result, sequence of Result, IdentificationCurve or VerificationCurve
        What was judged (the first stands in the page without scripts); or the curve of own scores, whose
        page has the sections that scores can fill.
    path : path
        The HTML file; it is whole or absent.
    opening : Opening, optional
        What stands before everything else.
    at_port : biomatch.reporting.sections.at_port.AtPort, optional
        A port at which the thresholds are priced in waits.
    brief : bool
        Write at most three printed pages for those who decide: the decision card, findings, the charts that
        decide, lists of overstays, where the figures come from, and lines to sign.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    ResultsError
        Without any result, and for a brief of several.
    TableError
        When the disk refuses.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System()))
    >>> result = bm.evaluate(done, made.truth, grid=5)
    >>> report(result).name
    'report.html'
    >>> report(bm.verification_curve([0.8, 0.9], [0.1] * 99 + [0.3]), "own.html").name
    'own.html'
    >>> report(result, "brief.html", brief=True).name
    'brief.html'
    """
    if isinstance(results, IdentificationCurve | VerificationCurve):
        from biomatch.reporting.own.outputs import report_curve

        return report_curve(results, path, brief=brief)
    results = list(results) if isinstance(results, Sequence) else [results]
    for one in results:
        if not isinstance(one, Result):
            raise ResultsError(
                f"a {type(one).__name__}",
                allowed="results of bm.evaluate",
                remedy="write bm.report(bm.evaluate(run, world.truth))",
            )
    place = Path(path)
    if brief:
        from biomatch.reporting.brief import page

        storage.write_text(place, page(_only(results), at_port=at_port, opening=opening))
        return place
    contents = contents_of(results, at_port, opening=opening)
    comparison = comparison_table(results, labels_of(results)) if len(results) > 1 else None
    storage.write_text(place, assembly.page(contents, comparison, opening))
    return place


def contents_of(
    results: Sequence[Result],
    at_port: AtPort | None = None,
    *,
    opening: Opening | None = None,
) -> list[Content]:
    """Make the content of each result, sparingly where there are many."""
    labels = labels_of(_some(results))
    several = len(results) > FEW
    return [
        content(one, label, several=several, at_port=at_port, opening=opening)
        for one, label in zip(results, labels, strict=True)
    ]


def write_tables(
    results: Sequence[Result], folder: str | Path, *, at_port: AtPort | None = None
) -> list[Path]:
    """Write every table at the tuned threshold as CSV; of several results, a folder each.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    labels = labels_of(_some(results))
    contents = [content(one, label, at_port=at_port) for one, label in zip(results, labels, strict=True)]
    written = []
    if len(contents) > 1:
        table = comparison_table(results, labels_of(results))
        written.append(_write(Path(folder) / f"{table.name}.csv", table.to_csv()))
    for number, one in enumerate(contents, start=1):
        place = _place(Path(folder), number, len(contents))
        written += [
            _write(place / f"{name}.csv", table.to_csv(one.slider.tuned))
            for name, table in one.tables.items()
        ]
    return written


def write_charts(
    results: Sequence[Result], folder: str | Path, kind: str = "png", *, at_port: AtPort | None = None
) -> list[Path]:
    """Write every chart at the tuned threshold as a picture; of several results, a folder each.

    Parameters
    ----------
    results : sequence of Result
        What is drawn.
    folder : path
        Where.
    kind : str
        ``"png"`` (twice the size, for screens of today) or ``"svg"``.
    at_port : biomatch.reporting.sections.at_port.AtPort, optional
        A port, whose charts are written too.
    """
    import vl_convert

    if kind not in PICTURES:
        raise ResultsError(f"pictures as {kind!r}", allowed=", ".join(PICTURES))
    written = []
    for number, result in enumerate(_some(results), start=1):
        place = _place(Path(folder), number, len(results))
        for name, chart in pictures(result, at_port).items():
            spec = chart.to_dict()
            target = place / f"{name}.{kind}"
            if kind == "svg":
                written.append(_write(target, vl_convert.vegalite_to_svg(spec)))
            else:
                storage.write_bytes(target, vl_convert.vegalite_to_png(spec, scale=2))
                written.append(target)
    return written


def pictures(result: Result, at_port: AtPort | None = None) -> dict[str, alt.LayerChart]:
    """Give every chart that the result has something to show in, by name."""
    curve, tuned = points.drawn_curve(result), result.point.face_threshold
    found: dict[str, alt.LayerChart] = {}
    if curve.mated and curve.non_mated:
        found["det"] = charts.det(curve, at=tuned)
        found["threshold"] = charts.fnir_against_threshold(curve, at=tuned)
    if curve.mated:
        found["causes"] = charts.causes(result)
        found["groups-fnir"] = charts.groups(result, "group")
    if result.curve.non_mated:
        found["groups-fpir"] = charts.groups(result, "group", rate="FPIR")
    if curve.mated and curve.non_mated and result.grid.height:
        found["costs"] = charts.costs(result)
    if growth.growth_of(result) is not None:
        found["growth"] = charts.growth(result)
    if points.lead_rows(result):
        found["leads"] = charts.overstays(result)
    if fraud.alerts_table(result.alerts) is not None:
        found["alerts"] = charts.alerts(result)
    if any(adversary.adversary_rows(result.alerts)):
        found["adversary"] = charts.adversary(result)
    if front.front_rows(result)[0]:
        found["alerts-front"] = charts.front(result)
    if calibrated.reliability_rows(result.alerts)[0]:
        found["reliability"] = charts.reliability(result)
    for name in ("caught", "false"):
        told = result.alerts.explained_alert(caught=name == "caught")
        if told is not None:
            found[f"explained-{name}"] = charts.waterfall(told)
    return found | ({} if at_port is None else _port_pictures(result, at_port))


def _port_pictures(result: Result, at_port: AtPort) -> dict[str, alt.LayerChart]:
    """Give the charts of waits at a port that have something to show."""
    drawn = rows(PortWaits.of(result, at_port))
    front_of_waits = {"front": drawn["waits-front"], "marks": drawn["waits-marks"]}
    made = {
        "waits-front": waits_charts.waits_front_of(front_of_waits),
        "waits-parts": waits_charts.waits_parts_of({"parts": drawn["waits-parts"]}),
        "waits-lanes": waits_charts.waits_lanes_of({"lanes": drawn["waits-lanes"]}),
        "waits-day": waits_charts.waits_day_of({"day": drawn["waits-day"]}),
        "waits-trade": waits_charts.waits_trade_of({"trade": drawn["waits-trade"]}),
    }
    return {name: chart for name, chart in made.items() if drawn[name]}


def _some(results: Sequence[Result]) -> Sequence[Result]:
    if not results:
        raise ResultsError("no result", remedy="give at least one result of `evaluate`")
    return results


def _only(results: Sequence[Result]) -> Result:
    if len(_some(results)) > 1:
        raise ResultsError(
            f"a brief of {len(results)} results",
            allowed="one: a board signs one operating point",
            remedy="write a brief of each, or leave `brief` away to set them side by side",
        )
    return results[0]


def _place(folder: Path, number: int, of: int) -> Path:
    return folder if of == 1 else folder / f"result-{number}"


def _write(path: Path, text: str) -> Path:
    storage.write_text(path, text)
    return path
