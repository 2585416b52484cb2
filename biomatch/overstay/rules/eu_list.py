"""The European rule as authorities use it: missing exits, visas that end, trips to come, the list.

Regulation (EU) 2017/2226, Article 12 [E6]: the system flags who is still inside after the authorised stay,
and whose authorised stay was exceeded; the list goes to national authorities. Both of a traveller's numbers
stand in it: days in excess on the day of the list, and days on which the daily test failed.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, get_args

import numpy as np
import polars as pl

from biomatch.errors import SettingsError
from biomatch.overstay.rules import eu
from biomatch.overstay.rules.eu import SHORT_STAY
from biomatch.overstay.rules.short_stays import lawful_until

MissingExit = Literal["inside", "inferred", "unknown"]
MISSING_EXITS = get_args(MissingExit)
"""What a row without an exit means where the traveller entered again later: inside all the time; gone by the
next entry, whose day is the last that counts; or that only the day of the entry is known."""


def missing_exits(stays: pl.DataFrame) -> pl.Series:
    """Say which rows have no exit though the traveller entered again later (Boolean, a row each)."""
    later = pl.col("entry").max().over("traveller") > pl.col("entry")
    return stays.select((pl.col("exit").is_null() & later).alias("missing")).to_series()


def with_exits(stays: pl.DataFrame, rule: str) -> pl.DataFrame:
    """Give missing exits the meaning that a rule names.

    Parameters
    ----------
    stays : polars.DataFrame
        Columns traveller, entry, exit.
    rule : str
        One of `MISSING_EXITS`.

    Raises
    ------
    SettingsError
        For another rule.
    """
    if rule not in MISSING_EXITS:
        raise SettingsError(f"missing exit {rule!r}", allowed=", ".join(MISSING_EXITS))
    if rule == "inside":
        return stays
    missing = missing_exits(stays)
    if not missing.any():
        return stays
    if rule == "unknown":
        end = stays["entry"]
    else:
        rows = stays.select("traveller", "entry").with_row_index("at")
        entries = rows.select("traveller", next="entry").unique().sort("next")
        end = (
            rows.sort("entry")
            .join_asof(
                entries, left_on="entry", right_on="next", by="traveller", strategy="forward",
                allow_exact_matches=False, check_sortedness=False,
            )
            .sort("at")["next"]
        )  # fmt: skip
    return stays.with_columns(exit=end.zip_with(missing, stays["exit"]))


def judge(stays: pl.DataFrame, on: date, rules: eu.EuRules = eu.RULES) -> pl.DataFrame:
    """Apply the rule, with visas that end before the days allowed are used.

    Parameters
    ----------
    stays : polars.DataFrame
        As `eu.assess` takes them; ``valid_until`` (Date, optional): days of presence after it are unlawful,
        whatever is left of the days allowed.
    on : datetime.date
        The day of the check.
    rules : EuRules
        The rule set.

    Returns
    -------
    polars.DataFrame
        As `eu.assess` gives it. A visa's end raises ``overstay_days`` and limits ``may_stay_until``; the
        other columns are those of the days allowed.
    """
    found = eu.assess(stays, on, rules)
    if "valid_until" not in stays.columns or stays["valid_until"].null_count() == len(stays):
        return found
    valid = pl.col("valid_until")
    open_until = pl.col("exit").fill_null(on)
    if "basis" in stays.columns:
        counted = (pl.col("basis") == SHORT_STAY).fill_null(value=True)
    else:
        counted = pl.lit(value=True)
    over = stays.filter((open_until > valid) & counted & (pl.col("entry") <= on))
    beyond = over.select(
        "traveller",
        entry=pl.max_horizontal(valid.dt.offset_by("1d"), "entry"),
        exit=pl.min_horizontal(open_until, pl.lit(on)),
    ).filter(pl.col("entry") <= pl.col("exit"))
    ending = (
        stays.filter((pl.col("entry") <= on) & (open_until >= on) & counted)
        .group_by("traveller")
        .agg(ends=pl.when(~valid.is_null().any()).then(valid.max()))
    )
    found = found.join(ending, on="traveller", how="left", maintain_order="left")
    until = pl.min_horizontal("may_stay_until", "ends")
    found = found.with_columns(
        may_stay_until=pl.when(pl.col("may_stay_until").is_not_null() & (until >= on)).then(until)
    ).drop("ends")
    if beyond.is_empty():
        return found
    # A day after the visa's end fails whatever the count says: such days are united with those that fail.
    days = _failing_days(stays, beyond, on, rules)
    return (
        found.join(days, on="traveller", how="left", maintain_order="left")
        .with_columns(overstay_days=pl.coalesce("days", "overstay_days").cast(pl.Int32))
        .drop("days")
    )


def _failing_days(stays: pl.DataFrame, beyond: pl.DataFrame, on: date, rules: eu.EuRules) -> pl.DataFrame:
    """Count the days on which the daily test failed or no visa was valid, for the travellers in `beyond`."""
    mine = stays.filter(pl.col("traveller").is_in(beyond["traveller"].unique().implode()))
    mine = mine.filter(pl.col("entry") <= on)
    listed = mine.select(
        "traveller", day=pl.date_ranges("entry", pl.col("exit").fill_null(on).clip(None, on))
    )
    present = listed.explode("day").unique()
    late = beyond.select("traveller", day=pl.date_ranges("entry", "exit")).explode("day").unique()
    late = late.join(present, on=["traveller", "day"], how="semi")
    tested = []
    for one in present["day"].unique().sort().to_list():
        at = eu.assess(mine.filter(pl.col("entry") <= one).drop("valid_until"), one, rules)
        tested.append(at.filter("inside", pl.col("excess") > 0).select("traveller", day=pl.lit(one)))
    failed = pl.concat([late, *tested]).unique()
    return failed.group_by("traveller").agg(days=pl.len())


def list_of_overstayers(stays: pl.DataFrame, found: pl.DataFrame, on: date) -> pl.DataFrame:
    """Give the list of Article 12: who is inside without a lawful stay, and whose stay was exceeded.

    Parameters
    ----------
    stays : polars.DataFrame
        As judged.
    found : polars.DataFrame
        From `judge`.
    on : datetime.date
        The day of the list.

    Returns
    -------
    polars.DataFrame
        ``traveller``, ``inside`` (Boolean), ``last_entry`` (Date), ``excess`` (days over the limit within the
        window on that day), ``overstay_days`` (days on which the test failed), those inside first, then by
        overstay days.
    """
    last = stays.filter(pl.col("entry") <= on).group_by("traveller").agg(last_entry=pl.col("entry").max())
    gone = pl.col("inside") & pl.col("may_stay_until").is_null()
    return (
        found.filter(gone | (pl.col("overstay_days") > 0))
        .join(last, on="traveller", how="left", maintain_order="left")
        .sort(["inside", "overstay_days", "traveller"], descending=[True, True, False])
        .select("traveller", "inside", "last_entry", "excess", "overstay_days")
    )


def plans(stays: pl.DataFrame, on: date, rules: eu.EuRules = eu.RULES) -> pl.DataFrame:
    """Judge trips to come: rows that enter after the day of the check.

    Returns
    -------
    polars.DataFrame
        A row a planned trip, by traveller and entry: ``traveller``, ``entry``, ``exit`` (null: open),
        ``lawful_until`` (last lawful day; before the entry where none is), ``lawful`` (Boolean: the whole
        trip; null where its end is open), ``days_over``. Earlier trips, planned ones too, use up days.
    """
    counted = stays
    if "basis" in stays.columns:
        counted = stays.filter((pl.col("basis") == SHORT_STAY).fill_null(value=True))
    who = counted["traveller"].rank("dense").cast(pl.Int64).to_numpy()
    entry = counted["entry"].to_physical().to_numpy().astype(np.int64)
    day = (on - date(1970, 1, 1)).days
    # Someone inside is taken to stay to the day of the check, an open plan to take one day.
    end = counted["exit"].to_physical().fill_null(day).to_numpy().astype(np.int64)
    limit = None
    if "max_days" in counted.columns:
        limit = counted["max_days"].fill_null(rules.limit_days).to_numpy().astype(np.int64)
    until = lawful_until(who, entry, np.maximum(end, entry), rules, limit)
    last = pl.Series("lawful_until", until.astype(np.int32)).cast(pl.Date)
    table = counted.with_columns(last)
    if "valid_until" in table.columns:
        table = table.with_columns(lawful_until=pl.min_horizontal("lawful_until", "valid_until"))
    begun = pl.max_horizontal("lawful_until", pl.col("entry").dt.offset_by("-1d"))
    over = (pl.col("exit") - begun).dt.total_days()
    return (
        table.filter(pl.col("entry") > on)
        .with_columns(lawful=pl.col("exit") <= pl.col("lawful_until"), days_over=over.clip(lower_bound=0))
        .sort("traveller", "entry", "exit")
        .select("traveller", "entry", "exit", "lawful_until", "lawful", "days_over")
    )
