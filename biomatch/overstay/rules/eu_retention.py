"""How long the European entry/exit system keeps its records: Regulation (EU) 2017/2226, Article 34 [E8]."""

from __future__ import annotations

from datetime import date

import polars as pl

from biomatch.overstay.rules.base import RuleSet, check_columns, refuse_rows

RULES = RuleSet(
    name="eu-ees-retention",
    version="1",
    effective=date(2025, 10, 12),  # start of the system's operation [E4]
    sources=("E8: Regulation (EU) 2017/2226, Article 34",),
)
NEEDED = {"entry": pl.Date, "exit": pl.Date}
OPTIONAL = {"authorised_until": pl.Date, "family_member": pl.Boolean}


def keep_until(stays: pl.DataFrame) -> pl.DataFrame:
    """Give the last day on which each stay's record is kept.

    Parameters
    ----------
    stays : polars.DataFrame
        One row a stay: ``entry``, ``exit`` (Date; null: none recorded). Optional:

        ``authorised_until`` (Date)
            Last day of the authorised stay; it decides where there is no exit.
        ``family_member`` (Boolean)
            Family member of a Union citizen, without a residence card (Article 2(1)(b)).

    Returns
    -------
    polars.DataFrame
        Row by row as `stays`:

        ``record_until`` (Date)
            Entry/exit record: 3 years after the exit; without one, 5 years after the authorised stay
            ended. A family member's: at most 1 year after the exit, 5 years after the entry without one.
            Null: neither an exit nor the end of the authorised stay is known.
        ``warned_on`` (Date)
            Where no exit was recorded: 3 months before, when the Member States are told; else null.

    Raises
    ------
    TableError
        For a missing or mistyped column, or an exit before its entry.

    Notes
    -----
    Years and months are calendar ones; a period that would end on a day that its month lacks ends on the
    month's last (Regulation (EEC, Euratom) No 1182/71, Article 3(2)(c)).

    Examples
    --------
    >>> stay = {"entry": [date(2026, 1, 1)], "exit": [date(2026, 2, 1)]}
    >>> keep_until(pl.DataFrame(stay)).row(0)
    (datetime.date(2029, 2, 1), None)
    """
    check_columns(stays, NEEDED, OPTIONAL)
    refuse_rows(stays, pl.col("entry").is_null(), "no entry date", "give the day of entry of each stay")
    wrong = pl.col("exit") < pl.col("entry")
    refuse_rows(stays, wrong, "the exit is before the entry", "exchange or correct the two dates")
    stays = stays.select(
        "entry",
        "exit",
        *(
            pl.col(name).cast(kind) if name in stays.columns else pl.lit(None, kind).alias(name)
            for name, kind in OPTIONAL.items()
        ),
    )
    family = pl.col("family_member").fill_null(False)
    left = pl.col("exit").is_not_null()
    until = (
        pl.when(family & left)
        .then(pl.col("exit").dt.offset_by("1y"))
        .when(family)
        .then(pl.col("entry").dt.offset_by("5y"))
        .when(left)
        .then(pl.col("exit").dt.offset_by("3y"))
        .otherwise(pl.col("authorised_until").dt.offset_by("5y"))
    )
    made = stays.select(until.alias("record_until"), left.alias("left"))
    warned = pl.when(~pl.col("left")).then(pl.col("record_until").dt.offset_by("-3mo"))
    return made.select("record_until", warned.alias("warned_on"))


def file_until(stays: pl.DataFrame) -> pl.DataFrame:
    """Give the last day on which each traveller's individual file is kept.

    Parameters
    ----------
    stays : polars.DataFrame
        As `keep_until` takes them, with ``traveller``.

    Returns
    -------
    polars.DataFrame
        One row a traveller, in order of first appearance: ``traveller``, ``file_until`` (Date): 3 years and
        a day after the last exit, and never before the last of the traveller's records. Null: a record's
        end is not known.
    """
    check_columns(stays, {"traveller": None, **NEEDED}, OPTIONAL)
    last_exit = pl.col("exit").max().dt.offset_by("3y1d")
    is_family = "family_member" in stays.columns
    family_only = pl.col("family_member").fill_null(False).all() if is_family else pl.lit(False)
    with_records = stays.with_columns(keep_until(stays)["record_until"])
    known = pl.col("record_until").is_not_null().all()
    ends = pl.max_horizontal(pl.when(~family_only).then(last_exit), pl.col("record_until").max())
    return with_records.group_by("traveller", maintain_order=True).agg(
        pl.when(known).then(ends).alias("file_until")
    )
