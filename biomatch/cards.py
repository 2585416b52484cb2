"""How an object shows itself: a few lines in a terminal, a small card in a notebook.

Nothing here loads a library or a picture from anywhere: a card is plain HTML, a curve in it plain SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite, log10

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much."""
Step = Callable[[str], None]
"""Is told in words what is being done."""
LINES = 10
"""Lines that a repr may have."""
WIDTH = 110
"""Characters of a line; what is longer is cut, and says so."""
_CARD = "display:inline-block;border:1px solid #8884;border-radius:6px;padding:.6em .9em;font:13px sans-serif"


@dataclass(frozen=True)
class Card:
    """What is shown of one object.

    Attributes
    ----------
    title : str
        What it is.
    facts : tuple of (str, str)
        Name and value, the most important first; a terminal shows the first nine.
    picture : str
        SVG, for notebooks; may be empty.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    picture: str = ""

    def text(self) -> str:
        """Give at most ten lines for a terminal.

        Examples
        --------
        >>> print(Card("a world", (("people", "642"),)).text())
        <a world
          people: 642>
        """
        shown = self.facts if len(self.facts) < LINES else self.facts[: LINES - 2]
        lines = [self.title, *(f"  {name}: {value}" for name, value in shown)]
        if len(shown) < len(self.facts):
            lines.append(f"  ... and {len(self.facts) - len(shown)} more")
        return "<" + "\n".join(cut(line) for line in lines) + ">"

    def html(self) -> str:
        """Give a small card for a notebook."""
        rows = "".join(
            f'<tr><th style="text-align:left;padding-right:1em;font-weight:500">{escape(name)}</th>'
            f'<td style="text-align:left">{escape(cut(value))}</td></tr>'
            for name, value in self.facts
        )
        return f'<div style="{_CARD}"><b>{escape(self.title)}</b><table>{rows}</table>{self.picture}</div>'


class Carded:
    """Gives a class its repr and its card in a notebook from one `card`."""

    __slots__ = ()

    def card(self) -> Card:
        """Say what is shown of this object."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.card().text()

    def _repr_html_(self) -> str:
        return self.card().html()


def cut(line: str, width: int = WIDTH) -> str:
    """Cut a line that is too long.

    Examples
    --------
    >>> cut("a" * 20, width=10)
    'aaaaaaa...'
    """
    flat = " ".join(line.split("\n"))
    return flat if len(flat) <= width else f"{flat[: width - 3]}..."


def facts(*pairs: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    """Give facts as text; a fact without a value is left out.

    Examples
    --------
    >>> facts(("people", 1642), ("path", None), ("rate", 0.25))
    (('people', '1,642'), ('rate', '0.25'))
    """
    return tuple((name, _text(value)) for name, value in pairs if value is not None and value != "")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(one) for one in value) or "none"
    return str(value)


def error_curve(
    false_positive: Sequence[float], misses: Sequence[float], names: tuple[str, str], *, size: int = 220
) -> str:
    """Draw misses against false positives, both on logarithmic axes, as SVG.

    Parameters
    ----------
    false_positive, misses : sequence of float
        Rates at the same thresholds, in [0, 1]; points at which either is 0 are left out.
    names : tuple of str
        What the axes are called.
    size : int
        Width and height in pixels.

    Returns
    -------
    str
        An SVG element; empty where fewer than two points can be drawn.
    """
    points = [
        (log10(x), log10(y))
        for x, y in zip(false_positive, misses, strict=True)
        if isfinite(x) and isfinite(y) and x > 0 and y > 0
    ]
    if len(points) < 2:
        return ""
    low_x, low_y = (min(-1.0, min(axis)) for axis in zip(*points, strict=True))
    edge = 34
    inner = size - edge - 6

    def place(x: float, y: float) -> str:
        return f"{edge + inner * (1 - x / low_x):.1f},{6 + inner * (y / low_y):.1f}"

    path = " ".join(place(x, y) for x, y in thinned(points, 200))
    floor = size - edge + 24
    return (
        f'<svg width="{size}" height="{size}" viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="{escape(names[1])} against {escape(names[0])}">'
        f'<rect x="{edge}" y="6" width="{inner}" height="{inner}" fill="none" stroke="currentColor" '
        f'stroke-opacity=".3"/><polyline points="{path}" fill="none" stroke="#1f6fb2" stroke-width="1.8"/>'
        f'<text x="{edge}" y="{floor}" font-size="10" fill="currentColor">{escape(names[0])}: '
        f"{10**low_x:.1g} to 1</text>"
        f'<text x="12" y="{size - edge}" font-size="10" fill="currentColor" '
        f'transform="rotate(-90 12 {size - edge})">{escape(names[1])}: {10**low_y:.1g} to 1</text></svg>'
    )


def thinned(points: Sequence[tuple[float, float]], most: int) -> Iterable[tuple[float, float]]:
    """Keep at most so many points, the first and the last among them."""
    if len(points) <= most:
        return points
    return [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]
