"""One check for every confidence, probability, share and count that a user names.

Doors of Python call these; the command line wraps them as the types of its options
(`biomatch.cli.types`). A percentage where a share is meant, NaN, infinities and truth values are
refused with one message that says what was given, what is allowed and what to do.
"""

from __future__ import annotations

import math
from typing import Any

from biomatch.errors import BiomatchError, ResultsError

Kind = type[BiomatchError]
PERCENT = "1% is 0.01"
LEAST_TARGET = 1e-15
"""Lowest rate that data can be asked to show: below it, 1 minus the rate is 1 to a computer's number."""


def real(value: Any, name: str, *, error: Kind = ResultsError) -> float:
    """Give a finite number as a float.

    Parameters
    ----------
    value : number
        What was given, or its text; truth values, NaN and infinities are refused.
    name : str
        What it is called, as the user wrote it (``--confidence``, ``confidence``).
    error : type
        What is raised.

    Examples
    --------
    >>> real(3, "gallery")
    3.0
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise error(f"{name}={value}", allowed="a finite number", remedy="give one")
    return found


def confidence(
    value: Any, name: str = "confidence", *, one_sided: bool = False, error: Kind = ResultsError
) -> float:
    """Check a confidence: between 0 and 1, both excluded.

    Parameters
    ----------
    value, name, error
        As of `real`.
    one_sided : bool
        The confidence of a one-sided bound that a verdict rests on: above 0.5.

    Examples
    --------
    >>> confidence(0.95)
    0.95
    """
    least = 0.5 if one_sided else 0.0
    allowed = f"a number above {least:g} and below 1, such as 0.95"
    found = _number(value, name, allowed, "95% is 0.95", error)
    if not least < found < 1.0:
        raise error(f"{name}={value}", allowed=allowed, remedy="95% is 0.95")
    return found


def share(value: Any, name: str, *, error: Kind = ResultsError) -> float:
    """Check a share, a rate or a probability: from 0 to 1, both included.

    Examples
    --------
    >>> share(0, "max_fpir"), share(1, "max_fpir")
    (0.0, 1.0)
    """
    allowed = "a share between 0 and 1"
    found = _number(value, name, allowed, PERCENT, error)
    if not 0.0 <= found <= 1.0:
        raise error(f"{name}={value}", allowed=allowed, remedy=PERCENT)
    return found


def target(value: Any, name: str, *, error: Kind = ResultsError) -> float:
    """Check a rate that data shall show: from `LEAST_TARGET` (no data show a rate of 0) to 1.

    Examples
    --------
    >>> target(0.001, "max_fmr")
    0.001
    """
    found = share(value, name, error=error)
    if found == 0.0:
        raise error(
            f"{name}=0",
            allowed="a share above 0, at most 1",
            remedy="no amount of data shows a rate of 0; name a small one, as 1e-6",
        )
    if found < LEAST_TARGET:
        raise error(
            f"{name}={value}",
            allowed=f"a share from {LEAST_TARGET:g} to 1",
            remedy="no amount of data shows so low a rate; name a higher one, as 1e-6",
        )
    return found


def probability(value: Any, name: str, *, error: Kind = ResultsError) -> float:
    """Check a probability that is neither 0 nor 1, such as a power.

    Examples
    --------
    >>> probability(0.8, "power")
    0.8
    """
    allowed = "a number above 0 and below 1"
    found = _number(value, name, allowed, PERCENT, error)
    if not 0.0 < found < 1.0:
        raise error(f"{name}={value}", allowed=allowed, remedy=PERCENT)
    return found


def whole(value: Any, name: str, *, least: int = 0, error: Kind = ResultsError) -> int:
    """Check a whole number from `least` on; 5.0 is 5, 5.5 is refused.

    Examples
    --------
    >>> whole(1e6, "gallery", least=1)
    1000000
    """
    allowed = f"a whole number from {least:,}"
    found = _number(value, name, allowed, "", error)
    if found != int(found) or found < least:
        raise error(f"{name}={value}", allowed=allowed)
    return int(found)


def _number(value: Any, name: str, allowed: str, remedy: str, error: Kind) -> float:
    try:
        return real(value, name, error=error)
    except BiomatchError:
        raise error(f"{name}={value}", allowed=allowed, remedy=remedy) from None
