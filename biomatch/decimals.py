"""A threshold as a decimal: the shortest that keeps the decision, and how it is written.

A threshold is any number above the highest refused score and not above the lowest accepted one. Of all
such numbers the one with the fewest significant digits is taken, so that what is printed *is* the
threshold and not a rounding of it, and reads back to the same decision in single and in double precision.
"""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Context, Decimal

import numpy as np

DIGITS = 17
"""Significant digits that tell any two numbers of double precision apart."""
_WIDE = Context(prec=800)  # the midpoint of two single-precision numbers, exactly


def shortest(low: float, high: float) -> float:
    """Give the decimal with the fewest significant digits above `low` and not above `high`.

    Parameters
    ----------
    low : float
        Highest refused score; -inf where none is refused.
    high : float
        Lowest accepted score; inf where none is accepted.

    Returns
    -------
    float
        T with ``low < T <= high``; of several decimals with as few digits the greatest, and where
        nothing is accepted the least. Where single precision tells `low` and `high` apart, it also tells
        T from `low`: ``float32(low) < float32(T) <= float32(high)``.

    Examples
    --------
    >>> shortest(20.0, 30.0), shortest(0.30, 0.50), shortest(1.0, float("inf"))
    (30.0, 0.5, 2.0)
    >>> shortest(0.36960, 0.36966), shortest(-2.4, -2.1)
    (0.36966, -2.1)
    """
    if high == math.inf:
        return _above(low)
    edge, above = _edge(low, high)
    for digits in range(1, DIGITS):
        found = _down(Decimal(repr(high)), digits)  # as it is written, not as the processor holds it
        if found > edge or (above and found == edge):
            number = float(found)
            # The nearest double of a decimal may lie on the other side of either end.
            if low < number <= high and _kept(low, number, high):
                return number
    return high


def text(value: float) -> str:
    """Write a number so that it reads back exactly, in as few digits as that takes.

    Examples
    --------
    >>> text(30.0), text(0.36966), text(1e-9), text(float("inf"))
    ('30', '0.36966', '1e-09', 'inf')
    """
    shown = repr(float(value))
    return shown.removesuffix(".0")


def _above(low: float) -> float:
    """Give the least decimal of as few digits as possible that lies above `low`."""
    if low in (-math.inf, 0.0):
        return 0.0 if low else 1.0  # above 0 every power of ten is as short: one takes the unit
    top = float(np.finfo(np.float32).max) if abs(low) < 1e38 else math.inf
    edge, above = _edge(low, top)
    for digits in range(1, DIGITS + 1):
        found = _up(edge, digits, above=above)
        number = float(found)
        if low < number < math.inf and _kept(low, number, top):
            return number
    return math.nextafter(low, math.inf)


def _edge(low: float, high: float) -> tuple[Decimal, bool]:
    """Give what T must exceed, and whether it may equal it, so that single precision tells T from `low`.

    That is the midpoint between `low`, rounded to single precision, and the next single above it; or `low`
    itself where single precision cannot tell the two scores apart.
    """
    with np.errstate(over="ignore"):
        under, over = np.float32(low), np.float32(high)
        following = np.nextafter(under, np.float32(np.inf))
    if math.isinf(low) or not under < over or np.isinf(under) or np.isinf(following):
        return Decimal(low), False
    middle = _WIDE.divide(_WIDE.add(Decimal(float(under)), Decimal(float(following))), Decimal(2))
    if middle <= Decimal(low):
        return Decimal(low), False
    # Halves round to the even neighbour: the midpoint itself may already round up.
    return middle, bool(np.float32(float(middle)) > under)


def _kept(low: float, number: float, high: float) -> bool:
    """Say whether single precision keeps the decision, or never could."""
    with np.errstate(over="ignore"):
        under, middle, over = np.float32(low), np.float32(number), np.float32(high)
    return bool(np.isinf(under) or not under < over or under < middle <= over)


def _down(number: Decimal, digits: int) -> Decimal:
    """Round towards minus infinity to so many significant digits."""
    if not number:
        return Decimal(0)
    return number.quantize(
        Decimal((0, (1,), number.adjusted() - digits + 1)), rounding=ROUND_FLOOR, context=_WIDE
    )


def _up(number: Decimal, digits: int, *, above: bool) -> Decimal:
    """Give the least decimal of so many significant digits above a number (or equal to it)."""
    found = -_down(-number, digits)
    if found > number or (above and found == number):
        return found
    exponent = found.adjusted() - digits + 1
    if found < 0 and found == Decimal((1, (1,), found.adjusted())):
        exponent -= 1  # from -10 the next of two digits is -9.9
    return found + Decimal((0, (1,), exponent))
