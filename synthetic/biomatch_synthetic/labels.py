"""Public ids, and how columns are written: one secret permutation for each kind of thing."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.portable.types import Ints
from biomatch.streams import stream
from biomatch.tables.schema import Time
from biomatch_synthetic.draft import Draft

Array = NDArray[Any]


class Labels:
    """The public ids of a world: one secret permutation for each kind of thing."""

    def __init__(self, draft: Draft) -> None:
        def shuffled(name: str, count: int) -> Ints:
            return np.asarray(stream(draft.seed, f"separate.{name}").permutation(count), dtype=np.int64)

        self.encounter = shuffled("encounter", len(draft.encounters))
        self.person = shuffled("person", len(draft.people))
        self.journey = shuffled("journey", len(draft.journeys))
        self.movement = shuffled("movement", len(draft.movements))
        self.family = shuffled("family", int(draft.people.family.max(initial=0)) + 1)
        self.watchlist = shuffled("watchlist", len(draft.wanted))
        self.seed = draft.seed

    def rows(self, table: str, count: int) -> Ints:
        """Order of a table's rows."""
        return np.asarray(stream(self.seed, f"separate.rows.{table}").permutation(count), dtype=np.int64)


def put(labels: Ints, index: Array) -> Ints:
    """Give the public ids of rows; -1 stays -1."""
    return np.where(index >= 0, labels[np.maximum(index, 0)], -1) if len(labels) else np.full(len(index), -1)


def enum(values: tuple[str, ...], codes: Array) -> pl.Series:
    """Make an Enum column from places in its list."""
    return pl.Series(list(values), dtype=pl.Enum(values)).gather(codes.astype(np.int64))


def texts(values: list[str], codes: Array) -> pl.Series:
    """Look up texts by place."""
    return pl.Series(values, dtype=pl.String).gather(codes.astype(np.int64))


class Calendar:
    """Turns days and milliseconds from the first day's midnight into dates and times."""

    def __init__(self, draft: Draft) -> None:
        self.first = np.datetime64(draft.scenario.first_day, "D")

    def dates(self, days: Array, known: Array | None = None) -> pl.Series:
        """Dates; null where not `known`."""
        safe = days if known is None else np.where(known, days, 0)
        made = pl.Series(self.first + safe.astype("timedelta64[D]")).cast(pl.Date)
        return made if known is None else blank(made, known)

    def times(self, milliseconds: Array, known: Array | None = None) -> pl.Series:
        """Times in UTC to the millisecond; null where not `known`."""
        safe = milliseconds if known is None else np.where(known, milliseconds, 0)
        made = pl.Series(self.first.astype("datetime64[ms]") + safe.astype("timedelta64[ms]")).cast(Time)
        return made if known is None else blank(made, known)


def blank(values: pl.Series, known: Array) -> pl.Series:
    """Put nulls where nothing is known."""
    return pl.select(pl.when(pl.Series(known)).then(values)).to_series()
