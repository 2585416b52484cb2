"""The arithmetic of a missed exit: what the face alone would have accused, beside what was listed.

If a face were the only record of a departure, every exit whose search fails would leave a stay open that
was closed: miss rate x expected departures. At the scale of a country that is as much as is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from biomatch.curves.clustered_rates import by_subject
from biomatch.rates import Rate, clustered_rate, rate

if TYPE_CHECKING:
    from biomatch.evaluation.result import Result

YEAR_EXPECTED, YEAR_REPORTED = 46_657_108, 482_954
"""FY2024: expected departures, and suspected in-country overstays [S1]."""


@dataclass(frozen=True)
class Arithmetic:
    """Stays that a missed face leaves open, and stays that the run left open, as of one date.

    Attributes
    ----------
    expected_departures : int
        As in `biomatch.evaluation.overstays.counts.Overstays`.
    unfound : Rate
        Of the expected departures that truly left and whose exit was searched (or was due to be): the share
        that the search did not find, failures to acquire among them. Travellers are the clusters.
    listed_falsely : int
        Of the same departures: those on the list all the same, after documents and linkage.
    false_leads : Rate
        All false leads of the run, of expected departures: those whose exit no camera saw among them.
    unsearched : int
        Departures due that truly left and whose exit was never searched.
    """

    expected_departures: int
    unfound: Rate
    listed_falsely: int
    false_leads: Rate
    unsearched: int

    @property
    def face_alone(self) -> float | None:
        """Miss rate x expected departures: false flags if nothing but faces recorded exits."""
        return None if self.unfound.value is None else self.unfound.value * self.expected_departures

    @property
    def listed_rate(self) -> Rate:
        """Of the searched departures: those listed falsely; no value where none was searched."""
        return rate(self.listed_falsely, self.unfound.denominator)

    @property
    def fold(self) -> float | None:
        """How many times fewer are listed falsely than face alone would; None where none is listed."""
        return self.unfound.numerator / self.listed_falsely if self.listed_falsely else None

    def to_json(self) -> dict[str, Any]:
        """Give counts and rates as plain data."""
        return {
            "expected_departures": self.expected_departures,
            "unfound": self.unfound.to_json(),
            "face_alone": self.face_alone,
            "listed_falsely": self.listed_falsely,
            "fold": self.fold,
            "false_leads": self.false_leads.to_json(),
            "unsearched": self.unsearched,
        }


def arithmetic(result: Result) -> Arithmetic | None:
    """Count the arithmetic of a result as of its last date.

    Returns
    -------
    Arithmetic or None
        None where it cannot be counted: no stays, exits that were not searched for their entries (a
        watchlist), or a result of a version that did not keep the true exit.
    """
    stays = result.stays
    if not stays.height or "true_exit_id" not in stays.columns:
        return None
    if result.point.system.gallery.policy == "watchlist":
        return None
    due = stays.filter((pl.col("as_of") == stays["as_of"].max()) & pl.col("expected"))
    searched = (
        result.trials.filter(~pl.col("designed") & (pl.col("direction").cast(pl.String) == "exit"))
        .group_by("encounter_id")
        .agg(found=pl.col("hit").any())
    )
    left = due.filter("truly_departed").join(
        searched, left_on="true_exit_id", right_on="encounter_id", how="left", maintain_order="left"
    )
    seen = left.drop_nulls("found")
    return Arithmetic(
        expected_departures=due.height,
        unfound=clustered_rate(*by_subject(~seen["found"].to_numpy(), seen["person_id"].to_numpy())),
        listed_falsely=seen.filter("listed").height,
        false_leads=rate(due.filter(pl.col("listed") & ~pl.col("truly_inside_over")).height, due.height),
        unsearched=left.height - seen.height,
    )
