"""A new document resets the day count: days used over the union of one traveller's documents.

Documents that bear the same name, date of birth and sex are taken together (a second passport has another
issuer, and often another nationality), and their faces say how sure that is. Each document alone keeps to
the limit; the union does not. Renewals and second passports that are used within the limit raise nothing.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.facts import Facts
from biomatch.overstay.rules.days import Intervals, in_order, united
from biomatch.overstay.rules.eu import RULES
from biomatch.portable.types import Floats, Ints
from biomatch.tables.schema import Time
from biomatch.tables.zones import local_dates, zones_of

KIND = "stay_laundering"
SURE_FACE = (0.2, 0.5)
"""Similarities at which the faces say "two people" and "one person": between them the score rises
(assumed: the leader profile's thresholds for FMR 1e-3 and below 1e-8)."""
IDENTITY = ["claimed_name", "birth_date", "sex"]
_TIMES = ("time", "exit_time", "next_entry_time")


def find(facts: Facts) -> pl.DataFrame:
    """Find stays that exceed the limit over all documents of a traveller, and on none alone.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the identity cluster, by the first encounter of its first document;
        the encounter is the stay's entry; score: days over 90 in the 180 days up to the stay's end (or
        the last day known), times how sure the faces are (0 to 1, 0.5 without faces); above 0.
    """
    row, root, other, used, alone, ended = excesses(facts)
    similarity = facts.compare(row, other)
    low, high = SURE_FACE
    sure = np.where(np.isnan(similarity), 0.5, np.clip((similarity - low) / (high - low), 0.0, 1.0))
    score: Floats = (used - RULES.limit_days).astype(np.float64) * sure
    keep = np.flatnonzero(score > 0)
    return facts.alerts(
        KIND,
        row[keep],
        score[keep],
        subject_type="identity_cluster",
        subject_rows=root[keep],
        raised_at=ended.gather(keep),
        evidence={
            "days_of_union": used[keep],
            "days_on_document": alone[keep],
            "similarity": similarity[keep],
            "other_encounter_id": facts.table["encounter_id"].gather(other[keep]),
        },
    )


def excesses(facts: Facts) -> tuple[Ints, Ints, Ints, Ints, Ints, pl.Series]:
    """Find stays over the limit on all documents together and on none alone.

    Returns
    -------
    tuple of ndarray of int64, and polars.Series
        Row of the stay's entry, row of the cluster's first encounter, row of another document's
        encounter (-1: none), days of the union, days on the document; and the stay's end, when all of
        them had been used.
    """
    stays = _stays(facts)
    if stays.is_empty():
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, none, none, pl.Series([], dtype=Time)
    first, last = stays["first"].to_numpy(), stays["last"].to_numpy()
    used = used_days(stays["cluster"].to_numpy(), first, last)
    alone = used_days(stays["document"].to_numpy(), first, last)
    over = np.flatnonzero((used > RULES.limit_days) & (alone <= RULES.limit_days))
    row, root, other = (stays[name].to_numpy()[over] for name in ("row", "root", "other"))
    ended = stays["ended"].gather(over)
    return row, root, other, used[over], alone[over], ended


def used_days(group: Ints, first: Ints, last: Ints) -> Ints:
    """Count days of presence of each row's group in the 180 days that end with the row's last day.

    Parameters
    ----------
    group, first, last : ndarray of int64
        Shape (n,): codes from 0, first and last day (both days of presence, from an origin).

    Returns
    -------
    ndarray of int64
        Shape (n,), 1 to 180; a day that several rows cover counts once.
    """
    span = int(last.max()) + 1
    rows = in_order(Intervals(group, first, last, np.zeros(len(group), dtype=np.int64)), span)
    whole = united(rows, span)
    width = span.bit_length() + 1
    begin = (whole.traveller << width) | whole.first
    length = whole.last - whole.first + 1
    before = np.r_[0, np.cumsum(length)]

    def up_to(day: Ints) -> Ints:
        """Days of presence of all groups before, and of this group up to `day`."""
        at = np.searchsorted(begin, (group << width) | day, side="right")
        inside = np.maximum(at - 1, 0)
        mine = (at > 0) & (whole.traveller[inside] == group)
        over = np.where(mine, np.maximum(whole.last[inside] - day, 0), 0)
        return np.asarray(before[at] - over)

    # Days before the origin hold no presence, so the window may begin with the origin.
    opens = np.maximum(last - RULES.window_days, -1)
    return up_to(last) - np.where(
        opens >= 0, up_to(np.maximum(opens, 0)), before[_first(begin, group, width)]
    )


def _first(begin: Ints, group: Ints, width: int) -> Ints:
    return np.asarray(np.searchsorted(begin, group << width))


def _stays(facts: Facts) -> pl.DataFrame:
    """List the stays of travellers who used several documents.

    Returns
    -------
    polars.DataFrame
        Columns row (of the entry), cluster, document (codes), first, last (days), root (row at which the
        cluster's first document begins), other (row of the latest earlier entry on another document of
        the cluster, or the cluster's first; what the face is compared with).
    """
    # Records that lack a name or a birth date are nobody's in particular, not one traveller's.
    visits = (
        facts.table.with_row_index("row")
        .filter((pl.col("direction") == "entry") & (pl.col("admission_class") != "RESIDENT"))
        .drop_nulls(IDENTITY)
    )
    several = (
        visits.filter(pl.col("birth_date").is_not_null() & (pl.col("claimed_name") != ""))
        .group_by(IDENTITY)
        .agg(documents=pl.col("document").n_unique(), root=pl.col("row").min())
        .filter(pl.col("documents") > 1)
        .sort("root")
        .with_row_index("cluster")
    )
    ends = facts.links.select("entry_id", "exit_time", "next_entry_time")
    known = facts.cut or facts.observed.encounters["time"].max()
    zones = zones_of(facts.observed.about)
    joined = visits.join(several, on=IDENTITY).join(
        ends, left_on="encounter_id", right_on="entry_id", how="left"
    )
    # Days are those of the port of entry.
    dates = {name: local_dates(joined[name], joined["port"], zones) for name in _TIMES}
    stays = (
        joined.with_columns(values.alias(f"{name}_day") for name, values in dates.items())
        # A stay without an end is counted to its last lawful day: what is beyond is an overstay, and
        # the stay rules list it.
        .with_columns(
            end=pl.coalesce(
                "exit_time_day",
                "next_entry_time_day",
                pl.min_horizontal("permitted_until", pl.lit(known).cast(pl.Date)),
                pl.lit(known).cast(pl.Date),
            )
        )
        .with_columns(end=pl.max_horizontal("end", "time_day"))
        .sort("cluster", "time", "row")
    )
    if stays.is_empty():
        return stays
    origin = stays["time_day"].min()
    day = stays.select(
        "cluster", "document", "row", "root",
        ended=pl.max_horizontal(pl.col("end").cast(Time), "time"),
        first=(pl.col("time_day") - pl.lit(origin)).dt.total_days(),
        last=(pl.col("end") - pl.lit(origin)).dt.total_days(),
    )  # fmt: skip
    return day.with_columns(
        pl.col("cluster", "row", "root").cast(pl.Int64),
        changed=(pl.col("document") != pl.col("document").shift(1).over("cluster")).fill_null(value=True),
    ).with_columns(
        # The last row before the change to the present document is of another document.
        other=pl.when("changed")
        .then(pl.col("row").shift(1).over("cluster"))
        .forward_fill()
        .over("cluster")
        .fill_null(-1)
        .cast(pl.Int64)
    )
