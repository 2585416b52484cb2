"""How figures are written, in the page and in print.

``page/format.js`` is the twin of this module; a browser test holds both to the same characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

from biomatch import decimals
from biomatch.rates import Rate

LONGEST_THRESHOLD = 11
NO_TRIALS = "no trials"
NOTHING = "–"
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A rate as a report shows it: two counts, and bounds rounded to four significant digits.

    Attributes
    ----------
    numerator, denominator : int
        Events and trials; a denominator of 0 prints "no trials".
    low, high : float
        Bounds of the 95% interval, in [0, 1].
    """

    numerator: int
    denominator: int
    low: float
    high: float

    @classmethod
    def of(cls, found: Rate) -> Self:
        """Take counts and bounds from a rate."""
        low, high = (float(f"{bound:.4g}") for bound in found.interval)
        return cls(found.numerator, found.denominator, low, high)

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> Self:
        """Take a rate from plain data (`biomatch.rates.Rate.to_json`).

        Raises
        ------
        KeyError, TypeError, ValueError
            For anything else.
        """
        numerator, denominator = int(found["numerator"]), int(found["denominator"])
        low, high = (float(f"{float(bound):.4g}") for bound in found["interval"])
        if not 0 <= numerator <= denominator or not 0.0 <= low <= high <= 1.0:
            raise ValueError("no rate")
        return cls(numerator, denominator, low, high)

    @property
    def value(self) -> float | None:
        """The proportion in [0, 1], or None where there was no trial."""
        return self.numerator / self.denominator if self.denominator else None

    def parts(self) -> tuple[str, str, str]:
        """Give value, counts and interval as text (the last two empty where there was no trial)."""
        if self.value is None:
            return NO_TRIALS, "", ""
        return (
            percent(self.value),
            f"{count(self.numerator)} of {count(self.denominator)}",
            f"{percent(self.low, 2)} to {percent(self.high, 2)}",
        )

    def __str__(self) -> str:
        value, counts, interval = self.parts()
        return f"{value} ({counts}; {interval})" if counts else value


def significant(value: float, digits: int) -> str:
    """Write a number with so many significant digits, without an exponent; halves go up.

    Examples
    --------
    >>> significant(0.000123456, 3), significant(99.96, 3), significant(12345.6, 4), significant(0.0, 3)
    ('0.000123', '100', '12346', '0')
    """
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return fixed(value, max(0, digits - 1 - exponent))


def fixed(value: float, places: int) -> str:
    """Write a number with so many decimals; halves of its exact binary value go up, as JavaScript does."""
    step = Decimal(1).scaleb(-places)
    return format(Decimal(value).quantize(step, rounding=ROUND_HALF_UP), "f")


def percent(share: float, digits: int = 3) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.00123456), percent(1.0), percent(0.0)
    ('0.123%', '100%', '0%')

    What is less than all is never written as all:

    >>> percent(0.9981, 2), percent(0.99996)
    ('99.81%', '99.99600%')
    """
    shown = significant(share * 100.0, digits)
    if share < 1.0 and float(shown) >= 100.0:
        shown = fixed(share * 100.0, len(significant(100.0 - share * 100.0, digits).partition(".")[2]))
    return f"{shown}%"


def count(number: int) -> str:
    """Write a whole number with thousands apart."""
    return f"{number:,}"


def number(value: float) -> str:
    """Write a measured number: three significant digits, thousands apart from 1,000 on.

    Examples
    --------
    >>> number(0.32149), number(12345.6), number(3.0)
    ('0.321', '12,346', '3.00')
    """
    return f"{int(fixed(value, 0)):,}" if abs(value) >= 1000 else significant(value, 3)


def threshold(value: float) -> str:
    """Write a threshold so that it reads back to the same decision.

    Tuned thresholds are short decimals (`biomatch.decimals`). Steps of a slider between them, which nobody
    applies, are numbers of single precision with many digits: they are rounded to four places.
    """
    shown = decimals.text(value)
    return shown if len(shown) <= LONGEST_THRESHOLD else fixed(value, 4)


def clean(text: object) -> str:
    """Give text that HTML can hold: characters that no document may contain become U+FFFD."""
    return _UNSAFE.sub("\ufffd", str(text))


def shorten(text: object, most: int = 80) -> str:
    """Cut a label that would not fit; the whole of it stands under provenance."""
    whole = clean(text)
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def words(name: str) -> str:
    """Turn a column's or kind's name into words."""
    return clean(name).replace("_", " ")
