"""Which pairs are worth a comparison: by face, and by several keys over what people say of themselves.

One key alone misses whoever differs in it: a birth date with day and month exchanged, one wrong digit,
another sex. So a pair is a candidate when any one of `KEYS` joins it; the comparison then says what the rest
is worth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evidence.names import sound, split
from biomatch.gallery.flat import exact_top
from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.scored import GivenScores
from biomatch.portable.types import Ints

KEYS: dict[str, tuple[str, ...]] = {
    "birth date and sex": ("date", "sex"),
    "birth date and family name": ("date", "family_sound"),
    "birth date and given name": ("date", "given_sound"),
    "exchanged birth date and sex": ("exchanged", "sex"),
    "names and year of birth": ("given_sound", "family_sound", "year"),
    "names": ("given", "family", "sex"),
    "names that sound alike": ("given_sound", "family_sound", "sex", "nationality"),
    "given name and nationality": ("given_sound", "sex", "nationality"),
    "family name and nationality": ("family_sound", "sex", "nationality"),
    "family name, day and month": ("family_sound", "sex", "month", "day"),
    "given name, year and month": ("given_sound", "sex", "year", "month"),
    "given name, year and day": ("given_sound", "sex", "year", "day"),
    "given name, day and month": ("given_sound", "sex", "month", "day"),
}
"""What two records must share to be compared. Names count as shared that sound alike, but for the key
``names``; ``exchanged`` takes one date as it is and the other with day and month exchanged. A record that
does not say a part has no such key."""
MAX_PAIRS = 1_000_000
"""Of one key: values that so many share that all their pairs would be more (the most frequent first) are
left out of that key, and that is said; the keys that ask for more still join them."""
BROAD = {"given name and nationality": 200_000, "family name and nationality": 200_000}
"""Keys that ask for one name alone, for records without a birth date whose other name is spelt otherwise,
and how many pairs they may make: they serve names that are rare among what is left over. Of frequent names
they make no pairs, which is no warning."""


def by_face(
    references: pl.Series,
    probes: pl.Series,
    rows: Ints,
    templates: NDArray[np.float32],
    depth: int,
    scorer: PairScorer = score_rows,
) -> pl.DataFrame:
    """Give the best candidates of each probe among the references (both are encounter rows).

    Where scores were given, every pair that has one is a candidate, and templates are not searched.
    """
    refs, faces = references.to_numpy(), probes.to_numpy()
    if isinstance(scorer, GivenScores):
        return _pairs(*scorer.among(refs, faces, rows))
    refs, faces = refs[rows[refs] >= 0], faces[rows[faces] >= 0]
    if not len(refs) or not len(faces):
        return _pairs(refs[:0], faces[:0])
    enrolled = np.ascontiguousarray(templates[rows[refs]])
    left, right = [], []
    for begin in range(0, len(faces), 4096):
        part = faces[begin : begin + 4096]
        found = exact_top(np.ascontiguousarray(templates[rows[part]]), enrolled, refs, depth).reference_id
        hit = found >= 0
        left.append(found[hit])
        right.append(np.repeat(part, hit.sum(axis=1)))
    return _pairs(np.concatenate(left), np.concatenate(right))


def _pairs(left: Ints, right: Ints) -> pl.DataFrame:
    schema = {"left_row": pl.Int64, "right_row": pl.Int64}
    return pl.DataFrame({"left_row": left, "right_row": right}, schema=schema)


def by_details(
    encounters: pl.DataFrame,
    left: pl.Series,
    right: pl.Series,
    max_pairs: int = MAX_PAIRS,
    keys: Sequence[str] = tuple(KEYS),
    *,
    among: bool = False,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Pair records that share one of `KEYS`.

    Parameters
    ----------
    encounters : polars.DataFrame
        Columns claimed_name, birth_date, sex, nationality.
    left, right : polars.Series
        Rows of `encounters`, Int64; each row once.
    max_pairs : int
        Pairs of one key.
    keys : sequence of str
        Names of `KEYS`.
    among : bool
        Whether `left` and `right` are the same rows, of which values that one row alone has pair nobody.

    Returns
    -------
    tuple of polars.DataFrame and tuple of str
        Columns left_row, right_row, each pair once; and which values of which keys were left out.

    Notes
    -----
    Two group counts and one join a key: O(n) memory but for the pairs.
    """
    keyed = _keyed(encounters, left, "left_row")
    sides = (
        keyed,
        keyed.rename({"left_row": "right_row"}) if among else _keyed(encounters, right, "right_row"),
    )
    parts, left_out = [], []
    for name in keys:
        key = KEYS[name]
        at = "date" if key[0] == "exchanged" else key[0]
        on = ["key", *key[1:]]
        a = sides[0].select("left_row", pl.col(key[0]).alias("key"), *key[1:]).drop_nulls()
        b = sides[1].select("right_row", pl.col(at).alias("key"), *key[1:]).drop_nulls()
        if among and at == key[0]:
            several = a.group_by(on).len().filter(pl.col("len") > 1).select(on)
            a = a.join(several, on=on, how="semi")
            b = a.rename({"left_row": "right_row"})
        else:  # one side is often much the smaller: what it does not hold need not be counted
            b = b.join(a.select(on).unique(), on=on, how="semi")
            a = a.join(b.select(on).unique(), on=on, how="semi")
        sizes = a.group_by(on).agg(x=pl.len()).join(b.group_by(on).agg(y=pl.len()), on=on)
        sizes = sizes.with_columns(pairs=pl.col("x").cast(pl.Int64) * pl.col("y").cast(pl.Int64))
        most = min(max_pairs, BROAD.get(name, max_pairs))
        if int(sizes["pairs"].sum()) > most:
            # Values with equally many pairs stay or go together, so the order of rows says nothing.
            by_size = sizes.group_by("pairs").agg(total=pl.col("pairs").sum()).sort("pairs")
            fits = by_size.filter(pl.col("total").cum_sum() <= most)["pairs"]
            limit = int(fits.max() or 0)  # type: ignore[arg-type]  # Int64 column
            large = sizes.filter(pl.col("pairs") > limit)
            values = "1 frequent value" if len(large) == 1 else f"{len(large):,} frequent values"
            if name not in BROAD:
                left_out.append(f"{name} for {values} ({int(large['pairs'].sum()):,} pairs)")
            a = a.join(large.select(on), on=on, how="anti")
        parts.append(a.join(b, on=on).select("left_row", "right_row"))
    return pl.concat(parts).unique(), tuple(left_out)


def _keyed(encounters: pl.DataFrame, rows: pl.Series, name: str) -> pl.DataFrame:
    """Take apart what each of some rows says of its holder; null: nothing."""
    told = encounters.select("claimed_name", "birth_date", "sex", "nationality")[rows]
    parts = split(told).with_columns(rows.cast(pl.Int64).alias(name))
    for token in ("given", "family"):
        listed = parts[token].drop_nulls().unique()
        heard = pl.DataFrame({token: listed, f"{token}_sound": sound(listed)})
        parts = parts.join(heard, on=token, how="left", maintain_order="left")
    born = pl.col("birth_date")
    month, day = born.dt.month().cast(pl.Int32), born.dt.day().cast(pl.Int32)
    swaps = (day <= 12) & (day != month)
    return parts.with_columns(
        date=born.cast(pl.Int32),
        year=born.dt.year(),
        month=month,
        day=day,
        exchanged=pl.when(swaps).then(pl.date(born.dt.year(), day.clip(1, 12), month).cast(pl.Int32)),
    )
