"""What all charts share: palette, sizes, logarithmic axes, and the last touches.

Colours are of the palette of Okabe and Ito (2008), each at least 3:1 against white and against the page's
dark ground; shape or dash tells apart what colour tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from biomatch.reporting.points import Rows

if TYPE_CHECKING:
    import altair as alt

BLUE, VERMILION, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080"
WIDTH, HEIGHT = 560, 300
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
PERCENT = "format(datum.value * 100, '~r') + '%'"


def log() -> alt.Scale:
    """Give a logarithmic scale that ends at round numbers."""
    import altair as alt

    return alt.Scale(type="log", nice=True)


def decades() -> alt.Axis:
    """Give an axis of rates with a mark a decade, in per cent."""
    import altair as alt

    return alt.Axis(values=[10.0**-k for k in range(9)], labelExpr=PERCENT)


def tens(shown: str) -> alt.Axis:
    """Give an axis of counts with a mark a decade, written in a format of D3."""
    import altair as alt

    return alt.Axis(values=[10.0**k for k in range(-3, 13)], format=shown)


def told(name: str, key: str) -> alt.Tooltip:
    """Give a rate's line in a tooltip."""
    import altair as alt

    return alt.Tooltip(f"{key}:Q", title=name, format=".3%")


def finished(chart: Any, rows: Mapping[str, Rows], says: str, **more: Any) -> alt.LayerChart:
    """Give a chart its data, size, and quiet look."""
    height = more.pop("height", HEIGHT)
    done: alt.LayerChart = (
        chart.properties(width=WIDTH, height=height, description=says, datasets=dict(rows), **more)
        .configure(font=FONT, background="white")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            gridColor="#e4e4e4",
            domainColor="#888",
        )
        .configure_legend(labelFontSize=12, symbolStrokeWidth=2)
    )
    return done
