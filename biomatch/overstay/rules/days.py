"""Presence as disjoint intervals of days: union, subtraction and the owner of each day, without day loops.

Days are whole numbers from an origin, both ends of an interval count. Everything is sorted by traveller,
then day, and carried as parallel int64 arrays, so that each step is one pass or one sort.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from biomatch.portable.types import Bools, Ints

LIMIT_BITS = 8
LIMIT_MASK = (1 << LIMIT_BITS) - 1
BLOCK_ROWS = 1 << 15


@dataclass(frozen=True)
class Intervals:
    """Intervals of presence, sorted by traveller, then first day.

    Attributes
    ----------
    traveller : ndarray
        Shape (n,), int64, ascending; a code of the traveller.
    first, last : ndarray
        Shape (n,), int64; days from the origin, both inclusive.
    limit : ndarray
        Shape (n,), int64; the days that the interval's entry allows.
    """

    traveller: Ints
    first: Ints
    last: Ints
    limit: Ints

    def __len__(self) -> int:
        return len(self.traveller)

    def take(self, which: Bools) -> Intervals:
        """Keep the intervals for which `which` holds."""
        return Intervals(self.traveller[which], self.first[which], self.last[which], self.limit[which])

    def slice(self, low: int, high: int) -> Intervals:
        """Keep the intervals from `low` up to, not including, `high`; no copy."""
        return Intervals(
            self.traveller[low:high], self.first[low:high], self.last[low:high], self.limit[low:high]
        )


def joined(one: Intervals, other: Intervals) -> Intervals:
    """Put two sets of intervals one behind the other, unsorted."""
    return Intervals(
        np.concatenate([one.traveller, other.traveller]),
        np.concatenate([one.first, other.first]),
        np.concatenate([one.last, other.last]),
        np.concatenate([one.limit, other.limit]),
    )


def in_order(rows: Intervals, span: int) -> Intervals:
    """Sort rows by traveller, first day, limit (largest first) and last day.

    The last row of a traveller is then the latest entry; of several on one day, the strictest.

    Parameters
    ----------
    rows : Intervals
        In any order; travellers at least 0, days in [0, span], limits in [0, 255].
    span : int
        Largest day.
    """
    blocks = list(in_blocks(rows, span, max(len(rows), 1)))
    return blocks[0] if blocks else rows


def in_blocks(rows: Intervals, span: int, size: int = BLOCK_ROWS) -> Iterator[Intervals]:
    """Sort rows as `in_order` does and give them in blocks of whole travellers, about `size` rows each.

    Notes
    -----
    The four numbers are packed into one 62-bit key where they fit, because sorting one column of whole
    numbers is several times faster than sorting a table and gathering its columns. Blocks keep what is
    computed from them within the processor's cache: over whole columns every step would wait for memory.
    """
    if len(rows) == 0:
        return
    days = int(span).bit_length()
    limit = int(rows.limit[0])
    limit_bits = (
        0 if (rows.limit == limit).all() else LIMIT_BITS
    )  # one limit for all needs no room in the key
    shift = 2 * days + limit_bits
    if int(rows.traveller.max()).bit_length() + shift > 62:
        yield from _blocks_of_table(rows, size)
        return
    key = rows.traveller << days
    key |= rows.first
    if limit_bits:
        key <<= limit_bits
        key |= LIMIT_MASK - rows.limit
    key <<= days
    key |= rows.last
    if not (key[1:] >= key[:-1]).all():
        key = pl.Series(key).sort().to_numpy()
    mask = (1 << days) - 1
    for low, high in _cuts(key, shift, size):
        part = key[low:high]
        first = part >> (days + limit_bits)
        yield Intervals(
            part >> shift,
            first & mask,
            part & mask,
            LIMIT_MASK - ((part >> days) & LIMIT_MASK) if limit_bits else np.full(high - low, limit),
        )


def _blocks_of_table(rows: Intervals, size: int) -> Iterator[Intervals]:
    frame = pl.DataFrame(
        {"traveller": rows.traveller, "first": rows.first, "strict": -rows.limit, "last": rows.last}
    ).sort("traveller", "first", "strict", "last")
    traveller, first, strict, last = (column.to_numpy() for column in frame.get_columns())
    for low, high in _cuts(traveller, 0, size):
        yield Intervals(traveller[low:high], first[low:high], last[low:high], -strict[low:high])


def _cuts(key: Ints, shift: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut sorted keys, whose upper bits name the traveller, where a new traveller begins."""
    low = 0
    while low < len(key):
        high = min(low + size, len(key))
        if high < len(key):
            who = int(key[high]) >> shift
            high = int(np.searchsorted(key, who << shift))
            if high <= low:  # one traveller fills more than a block
                high = int(np.searchsorted(key, (who + 1) << shift))
        yield low, high
        low = high


def _belongs(who: Ints, traveller: Ints) -> Bools:
    """Say for each traveller whether it is in `who` (ascending, not empty)."""
    return np.asarray(who[np.minimum(np.searchsorted(who, traveller), len(who) - 1)] == traveller)


def united(rows: Intervals, span: int) -> Intervals:
    """Unite the rows of each traveller into disjoint intervals; no day is counted twice.

    A day that several rows cover belongs to the latest entry among them, the strictest of those that
    entered on one day; that decides the limit against which it is judged.

    Parameters
    ----------
    rows : Intervals
        As `in_order` gives them; they may overlap, repeat or touch.
    span : int
        Largest day.

    Returns
    -------
    Intervals
        Disjoint, ascending; adjacent intervals are not joined.
    """
    if len(rows) == 0:
        return rows
    width = int(span).bit_length() + 1  # one bit more, so that "the day after" stays with its traveller
    base = rows.traveller << width
    last = base | rows.last
    reach = np.maximum.accumulate(last)
    first = base | rows.first
    free = first.copy()
    np.maximum(first[1:], reach[:-1] + 1, out=free[1:])
    mixed = _mixed(rows, first, reach)
    if mixed is None:
        keep = free <= last
        if keep.all():
            return Intervals(rows.traveller, free - base, rows.last, rows.limit)
        return Intervals(rows.traveller, free - base, rows.last, rows.limit).take(keep)
    plain = Intervals(rows.traveller, free - base, rows.last, rows.limit).take((free <= last) & ~mixed)
    nested = np.unique(rows.traveller[mixed & (last < reach)])
    if len(nested) == 0:
        return in_order(joined(plain, _cut(rows.take(mixed))), span)
    deep = _belongs(nested, rows.traveller)
    owned = joined(_cut(rows.take(mixed & ~deep)), _painted(rows.take(deep)))
    return in_order(joined(plain, owned), span)


def _cut(rows: Intervals) -> Intervals:
    """Give each day to its latest entry where no row ends before an earlier one: each ends at the next."""
    last = rows.last.copy()
    follows = rows.traveller[1:] == rows.traveller[:-1]
    last[:-1][follows] = np.minimum(last[:-1], rows.first[1:] - 1)[follows]
    return Intervals(rows.traveller, rows.first, last, rows.limit).take(rows.first <= last)


def _mixed(rows: Intervals, first: Ints, reach: Ints) -> Bools | None:
    """Mark the rows of travellers who have overlapping rows and more than one limit; None: nobody."""
    if (rows.limit[0] == rows.limit).all():
        return None
    overlapping = first[1:] <= reach[:-1]  # never across travellers: the key of the next one is larger
    differing = (rows.limit[1:] != rows.limit[:-1]) & (rows.traveller[1:] == rows.traveller[:-1])
    who = np.intersect1d(rows.traveller[1:][overlapping], rows.traveller[1:][differing])
    if len(who) == 0:
        return None
    return _belongs(who, rows.traveller)


def _painted(rows: Intervals) -> Intervals:
    """Give each day of overlapping rows to its latest entry: one pass with a stack, linear in the rows.

    Only travellers with a row inside another and with several limits come here, so a plain loop will do.
    """
    out: list[tuple[int, int, int, int]] = []
    stack: list[tuple[int, int]] = []  # (last, limit) of rows not yet used up, latest entry on top
    at = 0  # first day not yet given away
    who = -1

    def close(until: int) -> None:
        nonlocal at
        while stack and at <= until:
            last, limit = stack[-1]
            if last >= at:
                out.append((who, at, min(last, until), limit))
                at = min(last, until) + 1
            if last <= until:
                stack.pop()
        at = max(at, until + 1)

    for traveller, first, last, limit in zip(
        rows.traveller.tolist(), rows.first.tolist(), rows.last.tolist(), rows.limit.tolist(), strict=True
    ):
        if traveller != who:
            close(1 << 40)
            stack.clear()
            who, at = traveller, first
        close(first - 1)
        stack.append((last, limit))
    close(1 << 40)
    table = np.array(out, dtype=np.int64).reshape(-1, 4)
    return Intervals(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), table[:, 3].copy())


def without(pieces: Intervals, holes: Intervals, span: int) -> Intervals:
    """Take the days of `holes` out of `pieces`; both are disjoint and ascending, as `united` gives them."""
    if len(holes) == 0 or len(pieces) == 0:
        return pieces
    who = np.unique(holes.traveller)
    touched = _belongs(who, pieces.traveller)
    if not touched.any():
        return pieces
    width = int(span).bit_length() + 1
    part = pieces.take(touched)
    count, zero = len(part), np.zeros(len(part), dtype=np.int64)
    # A change of (presence, hole) at each end; between two changes everything is constant.
    key = np.concatenate(
        [
            (part.traveller << width) | part.first,
            ((part.traveller << width) | part.last) + 1,
            (holes.traveller << width) | holes.first,
            ((holes.traveller << width) | holes.last) + 1,
        ]
    )
    one, hole = np.ones(count, dtype=np.int64), np.ones(len(holes), dtype=np.int64)
    presence = np.concatenate([one, -one, 0 * hole, 0 * hole])
    hidden = np.concatenate([zero, zero, hole, -hole])
    owner = np.concatenate([np.arange(count), np.full(count + 2 * len(holes), -1)])
    order = np.argsort(key, kind="stable")
    key, presence, hidden = key[order], np.cumsum(presence[order]), np.cumsum(hidden[order])
    owner = np.maximum.accumulate(owner[order])  # pieces are ascending, so the latest begun is the current
    keep = (presence[:-1] > 0) & (hidden[:-1] == 0) & (key[1:] > key[:-1])
    first, after = key[:-1][keep], key[1:][keep]
    traveller = first >> width
    left = Intervals(
        traveller,
        first - (traveller << width),
        after - (traveller << width) - 1,
        part.limit[owner[:-1][keep]],
    )
    rest = pieces.take(~touched)
    return in_order(joined(rest, left), span)
