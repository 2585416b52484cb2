"""Who has left without a record: learnt from stays that a next entry proves to have ended.

Among stays whose document entered again, the share without a recorded exit is the miss rate m of exits.
With G(t) the chance that an exit is on record t days after the entry, departures happen at G(t)/(1 - m),
so of stays without a record a share m/(1 - m) * G(t)/(1 - G(t)) has left. No truth is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LAST_DAY = 3_000
"""Dwell times are followed so many days; longer ones count as this one."""
_PSEUDO_STAYS = 100.0  # stays' worth of the hazards of all groups that each group starts with (assumed)
_PSEUDO_TRIPS = 20.0  # likewise for the miss rate
_MOST = 0.999  # no stay without a record is surer than this to have ended


@dataclass(frozen=True, eq=False)
class UnrecordedDepartures:
    """Miss rates and recorded-exit curves by group (mode and class of the entry).

    Attributes
    ----------
    groups : dict of str to int
        Row of each group; ``""``: all groups together.
    miss_rate : ndarray
        Shape (g,): share of departures that leave no usable record.
    recorded : ndarray
        Shape (g, LAST_DAY + 1): G(t), chance of a recorded exit within t days.
    """

    groups: dict[str, int]
    miss_rate: Floats
    recorded: Floats

    @classmethod
    def fit(cls, stays: pl.DataFrame) -> Self:
        """Fit from stays.

        Parameters
        ----------
        stays : polars.DataFrame
            Columns group (str), days (float: to the recorded exit, or to the date of the list), closed
            (float in [0, 1]: how surely an exit is on record), again (bool: the document entered again).
        """
        names = sorted(stays["group"].unique().to_list())
        groups = {"": 0} | {name: at + 1 for at, name in enumerate(names)}
        own = stays["group"].replace_strict(groups, return_dtype=pl.Int64).to_numpy()
        day = np.clip(stays["days"].to_numpy(), 0, LAST_DAY).astype(np.int64)
        closed, again = stays["closed"].to_numpy(), stays["again"].to_numpy()
        shape = (len(groups), LAST_DAY + 1)
        place = np.r_[day, own * shape[1] + day]  # row 0 is all groups together
        events = np.bincount(place, np.r_[closed, closed], shape[0] * shape[1]).reshape(shape)
        leaving = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
        risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1].astype(np.float64)
        base = events[0] / np.maximum(risk[0], 1.0)
        hazard = (events + _PSEUDO_STAYS * base) / (risk + _PSEUDO_STAYS)
        recorded = 1.0 - np.cumprod(1.0 - np.clip(hazard, 0.0, 1.0), axis=1)
        trips = np.bincount(own[again], minlength=len(groups)).astype(np.float64)
        missed = np.bincount(own[again], (1.0 - closed)[again], len(groups))
        trips[0], missed[0] = trips.sum(), missed.sum()
        overall = (missed[0] + 0.5) / (trips[0] + 1.0)
        rate = (missed + _PSEUDO_TRIPS * overall) / (trips + _PSEUDO_TRIPS)
        return cls(groups, np.clip(rate, 1e-6, 0.99), recorded)

    def _rows(self, groups: pl.Series) -> NDArray[np.int64]:
        return groups.replace_strict(self.groups, default=0, return_dtype=pl.Int64).to_numpy()

    def within(self, groups: pl.Series, days: Floats) -> Floats:
        """Give G(days) by stay: the chance of a recorded exit within so many days; 0 before the entry."""
        at = np.clip(days, 0, LAST_DAY).astype(np.int64)
        return np.where(days < 0, 0.0, self.recorded[self._rows(groups), at])

    def departed(self, groups: pl.Series, days: Floats) -> Floats:
        """Give P(departed) of stays without a record, so many days after the entry; in [0, 0.999]."""
        rate = self.miss_rate[self._rows(groups)]
        on_record = self.within(groups, days)
        odds = rate / (1 - rate) * on_record / np.maximum(1 - on_record, 1e-12)
        return np.minimum(odds, _MOST)

    def in_time(self, groups: pl.Series, days: Floats, lawful_days: Floats) -> Floats:
        """Give P(left within the lawful days | left without a record within `days`); in [0, 1]."""
        upto = self.within(groups, days)
        lawful = np.minimum(self.within(groups, lawful_days), upto)
        return np.where(upto > 0, lawful / np.maximum(upto, 1e-12), 1.0)
