"""How often an alert is right at a prevalence: catches and stops, measured apart and put together.

A world with the true prevalence holds a handful of frauds in a hundred thousand encounters, and an enriched
one has a precision that no border has. Catch rate and share of honest travellers stopped are measured; the
precision follows from them at a prevalence that is stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from biomatch import checks
from biomatch.rates import Rate

PER_MILLION = 8.0
"""Encounters with a fraud, of a million: 7 to 10 impostors are found among a million face-checked travellers
(CBP counts [A21, A22])."""


@dataclass(frozen=True)
class Precision:
    """Frauds among the encounters that alarm, at a prevalence.

    Attributes
    ----------
    per_million : float
        Encounters with a fraud, of a million.
    value : float or None
        In [0, 1]; None where nothing alarms.
    interval : tuple of float
        Bounds of `value`.
    """

    per_million: float
    value: float | None
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"per_million": self.per_million, "value": self.value, "interval": list(self.interval)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Precision:
        """Take it from the form that `to_json` gives."""
        low, high = given["interval"]
        value = given["value"]
        return cls(
            float(given["per_million"]), None if value is None else float(value), (float(low), float(high))
        )

    def __str__(self) -> str:
        if self.value is None:
            return f"no alert to judge at {self.per_million:g} per million"
        if not self.value:
            return f"never right at {self.per_million:g} per million"
        low, high = self.interval
        often = f"{1 / high:,.1f}" if high else "never"
        seldom = f"{1 / low:,.1f}" if low else "never"
        right = f"1 alert in {1 / self.value:,.1f} right"
        return f"{right} at {self.per_million:g} per million ({often} to {seldom})"


def box_confidence(confidence: float = 0.95) -> float:
    """Give the two-sided confidence of each of two independent rates, so that both hold with `confidence`."""
    return 2.0 * sqrt(1.0 - (1.0 - checks.confidence(confidence)) / 2.0) - 1.0


def precision_at(catch: Rate, stop: Rate, per_million: float = PER_MILLION) -> Precision:
    """Put a catch rate and a share of honest encounters stopped together at a prevalence.

    Parameters
    ----------
    catch : Rate
        Events caught / events.
    stop : Rate
        Honest encounters stopped / honest encounters; independent of `catch`, both with the confidence
        `box_confidence`.
    per_million : float
        Encounters with a fraud, of a million, above 0 and below a million.
    """
    prevalence = per_million / 1e6

    def right(caught: float, stopped: float) -> float | None:
        alarms = prevalence * caught + (1.0 - prevalence) * stopped
        return prevalence * caught / alarms if alarms > 0.0 else None

    value = None if catch.value is None or stop.value is None else right(catch.value, stop.value)
    low = right(catch.interval[0], stop.interval[1])
    high = right(catch.interval[1], stop.interval[0])
    return Precision(per_million, value, (low or 0.0, 1.0 if high is None else high))
