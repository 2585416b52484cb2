"""Birth dates: levels of agreement, and how often each would occur for two persons.

People share birth dates: many are registered on 1 January or on the first of a month, where nobody wrote the
day down. So the chance that a stranger holds a date is the frequency of that very date. Where too few
records hold it to say, it is the frequency of its year times that of its day in the year, and the latter
follows the nationality (one registers everybody on 1 January, another nobody).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.evidence.levels import (
    AGREES,
    DIFFERS,
    EXCHANGED,
    MISSING,
    NEARLY,
    ONE_DIGIT,
    SAME_YEAR,
)
from biomatch.portable.types import Floats, Ints

_PSEUDO = 20.0  # records' worth of the general shares that each nationality starts with (assumed)
_OWN = 2  # records of the very pair that is compared: they are no strangers
_DAYS = np.array([1.0, 11.0, 353.25])  # of a year: 1 January, the first of another month, any other
_YEAR, _MONTH, _DAY = 4096, 13, 32  # how many values each part may take


@dataclass(frozen=True, eq=False)
class Dates:
    """Birth dates in parts; shape (n,) each.

    Attributes
    ----------
    code : ndarray of int64
        Days since 1970-01-01; 0 where the date is missing.
    year, month, day : ndarray of int64
        Parts; 1, 1, 1 where the date is missing.
    known : ndarray of bool
        Whether there is a date.
    """

    code: Ints
    year: Ints
    month: Ints
    day: Ints
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, births: pl.Series) -> Self:
        """Take a column of dates apart (nulls are missing)."""
        known = births.is_not_null().to_numpy()
        code = births.to_physical().fill_null(0).cast(pl.Int64).to_numpy()
        parts = (births.dt.year(), births.dt.month(), births.dt.day())
        year, month, day = (part.fill_null(1).cast(pl.Int64).to_numpy() for part in parts)
        return cls(code, np.clip(year, 1, _YEAR - 1), month, day, known)

    def digits(self) -> Ints:
        """Give the date as the number YYYYMMDD."""
        return self.year * 10_000 + self.month * 100 + self.day


def date_levels(a: Dates, b: Dates) -> NDArray[np.int8]:
    """Compare dates row by row.

    Returns
    -------
    ndarray of int8
        Shape (n,): ``AGREES``, ``EXCHANGED`` (day and month), ``ONE_DIGIT``, ``NEARLY`` (two of the three
        parts agree), ``SAME_YEAR``, ``DIFFERS`` or ``MISSING``, the first of these that holds.
    """
    same = [getattr(a, part) == getattr(b, part) for part in ("year", "month", "day")]
    agree = np.sum(same, axis=0)
    one, other = a.digits(), b.digits()
    apart = np.zeros(len(one), dtype=np.int64)
    for place in range(8):
        tens = 10**place
        apart += one // tens % 10 != other // tens % 10
    exchanged = same[0] & (a.month == b.day) & (a.day == b.month)
    level = np.select(
        [agree == 3, exchanged, apart == 1, agree == 2, same[0]],
        [AGREES, EXCHANGED, ONE_DIGIT, NEARLY, SAME_YEAR],
        DIFFERS,
    )
    return np.where(a.known & b.known, level, MISSING).astype(np.int8)


@dataclass(frozen=True, eq=False)
class BirthDateFrequencies:
    """How often birth dates, and parts of them, occur among records.

    Attributes
    ----------
    count : int
        Records with a date.
    shared : tuple of ndarray
        Dates (days since 1970-01-01, ascending) that several records hold, and by how many.
    within : polars.DataFrame
        Columns nationality, code, seen: dates that several records of a nationality hold.
    kinds : polars.DataFrame
        Columns nationality, size, january, first, other: records, and shares of the kinds of days. A
        nationality that is not among them has the shares of all together.
    year, month_day : ndarray
        Shapes (4096,) and (13 * 32,): share of each year; of each day of the year within its kind.
    year_month, year_day : ndarray
        Shapes (4096 * 13,), (4096 * 32,): shares of those parts together.
    year_slip, month_slip, day_slip : ndarray
        Share of the values one digit away: shapes (4096,); (13 * 32,) of months, given the day; (32,).
    """

    count: int
    shared: tuple[Ints, Ints]
    within: pl.DataFrame
    kinds: pl.DataFrame
    year: Floats
    month_day: Floats
    year_month: Floats
    year_day: Floats
    year_slip: Floats
    month_slip: Floats
    day_slip: Floats

    @classmethod
    def fit(cls, births: pl.Series, nationality: pl.Series) -> Self:
        """Count the dates of records.

        Parameters
        ----------
        births : polars.Series
            Shape (n,), Date; nulls are left out.
        nationality : polars.Series
            Shape (n,), String.
        """
        keep = births.is_not_null()
        births, nationality = births.filter(keep), nationality.filter(keep)
        dates, count = Dates.of(births), len(births)
        whole = max(count, 1)
        values, seen = np.unique(dates.code, return_counts=True)
        several = seen > 1
        frame = pl.DataFrame({"nationality": nationality, "code": dates.code, "kind": _kind(dates)})
        by_kind = np.bincount(frame["kind"].to_numpy(), minlength=3)
        overall = (by_kind + _PSEUDO * _DAYS / 365.25) / (count + _PSEUDO)
        kinds = frame.group_by("nationality").agg(
            size=pl.len(), **{f"k{at}": (pl.col("kind") == at).sum() for at in range(3)}
        )
        shares = {
            name: (pl.col(f"k{at}") + _PSEUDO * overall[at]) / (pl.col("size") + _PSEUDO)
            for at, name in enumerate(("january", "first", "other"))
        }
        year = np.bincount(dates.year, minlength=_YEAR)
        place = dates.month * _DAY + dates.day
        days = np.bincount(place, minlength=_MONTH * _DAY)
        every = np.arange(_MONTH * _DAY)
        kind = _kind_of(every // _DAY, every % _DAY)
        month_day = (days + 1.0) / (by_kind + _DAYS)[kind]  # each day of the year starts with one record
        year_month = np.bincount(dates.year * _MONTH + dates.month, minlength=_YEAR * _MONTH)
        year_day = np.bincount(dates.year * _DAY + dates.day, minlength=_YEAR * _DAY)
        general = days.reshape(_MONTH, _DAY) + 1.0
        day_share = general[1:, 1:].sum(axis=0) / general[1:, 1:].sum()
        of_day = general / np.maximum(general[1:].sum(axis=0), 1e-12)
        day_slip = np.zeros(_DAY)
        day_slip[1:] = portable.dot(_one_digit(_DAY, 2)[1:, 1:], day_share)
        month_slip = np.zeros((_MONTH, _DAY))
        month_slip[1:] = portable.dot(_one_digit(_MONTH, 2)[1:, 1:], of_day[1:])
        return cls(
            count,
            (values[several], seen[several]),
            frame.group_by("nationality", "code").agg(seen=pl.len()).filter(pl.col("seen") > _OWN),
            kinds.select("nationality", "size", **shares),
            np.maximum(year, 0.5) / whole,
            month_day,
            np.maximum(year_month, 0.5) / whole,
            np.maximum(year_day, 0.5) / whole,
            _year_slip(year / whole),
            month_slip.ravel(),
            day_slip,
        )

    def chance(self, level: NDArray[np.int8], a: Dates, b: Dates, nationality: pl.Series) -> Floats:
        """Give the chance of each pair's level for two persons.

        Parameters
        ----------
        level : ndarray of int8
            Shape (n,): from `date_levels`.
        a, b : Dates
            Shape (n,) each.
        nationality : polars.Series
            Shape (n,): of the records `a`.

        Returns
        -------
        ndarray of float64
            In (0, 1]. Where dates agree it is the frequency of that date, never below its share of the
            records where several hold it; where they are exchanged, that of the other date.
        """
        kinds = self._kinds(nationality)
        at = a.month * _DAY + a.day
        day_of_year = self._day_of_year(a, kinds)
        pairs = (
            self.year_month[a.year * _MONTH + a.month],
            self.year_day[a.year * _DAY + a.day],
            day_of_year,
        )
        slips = (
            pairs[0] * self.day_slip[a.day]
            + pairs[1] * self.month_slip[at]
            + pairs[2] * self.year_slip[a.year]
        )
        # Two of three parts agree at most so often; what agrees wholly or but for a digit is in it.
        parts = pairs[0] + pairs[1] + pairs[2]
        year = self.year[a.year]
        found = np.clip(
            np.select(
                [
                    level == AGREES,
                    level == EXCHANGED,
                    level == ONE_DIGIT,
                    level == NEARLY,
                    level == SAME_YEAR,
                ],
                [
                    self.share(a, nationality),
                    self.share(b, nationality),
                    slips,
                    np.maximum(parts - slips, 0.3 * parts),
                    np.maximum(year - pairs[0] - pairs[1], 0.3 * year),
                ],
                np.where(level == MISSING, 1.0, np.maximum(1.0 - year - day_of_year, 1e-3)),
            ),
            1e-12,
            1.0,
        )
        return np.asarray(found, dtype=np.float64)

    def share(self, dates: Dates, nationality: pl.Series) -> Floats:
        """Give the frequency of dates among people of a nationality; shape (n,), in (0, 1]."""
        kinds = self._kinds(nationality)
        base = self.year[dates.year] * self._day_of_year(dates, kinds)
        codes, seen = self.shared
        if len(codes):
            place = np.minimum(np.searchsorted(codes, dates.code), len(codes) - 1)
            held = np.where(codes[place] == dates.code, seen[place], 0) / max(self.count, 1)
            base = np.maximum(base, held)
        own = (
            pl.DataFrame({"nationality": nationality, "code": dates.code})
            .join(self.within, on=["nationality", "code"], how="left", maintain_order="left")["seen"]
            .fill_null(0)
            .cast(pl.Int64)
            .to_numpy()
        )
        strangers = np.maximum(own - _OWN, 0) + _PSEUDO * base
        return np.asarray(np.maximum(base, strangers / (kinds[:, 0] + _PSEUDO)))

    def _day_of_year(self, dates: Dates, kinds: Floats) -> Floats:
        kind = _kind(dates)
        within = self.month_day[dates.month * _DAY + dates.day]
        return np.asarray(kinds[np.arange(len(kind)), 1 + kind] * within)

    def _kinds(self, nationality: pl.Series) -> Floats:
        """Give size and shares of the kinds of days of each record's nationality: shape (n, 4)."""
        size = self.kinds["size"].to_numpy()
        columns = self.kinds.select("january", "first", "other").to_numpy()
        overall = (portable.dot(size, columns) / max(size.sum(), 1)) if len(size) else _DAYS / 365.25
        found = nationality.to_frame("nationality").join(
            self.kinds, on="nationality", how="left", maintain_order="left"
        )
        known = found["size"].is_not_null().to_numpy()
        table = found.select(
            pl.col("size").fill_null(0),
            *(pl.col(name).fill_null(0.0) for name in ("january", "first", "other")),
        ).to_numpy()
        out = np.asarray(table, dtype=np.float64)
        out[~known, 1:] = overall
        return out


def _kind_of(month: Ints, day: Ints) -> Ints:
    return np.where(day != 1, 2, np.where(month == 1, 0, 1))


def _kind(dates: Dates) -> Ints:
    return _kind_of(dates.month, dates.day)


def _one_digit(size: int, digits: int) -> Floats:
    """Say which numbers below `size` are one digit apart: shape (size, size), 0 or 1."""
    number = np.arange(size)
    apart = np.zeros((size, size))
    for place in range(digits):
        part = number // 10**place % 10
        apart += part[:, None] != part[None, :]
    return np.asarray(apart == 1, dtype=np.float64)


def _year_slip(share: Floats) -> Floats:
    """Give the share of the years one digit away, for every year."""
    years = np.arange(_YEAR)
    found = np.zeros(_YEAR)
    for place in range(4):
        tens = 10**place
        digit = years // tens % 10
        for other in range(10):
            near = years + (other - digit) * tens
            fits = (other != digit) & (near < _YEAR)
            found += np.where(fits, share[np.minimum(near, _YEAR - 1)], 0.0)
    return np.maximum(found, 1e-4)
