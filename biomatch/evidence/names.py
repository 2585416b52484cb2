"""Names, birth date, sex and nationality: Fellegi-Sunter weights with frequencies.

Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969): each field agrees, nearly agrees or
differs; its weight is ln(m / u), with m the chance of that level for one person and u for two. Where a
field agrees, u is the frequency of the very value: a shared rare surname says more than a common one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import TableError

Floats = NDArray[np.float64]
FIELDS = ("given", "family", "birth_date", "sex", "nationality")
LEVELS = ("differs", "nearly", "agrees")
DIFFERS, NEARLY, AGREES = range(3)

DEFAULT_M: dict[str, tuple[float, float, float]] = {
    "given": (0.02, 0.03, 0.95),
    "family": (0.05, 0.03, 0.92),
    "birth_date": (0.005, 0.015, 0.98),
    "sex": (0.004, 0.001, 0.995),
    "nationality": (0.04, 0.001, 0.959),
}
"""m by level (differs, nearly, agrees); assumed: 2 to 5% benign second passports, keying
errors and name changes of a few per cent. They are not fitted to a stream: a border's residual holds some
dozen pairs, found by face or birth date, and m from those that faces make sure changed none of 1,953 links in
three worlds with many second passports; in two with a slip in every third name it added ten true links and
one wrong one to 2,421."""

_PSEUDO = 20.0  # records' worth of the overall frequencies that each nationality starts with (assumed)
_SAMPLE = 20_000  # random pairs from which the chance of nearly equal names is counted


@dataclass(frozen=True, eq=False)
class Comparison:
    """What pairs of records agree on.

    Attributes
    ----------
    level : ndarray of int8
        Shape (n, 5): level of each field of `FIELDS`.
    log_u : ndarray of float64
        Shape (n, 5): ln chance of that level for two persons.
    """

    level: NDArray[np.int8]
    log_u: Floats

    def llr(self, m: dict[str, tuple[float, float, float]] | None = None) -> Floats:
        """Sum the weights ln(m / u) of all fields; shape (n,), natural logarithm."""
        weights = _log_m(m)[np.arange(len(FIELDS)), self.level] - self.log_u
        return np.asarray(weights.sum(axis=1))


@dataclass(frozen=True, eq=False)
class NameFrequencies:
    """Frequencies of the values that a stream's earlier records held; no labels, hence no lineage.

    Attributes
    ----------
    given, family : polars.DataFrame
        Columns nationality, token, share: smoothed relative frequency within the nationality.
    overall : dict
        Relative frequencies of tokens, birth years, sexes and nationalities over all records.
    nearly : dict of str to float
        Chance of nearly equal values for two persons, by field.
    """

    given: pl.DataFrame
    family: pl.DataFrame
    overall: dict[str, dict[Any, float]]
    nearly: dict[str, float]
    count: int

    @classmethod
    def fit(cls, records: pl.DataFrame) -> Self:
        """Count values of observed records (claimed_name, birth_date, sex, nationality).

        Raises
        ------
        TableError
            Without records.
        """
        if records.is_empty():
            raise TableError("no records to count names in", remedy="give earlier encounters")
        fields = _fields(records)
        count = len(fields)
        overall: dict[str, dict[Any, float]] = {}
        for name in ("given", "family", "year", "sex", "nationality"):
            values = fields[name].value_counts()
            overall[name] = dict(zip(values[name], (values["count"] / count).to_list(), strict=True))
        tables = {}
        for name in ("given", "family"):
            whole = fields.group_by(token=name).agg(base=pl.len() / count)
            size = fields.group_by("nationality").agg(size=pl.len())
            tables[name] = (
                fields.group_by("nationality", token=name)
                .agg(seen=pl.len())
                .join(size, on="nationality")
                .join(whole, on="token")
                .select(
                    "nationality",
                    "token",
                    share=(pl.col("seen") + _PSEUDO * pl.col("base")) / (pl.col("size") + _PSEUDO),
                )
            )
        # Two rows drawn by a fixed stride stand for two persons (row order carries no information).
        step = np.arange(_SAMPLE)
        left, right = fields[(step * 7919) % count], fields[(step * 104_729 + 1) % count]
        alike: dict[str, float] = {}
        for name in ("given", "family"):
            level = token_levels(left[name], right[name])
            alike[name] = (int(np.count_nonzero(level == NEARLY)) + 0.5) / (_SAMPLE + 1.0)
        same_year = sum(share**2 for share in overall["year"].values())
        alike["birth_date"] = same_year / 12 + same_year / 30.4 + 1 / 365.25
        return cls(tables["given"], tables["family"], overall, alike, count)

    def compare(self, left: pl.DataFrame, right: pl.DataFrame) -> Comparison:
        """Compare records row by row.

        Parameters
        ----------
        left, right : polars.DataFrame
            n rows each, columns claimed_name, birth_date, sex, nationality; left: the stays' entries.
        """
        if len(left) != len(right):
            raise TableError(f"{len(left)} records against {len(right)}", allowed="equal numbers of rows")
        a, b = _fields(left), _fields(right)
        n = len(a)
        level = np.zeros((n, len(FIELDS)), dtype=np.int8)
        chance = np.ones((n, len(FIELDS)))
        floor = 0.5 / self.count  # a value never seen before is at most this frequent
        for at, name in enumerate(("given", "family")):
            level[:, at] = token_levels(a[name], b[name])
            table = self.given if name == "given" else self.family
            own = a.select("nationality", token=name).join(
                table, on=["nationality", "token"], how="left", maintain_order="left"
            )["share"]
            base = a[name].replace_strict(self.overall[name], default=floor, return_dtype=pl.Float64)
            share = own.fill_null(base * _PSEUDO / (_PSEUDO + 1.0)).to_numpy()
            chance[:, at] = _chance(level[:, at], np.maximum(share, floor), self.nearly[name])
        dates = [np.stack([f[part].to_numpy() for part in ("year", "month", "day")], 1) for f in (a, b)]
        agree = (dates[0] == dates[1]).sum(axis=1)
        level[:, 2] = np.select([agree == 3, agree == 2], [AGREES, NEARLY], DIFFERS)
        year = a["year"].replace_strict(self.overall["year"], default=floor, return_dtype=pl.Float64)
        chance[:, 2] = _chance(
            level[:, 2], np.maximum(year.to_numpy(), floor) / 365.25, self.nearly["birth_date"]
        )
        for at, name in ((3, "sex"), (4, "nationality")):
            level[:, at] = np.where((a[name] == b[name]).to_numpy(), AGREES, DIFFERS)
            seen = a[name].replace_strict(self.overall[name], default=floor, return_dtype=pl.Float64)
            chance[:, at] = _chance(level[:, at], np.clip(seen.to_numpy(), floor, 1 - floor), 0.0)
        return Comparison(level, portable.log(chance))


def _log_m(m: dict[str, tuple[float, float, float]] | None) -> Floats:
    return np.asarray(portable.log(np.array([(m or DEFAULT_M)[name] for name in FIELDS])))


def _chance(level: NDArray[np.int8], agrees: Floats, nearly: float) -> Floats:
    # Somebody of the very same name may be misspelt too: near agreement never says more than agreement.
    near = np.maximum(nearly, agrees)
    differs = np.maximum(1.0 - agrees - nearly, 1e-3)
    return np.asarray(np.where(level == AGREES, agrees, np.where(level == NEARLY, near, differs)))


def _fields(records: pl.DataFrame) -> pl.DataFrame:
    """Split what is compared: family and given name ("FAMILY, GIVEN" or "GIVEN FAMILY"), date parts."""
    clean = pl.col("claimed_name").str.to_uppercase().str.replace_all("-", " ").str.strip_chars()
    words, halves = clean.str.split(" "), clean.str.split(",")
    comma = halves.list.len() > 1
    return records.select(
        given=pl.when(comma).then(halves.list.last()).otherwise(words.list.first()).str.strip_chars(),
        family=pl.when(comma).then(halves.list.first()).otherwise(words.list.last()).str.strip_chars(),
        year=pl.col("birth_date").dt.year(),
        month=pl.col("birth_date").dt.month(),
        day=pl.col("birth_date").dt.day(),
        sex=pl.col("sex").cast(pl.String),
        nationality="nationality",
    )


def token_levels(a: pl.Series, b: pl.Series) -> NDArray[np.int8]:
    """Agree; nearly (one letter replaced, added, left out, or two neighbours swapped); differ."""
    level = np.where((a == b).to_numpy(), AGREES, DIFFERS).astype(np.int8)
    rows = np.flatnonzero(level == DIFFERS)
    if not len(rows):
        return level
    x, y = (np.asarray(s.gather(rows).to_list(), dtype=np.str_) for s in (a, b))
    width = max(x.dtype.itemsize, y.dtype.itemsize) // 4 + 1
    codes = [
        np.ascontiguousarray(v.astype(f"<U{width}")).view("<u4").reshape(len(rows), width) for v in (x, y)
    ]
    size = [np.char.str_len(v) for v in (x, y)]
    equal = codes[0] == codes[1]
    prefix = np.argmin(equal, axis=1)  # rows differ, so there is a first difference
    columns = np.arange(width)
    # Compare from the end: shift each word to the right edge.
    places = [(columns + n[:, None]) % width for n in size]
    ends = [np.take_along_axis(c, place, axis=1) for c, place in zip(codes, places, strict=True)]
    suffix = np.argmin((ends[0] == ends[1])[:, ::-1], axis=1)
    shorter = np.minimum(*size)
    one_edit = (prefix + suffix >= np.maximum(*size) - 1) & (np.abs(size[0] - size[1]) <= 1)
    at = np.arange(len(rows))
    after = np.minimum(prefix + 1, width - 1)
    swapped = (
        (size[0] == size[1])
        & (prefix + suffix == shorter - 2)
        & (codes[0][at, prefix] == codes[1][at, after])
        & (codes[0][at, after] == codes[1][at, prefix])
    )
    level[rows[one_edit | swapped]] = NEARLY
    return level
