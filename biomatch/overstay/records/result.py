"""What linking a user's records gives: typed tables, the expected errors, and a folder of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import polars as pl

from biomatch import files
from biomatch.errors import ResultsError, SettingsError, TableError
from biomatch.overstay.linkage.posteriors.spread import count_interval
from biomatch.overstay.records.tables import PIECES
from biomatch.overstay.rules.us_report import RATE_COLUMNS, with_rates
from biomatch.tables import storage

KIND = "own-links"
Format = Literal["parquet", "csv"]
TABLES = ("stays", "leads", "links", "annual")


@dataclass(frozen=True)
class ExpectedCount:
    """A count that is expected, and where the true one lies.

    Attributes
    ----------
    value : float
        Expectation: a sum of posteriors.
    interval : tuple of float
        Whole numbers between which the true count lies with `confidence`.
    of : int
        What it is a part of.
    confidence : float
        Two-sided.
    """

    value: float
    interval: tuple[float, float]
    of: int
    confidence: float = 0.95

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON does: ``value`` and ``interval``, with ``of`` and ``confidence``."""
        return {
            "value": self.value,
            "interval": list(self.interval),
            "of": self.of,
            "confidence": self.confidence,
        }


@dataclass(frozen=True, eq=False, repr=False)
class OwnLinks:
    """A user's records, linked as of a day.

    Attributes
    ----------
    on : datetime.date
        The day.
    rules : str
        ``us`` or ``eu``.
    stays, leads, links : polars.DataFrame
        As `biomatch.overstay.records.tables` describes them.
    annual : polars.DataFrame
        Expected departures and overstays by day of the count and fiscal year, as `annual.annual_of` gives
        them; its file has the rates too.
    rejects : polars.DataFrame
        Rows that could not be read: ``file``, ``row``, ``column``, ``value``, ``reason``.
    expected_false_leads : ExpectedCount
        Leads that are no overstays, by their posteriors.
    counts : mapping of str to int
        Rows ``given``, ``judged`` and ``rejected`` (the first is the sum of the others); of the judged ones
        ``dated_later`` and ``received_later`` than `on`, which are not used yet.
    notes : tuple of str
        What was read or estimated in a way that its user may want to know.
    facts : mapping of str to float
        ``rate_variance`` (of the leads' summed posteriors, from the rates behind them) and
        ``unlinked_exits`` (exits in use that belong to no stay).
    """

    on: date
    rules: str
    stays: pl.DataFrame
    leads: pl.DataFrame
    links: pl.DataFrame
    annual: pl.DataFrame
    rejects: pl.DataFrame
    expected_false_leads: ExpectedCount
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<OwnLinks as of {self.on}: {len(self.stays):,} stays, {len(self.leads):,} leads>"

    @property
    def sentence(self) -> str:
        """The sentence that an analyst needs: leads, and how many of them are expected to be false.

        Examples
        --------
        >>> from biomatch.overstay.records.result import said_leads
        >>> said_leads(116, ExpectedCount(51.7, (45.0, 60.0), 116))
        '116 leads, about 52 false by the posterior (45 to 60)'
        """
        return said_leads(len(self.leads), self.expected_false_leads)

    def waterfall(self, link: int) -> pl.DataFrame:
        """Give the evidence of one link step by step.

        Parameters
        ----------
        link : int
            Its number in `links`.

        Returns
        -------
        polars.DataFrame
            ``piece`` (`PIECES`), ``nats`` (its own, natural logarithm), ``total`` (so far) and
            ``probability`` (of the link by what was added so far, against being none).

        Raises
        ------
        ResultsError
            For no such link, or one that a document made.
        """
        return waterfall(self.links, link)

    def least_sure(self) -> int:
        """Give the number of the weighed link that was made with the least probability.

        Raises
        ------
        ResultsError
            Where every link was made by one document.
        """
        weighed = self.links.filter(pl.col("made") & pl.col("nats_log_odds").is_not_null())
        if weighed.is_empty():
            raise ResultsError(
                "no link was weighed", remedy="every stay was joined by one document, or is open"
            )
        return int(weighed.sort("probability", "link")["link"][0])

    def write(self, folder: str | Path, form: Format = "parquet") -> dict[str, Path]:
        """Write the tables and a summary into a folder; gives each table's path.

        Raises
        ------
        SettingsError
            For another form than ``parquet`` or ``csv``.
        TableError
            Where something else stands there.
        """
        if form not in ("parquet", "csv"):
            raise SettingsError(f"tables as {form!r}", allowed="parquet or csv")
        place = Path(folder)
        with storage.new_folder(place, KIND, {"on": self.on.isoformat(), "form": form}) as beside:
            for name in TABLES:
                table = with_rates(self.annual) if name == "annual" else getattr(self, name)
                if form == "csv":
                    storage.write_text(beside / f"{name}.csv", files.csv_text(table))
                else:
                    table.write_parquet(beside / f"{name}.parquet", compression="zstd", statistics=False)
            storage.write_text(beside / "summary.json", json.dumps(self.summary(), indent=1) + "\n")
        return {name: place / f"{name}.{form}" for name in TABLES}

    def summary(self) -> dict[str, Any]:
        """Give counts and expected errors as plain data."""
        return {
            "on": self.on.isoformat(),
            "rules": self.rules,
            "stays": len(self.stays),
            "links": int(self.links["made"].sum()),
            "leads": len(self.leads),
            "expected_false_leads": self.expected_false_leads.to_json(),
            "rejected": self.counts["rejected"],
            "rows": dict(self.counts),
            "facts": dict(self.facts),
            "notes": list(self.notes),
        }

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read what `write` wrote."""
        place = Path(folder)
        contents = storage.open_folder(place, KIND)
        form = contents["about"]["form"]
        try:
            summary = json.loads((place / "summary.json").read_text(encoding="utf-8"))
            tables = {name: _table(place / f"{name}.{form}") for name in TABLES}
            said = summary["expected_false_leads"]
            expected = ExpectedCount(said["value"], tuple(said["interval"]), said["of"], said["confidence"])
            return cls(
                date.fromisoformat(summary["on"]),
                summary["rules"],
                tables["stays"],
                tables["leads"],
                tables["links"],
                tables["annual"].drop(RATE_COLUMNS),
                pl.DataFrame(),
                expected,
                summary["rows"],
                tuple(summary["notes"]),
                summary["facts"],
            )
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as fault:
            raise TableError(
                f"{place} cannot be read ({fault})", remedy="run `biomatch link` again"
            ) from None


def _table(path: Path) -> pl.DataFrame:
    if path.suffix == ".csv":
        return files.read_csv(path, infer_schema_length=None, try_parse_dates=True)
    return files.read_parquet(path)


def said_leads(leads: int, expected: ExpectedCount) -> str:
    """Say how many leads there are and how many are expected to be false."""
    low, high = expected.interval
    count = f"{leads:,} lead{'' if leads == 1 else 's'}"
    if not leads:
        return f"{count}: no stay is over without a departure on record"
    return f"{count}, about {expected.value:,.0f} false by the posterior ({low:,.0f} to {high:,.0f})"


def expect_false(p_overstay: pl.Series, rate_variance: float, confidence: float = 0.95) -> ExpectedCount:
    """Expect how many leads are false: those that are no overstay.

    Parameters
    ----------
    p_overstay : polars.Series
        Shape (n,), in [0, 1].
    rate_variance : float
        As `count_interval` takes it.
    confidence : float
        Two-sided.
    """
    false = 1.0 - p_overstay.fill_null(1.0).to_numpy().astype(np.float64)
    value, low, high = count_interval(false, rate_variance, confidence)
    return ExpectedCount(value, (low, high), len(false), confidence)


def waterfall(links: pl.DataFrame, link: int) -> pl.DataFrame:
    """Give the evidence of one link step by step; see `OwnLinks.waterfall`."""
    found = links.filter(pl.col("link") == link)
    if found.is_empty():
        raise ResultsError(f"link {link}", allowed=f"0 to {len(links) - 1}", remedy="see the table of links")
    row = found.row(0, named=True)
    if row["nats_log_odds"] is None:
        raise ResultsError(
            f"link {link} was made by one document and not weighed",
            remedy="its probability is 1 less that of a sham exit",
        )
    values = [float(row[f"nats_{piece}"] or 0.0) for piece in PIECES]
    total = np.cumsum(values)
    odds = 1.0 / (1.0 + np.exp(-np.clip(total, -500, 500)))
    return pl.DataFrame({"piece": list(PIECES), "nats": values, "total": total, "probability": odds})
