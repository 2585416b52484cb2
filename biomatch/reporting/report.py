"""The threshold-tuning report: results in, one offline HTML file out, and its tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from biomatch.errors import ResultsError
from biomatch.evaluation.result import Result
from biomatch.reporting import adversary, assembly, calibrated, charts, front, points
from biomatch.reporting.content import FEW, Content, comparison_table, content, labels_of
from biomatch.reporting.explained import explained_of
from biomatch.reporting.opening import Opening
from biomatch.reporting.sections import growth
from biomatch.tables import storage

if TYPE_CHECKING:
    import altair as alt

PICTURES = ("png", "svg")


def report(
    results: Result | Sequence[Result],
    path: str | Path = "report.html",
    *,
    opening: Opening | None = None,
) -> Path:
    """Write the report of one result, or of several side by side.

    Parameters
    ----------
    results : Result or sequence of Result
        What was judged, or several side by side; the first stands in the page without scripts.
    path : path
        The HTML file; it is whole or absent.
    opening : Opening, optional
        What stands before everything else.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    ResultsError
        Without any result.
    TableError
        When the disk refuses.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System()))
    >>> report(bm.evaluate(done, made.truth, grid=5)).name
    'report.html'
    """
    results = list(results) if isinstance(results, Sequence) else [results]
    for one in results:
        if not isinstance(one, Result):
            raise ResultsError(
                f"a {type(one).__name__}",
                allowed="results of bm.evaluate",
                remedy="write bm.report(bm.evaluate(run, world.truth))",
            )
    contents = contents_of(results)
    comparison = comparison_table(results, labels_of(results)) if len(results) > 1 else None
    place = Path(path)
    storage.write_text(place, assembly.page(contents, comparison, opening))
    return place


def contents_of(results: Sequence[Result]) -> list[Content]:
    """Make the content of each result, sparingly where there are many."""
    labels = labels_of(_some(results))
    several = len(results) > FEW
    return [content(one, label, several=several) for one, label in zip(results, labels, strict=True)]


def write_tables(results: Sequence[Result], folder: str | Path) -> list[Path]:
    """Write every table at the tuned threshold as CSV; of several results, a folder each.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    contents = [content(one, label) for one, label in zip(results, labels_of(_some(results)), strict=True)]
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


def write_charts(results: Sequence[Result], folder: str | Path, kind: str = "png") -> list[Path]:
    """Write every chart at the tuned threshold as a picture; of several results, a folder each.

    Parameters
    ----------
    results : sequence of Result
        What is drawn.
    folder : path
        Where.
    kind : str
        ``"png"`` (twice the size, for screens of today) or ``"svg"``.
    """
    import vl_convert

    if kind not in PICTURES:
        raise ResultsError(f"pictures as {kind!r}", allowed=", ".join(PICTURES))
    written = []
    for number, result in enumerate(_some(results), start=1):
        place = _place(Path(folder), number, len(results))
        for name, chart in pictures(result).items():
            spec = chart.to_dict()
            target = place / f"{name}.{kind}"
            if kind == "svg":
                written.append(_write(target, vl_convert.vegalite_to_svg(spec)))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
                written.append(target)
    return written


def pictures(result: Result) -> dict[str, alt.LayerChart]:
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
    if result.alerts:
        found["alerts"] = charts.alerts(result)
    if any(adversary.adversary_rows(result.alerts)):
        found["adversary"] = charts.adversary(result)
    if front.front_rows(result)[0]:
        found["alerts-front"] = charts.front(result)
    if calibrated.reliability_rows(result.alerts)[0]:
        found["reliability"] = charts.reliability(result)
    for name in ("caught", "false"):
        told = explained_of(result.alerts, caught=name == "caught")
        if told is not None:
            found[f"explained-{name}"] = charts.waterfall(told)
    return found


def _some(results: Sequence[Result]) -> Sequence[Result]:
    if not results:
        raise ResultsError("no result", remedy="give at least one result of `evaluate`")
    return results


def _place(folder: Path, number: int, of: int) -> Path:
    return folder if of == 1 else folder / f"result-{number}"


def _write(path: Path, text: str) -> Path:
    storage.write_text(path, text)
    return path
