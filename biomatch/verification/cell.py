"""One published figure beside the simulated one: tolerance, verdict, and whether it was fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from biomatch.rates import Rate

SIMULATED, CLOSED = "simulated", "closed form"
FITTED, PREDICTED = "fitted", "predicted"


@dataclass(frozen=True)
class Cell:
    """One figure of section 10 of the project's table of published figures.

    Attributes
    ----------
    row : int
        Number of the check in that table.
    what : str
        The figure in words, with profile and operating point.
    published : str
        The figure as its source prints it.
    value : float or None
        What the profile gives; None where there was no trial.
    allowed : tuple of float
        Tolerance as lowest and highest value that pass; declared with the published figures, never tuned.
    basis : str
        ``"fitted"`` where the profile was set by this figure, else ``"predicted"``.
    how : str
        ``"simulated"`` (captures through the generator) or ``"closed form"``.
    interval : tuple of float or None
        95% interval of a simulated value; None for a closed form.
    counts : str
        Events and trials behind a simulated value; empty for a closed form.
    source : str
        Key of the published source.
    """

    row: int
    what: str
    published: str
    value: float | None
    allowed: tuple[float, float]
    basis: str
    how: str
    source: str
    interval: tuple[float, float] | None = None
    counts: str = ""

    @property
    def met(self) -> bool:
        """Whether the value lies within the tolerance; a value that nobody could count does not."""
        return self.value is not None and self.allowed[0] <= self.value <= self.allowed[1]

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and words."""
        return {
            "row": self.row,
            "what": self.what,
            "published": self.published,
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "counts": self.counts,
            "tolerance": list(self.allowed),
            "verdict": "met" if self.met else "missed",
            "basis": self.basis,
            "how": self.how,
            "source": self.source,
        }


@dataclass(frozen=True)
class Size:
    """How much is simulated: everything is multiplied by it (1: ``--quick``)."""

    factor: int = 1

    def __call__(self, number: int) -> int:
        """Scale a number of trials."""
        return number * self.factor


Check = Callable[[Size], Iterator[Cell]]
CHECKS: dict[str, Check] = {}
"""Name of a family -> its check, in the order of registration."""


def check(name: str) -> Callable[[Check], Check]:
    """Register a family of checks."""

    def add(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return add


def relative(target: float, part: float) -> tuple[float, float]:
    """Give the tolerance of a figure, plus or minus a part of it."""
    return target * (1.0 - part), target * (1.0 + part)


def within_factor(target: float, factor: float) -> tuple[float, float]:
    """Give the tolerance of a figure, up to a factor either way."""
    return target / factor, target * factor


def of_rate(seen: Rate) -> dict[str, Any]:
    """Give what a `Cell` keeps of a counted rate."""
    return {
        "value": seen.value,
        "interval": seen.interval,
        "counts": f"{seen.numerator:,} of {seen.denominator:,}",
        "how": SIMULATED,
    }


def of_ratio(above: Rate, below: Rate) -> dict[str, Any]:
    """Give what a `Cell` keeps of a ratio of two rates; its interval takes both bounds (conservative)."""
    (low_a, high_a), (low_b, high_b) = above.interval, below.interval
    known = above.value is not None and below.value
    return {
        "value": above.value / below.value if known and above.value is not None and below.value else None,
        "interval": (low_a / high_b, high_a / low_b if low_b > 0.0 else float("inf")),
        "counts": f"{above.numerator:,} of {above.denominator:,} over "
        f"{below.numerator:,} of {below.denominator:,}",
        "how": SIMULATED,
    }
