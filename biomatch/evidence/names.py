"""Names, birth date, sex and nationality: Fellegi-Sunter weights with frequencies.

Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969): each field agrees at some level (`levels`);
its weight is ln(m / u), with m the chance of that level for one person and u for two. Where a field agrees,
u is the frequency of the very value: a shared rare surname says more than a common one, and a birth date that
everybody has says nothing. An empty field says nothing either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import TableError
from biomatch.evidence.birth_dates import BirthDateFrequencies, Dates, date_levels
from biomatch.evidence.levels import (
    AGREES,
    DEFAULT_M,
    DIFFERS,
    FIELDS,
    LEVELS,
    MISSING,
    NEARLY,
    M,
    m_table,
)
from biomatch.portable.types import Floats

__all__ = [
    "AGREES",
    "DEFAULT_M",
    "DIFFERS",
    "FIELDS",
    "LEVELS",
    "MISSING",
    "NEARLY",
    "Comparison",
    "NameFrequencies",
    "sound",
    "spelt_alike",
    "split",
    "token_levels",
]


_PSEUDO = 20.0  # records' worth of the overall frequencies that each nationality starts with (assumed)
_SAMPLE = 20_000  # random pairs from which the chance of nearly equal names is counted
_CHUNK = 250_000  # pairs whose letters are compared at once: bounds memory
_UNKNOWN = ("FNU", "LNU", "UNKNOWN", "XXX")
"""What stands where a name is not known: "first name unknown" and "last name unknown" in US visas."""
_SOUNDS = {
    "SHCH": "S", "TSCH": "S", "SCH": "S", "TCH": "S", "DZH": "S", "DJ": "S", "CH": "S", "SH": "S", "ZH": "S",
    "TS": "S", "CZ": "S", "SZ": "S", "TZ": "S", "C": "K", "Q": "K", "KH": "K", "GH": "K", "CK": "K",
    "X": "KS", "PH": "F", "V": "F", "W": "F", "TH": "T", "DH": "T", "D": "T", "J": "", "Y": "", "H": "",
    "Z": "S", "G": "K", "B": "P",
}  # fmt: skip
"""What transliterations of one name exchange: letters that stand for one sound, or for none."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What pairs of records agree on.

    Attributes
    ----------
    level : ndarray of int8
        Shape (n, 5): level of each field of `FIELDS`, place in `LEVELS`.
    log_u : ndarray of float64
        Shape (n, 5): ln chance of that level for two persons; 0 where a side is missing.
    """

    level: NDArray[np.int8]
    log_u: Floats

    def llr(self, m: M | None = None) -> Floats:
        """Sum the weights ln(m / u) of all fields; shape (n,), natural logarithm.

        Parameters
        ----------
        m : mapping, optional
            Chance of each level for one person, by field; default: `DEFAULT_M`.

        Notes
        -----
        A field that differs never raises the sum, however common its value is, and one that is missing
        leaves it as it is.
        """
        return np.asarray(self.weights(m).sum(axis=1), dtype=np.float64)

    def weights(self, m: M | None = None) -> Floats:
        """Give the weight of each field of `FIELDS`, whose sum is `llr`; shape (n, 5)."""
        with np.errstate(divide="ignore"):
            log_m = portable.log(np.maximum(m_table(m), 1e-9))
        weights = log_m[np.arange(len(FIELDS)), self.level] - self.log_u
        weights = np.where(self.level == DIFFERS, np.minimum(weights, 0.0), weights)
        return np.asarray(np.where(self.level == MISSING, 0.0, weights), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class NameFrequencies:
    """Frequencies of the values that a stream's earlier records held; no labels, hence no lineage.

    Attributes
    ----------
    given, family : polars.DataFrame
        Columns nationality, token, share: smoothed relative frequency within the nationality.
    overall : dict
        Relative frequencies of tokens, sexes and nationalities among the records that have one.
    births : BirthDateFrequencies
        Frequencies of birth dates.
    nearly : dict of str to float
        Chance of nearly equal names for two persons, by field.
    count : int
        Records.
    """

    given: pl.DataFrame
    family: pl.DataFrame
    overall: dict[str, dict[Any, float]]
    births: BirthDateFrequencies
    nearly: dict[str, float]
    count: int

    @classmethod
    def fit(cls, records: pl.DataFrame) -> Self:
        """Count values of observed records (claimed_name, birth_date, sex, nationality).

        Records of one document should be given once: else its holder counts as several people, and what
        they share with nobody looks common.

        Raises
        ------
        TableError
            Without records.
        """
        if records.is_empty():
            raise TableError("no records to count names in", remedy="give earlier encounters")
        fields = split(records)
        count = len(fields)
        overall: dict[str, dict[Any, float]] = {}
        for name in ("given", "family", "sex", "nationality"):
            held = fields[name].drop_nulls()
            values = held.value_counts()
            shares = (values["count"] / max(len(held), 1)).to_list()
            overall[name] = dict(zip(values[name], shares, strict=True))
        tables = {name: _within_nationality(fields, name) for name in ("given", "family")}
        # Two rows drawn by a fixed stride stand for two persons (row order carries no information).
        size = min(_SAMPLE, 10 * count + 1_000)
        step = np.arange(size)
        left, right = fields[(step * 7919) % count], fields[(step * 104_729 + 1) % count]
        alike: dict[str, float] = {}
        for name in ("given", "family"):
            level = _name_levels(left, right, name)
            alike[name] = (int(np.count_nonzero(level == NEARLY)) + 0.5) / (size + 1.0)
        births = BirthDateFrequencies.fit(fields["birth_date"], fields["nationality"])
        return cls(tables["given"], tables["family"], overall, births, alike, count)

    def compare(self, left: pl.DataFrame, right: pl.DataFrame) -> Comparison:
        """Compare records row by row.

        Parameters
        ----------
        left, right : polars.DataFrame
            n rows each, columns claimed_name, birth_date, sex, nationality; left: the stays' entries.
        """
        if len(left) != len(right):
            raise TableError(f"{len(left)} records against {len(right)}", allowed="equal numbers of rows")
        return self.compare_split(split(left), split(right))

    def compare_split(self, a: pl.DataFrame, b: pl.DataFrame) -> Comparison:
        """Compare records that `split` has taken apart, row by row."""
        n = len(a)
        level = np.zeros((n, len(FIELDS)), dtype=np.int8)
        chance = np.ones((n, len(FIELDS)))
        for at, name in enumerate(("given", "family")):
            level[:, at] = _name_levels(a, b, name)
            chance[:, at] = _chance(level[:, at], self._name_share(a, name), self.nearly[name])
        dates = Dates.of(a["birth_date"]), Dates.of(b["birth_date"])
        level[:, 2] = date_levels(*dates)
        chance[:, 2] = self.births.chance(level[:, 2], *dates, a["nationality"])
        for at, name in ((3, "sex"), (4, "nationality")):
            same = (a[name] == b[name]).fill_null(value=False).to_numpy()
            unsaid = (a[name].is_null() | b[name].is_null()).to_numpy()
            level[:, at] = np.select([unsaid, same], [MISSING, AGREES], DIFFERS)
            chance[:, at] = _chance(level[:, at], self._overall_share(a, name), 0.0)
        return Comparison(level, portable.log(chance))

    def _overall_share(self, fields: pl.DataFrame, name: str) -> Floats:
        """Give each value's share of the records; one never seen before is at most half a record's."""
        floor = 0.5 / self.count
        known = self.overall[name]
        if not known:
            return np.full(len(fields), floor)
        share = fields[name].replace_strict(known, default=floor, return_dtype=pl.Float64)
        return np.asarray(np.clip(share.fill_null(1.0).to_numpy(), floor, 1.0))

    def _name_share(self, fields: pl.DataFrame, name: str) -> Floats:
        """Give each name's share within its nationality, and at least among all records."""
        table = self.given if name == "given" else self.family
        own = fields.select("nationality", token=name).join(
            table, on=["nationality", "token"], how="left", maintain_order="left"
        )["share"]
        overall = self._overall_share(fields, name)
        return np.asarray(np.maximum(own.fill_null(0.0).to_numpy(), overall))


def _within_nationality(fields: pl.DataFrame, name: str) -> pl.DataFrame:
    """Give the share of each name within each nationality, shrunk to its share among all records."""
    fields = fields.filter(pl.col(name).is_not_null() & pl.col("nationality").is_not_null())
    whole = fields.group_by(token=name).agg(base=pl.len() / max(len(fields), 1))
    size = fields.group_by("nationality").agg(size=pl.len())
    return (
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


def _chance(level: NDArray[np.int8], agrees: Floats, nearly: float) -> Floats:
    # Somebody of the very same name may be misspelt too: near agreement never says more than agreement.
    near = np.maximum(nearly, agrees)
    differs = np.maximum(1.0 - agrees - nearly, 1e-3)
    found = np.select([level == AGREES, level == NEARLY, level == MISSING], [agrees, near, 1.0], differs)
    return np.asarray(found, dtype=np.float64)


def split(records: pl.DataFrame) -> pl.DataFrame:
    """Split what is compared, null where it is not said: names ("FAMILY, GIVEN" or "GIVEN FAMILY"), the rest.

    A single word is a family name. Accents are left out, as machine-readable zones do.

    Parameters
    ----------
    records : polars.DataFrame
        n rows, columns claimed_name, birth_date, sex, nationality.

    Returns
    -------
    polars.DataFrame
        n rows: given, family, sex, nationality (String), birth_date (Date).
    """
    name = pl.col("claimed_name").fill_null("").str.to_uppercase()
    letters = records.select(pl.col("claimed_name").str.len_chars() != pl.col("claimed_name").str.len_bytes())
    if letters.to_series().any():  # normalising is slow, and most names are plain
        name = name.str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    clean = name.str.replace_all("-", " ", literal=True).str.strip_chars()
    words, halves = clean.str.split(" "), clean.str.split(",")
    comma, alone = halves.list.len() > 1, words.list.len() == 1
    given = pl.when(comma).then(halves.list.last()).when(alone).then(pl.lit("")).otherwise(words.list.first())
    family = pl.when(comma).then(halves.list.first()).otherwise(words.list.last())

    def said(value: pl.Expr, *unknown: str) -> pl.Expr:
        return pl.when(~value.is_in(["", *unknown])).then(value)

    sex, nation = pl.col("sex").cast(pl.String), pl.col("nationality").str.strip_chars()
    return records.select(
        given=said(given.str.strip_chars(), *_UNKNOWN),
        family=said(family.str.strip_chars(), *_UNKNOWN),
        birth_date="birth_date",
        sex=said(sex, "X"),
        nationality=said(nation, "XXX"),
    )


def _name_levels(a: pl.DataFrame, b: pl.DataFrame, name: str) -> NDArray[np.int8]:
    """Compare names: also nearly equal are two that sound alike; missing where a side has none."""
    unsaid = (a[name].is_null() | b[name].is_null()).to_numpy()
    level = np.full(len(a), MISSING, dtype=np.int8)
    rows = np.flatnonzero(~unsaid)
    for begin in range(0, len(rows), _CHUNK):
        part = rows[begin : begin + _CHUNK]
        one, other = a[name].gather(part), b[name].gather(part)
        found = token_levels(one, other)
        differ = np.flatnonzero(found == DIFFERS)
        listed = pl.concat([one, other]).unique()
        heard = pl.DataFrame({"name": listed, "sound": sound(listed)})
        sounds = [
            names.gather(differ).to_frame("name").join(heard, on="name", how="left", maintain_order="left")
            for names in (one, other)
        ]
        found[differ[(sounds[0]["sound"] == sounds[1]["sound"]).to_numpy()]] = NEARLY
        level[part] = found
    return level


def sound(names: pl.Series) -> pl.Series:
    """Reduce names to what transliterations agree on: consonants, and whether a vowel opens (#).

    Examples
    --------
    >>> sound(pl.Series(["YUSUF", "JOUSSEF", "AHMED", "MOHAMMED"])).to_list()
    ['#SF', '#SF', '#MT', 'MT']
    """
    first = pl.col("name").str.replace_many(_SOUNDS, leftmost=True)
    bare = first.str.replace("^[AEIOU]+", "#").str.replace_all("[AEIOU]", "")
    for letter in "KSFTPRLMN":
        bare = bare.str.replace_all(f"{letter}{letter}+", letter)
    frame = names.to_frame("name")
    return frame.select(pl.when(bare.is_in(["", "#"])).then("name").otherwise(bare)).to_series()


def spelt_alike(one: pl.Series, other: pl.Series) -> NDArray[np.bool_]:
    """Say where two whole names may be one name in two spellings: each part sounds alike or is not said.

    Parameters
    ----------
    one, other : polars.Series
        Shape (n,), String: names as `split` takes them.
    """
    listed = pl.concat([one, other]).unique()
    nothing = pl.lit(None, dtype=pl.String)
    told = listed.to_frame("claimed_name").with_columns(
        birth_date=pl.lit(None, dtype=pl.Date), sex=nothing, nationality=nothing
    )
    parts = split(told)
    heard = pl.DataFrame({"name": listed, **{part: sound(parts[part]) for part in ("given", "family")}})
    a, b = (
        names.to_frame("name").join(heard, on="name", how="left", maintain_order="left")
        for names in (one, other)
    )
    same = [(a[part] == b[part]).fill_null(value=True).to_numpy() for part in ("given", "family")]
    return np.asarray(same[0] & same[1])


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
