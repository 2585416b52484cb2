"""Pictures of a user's own scores: DET, ROC, CMC and histograms, as Altair charts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from biomatch.curves.build import IdentificationCurve, VerificationCurve
from biomatch.errors import SettingsError
from biomatch.reporting import charts, points
from biomatch.reporting.drawing import BLUE, GREEN, VERMILION, finished
from biomatch.tables.storage import write_text

if TYPE_CHECKING:
    import altair as alt

Curve = IdentificationCurve | VerificationCurve
KINDS = ("det", "roc", "cmc", "histogram")
SUFFIXES = (".svg", ".png", ".html")
BINS = 80


def kind_of(path: Path) -> str:
    """Read from a file's name which picture is wanted; `det` where it says nothing.

    Examples
    --------
    >>> kind_of(Path("matcher-roc.svg")), kind_of(Path("figure.png"))
    ('roc', 'det')
    """
    stem = path.stem.lower()
    found = [kind for kind in KINDS if kind in stem or (kind == "histogram" and "hist" in stem)]
    return found[0] if found else "det"


def picture(
    curve: Curve, kind: str, *, at: float | None = None, others: Mapping[str, Curve] | None = None
) -> alt.LayerChart:
    """Draw one picture.

    Parameters
    ----------
    curve : IdentificationCurve or VerificationCurve
        What is drawn.
    kind : str
        ``"det"``, ``"roc"``, ``"cmc"`` (of searches) or ``"histogram"``.
    at : float, optional
        A threshold to mark.
    others : mapping of str to curve, optional
        Other matchers, drawn thin.
    """
    if kind == "det":
        return charts.det(curve, at=at, others=others)
    if kind == "roc":
        return roc(curve, others or {})
    if kind == "cmc":
        if curve.searches is None:
            raise SettingsError("a CMC of comparisons", allowed="searches: ranks are of candidate lists")
        return cmc(curve.searches)
    if kind == "histogram":
        return histogram(curve, at=at)
    raise SettingsError(f"picture {kind!r}", allowed=", ".join(KINDS))


def roc(curve: Curve, others: Mapping[str, Curve]) -> alt.LayerChart:
    """Draw hits (1 minus misses) against false positives, both in shares."""
    import altair as alt

    names = points.names_of(curve)
    rows = [
        {"label": label, "false": row["fpir"], "hit": 1.0 - row["fnir"], "threshold": row["threshold"]}
        for label, one in {"these scores": curve, **others}.items()
        for row in points.curve_rows(one)
        if row["fpir"] is not None and row["fnir"] is not None
    ]
    base = alt.Chart(alt.NamedData(name="curve"))
    x = alt.X("false:Q", title=f"{names[0]} (false positives)", axis=alt.Axis(format="~%"))
    y = alt.Y("hit:Q", title=f"1 - {names[1]} (hits)", axis=alt.Axis(format="~%"))
    said = [alt.Tooltip("label:N", title="scores"), alt.Tooltip("threshold:Q", title="threshold T")]
    line = base.mark_line(strokeWidth=2).encode(
        x, y, alt.Color("label:N", title=None, legend=alt.Legend(orient="top")), order="false:Q"
    )
    dots = base.mark_point(opacity=0, size=60).encode(x, y, tooltip=said)
    return finished(alt.layer(line, dots), {"curve": rows}, f"Hits against {names[0]}.")


def cmc(curve: IdentificationCurve) -> alt.LayerChart:
    """Draw the share of mated searches whose mate stands at each rank or better, without a threshold."""
    import altair as alt

    counts = curve.cmc()
    rows = [
        {"rank": rank, "hit": int(found) / curve.mated, "found": int(found)}
        for rank, found in enumerate(counts, start=1)
    ]
    base = alt.Chart(alt.NamedData(name="curve"))
    x = alt.X("rank:Q", title="rank", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("hit:Q", title="mated searches found", scale=alt.Scale(zero=False), axis=alt.Axis(format="~%"))
    said = [alt.Tooltip("rank:Q"), alt.Tooltip("found:Q", format=",d", title=f"of {curve.mated:,}")]
    layers = (
        base.mark_line(color=BLUE, strokeWidth=2).encode(x, y),
        base.mark_point(color=BLUE, filled=True, size=40).encode(x, y, tooltip=said),
    )
    return finished(alt.layer(*layers), {"curve": rows}, "Cumulative match characteristic.")


def histogram(curve: Curve, *, at: float | None = None) -> alt.LayerChart:
    """Draw how the scores of both classes are spread, each in shares of its own class."""
    import altair as alt

    sign = -1.0 if curve.distances else 1.0
    classes = {"mated": curve.mated_scores, "non-mated": curve.non_mated_scores}
    finite = {name: sign * part[np.isfinite(part)].astype(np.float64) for name, part in classes.items()}
    everything = [part for part in finite.values() if part.size]
    low, high = min(part.min() for part in everything), max(part.max() for part in everything)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    rows: list[dict[str, Any]] = []
    for name, part in finite.items():
        found, _ = np.histogram(part, bins=edges)
        for left, right, number in zip(edges[:-1], edges[1:], found, strict=True):
            share = float(number) / max(part.size, 1)
            rows.append({"class": name, "left": left, "right": right, "share": share, "number": int(number)})
    now = [] if at is None else [{"threshold": at}]
    base = alt.Chart(alt.NamedData(name="bars"))
    colour = alt.Color(
        "class:N", title=None, scale=alt.Scale(domain=list(finite), range=[BLUE, VERMILION]),
        legend=alt.Legend(orient="top"),
    )  # fmt: skip
    bars = base.mark_bar(opacity=0.5).encode(
        alt.X("left:Q", title="distance" if curve.distances else "score", scale=alt.Scale(zero=False)),
        alt.X2("right:Q"),
        alt.Y("share:Q", title="share of its class", stack=None, axis=alt.Axis(format="~%")),
        alt.Y2Datum(0),
        colour,
        tooltip=["class:N", alt.Tooltip("number:Q", format=",d", title="scores")],
    )
    rule = (
        alt.Chart(alt.NamedData(name="now"))
        .mark_rule(color=GREEN, strokeWidth=2, strokeDash=[4, 3])
        .encode(x="threshold:Q")
    )
    return finished(alt.layer(bars, rule), {"bars": rows, "now": now}, "Scores of both classes.")


def write(chart: alt.LayerChart, path: Path) -> Path:
    """Write a chart as .svg, .png or an offline .html."""
    import vl_convert

    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingsError(f"--plot {path}", allowed=f"a file that ends in {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = chart.to_dict()
    if suffix == ".svg":
        write_text(path, vl_convert.vegalite_to_svg(spec))
    elif suffix == ".html":
        write_text(path, vl_convert.vegalite_to_html(spec, bundle=True))
    else:
        path.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
    return path
