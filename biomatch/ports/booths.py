"""Booths and their opening hours: a constant number, hours of each booth, or counts by step of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from biomatch.errors import TableError
from biomatch.portable.types import Floats

Hours = tuple[tuple[float, float], ...]
"""Opening hours of one booth: (open, close) in order, [open, close) each, none touching the next."""


@dataclass(frozen=True)
class Booths:
    """A bank of booths.

    Attributes
    ----------
    hours : tuple of Hours
        One entry a booth. A booth takes a person at t when ``open <= t < close`` of one of its intervals;
        whom it serves at closing time it finishes.

    Examples
    --------
    >>> Booths.always(2).number
    2
    >>> Booths.of([(0, 15), (15, 40)]).hours[0]
    ((0.0, 15.0),)
    """

    hours: tuple[Hours, ...]

    @property
    def number(self) -> int:
        """How many booths there are, open or not."""
        return len(self.hours)

    @classmethod
    def always(cls, number: int) -> Booths:
        """Make so many booths that never close."""
        if number < 1:
            raise TableError(f"{number} booths", allowed="at least 1", remedy="open a booth")
        return cls((((0.0, float("inf")),),) * int(number))

    @classmethod
    def of(cls, intervals: Sequence[Any]) -> Booths:
        """Make booths from opening hours: a pair (open, close) a booth, or a list of such pairs a booth.

        Raises
        ------
        TableError
            For hours that close before they open, overlap, are no numbers, or where no booth ever opens.
        """
        booths = []
        for number, given in enumerate(intervals):
            pairs = [given] if np.ndim(given) == 1 and len(given) == 2 else list(given)
            booths.append(_joined(number, pairs))
        if not any(booths):
            raise TableError("no booth ever open", remedy="give the opening hours of at least one booth")
        return cls(tuple(booths))

    @classmethod
    def by_step(cls, counts: ArrayLike, step: float, start: float = 0.0) -> Booths:
        """Make booths from how many are open in each step of time.

        Parameters
        ----------
        counts : array_like
            Shape (n,), whole numbers from 0: booths open in ``[start + i * step, start + (i + 1) * step)``.
        step : float
            Seconds a step lasts.
        start : float
            Time of the first step, seconds.

        Returns
        -------
        Booths
            Booth j is open in the steps with more than j booths; equal steps that touch are one shift.

        Examples
        --------
        >>> Booths.by_step([2, 1, 2], 10).hours
        (((0.0, 30.0),), ((0.0, 10.0), (20.0, 30.0)))
        """
        found = np.asarray(counts)
        if found.ndim != 1 or not found.size or (found < 0).any() or (found != np.floor(found)).any():
            raise TableError("booths by step", allowed="a list of whole numbers from 0", remedy="mend it")
        if step <= 0:
            raise TableError(f"a step of {step} s", allowed="more than 0")
        edges = start + step * np.arange(found.size + 1)
        booths: list[Hours] = []
        for number in range(int(found.max())):
            is_open = np.concatenate(([False], found > number, [False]))
            turns = np.flatnonzero(is_open[1:] != is_open[:-1])
            booths.append(
                tuple(
                    (float(edges[a]), float(edges[b])) for a, b in zip(turns[::2], turns[1::2], strict=True)
                )
            )
        if not booths:
            raise TableError("no booth ever open", remedy="open at least one booth in one step")
        return cls(tuple(booths))

    def counts(self, edges: ArrayLike) -> Floats:
        """Give the mean number of open booths between successive edges.

        Parameters
        ----------
        edges : array_like
            Shape (n + 1,), increasing, seconds.

        Returns
        -------
        ndarray of float64
            Shape (n,).
        """
        at = np.asarray(edges, dtype=np.float64)
        total = np.zeros(at.size - 1)
        for hours in self.hours:
            for begins, ends in hours:
                total += np.maximum(np.minimum(at[1:], ends) - np.maximum(at[:-1], begins), 0.0)
        return total / np.diff(at)

    def hours_between(self, begins: float, ends: float) -> float:
        """Give the booth-hours between two times in seconds."""
        return float(self.counts([begins, ends])[0] * (ends - begins) / 3600.0)


def _joined(number: int, pairs: Sequence[Sequence[float]]) -> Hours:
    """Check the hours of one booth, and join those that touch: equal shifts are one shift."""
    found: list[tuple[float, float]] = []
    for begins, ends in sorted((float(a), float(b)) for a, b in pairs):
        if not begins < ends:
            raise TableError(
                f"booth {number} opens at {begins:g} and closes at {ends:g}", allowed="open < close"
            )
        if found and begins < found[-1][1]:
            raise TableError(
                f"the hours of booth {number} overlap at {begins:g}", remedy="give it as two booths"
            )
        if found and begins == found[-1][1]:
            found[-1] = (found[-1][0], ends)
        else:
            found.append((begins, ends))
    return tuple(found)
