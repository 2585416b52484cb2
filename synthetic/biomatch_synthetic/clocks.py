"""Clocks of ports: a world is planned by them, and recorded in UTC."""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.portable.types import Ints
from biomatch.settings.scenario import Scenario
from biomatch.tables.schema import Time
from biomatch.tables.zones import local_times, utc_times


def moments(scenario: Scenario, time: Ints, port: Ints) -> Ints:
    """Give moments (milliseconds from the first day's midnight, UTC) of what ports' clocks show.

    Parameters
    ----------
    time : ndarray
        Shape (n,), int64: milliseconds from the first day's midnight by the clock of the port.
    port : ndarray
        Shape (n,), int64: place of the port; -1: none, which keeps UTC.
    """
    return _turned(scenario, time, port, utc_times)


def clocks(scenario: Scenario, moment: Ints, port: Ints) -> Ints:
    """Give what ports' clocks show at moments; the reverse of `moments`."""
    return _turned(scenario, moment, port, local_times)


def _turned(scenario: Scenario, time: Ints, port: Ints, turn: object) -> Ints:
    if not scenario.zones:
        return time.copy()
    first = np.datetime64(scenario.first_day, "ms")
    column = pl.Series(first + time.astype("timedelta64[ms]")).cast(Time)
    names = pl.Series([*scenario.ports, ""]).gather(np.where(port >= 0, port, len(scenario.ports)))
    turned = turn(column, names, scenario.zones)  # type: ignore[operator]
    return np.asarray(turned.to_physical().to_numpy() - first.astype(np.int64), dtype=np.int64)
