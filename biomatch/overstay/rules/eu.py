"""The European Union's 90 days in any 180: what is used, what is left, until when one may stay.

A day is a day of presence when a short-stay row covers it (both ends count) and no row with another
``basis`` does. Days of all rows of one traveller are united, so several passports count once. On a day of
presence ``d`` the test is ``used(d) <= limit``, with ``used(d)`` the days of presence in ``[d - 179, d]``.

The method needs no day loop. Number a traveller's days of presence 1, 2, ...: the test fails on ``d`` of
rank ``r`` when the day of rank ``r - limit`` lies in the window of ``d``. Within one interval of presence
rank and date move together, so for interval ``k`` (first day ``a``, ``P`` days before it) the first
interval ``j`` with ``a_j - P_j >= a_k - P_k + limit - 179`` decides: the days of ``k`` on which the test
fails are its last ``P_k + length - P_j - limit`` ones. One sort, two prefix sums and a binary search.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.overstay.rules.base import (
    RuleSet,
    check_columns,
    check_day,
    refuse_disorder,
    refuse_outside,
    refuse_rows,
)
from biomatch.overstay.rules.days import Intervals, in_blocks, in_order, united, without
from biomatch.portable.types import Ints

SHORT_STAY = "short_stay"
MAX_LIMIT_DAYS = 179
"""A limit of 180 days in a window of 180 would never be reached, so there would be no last lawful day."""
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class EuRules(RuleSet):
    """The short-stay rule.

    Attributes
    ----------
    limit_days : int
        Days allowed where a row has no ``max_days`` of its own: 90 [E1].
    window_days : int
        Length of the window, the day itself included: 180 [E1].
    """

    limit_days: int = 90
    window_days: int = 180


RULES = EuRules(
    name="eu-short-stay",
    version="1",
    effective=date(2013, 10, 18),  # Regulation (EU) No 610/2013: both the entry's and the exit's day count
    sources=(
        "E1: official user manual of the short-stay calculator",
        "E2: home-affairs.ec.europa.eu, text of the short-stay calculator",
        "E3: Swiss State Secretariat for Migration, examples 1 to 6",
    ),
)


def assess(stays: pl.DataFrame, on: date, rules: EuRules = RULES) -> pl.DataFrame:
    """Apply the rule to every traveller as of a date.

    Only what happened up to `on` counts: rows that enter later are plans and change nothing, an exit
    after `on` (or none) means that the traveller is inside on `on`.

    Parameters
    ----------
    stays : polars.DataFrame
        One row a stay, in any order; rows of one traveller may overlap, repeat or touch. Columns:

        ``traveller`` (String, or a whole number)
            The person, over all documents.
        ``entry``, ``exit`` (Date)
            First and last day of presence; a null exit means still inside.
        ``basis`` (String, optional)
            ``short_stay`` or null; any other reason (a residence permit, a long-stay visa) takes its days
            out of the count, also where a short-stay row covers them too.
        ``max_days`` (integer, optional)
            Days that this entry allows, 1 to 179; null: ``rules.limit_days``.
    on : datetime.date
        The day of the check.
    rules : EuRules
        The rule set.

    Returns
    -------
    polars.DataFrame
        One row a traveller (text in order of first appearance, whole numbers ascending):

        ``traveller``
            As given.
        ``limit`` (Int32)
            Limit of the latest short-stay entry up to `on` (the strictest of several on one day), else
            ``rules.limit_days``; it governs ``remaining``, ``excess`` and an entry still to come.
        ``used`` (Int32)
            Days of presence in ``[on - 179, on]``.
        ``remaining``, ``excess`` (Int32)
            ``max(0, limit - used)`` and ``max(0, used - limit)``.
        ``overstay_days`` (Int32)
            Days of presence up to `on` on which the test failed, each against the limit of its own entry:
            of the rows that cover the day, the latest to enter.
        ``may_stay_until`` (Date)
            Last lawful day of a presence that goes on, or begins, on `on`; null where `on` is not lawful.
        ``next_entry`` (Date)
            First day from `on` (from the day after, when inside on it) on which an entry is lawful.
        ``inside`` (Boolean)
            Whether `on` is a day of presence.

    Raises
    ------
    TableError
        For a missing or mistyped column, an exit before its entry, a limit outside 1 to 179.

    Examples
    --------
    Case 9 of the worked cases: one day too many.

    >>> stays = pl.DataFrame({"traveller": ["A"], "entry": [date(2026, 1, 1)], "exit": [date(2026, 4, 1)]})
    >>> assess(stays, date(2026, 4, 1)).select("used", "excess", "overstay_days", "next_entry").rows()
    [(91, 1, 1, datetime.date(2026, 7, 1))]
    """
    check_day(on, "the day of the check")
    _check(stays)
    codes, names = _codes(stays["traveller"])
    rows, excluded, uncounted, origin = _rows(stays, codes, on, rules)
    span = _day(on) - origin
    holes = united(in_order(excluded, span), span)
    found = [_judge(block, holes, span, rules) for block in in_blocks(rows, span)]
    found.append(_judge_absent(uncounted, found, span, rules))
    made = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    if len(found[-1]["who"]):
        order = np.argsort(made["who"], kind="stable")
        made = {name: column[order] for name, column in made.items()}
    if names is None:
        least = stays.select(pl.col("traveller").min().cast(pl.Int64).fill_null(0)).item()
        names = pl.Series(made["who"] + least).cast(stays.schema["traveller"])
    counts = ("limit", "used", "remaining", "excess", "overstay_days")
    return pl.DataFrame(
        [
            names.alias("traveller"),
            *(pl.Series(name, made[name].astype(np.int32)) for name in counts),
            _dates("may_stay_until", made["may_stay_until"], origin, made["may_stay_until"] >= span),
            _dates("next_entry", made["next_entry"], origin, None),
            pl.Series("inside", made["inside"].astype(np.bool_)),
        ]
    )


def _judge(rows: Intervals, holes: Intervals, on: int, rules: EuRules) -> dict[str, Ints]:
    """Judge a block of whole travellers; ``who`` holds their codes, ascending."""
    latest = np.flatnonzero(np.append(rows.traveller[1:] != rows.traveller[:-1], True))
    who, limit = rows.traveller[latest], rows.limit[latest]
    pieces = united(rows, on)
    if len(holes):
        low, high = np.searchsorted(holes.traveller, [who[0], who[-1] + 1])
        pieces = without(pieces, holes.slice(int(low), int(high)), on)
    return {"who": who, **_measure(pieces, who, limit, on, rules)}


def _judge_absent(uncounted: Ints, found: list[dict[str, Ints]], on: int, rules: EuRules) -> dict[str, Ints]:
    """Judge the travellers without any row that counts: only plans, or only another basis."""
    who = pl.Series(uncounted).unique().sort().to_numpy()
    if found and len(who):
        present = np.concatenate([part["who"] for part in found])
        at = np.minimum(np.searchsorted(present, who), len(present) - 1)
        who = who[present[at] != who]
    none = np.zeros(0, dtype=np.int64)
    nothing = Intervals(none, none, none, none)
    limit = np.full(len(who), rules.limit_days, dtype=np.int64)
    return {"who": who, **_measure(nothing, who, limit, on, rules)}


def _measure(
    pieces: Intervals, who: Ints, limit: Ints, on: int, rules: EuRules
) -> dict[str, NDArray[np.int64]]:
    """Compute every output from disjoint intervals; days count from the origin, ``on`` is the last."""
    window, size = rules.window_days, len(who)
    begins = np.append(True, pieces.traveller[1:] != pieces.traveller[:-1])[: len(pieces)]
    head = np.flatnonzero(begins)
    runs = np.diff(np.append(head, len(pieces)))
    slot = np.searchsorted(who, pieces.traveller[head])  # position of each present traveller
    t = np.repeat(slot, runs)
    length = pieces.last - pieces.first + 1
    through = np.cumsum(length)
    before = through - length
    base = np.repeat(before[head], runs)
    before, through = before - base, through - base  # days of presence before, and up to the end of, each
    # Keys: a traveller's stretch of `big` numbers, in which both `first - before` and `before` ascend.
    big = 1 << (int(on).bit_length() + 10)
    slack = window  # keeps the smallest thing ever looked up above the previous traveller's stretch
    shift_key = t * big + (pieces.first - before) + slack

    overstay = np.zeros(size, dtype=np.int64)
    at_risk = np.flatnonzero(through > pieces.limit)
    if len(at_risk):
        reach = shift_key[at_risk] + pieces.limit[at_risk] - (window - 1)
        days = through[at_risk] - before[np.searchsorted(shift_key, reach)] - pieces.limit[at_risk]
        np.add.at(overstay, t[at_risk], np.clip(days, 0, length[at_risk]))

    used = np.zeros(size, dtype=np.int64)
    recent = np.flatnonzero(pieces.last > on - window)
    np.add.at(used, t[recent], pieces.last[recent] - np.maximum(pieces.first[recent], on - window + 1) + 1)

    tail = head + runs - 1
    total = np.zeros(size, dtype=np.int64)
    total[slot] = through[tail]
    inside = np.zeros(size, dtype=np.bool_)
    inside[slot] = pieces.last[tail] == on

    # A presence that goes on prolongs the last interval and keeps its limit; one that begins is a new one.
    start, rank, own = np.full(size, on), total.copy(), limit.copy()
    going_on = tail[inside[slot]]
    start[t[going_on]], rank[t[going_on]] = pieces.first[going_on], before[going_on]
    own[t[going_on]] = pieces.limit[going_on]
    reach = np.arange(size) * big + (start - rank) + slack + own - (window - 1)
    found = np.searchsorted(shift_key, reach)
    decided = np.append(t, -1)[found] == np.arange(size)  # else only the presence itself is in its window
    until = start + np.where(decided, np.append(before, 0)[found], rank) + own - rank - 1

    # The next entry waits until the day of rank `total - limit + 1` has left the window.
    entry = on + inside.astype(np.int64)
    wait = total - limit + 1
    full = np.flatnonzero(wait > 0)
    holder = np.searchsorted(t * big + before, full * big + wait[full]) - 1
    freed = pieces.first[holder] + wait[full] - before[holder] - 1 + window
    entry[full] = np.maximum(entry[full], freed)
    return {
        "limit": limit,
        "used": used,
        "remaining": np.maximum(limit - used, 0),
        "excess": np.maximum(used - limit, 0),
        "overstay_days": overstay,
        "may_stay_until": until,
        "next_entry": entry,
        "inside": inside.astype(np.int64),
    }


def _check(stays: pl.DataFrame) -> None:
    check_columns(
        stays,
        {"traveller": None, "entry": pl.Date, "exit": pl.Date},
        {"basis": None, "max_days": None},
    )
    kind = stays["traveller"].dtype
    if not (kind == pl.String or kind.is_integer()):
        raise TableError(f"column 'traveller' of the stays is {kind}", allowed="text or whole numbers")
    if stays["traveller"].null_count():
        refuse_rows(stays, pl.col("traveller").is_null(), "no traveller", "name the traveller of each stay")
    refuse_disorder(stays)
    for name in ("entry", "exit"):
        refuse_outside(stays, name)
    if "max_days" in stays.columns and stays["max_days"].dtype != pl.Null:
        if not stays["max_days"].dtype.is_integer():
            raise TableError(
                f"column 'max_days' of the stays is {stays['max_days'].dtype}", allowed="integers"
            )
        refuse_rows(
            stays,
            ~pl.col("max_days").is_between(1, MAX_LIMIT_DAYS),
            "max_days is out of range",
            f"give 1 to {MAX_LIMIT_DAYS} days, or nothing for the rule's own limit",
        )


def _rows(
    stays: pl.DataFrame, codes: Ints, on: date, rules: EuRules
) -> tuple[Intervals, Intervals, Ints, int]:
    """Give short-stay rows and excluded ones, cut at `on`; the travellers of all others; the first day."""
    entry = stays["entry"].to_physical().to_numpy().astype(np.int64)
    last = stays["exit"].to_physical().fill_null(_day(on)).to_numpy().astype(np.int64)
    origin = min(int(entry.min()) if len(entry) else 0, _day(on)) - 1
    entry -= origin
    last = np.minimum(last - origin, _day(on) - origin)
    limit = np.full(len(stays), rules.limit_days, dtype=np.int64)
    if "max_days" in stays.columns and stays["max_days"].dtype != pl.Null:
        limit = stays["max_days"].fill_null(rules.limit_days).to_numpy().astype(np.int64)
    every = Intervals(codes, entry, last, limit)
    known = entry <= _day(on) - origin
    excluded = every.take(np.zeros(len(stays), dtype=np.bool_))
    short = known
    if "basis" in stays.columns and stays["basis"].dtype != pl.Null:
        basis = stays["basis"]
        is_short = ((basis == SHORT_STAY) | basis.is_null()).fill_null(True).to_numpy()
        short = known & is_short
        excluded = every.take(known & ~is_short)
    rows = every if short.all() else every.take(short)
    return rows, excluded, codes[~short], origin


def _codes(traveller: pl.Series) -> tuple[Ints, pl.Series | None]:
    """Code the travellers: text from 0 on, with the name of each; whole numbers from the least."""
    if traveller.dtype != pl.String:
        values = traveller.to_numpy().astype(np.int64)
        return values - (values.min() if len(values) else 0), None
    return _codes_of_text(traveller)


def _codes_of_text(traveller: pl.Series, hashes: NDArray[np.uint64] | None = None) -> tuple[Ints, pl.Series]:
    """Code text in the order of first appearance, and give each text once, in that order.

    Rows are brought together by a 64-bit hash, which is several times faster than a dictionary of the texts;
    that all rows of a code have one text is checked, so the result is exact whatever the hash does.
    """
    count = len(traveller)
    if count == 0:
        return np.zeros(0, dtype=np.int64), traveller
    hashed = traveller.hash(1).to_numpy() if hashes is None else hashes
    # One key of the hash's upper bits and the row: its sort is stable, and one column of numbers is fastest.
    bits = np.uint64(count.bit_length())
    key = (hashed >> bits << bits) | np.arange(count, dtype=np.uint64)
    key = pl.Series(key).sort().to_numpy()
    row = (key & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    whole = hashed[row]
    _part(row, whole, key >> bits)
    begins = np.append(True, whole[1:] != whole[:-1])
    first = row[begins]  # rows are ascending within a hash
    codes = np.empty(count, dtype=np.int64)
    codes[row] = first[np.cumsum(begins) - 1]
    if not (traveller.gather(codes) == traveller).all():  # two texts with one hash: by a dictionary of them
        rows = traveller.to_frame("text").with_row_index("row")
        codes = rows.select(pl.col("row").first().over("text")).to_series().to_numpy().astype(np.int64)
    appears = np.zeros(count, dtype=np.bool_)
    appears[codes] = True
    return (np.cumsum(appears) - 1)[codes], traveller.filter(pl.Series(appears))


def _part(row: Ints, whole: NDArray[np.uint64], upper: NDArray[np.uint64]) -> None:
    """Part the few hashes that agree in their upper bits alone: sort rows and hashes within a stretch."""
    mixed = np.flatnonzero((upper[1:] == upper[:-1]) & (whole[1:] != whole[:-1]))
    for low in np.unique(np.searchsorted(upper, upper[mixed])).tolist():
        high = int(np.searchsorted(upper, upper[low], side="right"))
        order = np.argsort(whole[low:high], kind="stable")
        row[low:high], whole[low:high] = row[low:high][order], whole[low:high][order]


def _day(day: date) -> int:
    return (day - _EPOCH) // timedelta(days=1)


def _dates(name: str, days: Ints, origin: int, valid: NDArray[np.bool_] | None) -> pl.Series:
    made = pl.Series(name, (days + origin).astype(np.int32)).cast(pl.Date)
    if valid is None or valid.all():
        return made
    return pl.select(pl.when(pl.Series(valid)).then(made).alias(name)).to_series()
