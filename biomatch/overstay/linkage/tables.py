"""What linkage hands on: stays with their links, what is left over, and pairs that faces contradict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time

import polars as pl

from biomatch.tables.produced import LINK_KINDS
from biomatch.tables.schema import Schema, Time

LINKS = Schema(
    "links",
    {
        "entry_id": pl.Int64,
        "entry_row": pl.Int64,  # row of the entry in the encounters that were given
        "entry_time": Time,
        "exit_id": pl.Int64,  # -1: none; also -1 for a departure known from the manifests table alone
        "exit_row": pl.Int64,  # -1: none
        "exit_time": Time,  # null: no departure known; of a manifest, the scheduled time
        "next_entry_time": Time,  # the same document's next entry: the stay had ended by then; null: none
        "how_linked": pl.Enum(LINK_KINDS),
    },
    nullable=frozenset({"exit_time", "next_entry_time"}),
    key=("entry_id",),
)
RESIDUAL_EXITS = Schema(
    "residual_exits",
    {
        "exit_id": pl.Int64,
        "exit_row": pl.Int64,
        "exit_time": Time,
        "contradicted": pl.Boolean,  # True: its document had an open stay, whose face is another
    },
    key=("exit_id",),
)
CONTRADICTED = Schema(
    "contradicted",
    {
        "entry_id": pl.Int64,
        "exit_id": pl.Int64,
        "entry_row": pl.Int64,
        "exit_row": pl.Int64,
        "score": pl.Float32,  # comparison score of entry and exit, below the threshold
    },
    key=("entry_id", "exit_id"),
)


@dataclass(frozen=True, eq=False)
class Links:
    """Stays and their links as of a moment.

    Attributes
    ----------
    stays : polars.DataFrame
        Schema ``LINKS``, sorted by entry_id: one row an admission that could be used.
    residual_exits : polars.DataFrame
        Schema ``RESIDUAL_EXITS``, sorted by exit_id: exits that no stay has taken.
    contradicted : polars.DataFrame
        Schema ``CONTRADICTED``: pairs on one document that the face check broke (possible sham exits).
    unused : dict of str to int
        Records that were set aside, by reason; nothing is dropped without a count.
    """

    stays: pl.DataFrame
    residual_exits: pl.DataFrame
    contradicted: pl.DataFrame
    unused: dict[str, int]

    @property
    def residual_entries(self) -> pl.DataFrame:
        """Stays without a confirmed exit: open ones, and those that only a next entry closed."""
        return self.stays.filter(pl.col("how_linked").is_in(["none", "implied"]))

    def with_(self, **changes: pl.DataFrame) -> Links:
        """Copy with some tables replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]  # frames only; unused is never replaced

    def located(self, encounters: pl.DataFrame) -> Links:
        """Fill in the rows of entries and exits in a table of encounters (-1 where it lacks them)."""
        rows = encounters.select("encounter_id", found=pl.int_range(pl.len(), dtype=pl.Int64))

        def put(frame: pl.DataFrame, side: str) -> pl.DataFrame:
            joined = frame.join(
                rows, left_on=f"{side}_id", right_on="encounter_id", how="left", maintain_order="left"
            )
            return joined.with_columns(pl.col("found").fill_null(-1).alias(f"{side}_row")).drop("found")

        return self.with_(
            stays=put(put(self.stays, "entry"), "exit"),
            residual_exits=put(self.residual_exits, "exit"),
            contradicted=put(put(self.contradicted, "entry"), "exit"),
        )


def cut_of(as_of: date | datetime) -> datetime:
    """Give the last usable moment: a date stands for its whole day, UTC, to the last millisecond.

    Examples
    --------
    >>> cut_of(date(2024, 9, 30))
    datetime.datetime(2024, 9, 30, 23, 59, 59, 999000)
    """
    if isinstance(as_of, datetime):
        return as_of
    return datetime.combine(as_of, time(23, 59, 59, 999_000))
