"""Who has left without a record: learnt from stays that a next entry proves to have ended.

Among stays whose document entered again, the share without a recorded exit is the miss rate m of exits.
With G(t) the chance that an exit is on record t days after the entry, departures happen at G(t)/(1 - m);
hence U(t) = m/(1 - m) G(t) leave without a record, and H(t) = 1 - G(t) - U(t) are still here. Of those who
left without a record some have come back by then (and are no longer open); the times between recorded
exits and next entries say how many. No truth is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.portable.types import Floats, Ints

LAST_DAY = 2_000
"""Dwell times are followed so many days; longer ones count as this one."""
_PSEUDO_STAYS = 500.0
"""Stays' worth of its mode's hazards that each group starts with (assumed: groups differ in the share that
stays by half of it, as four stays in 500 would)."""
_PSEUDO_MISSES = 6.0
"""Misses' worth of its mode's rate that each group starts with (assumed: rates differ by 40%, and a
gamma distribution with that spread has shape 6)."""
_MODES_DIFFER = 6.0
"""How many times less a mode is drawn to all together than a group to its mode (assumed: a land exit may go
unrecorded five times as often as one by air)."""
_FIRST_TRIPS = 25.0  # with half a miss: 2%, before anybody has come back (assumed; UK: about 2% [A14])
_MOST = 0.999  # no stay without a record is surer than this to have ended


@dataclass(frozen=True, eq=False)
class UnrecordedDepartures:
    """Miss rates and recorded-exit curves by group (mode and class of the entry).

    Attributes
    ----------
    groups : dict of str to int
        Row of each group and each mode; ``""``: all together.
    miss_rate : ndarray
        Shape (g,): share of departures that leave no usable record.
    missed : ndarray
        Shape (g,): departures without a record that the miss rate rests on.
    stays : ndarray
        Shape (g,): stays that the curves rest on.
    recorded : ndarray
        Shape (g, LAST_DAY + 1): G(t), chance of a recorded exit within t days.
    away : ndarray
        Shape (g, LAST_DAY + 1): chance of a recorded exit within t days and no next entry by then.
    """

    groups: dict[str, int]
    miss_rate: Floats
    missed: Floats
    stays: Floats
    recorded: Floats
    away: Floats

    @classmethod
    def fit(cls, stays: pl.DataFrame) -> Self:
        """Fit from stays.

        Parameters
        ----------
        stays : polars.DataFrame
            Columns group (str, "mode class"); days (float: to the recorded exit, or to the date of the
            list); closed (float in [0, 1]: how surely an exit is on record); again (bool: the document
            entered again); after (float: days from a recorded exit to the next entry, or to the date of
            the list; null without a recorded exit).
        """
        names = sorted(stays["group"].unique().to_list())
        modes = sorted({name.split(" ")[0] for name in names} - set(names))
        groups = {name: at for at, name in enumerate(["", *modes, *names])}
        parent = np.array([0, *[0] * len(modes), *[groups.get(name.split(" ")[0], 0) for name in names]])
        own = stays["group"].replace_strict(groups, return_dtype=pl.Int64).to_numpy()
        closed, again = stays["closed"].to_numpy(), stays["again"].to_numpy()
        recorded = _curve(own, stays["days"].to_numpy(), closed, parent)
        left = np.flatnonzero(stays["after"].is_not_null().to_numpy())
        after = stays["after"].fill_null(0.0).to_numpy()[left]
        back = _curve(own[left], after, again[left].astype(np.float64), parent)
        trips = _rolled_up(np.bincount(own[again], minlength=len(groups)), parent)
        missed = _rolled_up(np.bincount(own[again], (1.0 - closed)[again], len(groups)), parent)
        rate = np.empty(len(groups))
        rate[0] = (missed[0] + 0.5) / (trips[0] + _FIRST_TRIPS)
        for row in range(1, len(groups)):  # parents stand before their groups
            weight = _PSEUDO_MISSES / (1.0 if parent[row] else _MODES_DIFFER)
            rate[row] = (missed[row] + weight) / (trips[row] + weight / rate[parent[row]])
        return cls(
            groups,
            np.clip(rate, 1e-6, 0.99),
            missed + np.where(np.arange(len(groups)) == 0, 0.5, _PSEUDO_MISSES),
            _rolled_up(np.bincount(own, minlength=len(groups)), parent) + _PSEUDO_STAYS,
            recorded,
            _still_away(recorded, back),
        )

    def _rows(self, groups: pl.Series) -> Ints:
        return groups.replace_strict(self.groups, default=0, return_dtype=pl.Int64).to_numpy()

    def within(self, groups: pl.Series, days: Floats) -> Floats:
        """Give G(days) by stay: the chance of a recorded exit within so many days; 0 before the entry."""
        at = np.clip(days, 0, LAST_DAY).astype(np.int64)
        return np.where(days < 0, 0.0, self.recorded[self._rows(groups), at])

    def departed(self, groups: pl.Series, days: Floats) -> Floats:
        """Give P(departed) of stays without a record and without a next entry, so many days after the entry.

        U'/(U' + H), with U' those who left unrecorded and are still away. H is a small difference of
        estimates; its expectation over their sampling error, cut at 0, takes the place of H.
        """
        row = self._rows(groups)
        at = np.clip(days, 0, LAST_DAY).astype(np.int64)
        odds = self.miss_rate[row] / (1 - self.miss_rate[row])
        on_record = self.recorded[row, at]
        unrecorded = odds * on_record
        here = 1.0 - on_record - unrecorded
        error = np.sqrt(unrecorded**2 / self.missed[row] + on_record * (1 - on_record) / self.stays[row])
        here = _positive_part(here, np.maximum(error, 1e-9))
        gone = odds * self.away[row, at]
        return np.minimum(gone / np.maximum(gone + here, 1e-12), _MOST)

    def not_back(self, groups: pl.Series, days: Floats) -> Floats:
        """Give P(not entered again | left within `days`) by stay; in [0, 1], 1 where nobody has left yet."""
        row, at = self._rows(groups), np.clip(days, 0, LAST_DAY).astype(np.int64)
        left = self.recorded[row, at]
        return np.where(left > 0, self.away[row, at] / np.maximum(left, 1e-12), 1.0)

    def in_time(self, groups: pl.Series, days: Floats, lawful_days: Floats) -> Floats:
        """Give P(left within the lawful days | left without a record within `days`); in [0, 1]."""
        upto = self.within(groups, days)
        lawful = np.minimum(self.within(groups, lawful_days), upto)
        return np.where(upto > 0, lawful / np.maximum(upto, 1e-12), 1.0)


def _rolled_up(counts: NDArray[Any], parent: Ints) -> Floats:
    """Add the counts of groups to their mode and to all together."""
    total = counts.astype(np.float64)
    for row in range(len(parent) - 1, 0, -1):
        total[parent[row]] += total[row]
    return total


def _curve(group: Ints, days: Floats, event: Floats, parent: Ints) -> Floats:
    """Estimate by group the chance of an event within t days (Kaplan-Meier on days, shrunk to the parent)."""
    day = np.clip(days, 0, LAST_DAY).astype(np.int64)
    width = LAST_DAY + 1
    place = group * width + day
    shape = (len(parent), width)
    events = _rolled_up(np.bincount(place, event, shape[0] * width).reshape(shape), parent)
    leaving = _rolled_up(np.bincount(place, minlength=shape[0] * width).reshape(shape), parent)
    risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1]
    hazard = np.empty(shape)
    hazard[0] = events[0] / np.maximum(risk[0], 1.0)
    for row in range(1, len(parent)):
        weight = _PSEUDO_STAYS / (1.0 if parent[row] else _MODES_DIFFER)
        hazard[row] = (events[row] + weight * hazard[parent[row]]) / (risk[row] + weight)
    return np.asarray(1.0 - np.cumprod(1.0 - np.clip(hazard, 0.0, 1.0), axis=1))


def _still_away(recorded: Floats, back: Floats) -> Floats:
    """Convolve exits with the chance of not having come back since; day by day, in a fixed order.

    A Fourier transform would be faster, and its last bits would hang on the C library's cosines.
    """
    leaving = np.diff(recorded, axis=1, prepend=0.0)
    stays_away, width = 1.0 - back, recorded.shape[1]
    away = np.zeros_like(recorded)
    for day in np.flatnonzero(leaving.any(axis=0)).tolist():
        away[:, day:] += leaving[:, day, None] * stays_away[:, : width - day]
    return np.asarray(np.clip(away, 0.0, recorded))


def _positive_part(mean: Floats, error: Floats) -> Floats:
    """Give E[max(0, X)] of X normal around `mean`."""
    z = mean / error
    return np.asarray(mean * portable.ndtr(z) + error * portable.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
