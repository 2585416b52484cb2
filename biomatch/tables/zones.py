"""Days as ports count them: tables hold UTC, deadlines are dates at the port.

A scenario gives each port a zone of the IANA time zone database; `Observed.about` carries those that are not
UTC under ``zones``, a mapping from port to zone. A port that is not named there keeps UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from biomatch.errors import SettingsError, TableError
from biomatch.tables.schema import Time

UTC = "UTC"


@cache
def check_zone(name: str) -> str:
    """Give a zone back if it is one.

    Raises
    ------
    SettingsError
        For a name that the IANA time zone database lacks.

    Examples
    --------
    >>> check_zone("America/Los_Angeles")
    'America/Los_Angeles'
    """
    try:
        ZoneInfo(name)
        pl.select(pl.lit(0).cast(Time).dt.replace_time_zone(UTC).dt.convert_time_zone(name))
    except (ZoneInfoNotFoundError, ValueError, OSError, pl.exceptions.PolarsError):
        raise SettingsError(
            f"time zone {name!r}",
            allowed="a name of the IANA time zone database, such as America/Los_Angeles",
        ) from None
    return name


def zones_of(about: Mapping[str, Any]) -> dict[str, str]:
    """Give the zones of a world's ports, from its `Observed.about`; ports in UTC are left out.

    Raises
    ------
    TableError
        Where ``zones`` is no mapping from port to zone.
    SettingsError
        For an unknown zone.
    """
    zones = about.get("zones", {})
    if not isinstance(zones, Mapping):
        raise TableError(f"zones = {zones!r}", allowed="a mapping from port to time zone")
    return {str(port): check_zone(str(zone)) for port, zone in zones.items() if zone != UTC}


def local_times(times: pl.Series, ports: pl.Series, zones: Mapping[str, str]) -> pl.Series:
    """Give the clock of each port at moments in UTC.

    Parameters
    ----------
    times : polars.Series
        Moments, UTC without a zone, type ``Time``; null stays null.
    ports : polars.Series
        The port of each, strings.
    zones : mapping of str to str
        Zone of each port; a port that is not in it keeps UTC.

    Returns
    -------
    polars.Series
        Type ``Time``, without a zone.

    Examples
    --------
    >>> from datetime import datetime
    >>> moment = pl.Series([datetime(2024, 10, 1, 3, 30)], dtype=Time)
    >>> local_times(moment, pl.Series(["LAX"]), {"LAX": "America/Los_Angeles"}).dt.date().to_list()
    [datetime.date(2024, 9, 30)]
    """

    def there(zone: str) -> pl.Expr:
        return pl.col("time").dt.replace_time_zone(UTC).dt.convert_time_zone(zone).dt.replace_time_zone(None)

    return _by_zone(times, ports, zones, there)


def utc_times(clock: pl.Series, ports: pl.Series, zones: Mapping[str, str]) -> pl.Series:
    """Give the moments in UTC at which the clocks of ports show some times; the reverse of `local_times`.

    Of an hour that occurs twice when clocks are put back the earlier counts; an hour that is skipped when
    they are put forward is read as if they had not yet been.
    """

    def moment(zone: str) -> pl.Expr:
        def at(time: pl.Expr) -> pl.Expr:
            return time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")

        back = pl.duration(hours=25)  # more than was ever skipped: a day, where the date line was moved
        known = at(pl.col("time")).dt.convert_time_zone(UTC).dt.replace_time_zone(None)
        before = at(pl.col("time") - back).dt.convert_time_zone(UTC).dt.replace_time_zone(None) + back
        return pl.coalesce(known, before)

    return _by_zone(clock, ports, zones, moment)


def _by_zone(times: pl.Series, ports: pl.Series, zones: Mapping[str, str], expression: Any) -> pl.Series:
    if not zones:
        return times
    named = sorted(set(zones.values()))
    zone = ports.replace_strict(dict(zones), default=UTC, return_dtype=pl.String)
    chosen = pl.col("time")
    for name in named:
        chosen = pl.when(pl.col("zone") == name).then(expression(name)).otherwise(chosen)
    return pl.DataFrame({"time": times, "zone": zone}).select(chosen.cast(Time).alias(times.name)).to_series()


def local_dates(times: pl.Series, ports: pl.Series, zones: Mapping[str, str]) -> pl.Series:
    """Give the date at each port at moments in UTC; see `local_times`."""
    return local_times(times, ports, zones).dt.date()
